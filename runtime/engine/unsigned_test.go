package engine

import (
	"bytes"
	"math"
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
	positive, around := []float64{0, 63.5}, []float64{-64, 63.5}
	for name, c := range map[string]struct {
		build func(*onnxtest.Builder, string) string // what is quantized
		zero  int8
		want  []float64 // lowest and highest value afterwards; nil if nothing changes
	}{
		"input":               {func(_ *onnxtest.Builder, x string) string { return x }, 0, around},
		"relu":                {func(b *onnxtest.Builder, x string) string { return b.Relu(x) }, 0, positive},
		"relu with an offset": {func(b *onnxtest.Builder, x string) string { return b.Relu(x) }, -5, nil},
		"pooled relu": {func(b *onnxtest.Builder, x string) string {
			return b.Node("GlobalAveragePool", []string{b.Relu(x)})
		}, 0, positive},
		"relu6": {func(b *onnxtest.Builder, x string) string {
			return b.Node("Clip", []string{x, b.Constant(nil, 0), b.Constant(nil, 6)})
		}, 0, positive},
		"clip around zero": {func(b *onnxtest.Builder, x string) string {
			return b.Node("Clip", []string{x, b.Constant(nil, -1), b.Constant(nil, 6)})
		}, 0, around},
		"clip from above": {func(b *onnxtest.Builder, x string) string {
			return b.Node("Clip", []string{x, "", b.Constant(nil, 6)})
		}, 0, around},
		"both joined": {func(b *onnxtest.Builder, x string) string {
			return b.Node("Concat", []string{b.Relu(x), b.Node("Sigmoid", []string{x})}, onnx.IntAttr("axis", 1))
		}, 0, positive},
		"one joined": {func(b *onnxtest.Builder, x string) string {
			return b.Node("Concat", []string{b.Relu(x), x}, onnx.IntAttr("axis", 1))
		}, 0, around},
	} {
		t.Run(name, func(t *testing.T) {
			b := onnxtest.NewBuilder(name, 1)
			x := b.Input("x", 1, 2, 4, 4)
			b.Output(b.Node("ReduceMax", []string{qdq(b, c.build(b, x), c.zero)}, onnx.IntAttr("keepdims", 0)))
			before, err := b.Model().Marshal()
			if err != nil {
				t.Fatal(err)
			}
			after, err := ForCPU(before)
			if err != nil {
				t.Fatal(err)
			}
			if changed := !bytes.Equal(before, after); changed != (c.want != nil) {
				t.Fatalf("changed: %t, want %v", changed, c.want)
			}
			if c.want != nil {
				checkRange(t, after, c.want)
			}
		})
	}
	if _, err := ForCPU([]byte("no model")); err == nil {
		t.Error("what is no model is accepted")
	}
}

// checkRange holds the only pair of a model against the range that its unsigned bytes should have.
func checkRange(t *testing.T, data []byte, want []float64) {
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
		if zero.Type != onnx.Uint8 {
			t.Fatalf("%s: %v", n.Label(), zero.Type)
		}
		low := -float64(zero.Data[0]) * float64(scale[0])
		high := float64(255-int(zero.Data[0])) * float64(scale[0])
		if math.Abs(low-want[0]) > 0.01 || math.Abs(high-want[1]) > 0.01 {
			t.Errorf("%s: from %v to %v, want %v", n.Label(), low, high, want)
		}
	}
	if pairs != 2 {
		t.Errorf("%d Q/DQ nodes", pairs)
	}
}
