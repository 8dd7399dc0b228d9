package main

import (
	"context"
	"net/http"
	"time"

	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/fleet/exporter"
)

// fleetExportCmd is vegad fleet export.
type fleetExportCmd struct {
	fleetFlags
	siteFlags
	Listen string        `default:"127.0.0.1:8422" help:"Address of /metrics."`
	Forget time.Duration `default:"24h" help:"After which a robot that is not heard disappears."`
}

// Validate checks the flags that kong cannot.
func (c *fleetExportCmd) Validate() error {
	if err := forgetting(c.Forget); err != nil {
		return err
	}
	return c.fleetFlags.Validate()
}

// Run serves metrics until it is told to stop.
func (c *fleetExportCmd) Run(ctx context.Context, s streams) error {
	logger := newLogger(config.Default().Log, s.err)
	f, err := c.feed("", false, logger)
	if err != nil {
		return err
	}
	site, err := c.site(c.Listen, logger)
	if err != nil {
		return err
	}
	handler, err := exporter.Handler(exporter.Config{
		Registry: f.registry, Connected: f.connected, Forget: c.Forget, Logger: logger,
	})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", site.Private(handler))
	return together(ctx, f, site, mux)
}
