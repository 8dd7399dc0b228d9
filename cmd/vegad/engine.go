package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/daemon"
	"github.com/vega-edge/vegad/runtime/engine"
)

// engineCmd is vegad engine.
type engineCmd struct {
	Build  engineBuildCmd  `cmd:"" help:"Build TensorRT's engines ahead of time, and test them."`
	List   engineListCmd   `cmd:"" help:"List the engines in the cache."`
	Verify engineVerifyCmd `cmd:"" help:"Hold every engine in the cache against its seal."`
	Clean  engineCleanCmd  `cmd:"" help:"Remove engines that can no longer be loaded."`
}

// engineCache is where the engines of a configuration lie.
type engineCache struct {
	Config string `short:"c" placeholder:"FILE" help:"Configuration that names the cache."`
	Cache  string `placeholder:"DIR" help:"The cache; without it, the configured one."`
}

// open loads ONNX Runtime, whose version is part of an engine's key, and opens the cache.
func (o engineCache) open() (config.Config, *engine.Runtime, *engine.Cache, error) {
	cfg, err := config.Load(o.Config)
	if err != nil {
		return cfg, nil, nil, fmt.Errorf("reading the configuration:\n%w", err)
	}
	if o.Cache != "" {
		cfg.Engine.Dir = config.Path(o.Cache)
	}
	if cfg.Engine.Dir == "" && os.Getenv("CACHE_DIRECTORY") == "" {
		cfg.Engine.Dir = engineFolder
	}
	if dir := "/var/lib/vegad"; cfg.Engine.KeyFile == "" && o.Cache == "" && folderExists(dir) {
		cfg.Engine.KeyFile = config.Path(filepath.Join(dir, "engine.key"))
	}
	rt, err := engine.OpenRuntime(engine.RuntimeOptions{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return cfg, nil, nil, err
	}
	cache, err := daemon.OpenCache(cfg, rt)
	if err != nil {
		return cfg, nil, nil, errors.Join(err, rt.Close())
	}
	return cfg, rt, cache, nil
}

func folderExists(dir string) bool {
	info, err := os.Stat(dir)
	return err == nil && info.IsDir()
}

type engineBuildCmd struct {
	engineCache
	Bundle    string `arg:"" optional:"" help:"Name or folder; without one, the configured bundle."`
	Precision string `default:"auto" enum:"auto,fp32,fp16,int8" help:"fp32, fp16, int8 or auto (the first that passes)."`
	Context   string `placeholder:"DIR" help:"Write models that hold their engines (EPContext) and fill no cache."`
	JSON      bool   `name:"json" help:"Print JSON."`
}

// builtEngines is what vegad engine build --json prints.
type builtEngines struct {
	Bundle       string             `json:"bundle"`
	Precision    models.Precision   `json:"precision"`
	Seconds      float64            `json:"seconds"`
	GoldenErrors map[string]float64 `json:"goldenErrors"`
	LatencyMs    map[string]float64 `json:"latencyMs"`
	Rejected     []string           `json:"rejected"`
	LeftOut      []string           `json:"leftOut"` // options that this ONNX Runtime does not know
	Cache        []engine.Entry     `json:"cache"`
}

// Run builds the engines of a bundle. No other provider answers instead.
func (c *engineBuildCmd) Run(ctx context.Context, s streams) error {
	cfg, rt, cache, err := c.open()
	if err != nil {
		return err
	}
	out, err := c.build(ctx, rt, cfg, engine.Options{Cache: cache, Progress: func(b engine.Build) { told(s, b) }})
	if err := errors.Join(err, rt.Close()); err != nil {
		return err
	}
	if out.Cache, err = cache.List(); err != nil {
		return err
	}
	if c.JSON {
		return s.json(out)
	}
	s.say("%s in %s runs on TensorRT after %.0f s, and gives its golden outputs\n", out.Bundle, out.Precision, out.Seconds)
	for _, why := range out.Rejected {
		s.say("rejected: %s\n", why)
	}
	return nil
}

func (c *engineBuildCmd) build(ctx context.Context, rt *engine.Runtime, cfg config.Config, o engine.Options) (
	builtEngines, error,
) {
	if c.Bundle != "" {
		cfg.Bundle = c.Bundle
	}
	bundle, err := openBundle(cfg)
	if err != nil {
		return builtEngines{}, err
	}
	if c.Context != "" {
		if err := os.MkdirAll(c.Context, 0o750); err != nil {
			return builtEngines{}, fmt.Errorf("making room for models: %w", err)
		}
	}
	begin := time.Now()
	wanted := daemon.EngineOptions(cfg, o.Cache, slog.New(slog.DiscardHandler))
	wanted.Provider, wanted.Precision, wanted.AllowFallback = engine.TensorRT, models.Precision(c.Precision), false
	wanted.Later, wanted.Baseline, wanted.Progress = false, "", o.Progress
	wanted.TensorRT.ContextDir = c.Context
	e, err := engine.Open(ctx, rt, bundle, wanted)
	if err != nil {
		return builtEngines{}, err
	}
	r := e.Report()
	out := builtEngines{
		Bundle: bundle.Manifest.Name + " " + bundle.Manifest.Version, Precision: r.Precision,
		Seconds: time.Since(begin).Seconds(), GoldenErrors: r.GoldenErrors, LatencyMs: map[string]float64{},
		Rejected: []string{}, LeftOut: r.Dropped,
	}
	for graph, took := range r.Latency {
		out.LatencyMs[graph] = took.Seconds() * 1e3
	}
	for _, a := range r.Attempts {
		out.Rejected = append(out.Rejected, a.Error())
	}
	return out, e.Close()
}

// told prints the progress of a build.
func told(s streams, b engine.Build) {
	if b.State != engine.BuildRunning {
		return
	}
	left := ""
	if b.Left > 0 {
		left = fmt.Sprintf(", about %s to go", b.Left.Round(time.Second))
	}
	s.note("%d of %d engines ready; %s in %s%s\n", b.Done, b.Total, b.Graph, b.Precision, left)
}

type engineListCmd struct {
	engineCache
	JSON bool `name:"json" help:"Print JSON."`
}

// Run lists the cache.
func (c *engineListCmd) Run(s streams) error {
	entries, err := c.list()
	if err != nil {
		return err
	}
	if c.JSON {
		return s.json(entries)
	}
	printEngines(s, entries)
	return nil
}

func (o engineCache) list() ([]engine.Entry, error) {
	_, rt, cache, err := o.open()
	if err != nil {
		return nil, err
	}
	entries, err := cache.List()
	if entries == nil {
		entries = []engine.Entry{}
	}
	return entries, errors.Join(err, rt.Close())
}

func printEngines(s streams, entries []engine.Entry) {
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	for _, e := range entries {
		state := "ok"
		if e.Stale {
			state = e.Problem
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", e.Key, e.Graph, e.Precision, mebibytes(e.Bytes),
			e.BuildTime.Round(time.Second), state)
	}
	_ = table.Flush() // a reader that has gone away is no reason to stop
}

type engineVerifyCmd struct{ engineListCmd }

// Run verifies the cache; the exit code is 3 if something in it will not be loaded.
func (c *engineVerifyCmd) Run(s streams) error {
	entries, err := c.list()
	if err != nil {
		return err
	}
	if c.JSON {
		err = s.json(entries)
	} else {
		printEngines(s, entries)
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Stale {
			return verdict(exitAbstained)
		}
	}
	return nil
}

type engineCleanCmd struct {
	engineListCmd
	All bool `help:"Remove every engine, so that all are built anew."`
}

// Run removes engines and shows which.
func (c *engineCleanCmd) Run(s streams) error {
	_, rt, cache, err := c.open()
	if err != nil {
		return err
	}
	removed, err := cache.Clean(c.All)
	if err := errors.Join(err, rt.Close()); err != nil {
		return err
	}
	if c.JSON {
		if removed == nil {
			removed = []engine.Entry{}
		}
		return s.json(removed)
	}
	printEngines(s, removed)
	s.say("%d removed\n", len(removed))
	return nil
}
