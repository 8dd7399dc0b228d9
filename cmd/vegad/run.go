package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/vega-edge/vegad/camera/gocv"
	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/daemon"
)

// runCmd is vegad run.
type runCmd struct {
	settings
	For time.Duration `placeholder:"DURATION" help:"Stop after this time, such as 10m."`
}

// Run watches and answers until it is told to stop.
func (c *runCmd) Run(ctx context.Context, s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	return c.with(ctx, s, cfg)
}

// with watches and answers as a configuration says.
func (c *runCmd) with(ctx context.Context, s streams, cfg config.Config) error {
	if c.For < 0 {
		return usageError{fmt.Errorf("--for %s: must not be negative", c.For)}
	}
	logger := newLogger(cfg.Log, s.err)
	if err := limitThreads(logger); err != nil {
		logger.Warn("threads are not limited", "err", err)
	}
	if err := gocv.Quiet(); err != nil {
		logger.Warn("FFmpeg stays talkative", "err", err)
	}
	if c.For > 0 {
		limited, cancel := context.WithTimeout(ctx, c.For)
		defer cancel()
		ctx = limited
	}
	return daemon.Run(ctx, daemon.Options{
		Supervised: os.Getenv("INVOCATION_ID") != "", // systemd's, which restarts always
		Config:     cfg, Version: programVersion().Version, Logger: logger, Reload: c.load,
	})
}
