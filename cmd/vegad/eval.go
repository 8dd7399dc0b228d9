package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
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
	Variants  []string `placeholder:"LIST" help:"Among gated and blind, of walks also perfect; without any, all."`
	Walks     int      `placeholder:"N" help:"Instead, N walks of 20 to 60 s with VSI-Bench's questions."`
	Export    string   `type:"path" placeholder:"FILE" help:"Write the walks' questions and answers as JSON lines."`
	Score     string   `type:"path" placeholder:"FILE" help:"Score the answers of such a file, and measure nothing."`
	JSON      bool     `name:"json" xor:"form" help:"Print JSON."`
	Markdown  bool     `xor:"form" help:"Print a table for a README."`
}

// figures are what was measured, as a table for people or as JSON.
type figures interface {
	Table() string
	Markdown() string
}

// Run measures a bundle.
func (c *evalCmd) Run(ctx context.Context, s streams) error {
	if c.Score != "" {
		return c.score(s)
	}
	if c.Export != "" && c.Walks == 0 {
		return errors.New("--export: only walks (--walks N) have questions to export")
	}
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
	return c.print(s, result)
}

func (c *evalCmd) print(s streams, f figures) error {
	switch {
	case c.JSON:
		return s.json(f)
	case c.Markdown:
		s.say("%s", f.Markdown())
	default:
		s.say("%s", f.Table())
	}
	return nil
}

// score scores the answers of a file.
func (c *evalCmd) score(s streams) error {
	f, err := os.Open(c.Score)
	if err != nil {
		return fmt.Errorf("scoring answers: %w", err)
	}
	d, err := eval.ReadDialogue(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("scoring %s: %w", c.Score, err)
	}
	return c.print(s, eval.Score(d))
}

// measure runs the benchmark on exactly the provider and precision that were asked for: figures of a fallback would
// stand under the wrong name.
func (c *evalCmd) measure(
	ctx context.Context, rt *engine.Runtime, bundle *models.Bundle, s streams,
) (result figures, err error) {
	e, err := engine.Open(ctx, rt, bundle, engine.Options{
		Provider: engine.Provider(c.Provider), Precision: models.Precision(c.Precision),
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, fmt.Errorf("loading bundle %s: %w", bundle.Dir, err)
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	rooms := cmp.Or(c.Walks, c.Rooms)
	show, begun := newProgress(s.err), time.Now()
	rate := func(done int) float64 { return float64(done) / time.Since(begun).Seconds() }
	cfg := eval.Config{
		Manifest: &bundle.Manifest, Graph: func(name string) perception.Graph { return e.Graph(name) },
		Split: eval.Split(c.Split), Rooms: rooms, First: c.Seed, Variants: c.Variants,
		Progress: func(done int) {
			show.update("%s %d of %d rooms, %.1f a second", bar(float64(done), float64(rooms)), done, rooms, rate(done))
		},
	}
	result, err = c.run(ctx, cfg, e.Report())
	show.clear()
	if err != nil {
		return nil, fmt.Errorf("evaluating bundle %s: %w", bundle.Dir, err)
	}
	s.note("%d rooms in %.1f s, %.2f a second\n", rooms, time.Since(begun).Seconds(), rate(rooms))
	return result, nil
}

// run measures on clips or on walks.
func (c *evalCmd) run(ctx context.Context, cfg eval.Config, report engine.Report) (figures, error) {
	precision, provider := string(report.Precision), string(report.Provider)
	if c.Walks == 0 {
		r, err := eval.Run(ctx, cfg)
		if err != nil {
			return nil, err
		}
		r.Precision, r.Provider = precision, provider
		return r, nil
	}
	r, d, err := eval.Walk(ctx, cfg)
	if err != nil {
		return nil, err
	}
	r.Precision, r.Provider = precision, provider
	return r, c.export(d)
}

// export writes the dialogue of the walks, if that was asked for.
func (c *evalCmd) export(d *eval.Dialogue) error {
	if c.Export == "" {
		return nil
	}
	f, err := os.Create(c.Export)
	if err != nil {
		return fmt.Errorf("exporting questions: %w", err)
	}
	if err := errors.Join(d.Write(f), f.Close()); err != nil {
		return fmt.Errorf("exporting questions to %s: %w", c.Export, err)
	}
	return nil
}
