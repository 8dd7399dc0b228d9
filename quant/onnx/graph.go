package onnx

import (
	"fmt"
	"iter"
	"maps"
	"slices"
)

// Graph is the network: nodes that read and make tensors, which go by name.
type Graph struct {
	Name         string
	Nodes        []*Node
	Initializers []*Tensor // constants by name
	Inputs       []*Value  // may name initialisers too, in old models
	Outputs      []*Value
	Values       []*Value // what the model says about the tensors in between; may be empty

	sparse []string // names of sparse initialisers
	extra  []byte   // fields that are not decoded
}

// The fields of a graph.
const (
	graphNode        = 1
	graphName        = 2
	graphInitializer = 5
	graphInput       = 11
	graphOutput      = 12
	graphValue       = 13
	graphSparse      = 15
)

func (p *parser) graph(f field) (*Graph, error) {
	data, err := f.bytes()
	if err != nil {
		return nil, err
	}
	if p.depth++; p.depth > maxDepth {
		return nil, fmt.Errorf("more than %d graphs stand in one another", maxDepth)
	}
	defer func() { p.depth-- }()
	g := &Graph{}
	if err := p.message(data, func(f field) error { return p.graphField(g, f) }); err != nil {
		return nil, fmt.Errorf("graph %q: %w", g.Name, err)
	}
	return g, nil
}

func (p *parser) graphField(g *Graph, f field) error {
	switch f.number {
	case graphNode:
		n, err := p.node(f)
		g.Nodes = append(g.Nodes, n)
		return err
	case graphName:
		return f.text(&g.Name)
	case graphInitializer:
		t, err := p.tensor(f)
		g.Initializers = append(g.Initializers, t)
		return err
	case graphInput:
		return p.value(&g.Inputs, f)
	case graphOutput:
		return p.value(&g.Outputs, f)
	case graphValue:
		return p.value(&g.Values, f)
	case graphSparse:
		if err := p.sparse(g, f); err != nil {
			return err
		}
	}
	g.extra = append(g.extra, f.raw...)
	return nil
}

func (g *Graph) encode() *encoder {
	e := &encoder{}
	for _, n := range g.Nodes {
		e.message(graphNode, n.encode())
	}
	e.optionalText(graphName, g.Name)
	for _, t := range g.Initializers {
		e.message(graphInitializer, t.encode())
	}
	for _, v := range g.Inputs {
		e.message(graphInput, v.encode())
	}
	for _, v := range g.Outputs {
		e.message(graphOutput, v.encode())
	}
	for _, v := range g.Values {
		e.message(graphValue, v.encode())
	}
	e.raw(g.extra)
	return e
}

// Initializer returns the constant of that name, or nil.
func (g *Graph) Initializer(name string) *Tensor {
	for _, t := range g.Initializers {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// tensors visits all tensors of the graph, those in attributes too.
func (g *Graph) tensors() iter.Seq[*Tensor] {
	return func(yield func(*Tensor) bool) {
		for _, t := range g.Initializers {
			if !yield(t) {
				return
			}
		}
		for _, n := range g.Nodes {
			for _, a := range n.Attributes {
				if !a.tensors(yield) {
					return
				}
			}
		}
	}
}

func (a *Attribute) tensors(yield func(*Tensor) bool) bool {
	if a.Tensor != nil && !yield(a.Tensor) {
		return false
	}
	for _, t := range a.Tensors {
		if !yield(t) {
			return false
		}
	}
	return true
}

// given returns the names that exist before any node runs.
func (g *Graph) given() map[string]bool {
	names := map[string]bool{}
	for _, v := range g.Inputs {
		names[v.Name] = true
	}
	for _, t := range g.Initializers {
		names[t.Name] = true
	}
	for _, name := range g.sparse {
		names[name] = true
	}
	return names
}

// Node is one operation.
type Node struct {
	Name       string // may be empty; nothing refers to it
	OpType     string
	Domain     string   // of the operator; empty for the standard's own
	Inputs     []string // an empty name stands for an optional input that is left out
	Outputs    []string // likewise
	Attributes []*Attribute

	extra []byte // fields that are not decoded
}

// The fields of a node.
const (
	nodeInput     = 1
	nodeOutput    = 2
	nodeName      = 3
	nodeOpType    = 4
	nodeAttribute = 5
	nodeDomain    = 7
)

func (p *parser) node(f field) (*Node, error) {
	data, err := f.bytes()
	if err != nil {
		return nil, err
	}
	n := &Node{}
	if err := p.message(data, func(f field) error { return p.nodeField(n, f) }); err != nil {
		return nil, fmt.Errorf("node %s: %w", n.Label(), err)
	}
	return n, nil
}

func (p *parser) nodeField(n *Node, f field) error {
	switch f.number {
	case nodeInput:
		return f.texts(&n.Inputs)
	case nodeOutput:
		return f.texts(&n.Outputs)
	case nodeName:
		return f.text(&n.Name)
	case nodeOpType:
		return f.text(&n.OpType)
	case nodeAttribute:
		a, err := p.attribute(f)
		n.Attributes = append(n.Attributes, a)
		return err
	case nodeDomain:
		return f.text(&n.Domain)
	}
	n.extra = append(n.extra, f.raw...)
	return nil
}

func (n *Node) encode() *encoder {
	e := &encoder{}
	e.texts(nodeInput, n.Inputs)
	e.texts(nodeOutput, n.Outputs)
	e.optionalText(nodeName, n.Name)
	e.text(nodeOpType, n.OpType)
	for _, a := range n.Attributes {
		e.message(nodeAttribute, a.encode())
	}
	e.optionalText(nodeDomain, n.Domain)
	e.raw(n.extra)
	return e
}

// Label names the node for people: by its name, else by its first output and operator.
func (n *Node) Label() string {
	switch {
	case n.Name != "":
		return fmt.Sprintf("%q", n.Name)
	case len(n.Outputs) > 0:
		return fmt.Sprintf("%q (%s)", n.Outputs[0], n.OpType)
	}
	return fmt.Sprintf("without a name (%s)", n.OpType)
}

// Standard tells whether the node is one of the standard's operators, and one of ops if there are any.
func (n *Node) Standard(ops ...string) bool {
	return standardDomain(n.Domain) && (len(ops) == 0 || slices.Contains(ops, n.OpType))
}

// Input returns the name of an input, or "" if there is none at that place.
func (n *Node) Input(i int) string {
	if i < 0 || i >= len(n.Inputs) {
		return ""
	}
	return n.Inputs[i]
}

// HasSubgraph tells whether the node runs graphs of its own. They may read tensors that are not among its inputs.
func (n *Node) HasSubgraph() bool {
	return slices.ContainsFunc(n.Attributes, func(a *Attribute) bool {
		return a.Type == GraphAttribute || a.Type == GraphsAttribute
	})
}

// Captured returns the names that the node's subgraphs take from the graph around them.
func (n *Node) Captured() []string {
	var names []string
	for _, a := range n.Attributes {
		names = append(names, a.reads...)
	}
	return names
}

// reads visits what the node needs: its inputs, and what its subgraphs take from around them.
func (n *Node) reads() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, name := range n.Inputs {
			if name != "" && !yield(name) {
				return
			}
		}
		for _, a := range n.Attributes {
			for _, name := range a.reads {
				if !yield(name) {
					return
				}
			}
		}
	}
}

// Attribute returns the attribute of that name, or nil.
func (n *Node) Attribute(name string) *Attribute {
	for _, a := range n.Attributes {
		if a.Name == name {
			return a
		}
	}
	return nil
}

// Int returns an attribute's number, or otherwise if there is no such attribute of that type.
func (n *Node) Int(name string, otherwise int64) int64 {
	if a := n.Attribute(name); a != nil && a.Type == IntAttribute {
		return a.Int
	}
	return otherwise
}

// Ints returns an attribute's list, or nil if there is no such attribute of that type.
func (n *Node) Ints(name string) []int64 {
	if a := n.Attribute(name); a != nil && a.Type == IntsAttribute {
		return a.Ints
	}
	return nil
}

// Float returns an attribute's number, or otherwise if there is no such attribute of that type.
func (n *Node) Float(name string, otherwise float32) float32 {
	if a := n.Attribute(name); a != nil && a.Type == FloatAttribute {
		return a.Float
	}
	return otherwise
}

// Text returns an attribute's text, or otherwise if there is no such attribute of that type.
func (n *Node) Text(name, otherwise string) string {
	if a := n.Attribute(name); a != nil && a.Type == StringAttribute {
		return a.String
	}
	return otherwise
}

// Set adds an attribute or replaces the one of the same name.
func (n *Node) Set(a *Attribute) {
	for i, old := range n.Attributes {
		if old.Name == a.Name {
			n.Attributes[i] = a
			return
		}
	}
	n.Attributes = append(n.Attributes, a)
}

// names returns every name of a tensor in the graph.
func (g *Graph) names() map[string]bool {
	names := g.given()
	for _, n := range g.Nodes {
		for _, out := range n.Outputs {
			names[out] = true
		}
		maps.Insert(names, marked(n.reads()))
	}
	for _, v := range slices.Concat(g.Outputs, g.Values) {
		names[v.Name] = true
	}
	return names
}

func marked(names iter.Seq[string]) iter.Seq2[string, bool] {
	return func(yield func(string, bool) bool) {
		for name := range names {
			if !yield(name, true) {
				return
			}
		}
	}
}
