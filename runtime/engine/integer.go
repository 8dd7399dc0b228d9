package engine

import (
	"math"

	"github.com/vega-edge/vegad/quant/onnx"
)

// products prepares the matrix products of a quantized graph for ONNX Runtime's CPU kernels, which take a product and
// its pairs as one step only in certain forms. In others they dequantize the weights anew in every run.
type products struct {
	graph  *onnx.Graph
	index  *onnx.Index
	names  *onnx.Names
	shapes map[string]onnx.Shape
}

// settle changes a node that adds a bias to a product.
func (p *products) settle(n *onnx.Node) {
	if n.Standard("Gemm") && n.Float("alpha", 1) == 1 && n.Float("beta", 1) == 1 {
		p.bind(n, n, 2)
	}
	if !n.Standard("Add") || len(n.Inputs) != 2 {
		return
	}
	for at, name := range n.Inputs {
		product := p.index.Producer(n.Inputs[1-at])
		if product == nil || !product.Standard("MatMul") || p.floats(name) == nil {
			continue
		}
		if len(p.shapes[product.Outputs[0]]) > 2 {
			p.negate(product, n, at)
		} else {
			p.bind(product, n, at)
		}
		return
	}
}

// negate subtracts the negated bias instead of adding it. Of an addition behind a product of more than two dimensions
// the runtime makes a Gemm, with a Reshape in front that separates the product from its pairs.
func (p *products) negate(product, add *onnx.Node, at int) {
	if p.scales(product.Input(0)) == nil || p.scales(product.Input(1)) == nil {
		return
	}
	t := p.index.Initializer(add.Inputs[at])
	values := p.floats(t.Name)
	for i := range values {
		values[i] = -values[i]
	}
	name := p.names.Unique(t.Name + "_negated")
	p.graph.AddInitializer(onnx.FloatTensor(name, t.Dims, values))
	add.OpType, add.Inputs = "Sub", []string{add.Inputs[1-at], name}
}

// bind gives a product an integer bias, in steps of what one unit of its integer product is worth.
func (p *products) bind(product, adds *onnx.Node, at int) {
	x, w, bias := p.scales(product.Input(0)), p.scales(product.Input(1)), p.floats(adds.Input(at))
	if len(x) != 1 || len(w) == 0 || len(bias) == 0 || len(w) != 1 && len(w) != len(bias) {
		return
	}
	units := make([]float32, len(w))
	for i := range w {
		units[i] = x[0] * w[i]
	}
	values := make([]int32, len(bias))
	for i, b := range bias {
		level := math.RoundToEven(float64(b) / float64(units[i%len(units)]))
		if math.IsNaN(level) || math.Abs(level) > math.MaxInt32 {
			return
		}
		values[i] = int32(level)
	}
	p.replace(adds, at, integerBias{values, units})
}

type integerBias struct {
	values []int32
	units  []float32 // one, or one for each value
}

// replace stores the bias as integers with a DequantizeLinear in front of the node that adds it.
func (p *products) replace(n *onnx.Node, at int, bias integerBias) {
	base, values, units := n.Inputs[at], bias.values, bias.units
	integers, scale := p.names.Unique(base+"_int32"), p.names.Unique(base+"_scale")
	out := p.names.Unique(base + "_dequantized")
	p.graph.AddInitializer(onnx.Int32Tensor(integers, []int64{int64(len(values))}, values))
	dq := &onnx.Node{
		Name: p.names.Unique(base + "_DequantizeLinear"), OpType: "DequantizeLinear",
		Inputs: []string{integers, scale}, Outputs: []string{out},
	}
	if len(units) == 1 {
		p.graph.AddInitializer(onnx.FloatScalar(scale, units[0]))
	} else {
		p.graph.AddInitializer(onnx.FloatTensor(scale, []int64{int64(len(units))}, units))
		dq.Set(onnx.IntAttr("axis", 0))
	}
	p.graph.InsertBefore(n, dq)
	n.Inputs[at] = out
}

// scales returns the scales of the DequantizeLinear that gives a tensor, or nil if none does.
func (p *products) scales(name string) []float32 {
	n := p.index.Producer(name)
	if n == nil || !n.Standard("DequantizeLinear") {
		return nil
	}
	return p.floats(n.Input(1))
}

// floats returns a constant's values, or nil if the tensor is no float32 constant.
func (p *products) floats(name string) []float32 {
	t := p.index.Initializer(name)
	if t == nil || t.Type != onnx.Float {
		return nil
	}
	values, err := t.Floats()
	if err != nil {
		return nil
	}
	return values
}
