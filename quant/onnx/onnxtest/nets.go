package onnxtest

import (
	"math"

	"github.com/vega-edge/vegad/quant/onnx"
)

// Nets returns the classic networks by name.
func Nets() map[string]*onnx.Model {
	return map[string]*onnx.Model{
		"residual": ResNet(1), "separable": Separable(2), "transformer": Transformer(3),
	}
}

// ResNet builds a small residual network: picture [1,3,32,32] in, ten numbers out. Its normalisations are folded
// into the convolutions.
func ResNet(seed uint64) *onnx.Model {
	b := NewBuilder("residual", seed)
	x := b.Relu(b.Conv(b.Input("image", 1, 3, 32, 32), ConvSpec{In: 3, Out: 16, Kernel: 3}))
	x = b.Node("MaxPool", []string{x}, onnx.IntsAttr("kernel_shape", 2, 2), onnx.IntsAttr("strides", 2, 2))
	channels := int64(16)
	for _, out := range []int64{16, 32, 64} {
		x = b.residual(x, channels, out)
		x = b.residual(x, out, out)
		channels = out
	}
	x = b.Node("Flatten", []string{b.Node("GlobalAveragePool", []string{x})}, onnx.IntAttr("axis", 1))
	b.Output(b.Gemm(x, channels, 10), 1, 10)
	return b.Model()
}

// residual is a block of two convolutions beside a short cut, which halves the picture when the channels change.
func (b *Builder) residual(x string, in, out int64) string {
	stride, short := int64(1), x
	if in != out {
		stride = 2
		short = b.Conv(x, ConvSpec{In: in, Out: out, Kernel: 1, Stride: stride})
	}
	y := b.Relu(b.Conv(x, ConvSpec{In: in, Out: out, Kernel: 3, Stride: stride}))
	return b.Relu(b.Add(b.Conv(y, ConvSpec{In: out, Out: out, Kernel: 3}), short))
}

// Separable builds a small network of depthwise and pointwise convolutions with ReLU6, whose depthwise channels differ
// widely in scale: picture [1,3,32,32] in, ten numbers out.
func Separable(seed uint64) *onnx.Model {
	b := NewBuilder("separable", seed)
	low, high := b.Constant(nil, 0), b.Constant(nil, 6)
	relu6 := func(x string) string { return b.Node("Clip", []string{x, low, high}) }
	x := relu6(b.Conv(b.Input("image", 1, 3, 32, 32), ConvSpec{In: 3, Out: 16, Kernel: 3, Stride: 2}))
	channels := int64(16)
	for i, out := range []int64{32, 32, 64, 64} {
		depthwise := ConvSpec{In: channels, Out: channels, Kernel: 3, Stride: 1 + int64(i%2), Group: channels, Spread: 0.6}
		x = relu6(b.Conv(x, depthwise))
		x = relu6(b.Conv(x, ConvSpec{In: channels, Out: out, Kernel: 1}))
		channels = out
	}
	x = b.Node("Reshape", []string{b.Node("GlobalAveragePool", []string{x}), b.Ints(1, channels)})
	b.Output(b.Gemm(x, channels, 10), 1, 10)
	return b.Model()
}

// Transformer builds two blocks of attention with four heads and GELU from its parts: tokens [1,32,64] in, ten numbers
// out.
func Transformer(seed uint64) *onnx.Model {
	const tokens, width = 32, 64
	b := NewBuilder("transformer", seed)
	x := b.Input("tokens", 1, tokens, width)
	for range 2 {
		x = b.Add(x, b.attention(b.LayerNorm(x, width), tokens, width))
		hidden := b.gelu(b.Linear(b.LayerNorm(x, width), width, 4*width))
		x = b.Add(x, b.Linear(hidden, 4*width, width))
	}
	x = b.Node("ReduceMean", []string{b.LayerNorm(x, width), b.Ints(1)}, onnx.IntAttr("keepdims", 0))
	b.Output(b.Gemm(x, width, 10), 1, 10)
	return b.Model()
}

func (b *Builder) attention(x string, tokens, width int64) string {
	const heads = 4
	split := func(perm ...int64) string {
		y := b.Node("Reshape", []string{b.Linear(x, width, width), b.Ints(1, tokens, heads, width/heads)})
		return b.Node("Transpose", []string{y}, onnx.IntsAttr("perm", perm...))
	}
	query := b.Node("Mul", []string{split(0, 2, 1, 3), b.Constant(nil, float32(1/math.Sqrt(float64(width)/heads)))})
	scores := b.Node("MatMul", []string{query, split(0, 2, 3, 1)})
	share := b.Node("Softmax", []string{scores}, onnx.IntAttr("axis", -1))
	y := b.Node("MatMul", []string{share, split(0, 2, 1, 3)})
	y = b.Node("Transpose", []string{y}, onnx.IntsAttr("perm", 0, 2, 1, 3))
	return b.Linear(b.Node("Reshape", []string{y, b.Ints(1, tokens, width)}), width, width)
}

// gelu is the exact form, x (1 + erf(x/sqrt 2)) / 2.
func (b *Builder) gelu(x string) string {
	erf := b.Node("Erf", []string{b.Node("Div", []string{x, b.Constant(nil, math.Sqrt2)})})
	y := b.Node("Mul", []string{x, b.Add(erf, b.Constant(nil, 1))})
	return b.Node("Mul", []string{y, b.Constant(nil, 0.5)})
}

// Normalized builds two convolutions with BatchNormalization behind each, which Separable and ResNet have folded:
// picture [1,3,16,16] in, [1,8,16,16] out.
func Normalized(seed uint64) *onnx.Model {
	b := NewBuilder("normalized", seed)
	x := b.Relu(b.BatchNorm(b.Conv(b.Input("image", 1, 3, 16, 16), ConvSpec{In: 3, Out: 8, Kernel: 3}), 8))
	b.Output(b.BatchNorm(b.Conv(x, ConvSpec{In: 8, Out: 8, Kernel: 3}), 8), 1, 8, 16, 16)
	return b.Model()
}
