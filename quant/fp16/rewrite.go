package fp16

import (
	"fmt"

	"github.com/vega-edge/vegad/quant/onnx"
)

// alias holds the names of one tensor in its two precisions.
type alias struct{ single, half string }

// rewriter builds the graph anew as planned.
type rewriter struct {
	*plan
	unused  *onnx.Names
	aliases map[string]alias
	exists  map[string]bool // names that stand for something by now
	built   []*onnx.Node
	casts   int
}

func newRewriter(p *plan) (*rewriter, error) {
	r := &rewriter{plan: p, unused: p.graph.Names(), aliases: map[string]alias{}, exists: map[string]bool{}}
	if p.opts.HalfIO {
		for _, list := range [][]*onnx.Value{p.graph.Inputs, p.graph.Outputs} {
			if err := r.halve(list); err != nil {
				return nil, err
			}
		}
	}
	for _, v := range p.graph.Inputs {
		r.exists[v.Name] = true
	}
	for _, t := range p.graph.Initializers {
		r.exists[t.Name] = true
	}
	return r, nil
}

// halve declares inputs or outputs in half precision; what is in single precision goes by a new name there.
func (r *rewriter) halve(values []*onnx.Value) error {
	for _, v := range values {
		if !r.single(v.Name) || r.index.Initializer(v.Name) != nil {
			continue
		}
		for _, n := range r.index.Consumers(v.Name) {
			if n.HasSubgraph() {
				return fmt.Errorf("%q cannot be in half precision: node %s, which has a subgraph, reads it", v.Name, n.Label())
			}
		}
		v.Type = onnx.Float16
		if _, known := r.aliases[v.Name]; !known {
			r.aliases[v.Name] = alias{single: r.unused.Unique(v.Name + "_fp32"), half: v.Name}
		}
	}
	return nil
}

func (r *rewriter) alias(name string) alias {
	a, known := r.aliases[name]
	if !known {
		a = alias{single: name, half: r.unused.Unique(name + "_fp16")}
		r.aliases[name] = a
	}
	return a
}

// rewrite replaces the nodes of the graph.
func (r *rewriter) rewrite() {
	for _, n := range r.graph.Nodes {
		half := r.half(n)
		for i, name := range n.Inputs {
			if r.single(name) {
				n.Inputs[i] = r.in(name, half && follows(n, i))
			}
		}
		if n.HasSubgraph() {
			r.forSubgraphs(n)
		}
		for i, name := range n.Outputs {
			if r.single(name) {
				n.Outputs[i] = r.make(name, half)
			}
		}
		r.built = append(r.built, n)
	}
	for _, v := range r.graph.Outputs {
		if r.single(v.Name) {
			r.in(v.Name, v.Type == onnx.Float16)
		}
	}
	r.graph.Nodes = r.built
	r.graph.DropUnused()
}

// make names what a node is about to make.
func (r *rewriter) make(name string, half bool) string {
	a := r.alias(name)
	out := a.single
	if half {
		out = a.half
	}
	r.exists[out] = true
	return out
}

// in returns the name of a tensor in the wanted precision, and sees to it that it exists.
func (r *rewriter) in(name string, half bool) string {
	if !half && r.isConstant(name) {
		return name
	}
	a := r.alias(name)
	want, have, to := a.single, a.half, onnx.Float
	if half {
		want, have, to = a.half, a.single, onnx.Float16
	}
	if r.exists[want] {
		return want
	}
	r.exists[want] = true
	if half && r.isConstant(name) {
		dims := r.index.Initializer(name).Dims
		r.graph.AddInitializer(onnx.Float16Tensor(want, dims, r.constants[name].values))
		return want
	}
	r.casts++
	r.built = append(r.built, &onnx.Node{
		Name: r.unused.Unique("cast_" + want), OpType: "Cast", Inputs: []string{have}, Outputs: []string{want},
		Attributes: []*onnx.Attribute{onnx.IntAttr("to", int64(to))},
	})
	return want
}

// forSubgraphs makes everything in single precision that the subgraphs of a node take from around them: they go by
// the original names.
func (r *rewriter) forSubgraphs(n *onnx.Node) {
	for _, name := range n.Captured() {
		if r.single(name) {
			r.in(name, false)
		}
	}
}

// report lists the decisions and what they did.
func (r *rewriter) report() *Report {
	out := &Report{Casts: r.casts, Nodes: make([]Node, 0, len(r.order)), Tensors: []Tensor{}}
	for _, n := range r.order {
		out.Nodes = append(out.Nodes, *r.nodes[n])
	}
	for _, name := range r.names {
		found := r.constants[name].found
		found.Half = r.isConstant(name) && r.exists[r.alias(name).half]
		if found.harmed() {
			out.Tensors = append(out.Tensors, found)
		}
	}
	return out
}
