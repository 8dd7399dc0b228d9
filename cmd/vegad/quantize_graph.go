package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/quant"
	"github.com/vega-edge/vegad/quant/calibration"
	"github.com/vega-edge/vegad/quant/onnx"
	"github.com/vega-edge/vegad/quant/report"
	"github.com/vega-edge/vegad/quant/sensitivity"
	"github.com/vega-edge/vegad/runtime/engine"
)

// conversion is one converted network.
type conversion struct {
	precision models.Precision
	data      []byte
	plan      *quant.Plan // of int8
	report    *report.Graph
}

// openModel reads a network with its weights.
func openModel(path string) (*onnx.Model, error) {
	return onnx.Open(path, onnx.Limits{Bytes: maxModelBytes})
}

// toInt8 converts a network that has been calibrated, and judges the result on samples.
func (c *quantizeCmd) toInt8(ctx context.Context, cal *quant.Calibrator, judge []calibration.Sample,
) (*conversion, error) {
	plan, err := cal.Plan(ctx)
	if err != nil {
		return nil, err
	}
	var searched *sensitivity.Result
	if c.MinSQNR > 0 {
		// Layers go back to float32 until the outputs have the wanted signal-to-noise ratio.
		if plan, searched, err = cal.Search(ctx, plan, quant.NoiseOf(c.MinSQNR), nil); err != nil {
			return nil, err
		}
	}
	data, found, err := cal.Convert(ctx, plan, judge)
	if err != nil {
		return nil, err
	}
	found.Sensitivity = searched
	return &conversion{precision: models.INT8, data: data, plan: plan, report: found}, nil
}

// Latencies are medians of so many runs, after a few that warm up.
const (
	warmRuns = 3
	timeRuns = 31
)

// latencies times the original and the converted network in turns, so that both see the same machine.
func latencies(ctx context.Context, rt *engine.Runtime, from []byte, to *conversion) (out []report.Latency, err error) {
	names := []models.Precision{models.FP32, to.precision}
	runs := make([]*engine.Model, 2)
	for i, data := range [][]byte{from, to.data} {
		if runs[i], err = engine.LoadModel(rt, data, engine.ModelOptions{Precision: names[i]}); err != nil {
			return nil, errors.Join(err, runs[0].Close())
		}
	}
	defer func() { err = errors.Join(err, runs[0].Close(), runs[1].Close()) }()
	times := make([][]time.Duration, 2)
	for n := range warmRuns + timeRuns {
		for i, m := range runs {
			begun := time.Now()
			if err := m.Run(ctx); err != nil {
				return nil, err
			}
			if n >= warmRuns {
				times[i] = append(times[i], time.Since(begun))
			}
		}
	}
	for i, list := range times {
		slices.Sort(list)
		median := float64(list[len(list)/2].Microseconds()) / 1000
		out = append(out, report.Latency{Precision: string(names[i]), Median: median})
	}
	return out, nil
}

// document puts the reports on networks together.
func (c *quantizeCmd) document(title string, graphs []report.Graph) *report.Document {
	return &report.Document{
		Title: title, Generator: "vegad " + programVersion().Version, Graphs: graphs,
		Machine: fmt.Sprintf("%s/%s, %d threads", runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0)),
	}
}

// publish writes and prints the report.
func (c *quantizeCmd) publish(s streams, d *report.Document) error {
	if c.Report != "" {
		if err := writeReport(c.Report, d); err != nil {
			return err
		}
	}
	if c.JSON {
		return s.json(d)
	}
	for i := range d.Graphs {
		g := &d.Graphs[i]
		s.say("%-17s %-5s %s\n", g.Name, g.Precision, oneLine(g))
		for _, u := range g.Unknown {
			s.say("%-17s left alone, because unknown: %s (%d nodes)\n", "", u.Op, len(u.Nodes))
		}
	}
	for _, f := range d.Task {
		s.say("%-30s", f.Name)
		for _, precision := range slices.Sorted(maps.Keys(f.Values)) {
			s.say("  %s %.1f", precision, f.Values[precision])
		}
		s.say("\n")
	}
	return nil
}

// oneLine is what people want to know of a conversion first.
func oneLine(g *report.Graph) string {
	var text strings.Builder
	if len(g.Outputs) > 0 {
		fmt.Fprintf(&text, "worst output %s %.1f dB", g.Outputs[0].Name, g.Outputs[0].SQNRdB)
	}
	fmt.Fprintf(&text, ", %.2f MiB (from %.2f)", float64(g.To.Bytes)/(1<<20), float64(g.From.Bytes)/(1<<20))
	if len(g.Layers) > 0 {
		fmt.Fprintf(&text, ", %.0f %% of the work in int8", 100*g.Int8Share())
	}
	for _, l := range g.LatencyMs {
		fmt.Fprintf(&text, ", %s %.2f ms", l.Precision, l.Median)
	}
	if g.Tolerance > 0 {
		fmt.Fprintf(&text, ", golden %.2g of %.2g", g.Golden, g.Tolerance)
	}
	return text.String()
}

// writeReport writes a report so that it appears complete or not at all.
func writeReport(path string, d *report.Document) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("writing report: %w", err)
	}
	write := d.WriteHTML
	if strings.HasSuffix(path, ".json") {
		write = d.WriteJSON
	}
	err = errors.Join(write(f), f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing report: %w", err), os.Remove(f.Name()))
	}
	return nil
}
