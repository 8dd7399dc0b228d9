// Package onnxtest builds networks with random weights for tests. The same seed gives the same network.
package onnxtest

import (
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/vega-edge/vegad/quant/onnx"
)

// Builder puts a graph together node by node. Tensors go by name; every method that adds a node returns the name of
// its output.
type Builder struct {
	graph  *onnx.Graph
	random *rand.Rand
	used   int
}

// NewBuilder returns an empty graph whose weights will be drawn from seed.
func NewBuilder(name string, seed uint64) *Builder {
	return &Builder{graph: &onnx.Graph{Name: name}, random: rand.New(rand.NewPCG(seed, 1))}
}

// Input declares an input of type Float.
func (b *Builder) Input(name string, dims ...int64) string {
	b.graph.Inputs = append(b.graph.Inputs, onnx.NewValue(name, onnx.Float, dims...))
	return name
}

// Output declares x, a tensor of type Float, as an output.
func (b *Builder) Output(x string, dims ...int64) {
	b.graph.Outputs = append(b.graph.Outputs, onnx.NewValue(x, onnx.Float, dims...))
}

// Node adds a standard operator with one output.
func (b *Builder) Node(op string, inputs []string, attributes ...*onnx.Attribute) string {
	name := b.fresh(op)
	b.graph.Nodes = append(b.graph.Nodes, &onnx.Node{
		Name: "node_" + name, OpType: op, Inputs: inputs, Outputs: []string{name}, Attributes: attributes,
	})
	return name
}

func (b *Builder) fresh(kind string) string {
	b.used++
	return kind + "_" + strconv.Itoa(b.used)
}

// Constant adds an initialiser of type Float.
func (b *Builder) Constant(dims []int64, values ...float32) string {
	name := b.fresh("constant")
	b.graph.AddInitializer(onnx.FloatTensor(name, dims, values))
	return name
}

// Ints adds an initialiser of type Int64 with one dimension.
func (b *Builder) Ints(values ...int64) string {
	name := b.fresh("ints")
	b.graph.AddInitializer(onnx.Int64Tensor(name, []int64{int64(len(values))}, values))
	return name
}

// Weights adds an initialiser with normally distributed values, scaled so that a sum over fanIn of them keeps the
// variance through a ReLU.
func (b *Builder) Weights(fanIn int64, dims ...int64) string {
	return b.Constant(dims, b.normal(product(dims), math.Sqrt(2/float64(fanIn)))...)
}

func (b *Builder) normal(n int64, sigma float64) []float32 {
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(sigma * b.random.NormFloat64())
	}
	return values
}

func product(dims []int64) int64 {
	n := int64(1)
	for _, d := range dims {
		n *= d
	}
	return n
}

// ConvSpec describes a convolution with a square kernel, a bias and zero padding that keeps the size for stride 1.
type ConvSpec struct {
	In, Out, Kernel int64
	Stride, Group   int64   // 0 stands for 1
	Spread          float64 // standard deviation of the natural logarithm of each output channel's scale
}

// Conv adds a convolution with random weights.
func (b *Builder) Conv(x string, s ConvSpec) string {
	s.Stride, s.Group = max(s.Stride, 1), max(s.Group, 1)
	dims := []int64{s.Out, s.In / s.Group, s.Kernel, s.Kernel}
	per := product(dims[1:])
	values := b.normal(product(dims), math.Sqrt(2/float64(per)))
	for c := range s.Out {
		scale := float32(math.Exp(s.Spread * b.random.NormFloat64()))
		for i := range per {
			values[c*per+i] *= scale
		}
	}
	w, bias := b.Constant(dims, values...), b.Constant([]int64{s.Out}, b.normal(s.Out, 0.1)...)
	pad := s.Kernel / 2
	return b.Node("Conv", []string{x, w, bias},
		onnx.IntsAttr("kernel_shape", s.Kernel, s.Kernel), onnx.IntsAttr("strides", s.Stride, s.Stride),
		onnx.IntsAttr("pads", pad, pad, pad, pad), onnx.IntAttr("group", s.Group))
}

// Linear multiplies the last dimension with a random matrix and adds a random row: MatMul and Add.
func (b *Builder) Linear(x string, in, out int64) string {
	w := b.Constant([]int64{in, out}, b.normal(in*out, math.Sqrt(1/float64(in)))...)
	bias := b.Constant([]int64{out}, b.normal(out, 0.1)...)
	return b.Node("Add", []string{b.Node("MatMul", []string{x, w}), bias})
}

// Gemm is Linear in one node, for an input of two dimensions.
func (b *Builder) Gemm(x string, in, out int64) string {
	w := b.Constant([]int64{out, in}, b.normal(in*out, math.Sqrt(1/float64(in)))...)
	bias := b.Constant([]int64{out}, b.normal(out, 0.1)...)
	return b.Node("Gemm", []string{x, w, bias}, onnx.IntAttr("transB", 1))
}

// Relu adds an activation.
func (b *Builder) Relu(x string) string { return b.Node("Relu", []string{x}) }

// Add adds two tensors.
func (b *Builder) Add(x, y string) string { return b.Node("Add", []string{x, y}) }

// LayerNorm normalises the last dimension.
func (b *Builder) LayerNorm(x string, size int64) string {
	gain, shift := b.normal(size, 0.2), b.normal(size, 0.2)
	for i := range gain {
		gain[i]++
	}
	return b.Node("LayerNormalization",
		[]string{x, b.Constant([]int64{size}, gain...), b.Constant([]int64{size}, shift...)},
		onnx.IntAttr("axis", -1), onnx.FloatAttr("epsilon", 1e-5))
}

// BatchNorm scales and shifts every channel.
func (b *Builder) BatchNorm(x string, channels int64) string {
	dims := []int64{channels}
	gain, variance := b.normal(channels, 0.2), b.normal(channels, 0.2)
	for i := range gain {
		gain[i]++
		variance[i] = 1 + variance[i]*variance[i]
	}
	return b.Node("BatchNormalization", []string{
		x, b.Constant(dims, gain...), b.Constant(dims, b.normal(channels, 0.1)...),
		b.Constant(dims, b.normal(channels, 0.1)...), b.Constant(dims, variance...),
	})
}

// Graph returns the graph as far as it is.
func (b *Builder) Graph() *onnx.Graph { return b.graph }

// Model returns the finished model, of operator set 18.
func (b *Builder) Model() *onnx.Model {
	return &onnx.Model{IRVersion: 8, Producer: "vegad", Opsets: []onnx.Opset{{Version: 18}}, Graph: b.graph}
}

// Inputs draws normally distributed values for every input of a model. Inputs must have fixed shapes.
func Inputs(m *onnx.Model, seed uint64) map[string][]float32 {
	b := NewBuilder("", seed)
	inputs := map[string][]float32{}
	for _, v := range m.Graph.Inputs {
		inputs[v.Name] = b.normal(product(v.Shape()), 1)
	}
	return inputs
}
