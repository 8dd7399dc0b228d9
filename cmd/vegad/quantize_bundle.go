package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/quant"
	"github.com/vega-edge/vegad/quant/calibration"
	"github.com/vega-edge/vegad/quant/onnx"
	"github.com/vega-edge/vegad/quant/report"
	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/perception"
)

// planFile is the bundle's own record of its int8 conversion.
const planFile = "int8.plan.json"

// judged is how many samples of each graph a conversion is judged on.
const judged = 32

// bundlePlan is planFile.
type bundlePlan struct {
	FormatVersion int                    `json:"formatVersion"`
	Graphs        map[string]*quant.Plan `json:"graphs"`
}

// bundleJob converts the four graphs of a bundle to every precision.
type bundleJob struct {
	*quantizeCmd
	streams
	rt     *engine.Runtime
	bundle *models.Bundle
	source map[string][]byte                   // float32 files by graph
	made   map[string][]*conversion            // by graph
	judge  map[string][]calibration.Sample     // by graph
	cals   map[string]*quant.Calibrator        // by graph
	golden map[models.Precision]goldenJudgment // what the engine says of the result
}

// goldenJudgment is how far golden outputs are off.
type goldenJudgment struct {
	worst     map[string]float64 // by graph
	tolerance float64
}

func (j *bundleJob) run(ctx context.Context) (err error) {
	if j.bundle, err = named(j.Bundle); err != nil {
		return err
	}
	if err := j.read(); err != nil {
		return err
	}
	err = j.convert(ctx)
	for _, cal := range j.cals {
		err = errors.Join(err, cal.Close())
	}
	if err != nil {
		return fmt.Errorf("converting bundle %s: %w", j.bundle.Dir, err)
	}
	if err := j.replace(ctx); err != nil {
		return fmt.Errorf("converting bundle %s: %w", j.bundle.Dir, err)
	}
	if _, err := os.Stat(filepath.Join(j.bundle.Dir, models.SignatureName)); err == nil {
		j.note("the bundle's signature no longer fits: sign it anew\n")
	}
	d := j.document("Bundle "+j.bundle.Manifest.Name, j.reports())
	if d.Task, err = j.task(ctx); err != nil {
		return err
	}
	return j.publish(j.streams, d)
}

// read loads the float32 graphs.
func (j *bundleJob) read() error {
	j.source, j.made = map[string][]byte{}, map[string][]*conversion{}
	for _, name := range models.GraphNames() {
		data, err := j.bundle.ReadFile(models.FP32, name)
		if err != nil {
			return err
		}
		j.source[name] = data
	}
	return nil
}

// convert makes every graph in every precision.
func (j *bundleJob) convert(ctx context.Context) error {
	if err := j.calibrate(ctx); err != nil {
		return err
	}
	plans, err := j.plans()
	if err != nil {
		return err
	}
	show := newProgress(j.err)
	defer show.clear()
	for i, name := range models.GraphNames() {
		show.update("converting %s, graph %d of %d", name, i+1, len(models.GraphNames()))
		if err := j.graph(ctx, name, plans[name]); err != nil {
			return fmt.Errorf("graph %s: %w", name, err)
		}
	}
	return nil
}

// plans returns the plans to repeat, or none if the ranges shall be found anew.
func (j *bundleJob) plans() (map[string]*quant.Plan, error) {
	if !j.Replay {
		return nil, nil
	}
	data, err := j.bundle.ReadExtra(planFile)
	if err != nil {
		return nil, err
	}
	var raw struct {
		FormatVersion int
		Graphs        map[string]json.RawMessage
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, fmt.Errorf("reading %s: %w", planFile, err)
	}
	plans := map[string]*quant.Plan{}
	for _, name := range models.GraphNames() {
		if plans[name], err = quant.ParsePlan(raw.Graphs[name]); err != nil {
			return nil, fmt.Errorf("reading %s: graph %s: %w", planFile, name, err)
		}
	}
	return plans, nil
}

// calibrate leads the bundle through rooms with watched graphs, and through others whose inputs are kept for judging.
func (j *bundleJob) calibrate(ctx context.Context) error {
	rooms, err := j.rooms()
	if err != nil {
		return err
	}
	j.cals = map[string]*quant.Calibrator{}
	recorders := map[string]*quant.Recorder{}
	for _, name := range models.GraphNames() {
		m, err := onnx.Parse(j.source[name], onnx.Limits{})
		if err != nil {
			return fmt.Errorf("graph %s: %w", name, err)
		}
		if j.cals[name], err = quant.NewCalibrator(m, j.config(), opener(j.rt)); err != nil {
			delete(j.cals, name)
			return fmt.Errorf("graph %s: %w", name, err)
		}
		recorders[name] = j.cals[name].Recorder(judged)
	}
	err = cast{
		calibrate: func(name string) perception.Graph { return j.cals[name] },
		judge:     func(name string) perception.Graph { return recorders[name] },
	}.film(ctx, &j.bundle.Manifest, rooms, j.streams)
	j.judge = map[string][]calibration.Sample{}
	for name, r := range recorders {
		j.judge[name] = r.Kept()
	}
	return err
}

// graph converts one graph.
func (j *bundleJob) graph(ctx context.Context, name string, plan *quant.Plan) error {
	m, err := onnx.Parse(j.source[name], onnx.Limits{})
	if err != nil {
		return err
	}
	half, err := j.toHalf(ctx, opener(j.rt), m, j.cals[name].Kept(), j.judge[name])
	if err != nil {
		return fmt.Errorf("float16: %w", err)
	}
	whole, err := j.int8(ctx, name, plan)
	if err != nil {
		return fmt.Errorf("int8: %w", err)
	}
	j.made[name] = []*conversion{half, whole}
	for _, c := range j.made[name] {
		c.report.Name, c.report.From = name, quant.FileOf(j.source[name])
		if c.report.LatencyMs, err = latencies(ctx, j.rt, j.source[name], c); err != nil {
			return err
		}
	}
	return nil
}

func (j *bundleJob) int8(ctx context.Context, name string, plan *quant.Plan) (*conversion, error) {
	if plan == nil {
		return j.toInt8(ctx, j.cals[name], j.judge[name])
	}
	data, found, err := j.cals[name].Convert(ctx, plan, j.judge[name])
	if err != nil {
		return nil, err
	}
	return &conversion{precision: models.INT8, data: data, plan: plan, report: found}, nil
}

// reports lists the graphs with what their golden outputs say.
func (j *bundleJob) reports() []report.Graph {
	var out []report.Graph
	for _, name := range models.GraphNames() {
		for _, c := range j.made[name] {
			g := *c.report
			g.Golden, g.Tolerance = j.golden[c.precision].worst[name], j.golden[c.precision].tolerance
			out = append(out, g)
		}
	}
	return out
}

// fp32OnCPU runs a bundle as its conversions are measured against.
func fp32OnCPU() engine.Options {
	return engine.Options{Provider: engine.CPU, Precision: models.FP32, Logger: slog.New(slog.DiscardHandler)}
}
