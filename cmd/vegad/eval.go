package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/eval"
	"github.com/vega-edge/vegad/runtime/perception"
)

// evalCmd is vegad eval.
type evalCmd struct {
	Bundle    string   `placeholder:"NAME|DIR" help:"Name or folder; without one, the default."`
	Precision string   `default:"auto" enum:"auto,fp32,fp16,int8" help:"auto, fp32, fp16 or int8."`
	Provider  string   `default:"auto" enum:"auto,tensorrt,cuda,cpu" help:"auto, tensorrt, cuda or cpu."`
	Split     string   `default:"test" enum:"test,shift" help:"test: rooms never seen; shift: rooms unlike any seen."`
	Rooms     int      `default:"100" help:"How many rooms."`
	Seed      uint64   `placeholder:"FIRST" help:"Seed of the first room; without one, the split's own."`
	Variants  []string `placeholder:"LIST" help:"Among gated and blind; without any, all."`
	JSON      bool     `name:"json" xor:"form" help:"Print JSON."`
	Markdown  bool     `xor:"form" help:"Print a table for a README."`
}

// Run measures a bundle.
func (c *evalCmd) Run(ctx context.Context, s streams) error {
	bundle, err := named(c.Bundle)
	if err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	if err := limitThreads(log); err != nil {
		return err
	}
	rt, err := engine.OpenRuntime(engine.RuntimeOptions{Logger: log})
	if err != nil {
		return err
	}
	result, err := c.measure(ctx, rt, bundle, s)
	if err := errors.Join(err, rt.Close()); err != nil {
		return err
	}
	switch {
	case c.JSON:
		return s.json(result)
	case c.Markdown:
		s.say("%s", result.Markdown())
	default:
		s.say("%s", result.Table())
	}
	return nil
}

// measure runs the benchmark on exactly the provider and precision that were asked for: figures of a fallback would
// stand under the wrong name.
func (c *evalCmd) measure(
	ctx context.Context, rt *engine.Runtime, bundle *models.Bundle, s streams,
) (result *eval.Result, err error) {
	e, err := engine.Open(ctx, rt, bundle, engine.Options{
		Provider: engine.Provider(c.Provider), Precision: models.Precision(c.Precision),
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, fmt.Errorf("loading bundle %s: %w", bundle.Dir, err)
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	show, begun := newProgress(s.err), time.Now()
	rate := func(done int) float64 { return float64(done) / time.Since(begun).Seconds() }
	result, err = eval.Run(ctx, eval.Config{
		Manifest: &bundle.Manifest, Graph: func(name string) perception.Graph { return e.Graph(name) },
		Split: eval.Split(c.Split), Rooms: c.Rooms, First: c.Seed, Variants: c.Variants,
		Progress: func(done int) {
			show.update("%s %d of %d rooms, %.1f a second", bar(float64(done), float64(c.Rooms)), done, c.Rooms, rate(done))
		},
	})
	show.clear()
	if err != nil {
		return nil, fmt.Errorf("evaluating bundle %s: %w", bundle.Dir, err)
	}
	s.note("%d rooms in %.1f s, %.2f a second\n", c.Rooms, time.Since(begun).Seconds(), rate(c.Rooms))
	report := e.Report()
	result.Precision, result.Provider = string(report.Precision), string(report.Provider)
	return result, nil
}
