package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/quant/report"
	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/eval"
	"github.com/vega-edge/vegad/runtime/perception"
)

// taskFigures are the figures of the benchmark that a conversion is judged by.
func taskFigures() []struct{ title, group, name string } {
	return []struct{ title, group, name string }{
		{"locate Acc@0.25, %", "locate", "acc25"},
		{"locate Acc@0.5, %", "locate", "acc50"},
		{"all things F1@0.25, %", "locate_all", "f1_25"},
		{"right about what is there, %", "exists", "accuracy"},
		{"depth, error in %", "depth", "abs_rel"},
	}
}

// task runs the benchmark in every precision of the bundle, float32 first, on rooms that calibrated nothing.
func (j *bundleJob) task(ctx context.Context) ([]report.Figure, error) {
	if j.Eval == 0 {
		return nil, nil
	}
	out := make([]report.Figure, len(taskFigures()))
	for i, f := range taskFigures() {
		out[i] = report.Figure{Name: f.title, Values: map[string]float64{}}
	}
	written, err := models.Open(j.bundle.Dir)
	if err != nil {
		return nil, err
	}
	for _, precision := range append([]models.Precision{models.FP32}, converted()...) {
		said, err := j.benchmark(ctx, written, precision)
		if err != nil {
			return nil, fmt.Errorf("measuring %s: %w", precision, err)
		}
		for i, f := range taskFigures() {
			if value, ok := said.Figures[f.group][f.name]; ok {
				out[i].Values[string(precision)] = value
			}
		}
	}
	// A few rooms may hold nothing that a figure could rest on.
	return slices.DeleteFunc(out, func(f report.Figure) bool { return len(f.Values) <= len(converted()) }), nil
}

// benchmark measures a bundle in one precision on the CPU.
func (j *bundleJob) benchmark(ctx context.Context, b *models.Bundle, precision models.Precision,
) (v eval.Variant, err error) {
	e, err := engine.Open(ctx, j.rt, b, engine.Options{
		Provider: engine.CPU, Precision: precision, Logger: fp32OnCPU().Logger,
	})
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	show := newProgress(j.err)
	defer show.clear()
	result, err := eval.Run(ctx, eval.Config{
		Manifest: &b.Manifest, Graph: func(name string) perception.Graph { return e.Graph(name) },
		Split: eval.Test, Rooms: j.Eval, Variants: []string{eval.Gated},
		Progress: func(done int) {
			show.update("%s %s: %d of %d rooms", bar(float64(done), float64(j.Eval)), precision, done, j.Eval)
		},
	})
	if err != nil {
		return v, err
	}
	return result.Variants[eval.Gated], nil
}
