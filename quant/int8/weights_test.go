package int8

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// Every weight is within half a step of its image, unless it is clipped, and clipping never makes the sum of the
// square errors larger than it is without.
func TestWeightsKeepTheirValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dims := []int64{
			rapid.Int64Range(1, 4).Draw(t, "a"), rapid.Int64Range(1, 5).Draw(t, "b"), rapid.Int64Range(1, 3).Draw(t, "c"),
		}
		axis := rapid.IntRange(0, 2).Draw(t, "axis")
		n := int(dims[0] * dims[1] * dims[2])
		values := rapid.SliceOfN(rapid.Float32Range(-50, 50), n, n).Draw(t, "values")
		w, err := quantize(values, dims, axis)
		if err != nil {
			t.Fatal(err)
		}
		if len(w.scales) != int(dims[axis]) || len(w.values) != n {
			t.Fatalf("%d scales and %d values for %v along %d", len(w.scales), len(w.values), dims, axis)
		}
		inner := 1
		for _, d := range dims[axis+1:] {
			inner *= int(d)
		}
		found, plain, largest := make([]float64, dims[axis]), make([]float64, dims[axis]), make([]float64, dims[axis])
		for i, v := range values {
			c := i / inner % len(w.scales)
			largest[c] = max(largest[c], math.Abs(float64(v)))
		}
		for i, v := range values {
			c := i / inner % len(w.scales)
			off := float64(v) - float64(w.values[i])*float64(w.scales[c])
			found[c] += off * off
			if step := largest[c] / 127; step > 0 {
				off = float64(v) - math.RoundToEven(float64(v)/step)*step
				plain[c] += off * off
			}
			if clipped := math.Abs(float64(w.values[i])) == 127; !clipped && math.Abs(off) > float64(w.scales[c]) {
				t.Fatalf("%v becomes %d steps of %v", v, w.values[i], w.scales[c])
			}
		}
		for c := range found {
			if found[c] > plain[c]*1.001+1e-9 {
				t.Fatalf("channel %d: error %v, without clipping %v", c, found[c], plain[c])
			}
		}
	})
}

func TestWeightsOfZerosAndExtremes(t *testing.T) {
	for name, values := range map[string][]float32{
		"zeros": {0, 0}, "tiny": {1e-38, -1e-38}, "denormal": {math.SmallestNonzeroFloat32, 0}, "huge": {3e38, -1e38},
	} {
		w, err := quantize(values, []int64{1, 2}, 0)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if s := w.scales[0]; !(s > 0) || math.IsInf(float64(s), 0) {
			t.Errorf("%s: scale %v", name, s)
		}
		if name == "huge" && (w.values[0] != 127 || w.values[1] != -42) {
			t.Errorf("%s: %v", name, w.values)
		}
	}
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(-1))} {
		if _, err := quantize([]float32{1, bad}, []int64{2, 1}, 0); err == nil {
			t.Errorf("%v is accepted", bad)
		}
	}
	if _, err := quantize(nil, []int64{0, 3}, 0); err == nil {
		t.Error("a constant without channels is accepted")
	}
}
