package engine

import (
	"bytes"
	"testing"

	"github.com/vega-edge/vegad/quant/onnx"
	"github.com/vega-edge/vegad/quant/onnx/onnxtest"
)

// qdq puts a pair with one scale behind a tensor.
func qdq(b *onnxtest.Builder, x string, zeroPoint int8) string {
	scale, zero := b.Constant(nil, 0.5), x+"_zero"
	b.Graph().AddInitializer(onnx.Int8Scalar(zero, zeroPoint))
	q := b.Node("QuantizeLinear", []string{x, scale, zero})
	return b.Node("DequantizeLinear", []string{q, scale, zero})
}

func TestForCPU(t *testing.T) {
	for name, c := range map[string]struct {
		build func(*onnxtest.Builder, string) string // what is quantized
		zero  int8
		wide  bool
	}{
		"input":               {func(_ *onnxtest.Builder, x string) string { return x }, 0, false},
		"relu":                {func(b *onnxtest.Builder, x string) string { return b.Relu(x) }, 0, true},
		"relu with an offset": {func(b *onnxtest.Builder, x string) string { return b.Relu(x) }, -5, false},
		"pooled relu": {func(b *onnxtest.Builder, x string) string {
			return b.Node("GlobalAveragePool", []string{b.Relu(x)})
		}, 0, true},
		"relu6": {func(b *onnxtest.Builder, x string) string {
			return b.Node("Clip", []string{x, b.Constant(nil, 0), b.Constant(nil, 6)})
		}, 0, true},
		"clip around zero": {func(b *onnxtest.Builder, x string) string {
			return b.Node("Clip", []string{x, b.Constant(nil, -1), b.Constant(nil, 6)})
		}, 0, false},
		"clip from above": {func(b *onnxtest.Builder, x string) string {
			return b.Node("Clip", []string{x, "", b.Constant(nil, 6)})
		}, 0, false},
		"both joined": {func(b *onnxtest.Builder, x string) string {
			return b.Node("Concat", []string{b.Relu(x), b.Node("Sigmoid", []string{x})}, onnx.IntAttr("axis", 1))
		}, 0, true},
		"one joined": {func(b *onnxtest.Builder, x string) string {
			return b.Node("Concat", []string{b.Relu(x), x}, onnx.IntAttr("axis", 1))
		}, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := onnxtest.NewBuilder(name, 1)
			x := b.Input("x", 1, 2, 4, 4)
			b.Output(b.Node("Abs", []string{qdq(b, c.build(b, x), c.zero)}))
			before, err := b.Model().Marshal()
			if err != nil {
				t.Fatal(err)
			}
			after, err := forCPU(before)
			if err != nil {
				t.Fatal(err)
			}
			if changed := !bytes.Equal(before, after); changed != c.wide {
				t.Fatalf("changed: %t, want %t", changed, c.wide)
			}
			if c.wide {
				checkWide(t, after)
			}
		})
	}
	if _, err := forCPU([]byte("no model")); err == nil {
		t.Error("what is no model is accepted")
	}
}

// checkWide holds the pair of a widened model against the range that it had: 127 steps of a half.
func checkWide(t *testing.T, data []byte) {
	t.Helper()
	m, err := onnx.Parse(data, onnx.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	index, pairs := m.Graph.Index(), 0
	for _, n := range m.Graph.Nodes {
		if !n.Standard("QuantizeLinear", "DequantizeLinear") {
			continue
		}
		pairs++
		scale, err := index.Initializer(n.Inputs[1]).Floats()
		if err != nil {
			t.Fatal(err)
		}
		zero := index.Initializer(n.Inputs[2])
		if top := 255 * float64(scale[0]); zero.Type != onnx.Uint8 || top < 63.49 || top > 63.51 {
			t.Errorf("%s: %v with the range %v", n.Label(), zero.Type, top)
		}
	}
	if pairs != 2 {
		t.Errorf("%d Q/DQ nodes", pairs)
	}
}
