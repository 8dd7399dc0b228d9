package onnx

import (
	"math"
	"slices"
)

// Costs says what one run of a graph takes.
type Costs struct {
	Nodes           []NodeCost // in the order in which they run
	FLOPs           int64      // sum over the nodes that are known
	ParamBytes      int64      // of all constants, each once
	ActivationBytes int64      // of everything the nodes make
	Unknown         int        // nodes of which the work is not known
}

// NodeCost says what one node takes. Sums that overflow stay at the largest number.
type NodeCost struct {
	Node            *Node
	FLOPs           int64    // a multiplication and an addition count as two; -1 if it is not known
	ParamBytes      int64    // of the constants it is the first to read, those behind its DequantizeLinear included
	ActivationBytes int64    // of what it makes
	Shape           Shape    // of its first output, nil if unknown
	Type            DataType // of the arithmetic: Int8 where all it multiplies comes out of DequantizeLinear
}

// Cost counts the work of every node. Moving data costs nothing, comparing counts like adding, a transcendental
// function counts as one.
func Cost(g *Graph) (*Costs, error) {
	shapes, err := Shapes(g)
	if err != nil {
		return nil, err
	}
	types, err := Types(g)
	if err != nil {
		return nil, err
	}
	order, err := g.order()
	if err != nil {
		return nil, err
	}
	c := &counter{shapes: shapes, types: types, index: g.Index(), counted: map[string]bool{}}
	costs := &Costs{}
	for _, n := range order {
		cost := c.node(n)
		costs.Nodes = append(costs.Nodes, cost)
		costs.ParamBytes = plus(costs.ParamBytes, cost.ParamBytes)
		costs.ActivationBytes = plus(costs.ActivationBytes, cost.ActivationBytes)
		if cost.FLOPs < 0 {
			costs.Unknown++
			continue
		}
		costs.FLOPs = plus(costs.FLOPs, cost.FLOPs)
	}
	return costs, nil
}

// counter holds what the counting needs to know.
type counter struct {
	shapes  map[string]Shape
	types   map[string]DataType
	index   *Index
	counted map[string]bool // constants that some node has paid for
}

func (c *counter) node(n *Node) NodeCost {
	cost := NodeCost{Node: n, FLOPs: c.flops(n), Type: c.arithmetic(n)}
	for i, name := range n.Outputs {
		shape := c.shapes[name]
		if i == 0 {
			cost.Shape = shape
		}
		if elements, err := shape.Elements(); err == nil && shape != nil {
			cost.ActivationBytes = plus(cost.ActivationBytes, c.types[name].Bytes(elements))
		}
	}
	if !c.dequantizesConstant(n) {
		for _, name := range n.Inputs {
			cost.ParamBytes = plus(cost.ParamBytes, c.constant(name))
		}
	}
	return cost
}

// dequantizesConstant tells whether a node only unpacks weights for another, which then pays for them.
func (c *counter) dequantizesConstant(n *Node) bool {
	return n.Standard("DequantizeLinear") && c.index.Initializer(n.Input(0)) != nil
}

// constant returns the bytes of a constant that nobody has paid for yet.
func (c *counter) constant(name string) int64 {
	if c.counted[name] {
		return 0
	}
	c.counted[name] = true
	if from := c.index.Producer(name); from != nil && c.dequantizesConstant(from) {
		total := int64(0)
		for _, input := range from.Inputs {
			total = plus(total, c.constant(input))
		}
		return total
	}
	t := c.index.Initializer(name)
	if t == nil {
		return 0
	}
	return t.Type.Bytes(t.Elements())
}

// arithmetic returns the type in which a node computes.
func (c *counter) arithmetic(n *Node) DataType {
	if n.Standard("Conv", "ConvTranspose", "Gemm", "MatMul") {
		a, b := c.packed(n.Input(0)), c.packed(n.Input(1))
		if a != Undefined && b != Undefined {
			return b
		}
	}
	if t := c.types[n.Input(0)]; t != Undefined && !n.Standard("Cast", "QuantizeLinear", "DequantizeLinear") {
		return t
	}
	if len(n.Outputs) == 0 {
		return Undefined
	}
	return c.types[n.Outputs[0]]
}

// packed returns the type of what DequantizeLinear unpacks into a tensor, or Undefined if something else makes it.
func (c *counter) packed(name string) DataType {
	if from := c.index.Producer(name); from != nil && from.Standard("DequantizeLinear") {
		return c.types[from.Input(0)]
	}
	return Undefined
}

// flops returns the work of a node, or -1 if it is not known.
func (c *counter) flops(n *Node) int64 {
	if !n.Standard() || len(n.Outputs) == 0 || ruleOf(n.OpType) == nil && n.OpType != "Split" {
		return -1
	}
	if movesData(n.OpType) {
		return 0
	}
	in, out := c.elements(n.Input(0)), c.elements(n.Outputs[0])
	if in < 0 || out < 0 {
		return -1
	}
	switch n.OpType {
	case "Conv", "ConvTranspose", "Gemm", "MatMul":
		return c.products(n, in, out)
	case "MaxPool", "AveragePool", "LpPool":
		per, err := Shape(n.Ints("kernel_shape")).Elements()
		if err != nil {
			return -1
		}
		return times(out, per)
	case "Softmax", "LogSoftmax", "LayerNormalization", "RMSNormalization", "InstanceNormalization",
		"GroupNormalization", "LpNormalization", "MeanVarianceNormalization":
		return times(5, in) // two passes to find the scale, one to apply it
	case "BatchNormalization", "QuantizeLinear", "DequantizeLinear":
		return times(2, out)
	}
	return max(in, out) // reductions look at every input, the rest makes every output
}

// products counts the multiplications and additions of an operator with weights.
func (c *counter) products(n *Node, in, out int64) int64 {
	a, w := c.shapes[n.Input(0)], c.shapes[n.Input(1)]
	var work int64
	switch {
	case !a.Known() || !w.Known() || len(w) == 0 || len(a) == 0:
		return -1
	case n.OpType == "Conv" || n.OpType == "ConvTranspose":
		taps, err := w[1:].Elements() // of an output's kernel, or of all an input goes to
		if err != nil {
			return -1
		}
		places := out
		if n.OpType == "ConvTranspose" {
			places = in
		}
		work = times(times(2, places), taps)
	case n.OpType == "Gemm" && n.Int("transA", 0) != 0:
		work = times(times(2, out), a[0])
	default:
		work = times(times(2, out), a[len(a)-1])
	}
	if n.Input(2) != "" {
		work = plus(work, out)
	}
	return work
}

func (c *counter) elements(name string) int64 {
	shape := c.shapes[name]
	n, err := shape.Elements()
	if err != nil || shape == nil {
		return -1
	}
	return n
}

func movesData(op string) bool {
	return slices.Contains([]string{
		"Identity", "Cast", "CastLike", "Concat", "Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Slice",
		"Gather", "Expand", "Pad", "Tile", "Split", "Shape", "Size", "Constant", "ConstantOfShape", "Dropout",
		"DepthToSpace", "SpaceToDepth", "Trilu", "Where",
	}, op)
}

func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

func times(a, b int64) int64 {
	if b > 0 && a > math.MaxInt64/b {
		return math.MaxInt64
	}
	return a * b
}
