package main

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// fleetCmd is vegad fleet.
type fleetCmd struct {
	Watch  fleetWatchCmd  `cmd:"" help:"Show every robot on a broker, the one in most trouble first."`
	Export fleetExportCmd `cmd:"" help:"Tell Prometheus how every robot on a broker does."`
	Serve  fleetServeCmd  `cmd:"" help:"Serve a page that shows every robot on a broker."`
	Sim    fleetSimCmd    `cmd:"" help:"Play many robots against a broker."`
}

// hubFlags say how to reach a broker that may be a cluster.
type hubFlags struct {
	lineFlags
	Failover []string `placeholder:"URL" help:"Further nodes of the broker's cluster; may be repeated."`
}

// Validate checks the flags that kong cannot.
func (f *hubFlags) Validate() error {
	for _, node := range f.Failover {
		if !strings.Contains(node, "://") {
			return fmt.Errorf("--failover %q: must be a URL like the broker's", withoutCredentials(node))
		}
	}
	return f.lineFlags.Validate()
}

// warnings logs what is wrong in one line each, to where no result goes.
func warnings(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelWarn}))
}
