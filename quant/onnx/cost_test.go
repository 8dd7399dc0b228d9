package onnx_test

import (
	"testing"

	"github.com/vega-edge/vegad/quant/onnx"
	"github.com/vega-edge/vegad/quant/onnx/onnxtest"
)

func TestCostOfOperators(t *testing.T) {
	picture := onnx.Shape{1, 4, 6, 6}
	for name, c := range map[string]struct {
		in                    onnx.Shape
		build                 build
		flops, params, output int64
	}{
		"conv": {picture, func(b *onnxtest.Builder, x string) string {
			return b.Conv(x, onnxtest.ConvSpec{In: 4, Out: 8, Kernel: 3})
		}, 8 * 36 * (2*4*9 + 1), 4 * (8*4*9 + 8), 4 * 8 * 36},
		"depthwise": {picture, func(b *onnxtest.Builder, x string) string {
			return b.Conv(x, onnxtest.ConvSpec{In: 4, Out: 4, Kernel: 3, Group: 4})
		}, 4 * 36 * (2*9 + 1), 4 * (4*9 + 4), 4 * 4 * 36},
		"transposed": {picture, func(b *onnxtest.Builder, x string) string {
			return b.Node("ConvTranspose", []string{x, b.Weights(1, 4, 3, 2, 2)}, onnx.IntsAttr("strides", 2, 2))
		}, 4 * 36 * 2 * 3 * 4, 4 * 4 * 3 * 4, 4 * 3 * 144},
		"gemm": {
			onnx.Shape{5, 7},
			func(b *onnxtest.Builder, x string) string { return b.Gemm(x, 7, 3) },
			5 * 3 * (2*7 + 1), 4 * (21 + 3), 4 * 15,
		},
		"gemm transposed": {onnx.Shape{4, 7}, gemm, 7 * 5 * 2 * 4, 4 * 20, 4 * 35},
		"matrices":        {onnx.Shape{5, 1, 3, 4}, products, 5 * 2 * 3 * 6 * 2 * 4, 4 * 2 * 4 * 6, 4 * 180},
		"relu":            {picture, op("Relu", nil), 144, 0, 4 * 144},
		"softmax":         {picture, op("Softmax", nil), 5 * 144, 0, 4 * 144},
		"pool":            {picture, op("MaxPool", nil, onnx.IntsAttr("kernel_shape", 2, 2)), 4 * 25 * 4, 0, 4 * 100},
		"mean":            {picture, op("GlobalAveragePool", nil), 144, 0, 16},
		"reshape":         {picture, op("Reshape", [][]int64{{144}}), 0, 8, 4 * 144},
		"unknown":         {picture, op("Strange", nil), -1, 0, 0},
	} {
		m, _ := shapeCase{in: c.in, build: c.build}.made()
		costs, err := onnx.Cost(m.Graph)
		if err != nil {
			t.Fatal(err)
		}
		got := costs.Nodes[len(costs.Nodes)-1]
		if got.FLOPs != c.flops || got.ParamBytes != c.params || got.ActivationBytes != c.output {
			t.Errorf("%s: %d operations, %d and %d bytes, want %d, %d and %d", name, got.FLOPs, got.ParamBytes,
				got.ActivationBytes, c.flops, c.params, c.output)
		}
		if (costs.Unknown == 1) != (c.flops < 0) {
			t.Errorf("%s: %d nodes are unknown", name, costs.Unknown)
		}
	}
}

// TestCostOfQuantizedLayers: packed weights belong to the layer that uses them, and each constant is paid for once.
func TestCostOfQuantizedLayers(t *testing.T) {
	b := onnxtest.NewBuilder("packed", 1)
	x := b.Input("x", 1, 2, 3, 3)
	g := b.Graph()
	g.AddInitializer(onnx.Int8Scalar("zero", 0))
	g.AddInitializer(onnx.FloatScalar("scale", 1))
	g.AddInitializer(onnx.Int8Tensor("w", []int64{4, 2, 1, 1}, make([]int8, 8)))
	packed := b.Node("QuantizeLinear", []string{x, "scale", "zero"})
	in := b.Node("DequantizeLinear", []string{packed, "scale", "zero"})
	weights := b.Node("DequantizeLinear", []string{"w", "scale", "zero"})
	b.Node("Conv", []string{in, weights})
	mixed := b.Node("Conv", []string{x, weights})
	costs, err := onnx.Cost(g)
	if err != nil {
		t.Fatal(err)
	}
	quantize, unpack, conv, second := costs.Nodes[0], costs.Nodes[2], costs.Nodes[3], costs.Nodes[4]
	if quantize.ParamBytes != 5 || unpack.ParamBytes != 0 || conv.ParamBytes != 8 || second.ParamBytes != 0 {
		t.Errorf("bytes of constants: %d, %d, %d, %d", quantize.ParamBytes, unpack.ParamBytes, conv.ParamBytes,
			second.ParamBytes)
	}
	if conv.Type != onnx.Int8 || second.Type != onnx.Float || second.Node.Outputs[0] != mixed {
		t.Errorf("the layers compute in %s and %s", conv.Type, second.Type)
	}
	if costs.ParamBytes != 13 {
		t.Errorf("all constants take %d bytes, want 13", costs.ParamBytes)
	}
}

// TestCostDoesNotOverflow multiplies matrices of nearly as many elements as are believed.
func TestCostDoesNotOverflow(t *testing.T) {
	b := onnxtest.NewBuilder("huge", 1)
	b.Node("MatMul", []string{b.Input("x", 1<<27, 1<<27), b.Input("y", 1<<27, 1<<27)})
	costs, err := onnx.Cost(b.Graph())
	if err != nil || costs.FLOPs <= 0 {
		t.Errorf("%d operations, %v", costs.FLOPs, err)
	}
}

// TestDequantizedScalesCostNothingTwice builds a ladder of nodes each of which reads the one before twice: following
// every path would take for ever.
func TestDequantizedScalesCostNothingTwice(t *testing.T) {
	b := onnxtest.NewBuilder("ladder", 1)
	b.Graph().AddInitializer(onnx.Int8Scalar("w", 0))
	scale := b.Constant(nil, 1)
	for range 200 {
		scale = b.Node("DequantizeLinear", []string{"w", scale, scale})
	}
	b.Relu(scale)
	if costs, err := onnx.Cost(b.Graph()); err != nil || costs.ParamBytes != 5 {
		t.Errorf("%+v, %v", costs, err)
	}
}
