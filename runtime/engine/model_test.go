//go:build cgo

package engine_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/quant/onnx"
	"github.com/vega-edge/vegad/quant/onnx/onnxtest"
	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/engine/enginetest"
)

func encodeModel(t testing.TB, m *onnx.Model) []byte {
	t.Helper()
	data, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func loadModel(t testing.TB, rt *engine.Runtime, data []byte, o engine.ModelOptions) *engine.Model {
	t.Helper()
	m, err := engine.LoadModel(rt, data, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(m.Close(), m.Close()); err != nil {
			t.Error(err)
		}
	})
	return m
}

func TestModelOutsideABundle(t *testing.T) {
	b := onnxtest.NewBuilder("double", 1)
	x := b.Input("x", 1, 3)
	b.Output(b.Node("Mul", []string{x, b.Constant(nil, 2)}), 1, 3)
	net := b.Model()
	m := loadModel(t, enginetest.Open(t), encodeModel(t, net), engine.ModelOptions{})
	out := net.Graph.Outputs[0].Name
	copy(m.Input("x"), []float32{1, -2, 3})
	if err := m.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := m.Output(out); got[0] != 2 || got[1] != -4 || got[2] != 6 {
		t.Errorf("twice 1, -2, 3 is %v", got)
	}
	if s := m.Shape(out); len(s) != 2 || s[1] != 3 || m.Shape("gone") != nil {
		t.Errorf("shape %v", s)
	}
	if spec := m.Spec(); len(spec.Inputs) != 1 || spec.Inputs[0].Name != "x" || spec.Outputs[0].DType != "float32" {
		t.Errorf("%+v", spec)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if err := m.Run(context.Background()); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("a run after Close: %v", err)
	}
}

func TestLoadModelRefuses(t *testing.T) {
	rt := enginetest.Open(t)
	whole := onnxtest.NewBuilder("ints", 1)
	x := whole.Input("x", 1, 3)
	whole.Output(whole.Node("Relu", []string{x}), 1, 3)
	ints := whole.Model()
	ints.Graph.Inputs[0].Type, ints.Graph.Outputs[0].Type = onnx.Int32, onnx.Int32
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"no model": {[]byte("no model"), "loading graph strange"},
		"empty":    {nil, "loading graph strange"},
		"integers": {encodeModel(t, ints), "only float32 can be run here"},
	} {
		_, err := engine.LoadModel(rt, c.data, engine.ModelOptions{Name: "strange"})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, c.want)
		}
	}
	if n := rt.Sessions(); n != 0 {
		t.Errorf("%d sessions are alive", n)
	}
}

// pairs builds a graph in which a ReLU and a convolution stand between explicit symmetric int8.
func pairs() *onnx.Model {
	b := onnxtest.NewBuilder("pairs", 4)
	pair := func(x string, step float32) string {
		scale, zero := b.Constant(nil, step), x+"_zero"
		b.Graph().AddInitializer(onnx.Int8Scalar(zero, 0))
		q := b.Node("QuantizeLinear", []string{x, scale, zero})
		return b.Node("DequantizeLinear", []string{q, scale, zero})
	}
	x := pair(b.Input("x", 1, 4, 6, 6), 0.02)
	x = pair(b.Relu(b.Conv(x, onnxtest.ConvSpec{In: 4, Out: 4, Kernel: 3})), 0.1)
	b.Output(b.Conv(x, onnxtest.ConvSpec{In: 4, Out: 2, Kernel: 1}), 1, 2, 6, 6)
	return b.Model()
}

// On the CPU what is never negative becomes uint8 over the same range. That is finer, so the outputs come closer to
// those in float32, and they stay as close to those of plain int8 as int8 is to float32.
func TestCPUTakesUnsignedActivations(t *testing.T) {
	rt := enginetest.Open(t)
	model := pairs()
	out := model.Graph.Outputs[0].Name
	exact, err := model.Clone()
	if err != nil {
		t.Fatal(err)
	}
	without(exact.Graph)
	inputs := onnxtest.Inputs(model, 3)
	results := map[string][]float32{}
	for name, load := range map[string]struct {
		model     *onnx.Model
		precision models.Precision
	}{
		"exact": {exact, models.FP32}, "signed": {model, models.FP32}, "unsigned": {model, models.INT8},
	} {
		m := loadModel(t, rt, encodeModel(t, load.model), engine.ModelOptions{Precision: load.precision, Threads: 1})
		for i, v := range inputs["x"] {
			m.Input("x")[i] = min(max(v, -2.5), 2.5) // within the range of the input's scale
		}
		if err := m.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		results[name] = append([]float32(nil), m.Output(out)...)
	}
	signed, unsigned := distance(results["exact"], results["signed"]), distance(results["exact"], results["unsigned"])
	if unsigned >= signed || unsigned > 0.5 || signed == 0 {
		t.Errorf("int8 is off by %v, with unsigned activations by %v", signed, unsigned)
	}
}

// without removes the pairs.
func without(g *onnx.Graph) {
	index := g.Index()
	for _, n := range append([]*onnx.Node(nil), g.Nodes...) {
		if n.Standard("DequantizeLinear") {
			q := index.Producer(n.Inputs[0])
			g.Rewire(n.Outputs[0], q.Inputs[0])
			g.Replace(n)
			g.Replace(q)
		}
	}
	g.DropUnused()
}

func distance(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		sum += (float64(a[i]) - float64(b[i])) * (float64(a[i]) - float64(b[i]))
	}
	return math.Sqrt(sum)
}
