package quant

import (
	"context"
	"errors"
	"fmt"

	"github.com/vega-edge/vegad/quant/calibration"
	"github.com/vega-edge/vegad/quant/onnx"
)

// Ranges runs samples and returns the largest magnitude of every float32 tensor of a network: half precision ends at
// 65504.
func Ranges(ctx context.Context, open Opener, m *onnx.Model, samples []calibration.Sample,
) (ranges map[string]float64, err error) {
	tensors, err := floats(m.Graph)
	if err != nil {
		return nil, err
	}
	session, err := load(m, tensors, open)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	ranges = map[string]float64{}
	err = calibration.Each(ctx, session, calibration.Repeat(samples), func(int) error {
		for _, name := range tensors {
			ranges[name] = max(ranges[name], largest(calibration.Values(session, name)))
		}
		return nil
	})
	if err == nil && len(samples) == 0 {
		err = calibration.ErrNoSamples
	}
	if err != nil {
		return nil, fmt.Errorf("finding ranges: %w", err)
	}
	return ranges, nil
}

// floats names the float32 tensors that a graph takes and makes.
func floats(g *onnx.Graph) ([]string, error) {
	types, err := onnx.Types(g)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, v := range g.Inputs {
		if v.Type == onnx.Float && g.Initializer(v.Name) == nil {
			names = append(names, v.Name)
		}
	}
	for _, n := range g.Nodes {
		for _, name := range n.Outputs {
			if types[name] == onnx.Float {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

// largest is the largest magnitude, infinite if a value is no number.
func largest(values []float32) float64 {
	out := 0.0
	for _, v := range values {
		if v != v {
			v = maxFloat
		}
		out = max(out, float64(v), -float64(v))
	}
	return out
}

// maxFloat stands for values that are no number: no precision below float32 holds them.
const maxFloat = 0x1p127
