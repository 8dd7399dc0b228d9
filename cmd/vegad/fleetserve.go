package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/fleet/exporter"
	"github.com/vega-edge/vegad/runtime/fleet/page"
)

// fleetServeCmd is vegad fleet serve.
type fleetServeCmd struct {
	fleetFlags
	siteFlags
	Listen string `default:"127.0.0.1:8423" help:"Address of the page."`
	Page   string `placeholder:"URL" help:"Address of robots' pages, with {manufacturer} and {serial} in it."`
	Scenes bool   `help:"Take positions from scenes, too: they are fresher, and by far the largest messages."`
}

// Validate checks the flags that kong cannot.
func (c *fleetServeCmd) Validate() error {
	if c.Page != "" && !strings.HasPrefix(c.Page, "http://") && !strings.HasPrefix(c.Page, "https://") {
		return fmt.Errorf("--page %q: must begin with http:// or https://", c.Page)
	}
	return c.fleetFlags.Validate()
}

// Run serves the page until it is told to stop. Whoever may see it may scrape the same for Prometheus.
func (c *fleetServeCmd) Run(ctx context.Context, s streams) error {
	logger := newLogger(config.Default().Log, s.err)
	f, err := c.feed(c.Page, c.Scenes, logger)
	if err != nil {
		return err
	}
	site, err := c.site(c.Listen, logger)
	if err != nil {
		return err
	}
	shown, err := page.New(page.Config{
		Registry: f.registry, Line: f.listener, Version: programVersion().Version, Logger: logger,
	})
	if err != nil {
		return err
	}
	mux, err := shown.Routes(site)
	if err != nil {
		return err
	}
	numbers, err := exporter.Handler(exporter.Config{
		Registry: f.registry, Connected: f.connected, Logger: logger,
	})
	if err != nil {
		return err
	}
	mux.Handle("GET /metrics", site.Private(numbers))
	return together(ctx, f, site, mux)
}
