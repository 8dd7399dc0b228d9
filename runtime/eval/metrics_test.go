package eval

import (
	"math"
	"slices"
	"testing"

	"github.com/vega-edge/vegad/runtime/scene"
)

func TestMRA(t *testing.T) {
	for _, c := range []struct{ pred, truth, want float64 }{
		{4, 4, 1},         // exact
		{3, 4, 0.6},       // off by a quarter: passes 0.50 to 0.75
		{5, 4, 0.6},       // the sign does not matter
		{2, 4, 0.1},       // half: the error may be exactly one minus the threshold
		{6, 4, 0.1},       //
		{1.9, 4, 0},       // beyond the widest
		{0, 1, 0},         //
		{105, 100, 1},     // 5 %: passes all
		{105.1, 100, 0.9}, // a little more fails at 0.95
		{90, 100, 0.9},    // 10 %
		{55, 100, 0.2},    // 45 %
		{1, 0, 0},         // undefined
		{math.NaN(), 1, 0},
	} {
		if got := mra(c.pred, c.truth); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("mra(%v, %v) = %v, want %v", c.pred, c.truth, got, c.want)
		}
	}
}

// cube is a unit cube whose centre lies at x; two of them overlap by (1-d)/(1+d) when d apart.
func cube(label int, x float64) thing {
	return thing{label, scene.Box{Center: scene.Vec3{X: x}, Size: scene.Vec3{X: 1, Y: 1, Z: 1}}}
}

func TestF1(t *testing.T) {
	for name, c := range map[string]struct {
		truth, seen []thing
		least, want float64
	}{
		"nothing seen":     {truth: []thing{cube(0, 0)}, least: 0.25, want: 0},
		"the same":         {[]thing{cube(0, 0), cube(1, 5)}, []thing{cube(1, 5), cube(0, 0)}, 0.5, 1},
		"another label":    {[]thing{cube(0, 0)}, []thing{cube(1, 0)}, 0.25, 0},
		"one of two":       {[]thing{cube(0, 0)}, []thing{cube(0, 0), cube(0, 0.1)}, 0.5, 2. / 3},
		"too little":       {[]thing{cube(0, 0)}, []thing{cube(0, 0.5)}, 0.5, 0},
		"enough at a loss": {[]thing{cube(0, 0)}, []thing{cube(0, 0.5)}, 0.25, 1},
		// The first true thing likes the first seen one best, but only the other way round do both get one.
		"needs a swap": {[]thing{cube(0, 0), cube(0, 0.55)}, []thing{cube(0, 0.05), cube(0, -0.5)}, 0.25, 1},
	} {
		if got := f1(c.truth, c.seen, c.least); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestMedian(t *testing.T) {
	if got := median([]float64{3, 1, 2}); got != 2 {
		t.Errorf("odd: %v", got)
	}
	if got := median([]float64{4, 1, 2, 3}); got != 2.5 {
		t.Errorf("even: %v", got)
	}
}

func TestBootstrap(t *testing.T) {
	rooms := make([][]float64, 100)
	for i := range rooms {
		rooms[i] = []float64{0}
		if i%2 == 0 {
			rooms[i][0] = 100
		}
	}
	got := bootstrap(rooms, mean)
	// The share of 100 fair draws has a standard deviation of 5 percent.
	if got[0] < 38 || got[0] > 42 || got[1] < 58 || got[1] > 62 {
		t.Errorf("interval %v, want about 40 to 60", got)
	}
	if again := bootstrap(rooms, mean); again != got {
		t.Errorf("again %v, not %v", again, got)
	}
	// The same number of samples in fewer rooms that agree within themselves says less.
	var few [][]float64
	for chunk := range slices.Chunk(rooms, 10) {
		v := chunk[0][0] * float64(len(few)%2)
		few = append(few, slices.Repeat([]float64{v}, 10))
	}
	if wide := bootstrap(few, mean); wide[1]-wide[0] < 1.5*(got[1]-got[0]) {
		t.Errorf("interval over 10 rooms %v is no wider than over 100 %v", wide, got)
	}
	// A room without samples is no reason to fail.
	if got := bootstrap([][]float64{nil, {7}}, mean); got != [2]float64{7, 7} {
		t.Errorf("with an empty room: %v", got)
	}
}
