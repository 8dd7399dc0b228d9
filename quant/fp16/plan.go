package fp16

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/vega-edge/vegad/quant/onnx"
)

// plan decides for each node in which precision it computes.
type plan struct {
	graph  *onnx.Graph
	opts   Options
	types  map[string]onnx.DataType
	costs  *onnx.Costs
	index  *onnx.Index
	inputs map[string]bool
	nodes  map[*onnx.Node]*Node // those that touch single precision
	order  []*onnx.Node

	constants map[string]*rounded // by name, those of single precision
	names     []string            // of these, in the graph's order
}

func newPlan(g *onnx.Graph, opts Options) (*plan, error) {
	if err := g.Sort(); err != nil {
		return nil, err
	}
	types, err := onnx.Types(g)
	if err != nil {
		return nil, err
	}
	costs, err := onnx.Cost(g)
	if err != nil {
		return nil, err
	}
	opts.Headroom = cmp.Or(opts.Headroom, 2)
	p := &plan{
		graph: g, opts: opts, types: types, costs: costs, index: g.Index(), inputs: map[string]bool{},
		nodes: map[*onnx.Node]*Node{}, constants: map[string]*rounded{},
	}
	for _, v := range g.Inputs {
		p.inputs[v.Name] = true
	}
	for _, n := range g.Nodes {
		if len(n.Outputs) > 0 && slices.ContainsFunc(slices.Concat(n.Inputs, n.Outputs), p.single) {
			p.nodes[n] = &Node{Name: cmp.Or(n.Name, n.Outputs[0]), Op: n.OpType, Half: true}
			p.order = append(p.order, n)
		}
	}
	return p, p.examine()
}

// examine refuses what is converted already and looks at every constant.
func (p *plan) examine() error {
	for _, n := range p.graph.Nodes {
		for _, name := range slices.Concat(n.Inputs, n.Outputs) {
			switch t := p.types[name]; t {
			case onnx.Float16, onnx.BFloat16:
				return fmt.Errorf("%w: %q is %s", ErrConverted, name, t)
			}
		}
		if n.Standard("QuantizeLinear", "DequantizeLinear") {
			return fmt.Errorf("%w: node %s is %s", ErrConverted, n.Label(), n.OpType)
		}
	}
	for _, t := range p.graph.Initializers {
		if t.Type != onnx.Float {
			continue
		}
		r, err := round(t)
		if err != nil {
			return err
		}
		p.constants[t.Name] = r
		p.names = append(p.names, t.Name)
	}
	return nil
}

// single tells whether a tensor is of single precision.
func (p *plan) single(name string) bool { return name != "" && p.types[name] == onnx.Float }

// isConstant tells whether a tensor is a constant that nobody can replace from outside.
func (p *plan) isConstant(name string) bool {
	return p.index.Initializer(name) != nil && !p.inputs[name]
}

// half tells whether a node computes in half precision.
func (p *plan) half(n *onnx.Node) bool { return p.nodes[n] != nil && p.nodes[n].Half }

// keep leaves a node in single precision, unless there was a reason for that before.
func (p *plan) keep(n *onnx.Node, why Reason, tensor string) {
	if node := p.nodes[n]; node != nil && node.Half {
		node.Half, node.Reason, node.Tensor = false, why, tensor
	}
}

// decide applies all reasons, each to all nodes before the next.
func (p *plan) decide() {
	for _, n := range p.order {
		if !p.known(n) {
			p.keep(n, NotKnown, "")
		}
	}
	for _, n := range p.order {
		switch {
		case n.Standard() && slices.Contains(p.opts.BlockOps, n.OpType):
			p.keep(n, BlockedOp, "")
		case p.blocked(n):
			p.keep(n, BlockedNode, "")
		case p.opts.Gates && p.isGate(n):
			p.keep(n, Gate, "")
		}
	}
	if p.opts.LastLayers {
		for _, v := range p.graph.Outputs {
			p.keepLastLayer(v.Name)
		}
	}
	for _, n := range p.order {
		p.keepLarge(n)
	}
	p.keepIslands()
}

// known tells whether the precision of everything that a node reads and makes can be followed.
func (p *plan) known(n *onnx.Node) bool {
	if !convertible(n) || n.HasSubgraph() {
		return false
	}
	made := 0
	for _, name := range n.Outputs {
		if p.types[name] == onnx.Undefined && name != "" {
			return false
		}
		if p.single(name) {
			made++
		}
	}
	for _, name := range n.Inputs {
		if p.types[name] == onnx.Undefined && name != "" {
			return false
		}
	}
	return made == 1 || n.OpType == "Split"
}

func (p *plan) blocked(n *onnx.Node) bool {
	pattern := p.opts.BlockNodes
	if pattern == nil {
		return false
	}
	if n.Name != "" && pattern.MatchString(n.Name) || slices.ContainsFunc(n.Outputs, pattern.MatchString) {
		return true
	}
	return slices.ContainsFunc(n.Inputs, func(name string) bool {
		return p.isConstant(name) && pattern.MatchString(name)
	})
}

// isGate tells a gate from an activation like x times sigmoid x.
func (p *plan) isGate(n *onnx.Node) bool {
	if !n.Standard("Sigmoid", "HardSigmoid") {
		return false
	}
	return !slices.ContainsFunc(p.index.Consumers(n.Outputs[0]), func(reader *onnx.Node) bool {
		return slices.Contains(reader.Inputs, n.Input(0))
	})
}

// keepLastLayer looks for the one layer with weights that an output depends on without another in between. An output
// that depends on several, as behind a residual addition, has no last layer in this sense.
func (p *plan) keepLastLayer(output string) {
	seen := map[*onnx.Node]bool{}
	layers := 0
	todo := []string{output}
	for len(todo) > 0 {
		n := p.index.Producer(todo[len(todo)-1])
		todo = todo[:len(todo)-1]
		if n == nil || seen[n] {
			continue
		}
		seen[n] = true
		if weighted(n) {
			layers++
			continue
		}
		for _, name := range n.Inputs {
			if p.single(name) {
				todo = append(todo, name)
			}
		}
	}
	if layers != 1 {
		return
	}
	for n := range seen {
		p.keep(n, LastLayer, output)
	}
}

// keepLarge keeps a node in single precision if something it touches does not fit half precision.
func (p *plan) keepLarge(n *onnx.Node) {
	for _, name := range slices.Concat(n.Inputs, n.Outputs) {
		if !p.single(name) {
			continue
		}
		if c := p.constants[name]; c != nil && c.found.Overflowed > 0 && p.isConstant(name) {
			p.keep(n, Overflow, name)
		}
		if largest, seen := p.opts.Ranges[name]; seen && !(largest*p.opts.Headroom <= MaxValue) { // NaN is too large
			p.keep(n, OutOfRange, name)
		}
	}
}

// keepIslands keeps connected nodes of half precision in single precision if their work is a small share of all.
func (p *plan) keepIslands() {
	work := map[*onnx.Node]float64{}
	for _, c := range p.costs.Nodes {
		work[c.Node] = float64(max(c.FLOPs, 0))
	}
	least := p.opts.MinShare * float64(p.costs.FLOPs)
	seen := map[*onnx.Node]bool{}
	for _, n := range p.order {
		if seen[n] || !p.half(n) {
			continue
		}
		island, total := p.island(n, seen), 0.0
		for _, member := range island {
			total += work[member]
		}
		if total < least {
			for _, member := range island {
				p.keep(member, TooSmall, "")
			}
		}
	}
}

// island returns the nodes of half precision that exchange tensors of theirs with n, directly or not.
func (p *plan) island(n *onnx.Node, seen map[*onnx.Node]bool) []*onnx.Node {
	seen[n] = true
	island := []*onnx.Node{n}
	for i := 0; i < len(island); i++ {
		for _, next := range p.neighbours(island[i]) {
			if !seen[next] && p.half(next) {
				seen[next] = true
				island = append(island, next)
			}
		}
	}
	return island
}

func (p *plan) neighbours(n *onnx.Node) []*onnx.Node {
	var out []*onnx.Node
	for _, name := range n.Inputs {
		if from := p.index.Producer(name); from != nil && p.single(name) {
			out = append(out, from)
		}
	}
	for _, name := range n.Outputs {
		if p.single(name) {
			out = append(out, p.index.Consumers(name)...)
		}
	}
	return out
}
