package quant_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/vega-edge/vegad/quant"
	"github.com/vega-edge/vegad/quant/calibration"
	qint8 "github.com/vega-edge/vegad/quant/int8"
	"github.com/vega-edge/vegad/quant/onnx"
	"github.com/vega-edge/vegad/quant/onnx/onnxtest"
	"github.com/vega-edge/vegad/quant/sensitivity"
	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/engine/enginetest"
)

// opener runs networks on the real ONNX Runtime.
func opener(t testing.TB, threads int) quant.Opener {
	rt := enginetest.Open(t)
	t.Cleanup(func() {
		if n := rt.Sessions(); n != 0 {
			t.Errorf("%d sessions are still open", n)
		}
	})
	return open(rt, threads)
}

func open(rt *engine.Runtime, threads int) quant.Opener {
	return func(data []byte) (quant.Session, error) {
		m, err := engine.LoadModel(rt, data, engine.ModelOptions{Threads: threads})
		if err != nil {
			return nil, err
		}
		return m, nil
	}
}

func samplesOf(m *onnx.Model, first, n int) []calibration.Sample {
	out := make([]calibration.Sample, n)
	for i := range out {
		out[i] = onnxtest.Inputs(m, uint64(first+i))
	}
	return out
}

// calibrated returns a calibrator that has seen 12 samples.
func calibrated(t *testing.T, m *onnx.Model, cfg quant.Config, open quant.Opener) *quant.Calibrator {
	t.Helper()
	if cfg.Chooser.Method == "" {
		cfg.Chooser.Method = calibration.MSE
	}
	c, err := quant.NewCalibrator(m, cfg, open)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	ignore := func(int) error { return nil }
	if err := calibration.Each(t.Context(), c, calibration.Repeat(samplesOf(m, 100, 12)), ignore); err != nil {
		t.Fatal(err)
	}
	return c
}

func planOf(t *testing.T, c *quant.Calibrator) *quant.Plan {
	t.Helper()
	p, err := c.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// noiseDB is the signal-to-noise ratio of a plan at the outputs, on samples that calibration has not seen.
func noiseDB(t *testing.T, c *quant.Calibrator, m *onnx.Model, p *quant.Plan) float64 {
	t.Helper()
	found, err := c.Compare(t.Context(), p, calibration.Repeat(samplesOf(m, 900, 8)))
	if err != nil {
		t.Fatal(err)
	}
	return -10 * math.Log10(found.Noise())
}

// TestClassicNetworks holds every method on every network against a floor, which is a few dB below what was seen.
func TestClassicNetworks(t *testing.T) {
	open := opener(t, 1)
	floors := map[string]float64{"residual": 30, "separable": 16, "transformer": 22}
	for name, m := range onnxtest.Nets() {
		for _, method := range calibration.Methods() {
			t.Run(fmt.Sprintf("%s/%s", name, method), func(t *testing.T) {
				c := calibrated(t, m, quant.Config{Chooser: calibration.Chooser{Method: method}}, open)
				got := noiseDB(t, c, m, planOf(t, c))
				t.Logf("%.1f dB", got)
				if got < floors[name] {
					t.Errorf("%.1f dB at the outputs, want %.0f", got, floors[name])
				}
			})
		}
	}
}

// withNorms is a network whose convolutions are followed by batch normalisations, one of which cannot be folded.
func withNorms() *onnx.Model {
	b := onnxtest.NewBuilder("norms", 5)
	x := b.Input("image", 1, 3, 16, 16)
	for _, channels := range []int64{3, 8, 8} {
		x = b.Relu(b.BatchNorm(b.Conv(x, onnxtest.ConvSpec{In: channels, Out: 8, Kernel: 3, Spread: 1}), 8))
	}
	b.Output(b.Conv(b.BatchNorm(x, 8), onnxtest.ConvSpec{In: 8, Out: 4, Kernel: 1}), 1, 4, 16, 16)
	return b.Model()
}

// Folding normalisations and equalizing channels change the arithmetic and not the result.
func TestPreparationKeepsTheOutputs(t *testing.T) {
	open := opener(t, 1)
	nets := onnxtest.Nets()
	nets["norms"] = withNorms()
	for name, m := range nets {
		t.Run(name, func(t *testing.T) {
			prepared, err := qint8.Prepare(m)
			if err != nil {
				t.Fatal(err)
			}
			if name == "norms" && count(prepared, "BatchNormalization") != 1 {
				t.Errorf("%d normalisations are left, want the one behind a ReLU", count(prepared, "BatchNormalization"))
			}
			equal, err := prepared.Clone()
			if err != nil {
				t.Fatal(err)
			}
			if err := qint8.Equalize(equal); err != nil {
				t.Fatal(err)
			}
			for _, changed := range []*onnx.Model{prepared, equal} {
				worst, err := quant.CompareModels(t.Context(), open, marshal(t, m), marshal(t, changed), samplesOf(m, 1, 3))
				if err != nil {
					t.Fatal(err)
				}
				if worst[0].SQNRdB < 100 {
					t.Errorf("output %s differs: %.1f dB", worst[0].Name, worst[0].SQNRdB)
				}
			}
			if name == "norms" && bytes.Equal(marshal(t, prepared), marshal(t, equal)) {
				t.Error("equalizing has changed nothing")
			}
		})
	}
}

func count(m *onnx.Model, op string) int {
	n := 0
	for _, node := range m.Graph.Nodes {
		if node.OpType == op {
			n++
		}
	}
	return n
}

func marshal(t testing.TB, m *onnx.Model) []byte {
	t.Helper()
	data, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestBiasCorrectionHelps(t *testing.T) {
	open := opener(t, 1)
	m := onnxtest.Nets()["separable"]
	plain := calibrated(t, m, quant.Config{}, open)
	corrected := calibrated(t, m, quant.Config{CorrectBias: true}, open)
	plan := planOf(t, corrected)
	before, after := noiseDB(t, plain, m, planOf(t, plain)), noiseDB(t, corrected, m, plan)
	if after <= before || len(plan.Corrections) == 0 {
		t.Errorf("%.2f dB without correction, %.2f dB with %d layers corrected", before, after, len(plan.Corrections))
	}
}

// A plan repeats a conversion to the byte, on its own, after a trip through JSON; and the number of threads, which
// changes how ONNX Runtime splits its sums, does not change the plan.
func TestPlansRepeat(t *testing.T) {
	rt := enginetest.Open(t)
	m := onnxtest.Nets()["residual"]
	var files [][]byte
	for _, threads := range []int{1, 2} {
		c := calibrated(t, m, quant.Config{}, open(rt, threads))
		plan := planOf(t, c)
		data, graph, err := c.Convert(t.Context(), plan, samplesOf(m, 900, 2))
		if err != nil {
			t.Fatal(err)
		}
		if graph.Samples != 12 || graph.Judged != 2 || len(graph.Pairs) == 0 || len(graph.Histograms) == 0 {
			t.Errorf("report on %d and %d samples, %d pairs, %d histograms", graph.Samples, graph.Judged,
				len(graph.Pairs), len(graph.Histograms))
		}
		text, err := plan.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		read, err := quant.ParsePlan(text)
		if err != nil {
			t.Fatal(err)
		}
		r, err := read.Apply(m)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, data, marshal(t, r.Model))
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for i, file := range files {
		if !bytes.Equal(file, files[0]) {
			t.Errorf("file %d differs from the first", i)
		}
	}
}

func TestPlanOfAnotherModel(t *testing.T) {
	plan := &quant.Plan{FormatVersion: quant.PlanVersion, Model: "of something else"}
	if _, err := plan.Apply(onnxtest.Nets()["separable"]); !errors.Is(err, quant.ErrOtherModel) {
		t.Errorf("error %v", err)
	}
}

func TestSearchKeepsTheLimit(t *testing.T) {
	m := onnxtest.Nets()["separable"]
	c := calibrated(t, m, quant.Config{Kept: 4}, opener(t, 1))
	full := planOf(t, c)
	limit := quant.NoiseOf(noiseDB(t, c, m, full) + 4)
	plan, found, err := c.Search(t.Context(), full, limit, nil)
	if err != nil {
		t.Fatal(err)
	}
	if found.Loss > limit || found.FullLoss <= limit || found.Int8Share <= 0 || found.Int8Share >= 1 {
		t.Errorf("loss %v of %v (%v in full), %v of the work in int8", found.Loss, limit, found.FullLoss, found.Int8Share)
	}
	kept, err := c.Compare(t.Context(), plan, calibration.Repeat(c.Kept()))
	if err != nil {
		t.Fatal(err)
	}
	if kept.Noise() > limit || !slices.Equal(plan.Keep, found.Kept) && len(plan.Keep) != len(found.Kept) {
		t.Errorf("the plan keeps %v and has the noise %v, the search found %v", plan.Keep, kept.Noise(), found.Kept)
	}
	var hopeless *sensitivity.LimitError
	never := func(context.Context, *quant.Plan) (float64, error) { return 1, nil }
	if _, _, err := c.Search(t.Context(), full, 0.5, never); !errors.As(err, &hopeless) {
		t.Errorf("error %v", err)
	}
}

// A node of a kind that nobody knows is left alone and named, and what it computes stays the same.
func TestUnknownNodesAreLeftAlone(t *testing.T) {
	b := onnxtest.NewBuilder("unknown", 3)
	x := b.Input("x", 1, 4, 8, 8)
	b.Output(b.Node("QuickGelu", []string{x}, onnx.FloatAttr("alpha", 1.7)), 1, 4, 8, 8)
	b.Output(b.Conv(b.Relu(b.Conv(x, onnxtest.ConvSpec{In: 4, Out: 8, Kernel: 3})),
		onnxtest.ConvSpec{In: 8, Out: 4, Kernel: 1}), 1, 4, 8, 8)
	m := b.Model()
	m.Opsets = append(m.Opsets, onnx.Opset{Domain: "com.microsoft", Version: 1})
	m.Graph.Nodes[0].Domain = "com.microsoft"
	strange, other := m.Graph.Outputs[0].Name, m.Graph.Outputs[1].Name

	open := opener(t, 1)
	c := calibrated(t, m, quant.Config{}, open)
	data, graph, err := c.Convert(t.Context(), planOf(t, c), samplesOf(m, 900, 2))
	if err != nil {
		t.Fatal(err)
	}
	if len(graph.Unknown) != 1 || graph.Unknown[0].Op != "com.microsoft.QuickGelu" || len(graph.Unknown[0].Nodes) != 1 {
		t.Errorf("unknown: %+v", graph.Unknown)
	}
	found, err := quant.CompareModels(t.Context(), open, marshal(t, m), data, samplesOf(m, 900, 2))
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range found {
		if same := out.MaxAbs == 0; same != (out.Name == strange) {
			t.Errorf("output %s is off by %v (the unknown node gives %s, the layers %s)", out.Name, out.MaxAbs, strange, other)
		}
	}
}

func TestRanges(t *testing.T) {
	open := opener(t, 1)
	b := onnxtest.NewBuilder("ranges", 1)
	x := b.Input("x", 1, 4)
	y := b.Node("Mul", []string{x, b.Constant(nil, -3)})
	b.Output(b.Relu(y), 1, 4)
	m := b.Model()
	samples := []calibration.Sample{{"x": {1, -2, 0, 0.5}}, {"x": {4, 0, 0, 0}}}
	ranges, err := quant.Ranges(t.Context(), open, m, samples)
	if err != nil {
		t.Fatal(err)
	}
	if ranges["x"] != 4 || ranges[y] != 12 || ranges[m.Graph.Outputs[0].Name] != 6 || len(ranges) != 3 {
		t.Errorf("ranges %v", ranges)
	}
	if _, err := quant.Ranges(t.Context(), open, m, nil); !errors.Is(err, calibration.ErrNoSamples) {
		t.Errorf("error %v", err)
	}
}

func TestCalibratorRefuses(t *testing.T) {
	rt := enginetest.Open(t)
	mse := calibration.Chooser{Method: calibration.MSE}
	dynamic := onnxtest.Nets()["residual"]
	dynamic.Graph.Inputs[0] = &onnx.Value{Name: "image", Type: onnx.Float, Dims: []onnx.Dim{
		{Size: -1, Name: "batch"}, {Size: 3}, {Size: 32}, {Size: 32},
	}}
	dynamic.Graph.Outputs[0].Dims[0] = onnx.Dim{Size: -1, Name: "batch"}
	for name, c := range map[string]struct {
		model *onnx.Model
		cfg   quant.Config
		want  string
	}{
		"method":  {onnxtest.Nets()["residual"], quant.Config{Chooser: calibration.Chooser{Method: "best"}}, "unknown"},
		"pattern": {onnxtest.Nets()["residual"], quant.Config{Chooser: mse, Exclude: "("}, "exclude"},
		"dynamic": {dynamic, quant.Config{Chooser: mse}, "not static"},
	} {
		if _, err := quant.NewCalibrator(c.model, c.cfg, open(rt, 1)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, c.want)
		}
	}
	c, err := quant.NewCalibrator(onnxtest.Nets()["residual"], quant.Config{Chooser: mse}, open(rt, 1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Plan(t.Context()); !errors.Is(err, calibration.ErrNoSamples) {
		t.Errorf("a plan without samples: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if n := rt.Sessions(); n != 0 {
		t.Errorf("%d sessions are still open", n)
	}
}

// still is a graph that computes nothing.
type still struct{ x []float32 }

func (s *still) Input(string) []float32    { return s.x }
func (s *still) Output(string) []float32   { return nil }
func (s *still) Run(context.Context) error { return nil }

// However many runs there are, what is kept is bounded and spread over all of them.
func TestRecorderSpreadsWhatItKeeps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit, runs := rapid.IntRange(1, 9).Draw(t, "limit"), rapid.IntRange(1, 300).Draw(t, "runs")
		graph := &still{x: make([]float32, 1)}
		r := quant.NewRecorder(graph, []string{"x"}, limit)
		for i := range runs {
			graph.x[0] = float32(i)
			if err := r.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		kept := r.Kept()
		if len(kept) != min(limit, runs) && (len(kept) > limit || len(kept) < min(limit, runs)) {
			t.Fatalf("%d of %d runs are kept, the limit is %d", len(kept), runs, limit)
		}
		last := float32(-1)
		for _, s := range kept {
			if s["x"][0] <= last {
				t.Fatalf("%v follows %v", s["x"][0], last)
			}
			if gap := s["x"][0] - last; gap > 4*float32(runs)/float32(limit)+1 {
				t.Fatalf("a gap of %v between %d of %d runs", gap, len(kept), runs)
			}
			last = s["x"][0]
		}
	})
}

func FuzzParsePlan(f *testing.F) {
	f.Add([]byte(`{"formatVersion":1,"model":"00","method":"mse","samples":3,"thresholds":{"x":1.5},"keep":["y"]}`))
	f.Add([]byte(`{"formatVersion":2,"thresholds":{"x":-1},"exclude":"("}`))
	f.Add([]byte(`{"formatVersion":1,"model":"","method":"","samples":0,"thresholds":{}}{}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := quant.ParsePlan(data)
		if err != nil {
			return
		}
		text, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := quant.ParsePlan(text); err != nil {
			t.Errorf("a plan that was read cannot be read again: %v", err)
		}
	})
}

func TestParsePlanRefuses(t *testing.T) {
	for text, want := range map[string]string{
		``:                    "EOF",
		`{"formatVersion":2}`: "formatVersion is 2",
		`{"formatVersion":1}`: "thresholds are missing",
		`{"formatVersion":1,"thresholds":{},"speed":1}`:     `unknown field "speed"`,
		`{"formatVersion":1,"thresholds":{"x":-1}}`:         "threshold -1 of tensor x",
		`{"formatVersion":1,"thresholds":{},"exclude":"("}`: "exclude",
		`{"formatVersion":1,"thresholds":{}} {}`:            "something follows",
	} {
		if _, err := quant.ParsePlan([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one that says %q", text, err, want)
		}
	}
}
