package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/quant"
	"github.com/vega-edge/vegad/quant/calibration"
	"github.com/vega-edge/vegad/quant/onnx"
	"github.com/vega-edge/vegad/quant/report"
	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/perception"
)

// modelJob converts one network.
type modelJob struct {
	*quantizeCmd
	streams
	rt *engine.Runtime
}

func (j *modelJob) run(ctx context.Context) error {
	m, err := openModel(j.Model)
	if err != nil {
		return err
	}
	cal, err := quant.NewCalibrator(m, j.config(), opener(j.rt))
	if err != nil {
		return fmt.Errorf("converting %s: %w", j.Model, err)
	}
	out, err := j.convert(ctx, m, cal)
	if err := errors.Join(err, cal.Close()); err != nil {
		return fmt.Errorf("converting %s: %w", j.Model, err)
	}
	if err := j.save(out); err != nil {
		return err
	}
	return j.publish(j.streams, j.document(filepath.Base(j.Model)+" in "+j.Precision, []report.Graph{*out.report}))
}

func (j *modelJob) convert(ctx context.Context, m *onnx.Model, cal *quant.Calibrator) (*conversion, error) {
	judge, err := j.calibrate(ctx, m, cal)
	if err != nil {
		return nil, err
	}
	from, err := m.Marshal()
	if err != nil {
		return nil, err
	}
	if j.ConvertOnly {
		judge = nil
	}
	var out *conversion
	if j.Precision == string(models.FP16) {
		out, err = j.toHalf(ctx, opener(j.rt), m, cal.Kept(), judge)
	} else {
		out, err = j.toInt8(ctx, cal, judge)
	}
	if err != nil {
		return nil, err
	}
	out.report.Name, out.report.From = filepath.Base(j.Model), quant.FileOf(from)
	if !j.ConvertOnly {
		out.report.LatencyMs, err = latencies(ctx, j.rt, from, out)
	}
	return out, err
}

// calibrate lets the network see samples and returns those that judge the conversion.
func (j *modelJob) calibrate(ctx context.Context, m *onnx.Model, cal *quant.Calibrator) ([]calibration.Sample, error) {
	rooms, err := j.rooms()
	if err != nil {
		return nil, err
	}
	if rooms > 0 {
		return j.film(ctx, m, cal, rooms)
	}
	samples, err := calibration.Folder(j.Calibration)
	if err != nil {
		return nil, err
	}
	show := newProgress(j.err)
	defer show.clear()
	err = calibration.Each(ctx, cal, samples, func(n int) error {
		show.update("%d samples", n+1)
		return nil
	})
	return cal.Kept(), err
}

// film puts the network into the place of the bundle's graph that has the same inputs and outputs.
func (j *modelJob) film(ctx context.Context, m *onnx.Model, cal *quant.Calibrator, rooms int,
) (judge []calibration.Sample, err error) {
	bundle, err := named(j.Bundle)
	if err != nil {
		return nil, err
	}
	role, err := roleOf(m, &bundle.Manifest)
	if err != nil {
		return nil, err
	}
	e, err := engine.Open(ctx, j.rt, bundle, fp32OnCPU())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	recorder := quant.NewRecorder(e.Graph(role), names(bundle.Manifest.Graphs[role].Inputs), judged)
	stand := func(in calibration.Runner) func(string) perception.Graph {
		return func(name string) perception.Graph {
			if name == role {
				return in
			}
			return e.Graph(name)
		}
	}
	if err := (cast{stand(cal), stand(recorder)}).film(ctx, &bundle.Manifest, rooms, j.streams); err != nil {
		return nil, err
	}
	return recorder.Kept(), nil
}

// roleOf finds the graph of the contract that a network can stand in for.
func roleOf(m *onnx.Model, manifest *models.Manifest) (string, error) {
	for _, name := range models.GraphNames() {
		spec := manifest.Graphs[name]
		if sameNames(m.Graph.Inputs, spec.Inputs) && sameNames(m.Graph.Outputs, spec.Outputs) {
			return name, nil
		}
	}
	return "", fmt.Errorf("the network has not the inputs and outputs of any of %v: rooms cannot calibrate it, "+
		"a folder of samples can", models.GraphNames())
}

func sameNames(values []*onnx.Value, specs []models.TensorSpec) bool {
	have := make([]string, len(values))
	for i, v := range values {
		have[i] = v.Name
	}
	want := names(specs)
	slices.Sort(have)
	slices.Sort(want)
	return slices.Equal(have, want)
}

func names(specs []models.TensorSpec) []string {
	out := make([]string, len(specs))
	for i, s := range specs {
		out[i] = s.Name
	}
	return out
}

// save writes the network and its plan.
func (j *modelJob) save(out *conversion) error {
	if err := writeWhole(j.Out, out.data); err != nil {
		return fmt.Errorf("writing the converted network: %w", err)
	}
	if j.WritePlan == "" || out.plan == nil {
		return nil
	}
	data, err := out.plan.Marshal()
	if err == nil {
		err = writeWhole(j.WritePlan, data)
	}
	if err != nil {
		return fmt.Errorf("writing the plan: %w", err)
	}
	return nil
}

// writeWhole writes a file so that it appears complete or not at all.
func writeWhole(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
