package quant

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/vega-edge/vegad/quant/calibration"
	qint8 "github.com/vega-edge/vegad/quant/int8"
	"github.com/vega-edge/vegad/quant/onnx"
	"github.com/vega-edge/vegad/quant/report"
)

// How much of the histograms goes into a report.
const (
	outlineSteps = 96
	outlines     = 6
)

// Convert applies a plan and reports what it does to samples, which should be others than those that the plan was made
// from. Without samples nothing is compared, which takes a third of the time. The report lacks what the caller must
// add: its name, and latencies.
func (c *Calibrator) Convert(ctx context.Context, p *Plan, judge []calibration.Sample) ([]byte, *report.Graph, error) {
	r, err := p.convert(c.base)
	if err != nil {
		return nil, nil, err
	}
	data, err := r.Model.Marshal()
	if err != nil {
		return nil, nil, err
	}
	comparison := &Comparison{}
	if len(judge) > 0 {
		if comparison, err = c.Compare(ctx, p, calibration.Repeat(judge)); err != nil {
			return nil, nil, err
		}
	}
	layers, err := c.layers(r)
	if err != nil {
		return nil, nil, err
	}
	return data, &report.Graph{
		Precision: "int8", Method: string(p.Method), Samples: p.Samples, Judged: len(judge), To: FileOf(data),
		Layers: layers, Unknown: r.Unknown, Outputs: comparison.Outputs, Pairs: comparison.Pairs,
		Histograms: c.histograms(p, comparison.Pairs),
	}, nil
}

// FileOf describes the bytes of a file.
func FileOf(data []byte) report.File {
	sum := sha256.Sum256(data)
	return report.File{SHA256: hex.EncodeToString(sum[:]), Bytes: int64(len(data))}
}

// layers joins what became of each layer with its work.
func (c *Calibrator) layers(r *qint8.Result) ([]report.Layer, error) {
	flops, err := c.flops()
	if err != nil {
		return nil, err
	}
	out := make([]report.Layer, len(r.Layers))
	for i, l := range r.Layers {
		out[i] = report.Layer{Layer: l, FLOPs: flops[l.ID]}
	}
	return out, nil
}

// flops returns the work of each node by its first output; what is not known counts as one.
func (c *Calibrator) flops() (map[string]int64, error) {
	costs, err := onnx.Cost(c.base.Graph)
	if err != nil {
		return nil, err
	}
	flops := map[string]int64{}
	for _, n := range costs.Nodes {
		if len(n.Node.Outputs) > 0 {
			flops[n.Node.Outputs[0]] = max(n.FLOPs, 1)
		}
	}
	return flops, nil
}

// histograms draws the tensors that suffer most.
func (c *Calibrator) histograms(p *Plan, pairs []report.Tensor) []report.Histogram {
	var out []report.Histogram
	for _, t := range pairs[:min(len(pairs), outlines)] {
		h := c.watcher.Statistics().Tensors[t.Name]
		low, high := h.Range()
		if low == high {
			continue // always zero
		}
		out = append(out, report.Histogram{
			Tensor: t.Name, Low: float64(low), High: float64(high), Threshold: p.Thresholds[t.Name],
			Shares: h.Outline(outlineSteps),
		})
	}
	return out
}

// CompareModels runs samples through two networks with the same inputs and outputs and compares the outputs.
func CompareModels(ctx context.Context, open Opener, from, to []byte, samples []calibration.Sample,
) (tensors []report.Tensor, err error) {
	m, err := onnx.Parse(from, onnx.Limits{})
	if err != nil {
		return nil, err
	}
	var pairs []report.Pair
	for _, v := range m.Graph.Outputs {
		pairs = append(pairs, report.Pair{Tensor: v.Name, Converted: v.Name})
	}
	a, err := open(from)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, a.Close()) }()
	b, err := open(to)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	return report.Compare(ctx, a, b, calibration.Repeat(samples), pairs)
}
