//go:build cgo

package engine_test

import (
	"math"
	"slices"
	"testing"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/quant/onnx"
	"github.com/vega-edge/vegad/quant/onnx/onnxtest"
	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/engine/enginetest"
)

// quantizedWeights are three columns of two int8 weights, with a scale each.
func quantizedWeights(b *onnxtest.Builder) string {
	scale := b.Constant([]int64{3}, 0.5, 0.25, 0.125)
	b.Graph().AddInitializer(onnx.Int8Tensor("w", []int64{2, 3}, []int8{1, -2, 3, -4, 5, -6}))
	b.Graph().AddInitializer(onnx.Int8Tensor("w_zero", []int64{3}, make([]int8, 3)))
	return b.Node("DequantizeLinear", []string{"w", scale, "w_zero"}, onnx.IntAttr("axis", 1))
}

// quantizedInput puts a pair with steps of a tenth behind a tensor.
func quantizedInput(b *onnxtest.Builder, x string) string {
	scale := b.Constant(nil, 0.1)
	b.Graph().AddInitializer(onnx.Int8Scalar("x_zero", 0))
	q := b.Node("QuantizeLinear", []string{x, scale, "x_zero"})
	return b.Node("DequantizeLinear", []string{q, scale, "x_zero"})
}

// TestProductsForTheCPU compares the CPU's form of quantized products with the graph as TensorRT would read it.
func TestProductsForTheCPU(t *testing.T) {
	rt := enginetest.Open(t)
	for name, c := range map[string]struct {
		dims []int64
		op   func(b *onnxtest.Builder, x, w, bias string) string
		want string // the operator whose absence would show that nothing was done
		gone string
	}{
		"gemm": {[]int64{2, 2}, func(b *onnxtest.Builder, x, w, bias string) string {
			return b.Node("Gemm", []string{x, w, bias})
		}, "Gemm", ""},
		"scaled gemm": {[]int64{2, 2}, func(b *onnxtest.Builder, x, w, bias string) string {
			return b.Node("Gemm", []string{x, w, bias}, onnx.FloatAttr("alpha", 2))
		}, "Gemm", ""},
		"flat product": {[]int64{2, 2}, func(b *onnxtest.Builder, x, w, bias string) string {
			return b.Node("Add", []string{bias, b.Node("MatMul", []string{x, w})})
		}, "Add", ""},
		"deep product": {[]int64{1, 2, 2}, func(b *onnxtest.Builder, x, w, bias string) string {
			return b.Node("Add", []string{bias, b.Node("MatMul", []string{x, w})})
		}, "Sub", "Add"},
	} {
		t.Run(name, func(t *testing.T) {
			b := onnxtest.NewBuilder(name, 1)
			x := b.Input("x", c.dims...)
			bias := b.Constant([]int64{3}, 0.7, -0.3, 2)
			out := append(slices.Clone(c.dims[:len(c.dims)-1]), 3)
			b.Output(c.op(b, quantizedInput(b, x), quantizedWeights(b), bias), out...)
			data := encodeModel(t, b.Model())
			changed, err := engine.ForCPU(data)
			if err != nil {
				t.Fatal(err)
			}
			if ops := operators(t, changed); !slices.Contains(ops, c.want) || slices.Contains(ops, c.gone) {
				t.Errorf("operators %v", ops)
			}
			given := []float32{0.3, -1.2, 5, -0.04}
			result := b.Graph().Outputs[0].Name
			want := product(t, loadModel(t, rt, data, engine.ModelOptions{}), given, result)
			got := product(t, loadModel(t, rt, data, engine.ModelOptions{Precision: models.INT8}), given, result)
			for i := range want {
				if math.Abs(float64(got[i]-want[i])) > 0.05 { // a bias's unit is at most a tenth of a half
					t.Errorf("%v, want %v", got, want)
					break
				}
			}
		})
	}
}

func operators(t *testing.T, data []byte) []string {
	t.Helper()
	m, err := onnx.Parse(data, onnx.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	ops := make([]string, 0, len(m.Graph.Nodes))
	for _, n := range m.Graph.Nodes {
		ops = append(ops, n.OpType)
	}
	return ops
}

func product(t *testing.T, m *engine.Model, x []float32, out string) []float32 {
	t.Helper()
	copy(m.Input("x"), x)
	if err := m.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(m.Output(out))
}
