package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/vega-edge/vegad/models"
)

// goldenTest runs every graph on its reference inputs and compares every output. It returns the error of each output
// and an error that names each output that is beyond the tolerance.
func (l *loader) goldenTest(ctx context.Context, e *Engine, tolerance float64) (map[string]float64, error) {
	found := map[string]float64{}
	var errs []error
	for _, name := range models.GraphNames() {
		g := e.graphs[name]
		for _, in := range g.inputs {
			copy(in.data, l.golden[name+"."+in.name].Floats)
		}
		if err := g.Run(ctx); err != nil {
			return nil, err
		}
		for _, out := range g.outputs {
			key := name + "." + out.name
			found[key] = relativeError(out.data, l.golden[key].Floats)
			if !(found[key] <= tolerance) { // so that NaN is refused too
				errs = append(errs, fmt.Errorf("output %s is off by %.3g, at most %.3g is allowed",
					key, found[key], tolerance))
			}
		}
		for _, t := range slices.Concat(g.inputs, g.outputs) {
			clear(t.data)
		}
	}
	return found, errors.Join(errs...)
}

// relativeError is the largest absolute difference over the largest absolute reference value, or the difference
// itself if the reference is all zero. It is NaN or infinite if the output has such a value.
func relativeError(got, want []float32) float64 {
	var diff, scale float64
	for i, w := range want {
		d := math.Abs(float64(got[i]) - float64(w))
		if math.IsNaN(d) {
			return d
		}
		diff = max(diff, d)
		scale = max(scale, math.Abs(float64(w)))
	}
	if scale == 0 {
		return diff
	}
	return diff / scale
}
