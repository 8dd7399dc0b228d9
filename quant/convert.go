package quant

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/vega-edge/vegad/quant/calibration"
	"github.com/vega-edge/vegad/quant/onnx"
	"github.com/vega-edge/vegad/quant/report"
	"github.com/vega-edge/vegad/quant/sensitivity"
)

// Plan says how to convert the network after what the samples so far have shown: a threshold for each activation and,
// if asked for, a correction for each bias.
func (c *Calibrator) Plan(ctx context.Context) (*Plan, error) {
	if c.Samples() == 0 {
		return nil, calibration.ErrNoSamples
	}
	thresholds, err := c.watcher.Statistics().Thresholds(c.cfg.Chooser)
	if err != nil {
		return nil, err
	}
	p := &Plan{
		FormatVersion: PlanVersion, Model: c.digest, Method: c.cfg.Chooser.Method, Samples: c.Samples(),
		Exclude: c.cfg.Exclude, KeepOps: c.cfg.KeepOps, QuantizeLast: c.cfg.QuantizeLast, Equalized: c.cfg.Equalize,
		Thresholds: thresholds,
	}
	if c.cfg.CorrectBias {
		if err := c.correct(ctx, p); err != nil {
			return nil, fmt.Errorf("correcting biases: %w", err)
		}
	}
	return p, nil
}

// correct finds the corrections layer by layer in the order of the graph, so that each sees what the corrections
// before it leave to do.
func (c *Calibrator) correct(ctx context.Context, p *Plan) error {
	var layers []string
	for _, l := range c.place.Layers {
		if l.Quantized() && l.Op != "MatMul" {
			layers = append(layers, l.ID)
		}
	}
	if len(layers) == 0 {
		return nil
	}
	want, err := c.means(ctx, c.base, layers)
	if err != nil {
		return err
	}
	p.Corrections = map[string][]float32{}
	for _, id := range layers {
		r, err := p.convert(c.base)
		if err != nil {
			return err
		}
		got, err := c.means(ctx, r.Model, []string{id})
		if err != nil {
			return err
		}
		p.Corrections[id] = shift(want[id], got[id])
	}
	return nil
}

// shift is what has to be added to get from one mean to the other. It is rounded to a few bits, so that the last bits
// of another processor's floats rarely change a converted model.
func shift(want, got []float64) []float32 {
	out := make([]float32, len(want))
	for i := range out {
		out[i] = round(want[i] - got[i])
	}
	return out
}

// round keeps twelve significant bits.
func round(x float64) float32 {
	fraction, exponent := math.Frexp(x)
	return float32(math.Ldexp(math.RoundToEven(fraction*4096)/4096, exponent))
}

// means runs the kept samples and averages tensors by channel.
func (c *Calibrator) means(ctx context.Context, m *onnx.Model, tensors []string,
) (means map[string][]float64, err error) {
	session, err := load(m, tensors, c.open)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	return calibration.Means(ctx, session, calibration.Repeat(c.Kept()), tensors)
}

// Compare runs samples through the float32 network and a converted one and compares what stands at every pair, and the
// outputs. The worst tensors come first.
func (c *Calibrator) Compare(ctx context.Context, p *Plan, samples calibration.Samples) (cmp *Comparison, err error) {
	r, err := p.convert(c.base)
	if err != nil {
		return nil, err
	}
	var dequantized []string
	var pairs []report.Pair
	for _, q := range r.Pairs {
		dequantized = append(dequantized, q.Dequantized)
		pairs = append(pairs, report.Pair{Tensor: q.Tensor, Converted: q.Dequantized, Scale: q.Scale})
	}
	converted, err := load(r.Model, dequantized, c.open)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, converted.Close()) }()
	for _, v := range c.base.Graph.Outputs {
		pairs = append(pairs, report.Pair{Tensor: v.Name, Converted: v.Name})
	}
	tensors, err := report.Compare(ctx, c.session, converted, samples, pairs)
	if err != nil {
		return nil, err
	}
	return c.split(tensors), nil
}

// Comparison is how far a converted network is from the original.
type Comparison struct {
	Outputs []report.Tensor `json:"outputs"` // worst first
	Pairs   []report.Tensor `json:"pairs"`   // at every Q/DQ, worst first
}

func (c *Calibrator) split(tensors []report.Tensor) *Comparison {
	out := &Comparison{}
	for _, t := range tensors {
		if t.Scale == 0 {
			out.Outputs = append(out.Outputs, t)
		} else {
			out.Pairs = append(out.Pairs, t)
		}
	}
	return out
}

// Noise is the noise at the outputs over their signal, as powers, averaged over the outputs: 0.01 is 20 dB.
func (c *Comparison) Noise() float64 {
	sum := 0.0
	for _, t := range c.Outputs {
		sum += NoiseOf(t.SQNRdB)
	}
	return sum / float64(max(len(c.Outputs), 1))
}

// NoiseOf is the noise of a signal-to-noise ratio in dB.
func NoiseOf(db float64) float64 { return math.Pow(10, -db/10) }

// Search finds which layers to keep in float32 so that the loss stays within a limit and as much of the work as
// possible is done in int8. Without a loss function it is the noise at the outputs on the kept samples.
func (c *Calibrator) Search(ctx context.Context, p *Plan, limit float64, loss LossFunc,
) (*Plan, *sensitivity.Result, error) {
	if loss == nil {
		loss = c.noise
	}
	layers, err := c.work()
	if err != nil {
		return nil, nil, err
	}
	result, err := sensitivity.Search(ctx, layers, limit, func(ctx context.Context, kept []string) (float64, error) {
		return loss(ctx, p.without(kept...))
	})
	if err != nil {
		return nil, nil, err
	}
	return p.without(result.Kept...), result, nil
}

// LossFunc says how bad a plan is; 0 is as good as float32.
type LossFunc func(ctx context.Context, p *Plan) (float64, error)

func (c *Calibrator) noise(ctx context.Context, p *Plan) (float64, error) {
	comparison, err := c.Compare(ctx, p, calibration.Repeat(c.Kept()))
	if err != nil {
		return 0, err
	}
	return comparison.Noise(), nil
}

// work lists the layers that become int8 with what they compute.
func (c *Calibrator) work() ([]sensitivity.Layer, error) {
	flops, err := c.flops()
	if err != nil {
		return nil, err
	}
	var out []sensitivity.Layer
	for _, l := range c.place.Layers {
		if l.Quantized() {
			out = append(out, sensitivity.Layer{ID: l.ID, FLOPs: flops[l.ID]})
		}
	}
	return out, nil
}
