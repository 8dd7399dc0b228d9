package query

import (
	"math"
	"testing"

	"github.com/vega-edge/vegad/runtime/scene"
)

// TestCountAllowsForWhatMemoryLacks counts certain things with a memory that errs, and with one that does not.
func TestCountAllowsForWhatMemoryLacks(t *testing.T) {
	chairs := func(n int) *scene.Snapshot {
		items := []item{{"table", "red", 9, 9, 0, cube(0.5), 0}}
		for i := range n {
			items = append(items, item{"chair", "red", float64(i), 0, 0, cube(0.5), float64(i)})
		}
		return build(scene.Pose{}, items...)
	}
	erring := DefaultOptions()
	erring.Missed, erring.Wrong = 0.3, 0.15
	for n, want := range map[int][2]float64{0: {0, 0}, 1: {0, 3}, 2: {1, 4}, 5: {2, 9}} {
		q := Query{Kind: Count, Target: &Referent{Label: "chair"}}
		plain, wide := Execute(q, chairs(n), DefaultOptions()), Execute(q, chairs(n), erring)
		if *plain.Interval95 != [2]float64{float64(n), float64(n)} {
			t.Errorf("%d certain chairs: %v", n, *plain.Interval95)
		}
		if *wide.Interval95 != want || *wide.Value != *plain.Value {
			t.Errorf("%d chairs of a memory that errs: %g in %v, want %v", n, *wide.Value, *wide.Interval95, want)
		}
	}
}

// TestPoissonAddsUp holds mean and total of a certain count with more of mean 2.5.
func TestPoissonAddsUp(t *testing.T) {
	total, mean := 0.0, 0.0
	for k, p := range poisson([]float64{0, 0, 0, 1}, 2.5) {
		total, mean = total+p, mean+float64(k)*p
	}
	if math.Abs(total-1) > 1e-4 || math.Abs(mean-5.5) > 1e-3 {
		t.Errorf("total %g, mean %g", total, mean)
	}
}
