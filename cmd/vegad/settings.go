package main

import (
	"fmt"
	"io"
	"log/slog"

	"go.uber.org/automaxprocs/maxprocs"

	"github.com/vega-edge/vegad/runtime/config"
)

// settings are the flags that stand above the configuration file.
type settings struct {
	Config    string `short:"c" placeholder:"FILE" help:"Configuration; without one, a simulated room is watched."`
	Camera    string `placeholder:"URI" help:"Camera, such as /dev/video0, csi:0, rtsp://…, film.mp4, room:?seed=7."`
	Broker    string `placeholder:"URL" help:"Broker: embedded, mqtt://host:port or mqtts://host:port."`
	Bundle    string `placeholder:"NAME|DIR" help:"Model bundle."`
	Precision string `placeholder:"P" help:"auto, fp32, fp16 or int8."`
	Provider  string `placeholder:"P" help:"auto, tensorrt, cuda or cpu."`
}

// load reads the configuration and lays the flags over it. A camera given by a flag is another camera: calibration and
// mount of the configured ones are not its own.
func (o settings) load() (config.Config, error) {
	cfg, err := config.Load(o.Config)
	if err != nil {
		return cfg, fmt.Errorf("reading the configuration:\n%w", err)
	}
	if o.Camera != "" {
		cfg.Cameras = config.Default().Cameras
		cfg.Cameras[0].URI = o.Camera
	}
	if o.Broker != "" {
		cfg.Broker.Failover = nil // another broker has other nodes
	}
	cfg.BundlePinned = o.Bundle != ""
	for _, over := range []struct {
		to   *string
		flag string
	}{
		{&cfg.Broker.URL, o.Broker},
		{&cfg.Bundle, o.Bundle},
		{&cfg.Precision, o.Precision},
		{&cfg.Provider, o.Provider},
	} {
		if over.flag != "" {
			*over.to = over.flag
		}
	}
	if err := cfg.Validate(); err != nil {
		return cfg, usageError{err}
	}
	return cfg, nil
}

// newLogger writes the log in the configured form.
func newLogger(c config.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		level = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// limitThreads lets no more threads run than the CPU quota of the container or service allows.
func limitThreads(logger *slog.Logger) error {
	_, err := maxprocs.Set(maxprocs.Logger(func(format string, args ...any) {
		logger.Debug("setting GOMAXPROCS", "result", fmt.Sprintf(format, args...))
	}))
	if err != nil {
		return fmt.Errorf("reading the CPU quota: %w", err)
	}
	return nil
}
