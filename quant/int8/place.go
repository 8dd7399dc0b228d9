// Package int8 converts networks to static int8 with explicit QuantizeLinear and DequantizeLinear nodes (Q/DQ), placed
// after the rules of TensorRT.
//
// Everything is symmetric with zero point 0: weights by output channel, activations by tensor. Pairs stand at the
// inputs of layers with constant weights, at both branches of a residual add behind a convolution, in front of average
// pools that follow such layers, and between a convolution and the last layers; never between a layer and its
// activation, and never around what needs precision: normalisations, softmax, gates. Last layers and biases stay
// float32. What is not known is left alone and listed.
package int8

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vega-edge/vegad/quant/onnx"
)

// Layer is a node with weights and what becomes of it.
type Layer struct {
	ID     string `json:"id"` // name of its output, which is unique
	Node   string `json:"node,omitempty"`
	Op     string `json:"op"`
	Input  string `json:"input"`  // the activation that it reads
	Weight string `json:"weight"` // the constant that it reads
	Axis   int    `json:"axis"`   // of the weights, along which every channel has its own scale
	Reason string `json:"reason"` // why it stays float32; empty if it becomes int8
}

// Quantized tells whether the layer becomes int8.
func (l Layer) Quantized() bool { return l.Reason == "" }

// Unknown is a kind of node that the quantizer does not know. Such nodes are left alone.
type Unknown struct {
	Op    string   `json:"op"` // with its domain, if that is not the standard's own
	Nodes []string `json:"nodes"`
}

// Placement says where the pairs go.
type Placement struct {
	Layers  []Layer   // all layers, in the order of the graph
	Unknown []Unknown // by operator, in the order of the graph
	// Activations are the tensors behind which a pair stands, in the order of the graph, inputs first.
	Activations []string

	readers map[string][]*onnx.Node // of each activation: the nodes that read the dequantized values
}

// ErrOldOpset is returned for models whose operators know no scale by channel.
var ErrOldOpset = errors.New("int8 weights by channel need operators of version 13 or later")

// ErrQuantized is returned for a model that holds Q/DQ nodes already.
var ErrQuantized = errors.New("the model is quantized already")

// Place decides what becomes int8. It changes nothing.
func Place(m *onnx.Model, rules Rules) (*Placement, error) {
	if v := m.Opset(""); v < 13 {
		return nil, fmt.Errorf("placing int8: %w; the model uses version %d", ErrOldOpset, v)
	}
	p := &placer{graph: m.Graph, index: m.Graph.Index(), rules: rules, int8: map[string]bool{}}
	p.out.readers = map[string][]*onnx.Node{}
	for _, n := range m.Graph.Nodes {
		if n.Standard("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear") {
			return nil, fmt.Errorf("placing int8: %w: it holds %s", ErrQuantized, n.Label())
		}
		if !known(n) {
			p.unknown(n)
		}
	}
	shapes, err := onnx.Shapes(m.Graph)
	if err != nil {
		return nil, fmt.Errorf("placing int8: %w", err)
	}
	for _, n := range m.Graph.Nodes {
		if weighted(n) {
			p.layer(n, shapes[n.Input(0)])
		}
	}
	for _, n := range m.Graph.Nodes {
		p.companion(n)
	}
	for _, n := range m.Graph.Nodes {
		p.close(n)
	}
	p.order()
	return &p.out, nil
}

type placer struct {
	graph *onnx.Graph
	index *onnx.Index
	rules Rules
	int8  map[string]bool // outputs of quantized layers
	out   Placement
}

func (p *placer) unknown(n *onnx.Node) {
	op := n.OpType
	if !n.Standard() {
		op = n.Domain + "." + op
	}
	i := slices.IndexFunc(p.out.Unknown, func(u Unknown) bool { return u.Op == op })
	if i < 0 {
		i = len(p.out.Unknown)
		p.out.Unknown = append(p.out.Unknown, Unknown{Op: op})
	}
	p.out.Unknown[i].Nodes = append(p.out.Unknown[i].Nodes, n.Label())
}

// layer decides about a node with weights.
func (p *placer) layer(n *onnx.Node, input onnx.Shape) {
	l := Layer{
		ID: n.Outputs[0], Node: n.Name, Op: n.OpType, Input: n.Input(0), Weight: n.Input(1),
		Axis: channelAxis(n, p.index.Initializer(n.Input(1))),
	}
	l.Reason = p.reason(n, input)
	if l.Quantized() {
		p.int8[l.ID] = true
		p.pair(l.Input, n)
	}
	p.out.Layers = append(p.out.Layers, l)
}

// reason says why a layer stays float32, or "" if it does not.
func (p *placer) reason(n *onnx.Node, input onnx.Shape) string {
	weight := p.index.Initializer(n.Input(1))
	switch {
	case weight == nil:
		return "its weights are computed"
	case weight.Type != onnx.Float || weight.External():
		return "its weights are not float32 inside the model"
	case p.index.Initializer(n.Input(0)) != nil:
		return "its input is constant"
	case p.rules.Keep[n.Outputs[0]]:
		return "kept by the plan"
	case matches(p.rules.Exclude, n):
		return "excluded by name"
	case slices.Contains(p.rules.KeepOps, n.OpType):
		return "excluded by operator"
	case matches(gate, n):
		return "a gate"
	case !supported(n, weight):
		return "its form has no int8 kernel"
	case !convolution(n) && vector(n, weight, input):
		return "a product of matrix and vector: moving the weights is what takes time"
	case !p.rules.QuantizeLast && p.last(n):
		return "a last layer"
	}
	return ""
}

// supported tells whether engines compute such a layer in int8.
func supported(n *onnx.Node, weight *onnx.Tensor) bool {
	switch n.OpType {
	case "Conv":
		return len(weight.Dims) >= 3
	case "ConvTranspose":
		return len(weight.Dims) >= 3 && n.Int("group", 1) == 1
	case "Gemm":
		return len(weight.Dims) == 2 && n.Int("transA", 0) == 0 && n.Float("alpha", 1) == 1 && n.Float("beta", 1) == 1
	default:
		return len(weight.Dims) == 2
	}
}

// vector tells whether one side of a matrix product is a single row or column.
func vector(n *onnx.Node, weight *onnx.Tensor, input onnx.Shape) bool {
	if weight.Dims[0] == 1 || weight.Dims[1] == 1 {
		return true
	}
	if !input.Known() || len(input) == 0 {
		return false
	}
	rows := int64(1)
	for _, d := range input[:len(input)-1] {
		rows *= d
	}
	return rows == 1
}

// channelAxis is the axis of the weights along which the output's channels lie.
func channelAxis(n *onnx.Node, weight *onnx.Tensor) int {
	switch {
	case n.OpType == "ConvTranspose", n.OpType == "Gemm" && n.Int("transB", 0) == 0:
		return 1
	case n.OpType == "MatMul" && weight != nil:
		return max(len(weight.Dims)-1, 0)
	}
	return 0
}

// last tells whether what the node computes reaches an output without passing another layer. A residual add ends the
// search: what is added to a stream is no answer yet.
func (p *placer) last(n *onnx.Node) bool {
	seen := map[*onnx.Node]bool{}
	queue := []*onnx.Node{n}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, name := range at.Outputs {
			if p.index.IsOutput(name) {
				return true
			}
			for _, next := range p.index.Consumers(name) {
				if !seen[next] && !weighted(next) && !p.residual(next) {
					seen[next] = true
					queue = append(queue, next)
				}
			}
		}
	}
	return false
}

// residual tells whether a node adds two computed tensors.
func (p *placer) residual(n *onnx.Node) bool {
	return n.Standard("Add") && len(n.Inputs) == 2 && p.computed(n.Inputs[0]) && p.computed(n.Inputs[1])
}

func (p *placer) computed(name string) bool {
	maker := p.index.Producer(name)
	if maker == nil {
		return p.index.Initializer(name) == nil
	}
	return !maker.Standard("Constant")
}

// companion gives pairs to nodes that work in int8 when the layers around them do.
func (p *placer) companion(n *onnx.Node) {
	if matches(p.rules.Exclude, n) || matches(gate, n) {
		return
	}
	switch {
	case p.residual(n) && (p.convolved(n.Inputs[0]) || p.convolved(n.Inputs[1])):
		p.pair(n.Inputs[0], n)
		p.pair(n.Inputs[1], n)
	case pool(n) && p.convolved(n.Input(0)):
		p.pair(n.Inputs[0], n)
	}
}

// close puts a pair between a quantized convolution and the last layers, where only they read it. They compute in
// float32 all the same, but the convolution may end in int8: a kernel that gives float32 is slow on a GPU and missing
// on a CPU, which then runs the whole convolution in float32.
func (p *placer) close(n *onnx.Node) {
	if !convolution(n) || !p.int8[n.Outputs[0]] {
		return
	}
	out, readers := n.Outputs[0], p.index.Consumers(n.Outputs[0])
	for len(readers) == 1 && activation(readers[0]) && !p.index.IsOutput(out) {
		out, readers = readers[0].Outputs[0], p.index.Consumers(readers[0].Outputs[0])
	}
	if p.index.IsOutput(out) || slices.ContainsFunc(readers, func(r *onnx.Node) bool { return !convolution(r) }) {
		return
	}
	for _, r := range readers {
		p.pair(out, r)
	}
}

// convolved tells whether a tensor is the result of a quantized convolution, with or without an activation.
func (p *placer) convolved(name string) bool {
	maker := p.index.Producer(name)
	for maker != nil && activation(maker) {
		maker = p.index.Producer(maker.Input(0))
	}
	return maker != nil && convolution(maker) && p.int8[maker.Outputs[0]]
}

// pair asks for a pair behind a tensor, for one reader.
func (p *placer) pair(tensor string, reader *onnx.Node) {
	if !slices.Contains(p.out.readers[tensor], reader) {
		p.out.readers[tensor] = append(p.out.readers[tensor], reader)
	}
}

// order lists the activations: inputs first, then in the order in which the nodes make them.
func (p *placer) order() {
	add := func(name string) {
		if p.out.readers[name] != nil {
			p.out.Activations = append(p.out.Activations, name)
		}
	}
	for _, v := range p.graph.Inputs {
		add(v.Name)
	}
	for _, n := range p.graph.Nodes {
		for _, name := range n.Outputs {
			add(name)
		}
	}
}
