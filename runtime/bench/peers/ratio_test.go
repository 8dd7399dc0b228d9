package peers_test

import (
	"math"
	"slices"
	"testing"

	"github.com/vega-edge/vegad/runtime/bench/benchtest"
)

// bound is what must hold of vegad's figure over a peer's.
type bound struct {
	figure string
	who    string // the peer
	least  bool   // the ratio must be at least the limit, otherwise at most
	limit  float64
}

// bounds are those of the project. They are taken from the peers on the files as shipped: that is what an engineer has
// who does not write vegad.
func bounds() []bound {
	return []bound{
		{framesPerSecond, "python", true, 1.5},
		{framesPerSecond, "cpp", true, 0.97},
		{answerP95, "python", false, 0.5},
		{memorySteady, "python", false, 0.5},
		{memoryPeak, "python", false, 0.5},
		{startToAnswer, "python", false, 0.3},
		{cpuPerFrame, "python", false, 0.7},
	}
}

// ratio is the middle of the ratios of single turns, and how far they spread: half of what the middle half of them
// covers. The two programs of a turn ran one after the other, under the same conditions.
type ratio struct{ median, spread float64 }

func ratioOf(ours, theirs []float64) ratio {
	ratios := make([]float64, min(len(ours), len(theirs)))
	for i := range ratios {
		ratios[i] = ours[i] / theirs[i]
	}
	slices.Sort(ratios)
	return ratio{median(ratios), (interpolated(ratios, 0.75) - interpolated(ratios, 0.25)) / 2}
}

func median(values []float64) float64 {
	values = slices.Clone(values)
	slices.Sort(values)
	return interpolated(values, 0.5)
}

// interpolated is a quantile of sorted values; NaN for none.
func interpolated(sorted []float64, share float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := share * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + (at-float64(low))*(sorted[high]-sorted[low])
}

// note holds a ratio against the bound.
func (d bound) note(r *benchtest.Results, name string, q ratio) {
	if d.least {
		r.AtLeastBy(name, q.median, "times", benchtest.Bound{Limit: d.limit, Spread: q.spread})
	} else {
		r.AtMostBy(name, q.median, "times", benchtest.Bound{Limit: d.limit, Spread: q.spread})
	}
}

func TestRatioOf(t *testing.T) {
	got := ratioOf([]float64{2, 4, 6, 8, 10}, []float64{1, 1, 1, 1, 1})
	if got != (ratio{6, 2}) {
		t.Errorf("%+v, want a median of 6 with a spread of 2", got)
	}
	if got := ratioOf([]float64{10, 30}, []float64{20, 20}); got != (ratio{1, 0.25}) {
		t.Errorf("%+v, want a median of 1 with a spread of 0.25", got)
	}
	if got := ratioOf(nil, nil); !math.IsNaN(got.median) {
		t.Errorf("nothing has the ratio %g", got.median)
	}
}

func TestBoundsYieldToTheSpreadAlone(t *testing.T) {
	for _, c := range []struct {
		least bool
		q     ratio
		holds bool
	}{
		{true, ratio{1.5, 0}, true},
		{true, ratio{1.45, 0.05}, true},
		{true, ratio{1.44, 0.05}, false},
		{false, ratio{1.5, 0}, true},
		{false, ratio{1.55, 0.05}, true},
		{false, ratio{1.56, 0.05}, false},
		{true, ratio{math.NaN(), 0}, false},
		{true, ratio{1, math.NaN()}, false},
	} {
		r := benchtest.New("trial")
		bound{least: c.least, limit: 1.5}.note(r, "ratio", c.q)
		if r.Holds != c.holds {
			t.Errorf("at least %v, %+v: holds %v", c.least, c.q, r.Holds)
		}
	}
}
