package calibration_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/vega-edge/vegad/quant/calibration"
)

func histogram(t testing.TB, batches ...[]float32) *calibration.Histogram {
	t.Helper()
	h := &calibration.Histogram{}
	for _, b := range batches {
		if err := h.Add(b); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// normal draws n values of a normal distribution, of which every millionth part or so is an outlier.
func normal(n int, outliers ...float32) []float32 {
	rng := rand.New(rand.NewPCG(1, 2))
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(rng.NormFloat64())
	}
	return append(out, outliers...)
}

// squareError is the mean square error of int8 on the values themselves.
func squareError(values []float32, threshold float64) float64 {
	step, sum := threshold/127, 0.0
	for _, v := range values {
		q := min(max(math.RoundToEven(float64(v)/step), -127), 127) * step
		sum += (float64(v) - q) * (float64(v) - q)
	}
	return sum / float64(len(values))
}

func threshold(m calibration.Method, h *calibration.Histogram) float64 {
	return calibration.Chooser{Method: m}.Threshold(h)
}

func TestMinMaxClipsNothingAndWastesLittle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float32Range(-1e30, 1e30), 1, 50).Draw(t, "values")
		h := &calibration.Histogram{}
		largest := 0.0
		for _, v := range values {
			if err := h.Add([]float32{v}); err != nil {
				t.Fatal(err)
			}
			largest = max(largest, math.Abs(float64(v)))
		}
		got := threshold(calibration.MinMax, h)
		if got < largest || got > largest*(1+1./256) {
			t.Fatalf("threshold %v for the largest magnitude %v", got, largest)
		}
	})
}

// However the values come, in whatever order and portions, the histogram is the same.
func TestGrowthLosesNoCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float32Range(-1000, 1000), 2, 200).Draw(t, "values")
		once, piecewise := &calibration.Histogram{}, &calibration.Histogram{}
		if err := once.Add(values); err != nil {
			t.Fatal(err)
		}
		for i := range values {
			if err := piecewise.Add(values[i : i+1]); err != nil {
				t.Fatal(err)
			}
		}
		if once.Count() != uint64(len(values)) || once.Total() != once.Count() || piecewise.Total() != once.Count() {
			t.Fatalf("%d values, counted %d and %d", len(values), once.Total(), piecewise.Total())
		}
		if !once.Same(piecewise) {
			t.Fatal("what is counted at once differs from what is counted one by one")
		}
	})
}

func TestPercentileLeavesOutWhatIsRare(t *testing.T) {
	values := make([]float32, 0, 100_000)
	for i := range 100_000 {
		values = append(values, float32(i)/1000) // uniform in [0, 100)
	}
	h := histogram(t, values)
	for share, want := range map[float64]float64{100: 100, 99: 99, 90: 90, 50: 50} {
		got := calibration.Chooser{Method: calibration.Percentile, Percentile: share}.Threshold(h)
		if got < want*0.999 || got > want*1.006 {
			t.Errorf("%v %% of a uniform distribution lie below %v, want about %v", share, got, want)
		}
	}
	one := histogram(t, append(values, 1e6))
	if got := threshold(calibration.Percentile, one); got > 300 { // a bin is 2^20/4096 = 256 wide by now
		t.Errorf("one outlier in 100 000 lifts the percentile to %v", got)
	}
}

func TestLeastSquaresIsNearTheBestThatThereIs(t *testing.T) {
	for name, values := range map[string][]float32{
		"normal":        normal(50_000),
		"outliers":      normal(50_000, 40, -38, 41),
		"far outlier":   normal(50_000, 120),
		"relu":          relu(normal(50_000)),
		"relu outliers": relu(normal(50_000, 30, 31)),
	} {
		h := histogram(t, values)
		got := threshold(calibration.MSE, h)
		best := math.Inf(1)
		for k := range 400 {
			best = min(best, squareError(values, h.Largest()*math.Exp2(-float64(k)/40)))
		}
		if e := squareError(values, got); e > best*1.05 {
			t.Errorf("%s: threshold %.3f has the error %.3g, the best is %.3g", name, got, e, best)
		}
	}
}

func relu(values []float32) []float32 {
	for i, v := range values {
		values[i] = max(v, 0)
	}
	return values
}

func TestEntropyIgnoresOutliersAndZeros(t *testing.T) {
	clean := threshold(calibration.Entropy, histogram(t, normal(200_000)))
	if clean < 2 || clean > 5.5 {
		t.Errorf("a normal distribution is clipped at %.2f", clean)
	}
	far := threshold(calibration.Entropy, histogram(t, normal(200_000, 60)))
	if far < 2 || far > 8 {
		t.Errorf("one outlier at 60 moves the threshold from %.2f to %.2f", clean, far)
	}
	sparse := threshold(calibration.Entropy, histogram(t, normal(200_000), make([]float32, 5_000_000)))
	if sparse != clean {
		t.Errorf("exact zeros move the threshold from %v to %v", clean, sparse)
	}
	values := make([]float32, 1<<20)
	for i := range values {
		values[i] = float32(i%2001-1000) / 1000
	}
	if got := threshold(calibration.Entropy, histogram(t, values)); got < 0.97 {
		t.Errorf("a uniform distribution in [-1, 1] is clipped at %v", got)
	}
}

func TestThresholdsAreCoarse(t *testing.T) {
	values := normal(10_000)
	jittered := make([]float32, len(values))
	for i, v := range values {
		jittered[i] = v * (1 + 3e-7*float32(i%3-1)) // as another processor would compute them
	}
	a, b := histogram(t, values), histogram(t, jittered)
	for _, m := range calibration.Methods() {
		if x, y := threshold(m, a), threshold(m, b); x != y {
			t.Errorf("%s: %v becomes %v", m, x, y)
		}
	}
}

func TestOutline(t *testing.T) {
	shares := histogram(t, []float32{-1, 0, 0, 0.5, 3, 3, 3}).Outline(4)
	want := []float64{0.2, 0.2, 0, 0.6} // of the five that are not zero, from -1 to 3
	for i := range want {
		if math.Abs(shares[i]-want[i]) > 1e-9 {
			t.Fatalf("%v, want %v", shares, want)
		}
	}
	for _, s := range histogram(t, []float32{0, 0}).Outline(3) {
		if s != 0 {
			t.Errorf("zeros have a share of %v", s)
		}
	}
}

func TestZerosOnly(t *testing.T) {
	h := histogram(t, make([]float32, 100))
	for _, m := range calibration.Methods() {
		if got := threshold(m, h); got != 0 {
			t.Errorf("%s of a tensor of zeros is %v", m, got)
		}
	}
	if low, high := h.Range(); low != 0 || high != 0 || h.Count() != 100 {
		t.Errorf("range %v to %v of %d values", low, high, h.Count())
	}
}

func TestWhatIsNoNumberIsRefusedWhole(t *testing.T) {
	h := histogram(t, []float32{1, 2})
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		err := h.Add([]float32{5, bad})
		if !errors.Is(err, calibration.ErrNoNumber) || !strings.Contains(err.Error(), "element 1") {
			t.Errorf("%v: error %v", bad, err)
		}
	}
	if h.Count() != 2 || h.Largest() != 2 {
		t.Errorf("the refused values were counted: %d, largest %v", h.Count(), h.Largest())
	}
}

func TestExtremeMagnitudes(t *testing.T) {
	h := histogram(t, []float32{math.SmallestNonzeroFloat32}, []float32{math.MaxFloat32}, []float32{-1})
	if h.Total() != 3 {
		t.Errorf("%d of 3 values are counted", h.Total())
	}
	for _, m := range calibration.Methods() {
		if got := threshold(m, h); !(got > 0) || got > 2*math.MaxFloat32 {
			t.Errorf("%s gives %v", m, got)
		}
	}
}

// doubler is a graph with one input x and two outputs: y = 2x and flat, which is always zero.
type doubler struct {
	x, y, flat []float32
	fail       error
}

func newDoubler() *doubler {
	return &doubler{x: make([]float32, 4), y: make([]float32, 4), flat: make([]float32, 1)}
}

func (d *doubler) Input(name string) []float32 {
	return map[string][]float32{"x": d.x}[name]
}

func (d *doubler) Output(name string) []float32 {
	return map[string][]float32{"y": d.y, "flat": d.flat}[name]
}

func (d *doubler) Run(context.Context) error {
	for i, v := range d.x {
		d.y[i] = 2 * v
	}
	return d.fail
}

func samples(values ...float32) calibration.Samples {
	var list []calibration.Sample
	for _, v := range values {
		list = append(list, calibration.Sample{"x": {v, -v, 0, 1}, "for another graph": {1}})
	}
	return calibration.Repeat(list)
}

func TestCollect(t *testing.T) {
	var progress []int
	s, err := calibration.Collect(t.Context(), newDoubler(), samples(1, 5, 3), calibration.Config{
		Tensors: []string{"x", "y", "flat"}, Progress: func(done int) { progress = append(progress, done) },
	})
	if err != nil {
		t.Fatal(err)
	}
	found, err := s.Thresholds(calibration.Chooser{Method: calibration.MinMax})
	if err != nil {
		t.Fatal(err)
	}
	if s.Samples != 3 || len(progress) != 3 || progress[2] != 3 {
		t.Errorf("%d samples, progress %v", s.Samples, progress)
	}
	if found["x"] != 5 || found["y"] != 10 || found["flat"] != 0 {
		t.Errorf("thresholds %v", found)
	}
	if n := s.Tensors["y"].Count(); n != 12 {
		t.Errorf("%d values of y", n)
	}
}

func TestCollectRefuses(t *testing.T) {
	boom := errors.New("boom")
	ended, end := context.WithCancelCause(t.Context())
	end(boom)
	broken := func(yield func(calibration.Sample, error) bool) { yield(nil, boom) }
	failing := newDoubler()
	failing.fail = boom
	watch := calibration.Config{Tensors: []string{"y"}}
	for name, c := range map[string]struct {
		ended   bool
		runner  *doubler
		samples calibration.Samples
		cfg     calibration.Config
		want    string
	}{
		"no samples":      {false, newDoubler(), samples(), watch, "no samples"},
		"unknown tensor":  {false, newDoubler(), samples(1), calibration.Config{Tensors: []string{"z"}}, "tensor z"},
		"broken stream":   {false, newDoubler(), broken, watch, "boom"},
		"failing graph":   {false, failing, samples(1), watch, "sample 0: boom"},
		"ended context":   {true, newDoubler(), samples(1), watch, "boom"},
		"wrong size":      {false, newDoubler(), one("x", 3), watch, "3 elements, the graph wants 4"},
		"no input at all": {false, newDoubler(), one("w", 3), watch, "none of the graph's inputs"},
		"not a number": {
			false, newDoubler(), samples(1, float32(math.NaN())), watch, "sample 1: counting tensor y",
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			if c.ended {
				ctx = ended
			}
			s, err := calibration.Collect(ctx, c.runner, c.samples, c.cfg)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, error %v, want one that says %q", s, err, c.want)
			}
		})
	}
}

func one(name string, n int) calibration.Samples {
	return calibration.Repeat([]calibration.Sample{{name: make([]float32, n)}})
}

func TestTake(t *testing.T) {
	for n, want := range map[int]int{0: 0, 2: 2, 9: 3} {
		got := 0
		for _, err := range calibration.Take(samples(1, 2, 3), n) {
			if err != nil {
				t.Fatal(err)
			}
			got++
		}
		if got != want {
			t.Errorf("the first %d of 3 samples are %d", n, got)
		}
	}
}

func TestChooserRefuses(t *testing.T) {
	for _, c := range []calibration.Chooser{
		{},
		{Method: "median"},
		{Method: calibration.Percentile, Percentile: -1},
		{Method: calibration.Percentile, Percentile: 101},
		{Method: calibration.Percentile, Percentile: math.NaN()},
	} {
		if err := c.Check(); err == nil {
			t.Errorf("%+v is accepted", c)
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	values := relu(normal(1 << 16))
	h := &calibration.Histogram{}
	b.SetBytes(int64(4 * len(values)))
	for b.Loop() {
		if err := h.Add(values); err != nil {
			b.Fatal(err)
		}
	}
}
