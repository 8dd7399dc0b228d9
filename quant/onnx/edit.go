package onnx

import (
	"slices"
	"strconv"
)

// Index answers who makes and who reads each tensor. It is a snapshot: changes of the graph do not show in it.
type Index struct {
	producers map[string]*Node
	consumers map[string][]*Node
	constants map[string]*Tensor
	outputs   map[string]bool
}

// Index looks over the whole graph once.
func (g *Graph) Index() *Index {
	ix := &Index{
		producers: map[string]*Node{}, consumers: map[string][]*Node{}, constants: map[string]*Tensor{},
		outputs: map[string]bool{},
	}
	for _, n := range g.Nodes {
		for _, name := range n.Outputs {
			if name != "" {
				ix.producers[name] = n
			}
		}
		for name := range n.reads() {
			if readers := ix.consumers[name]; len(readers) == 0 || readers[len(readers)-1] != n {
				ix.consumers[name] = append(readers, n)
			}
		}
	}
	for _, t := range g.Initializers {
		ix.constants[t.Name] = t
	}
	for _, v := range g.Outputs {
		ix.outputs[v.Name] = true
	}
	return ix
}

// Producer returns the node that makes a tensor, or nil for inputs, constants and what is unknown.
func (ix *Index) Producer(name string) *Node { return ix.producers[name] }

// Consumers returns the nodes that read a tensor, themselves or in a subgraph, each once and in the graph's order.
func (ix *Index) Consumers(name string) []*Node { return ix.consumers[name] }

// Initializer returns the constant of that name, or nil.
func (ix *Index) Initializer(name string) *Tensor { return ix.constants[name] }

// IsOutput tells whether a tensor is an output of the graph.
func (ix *Index) IsOutput(name string) bool { return ix.outputs[name] }

// Names gives out names of tensors and nodes that are not in use yet.
type Names struct{ taken map[string]bool }

// Names collects the names in use, those of nodes too.
func (g *Graph) Names() *Names {
	taken := g.names()
	for _, n := range g.Nodes {
		taken[n.Name] = true
	}
	return &Names{taken: taken}
}

// Unique returns base, or base with the first number behind it that makes it new. The name is in use from then on.
func (s *Names) Unique(base string) string {
	name := base
	for i := 1; s.taken[name] || name == ""; i++ {
		name = base + "_" + strconv.Itoa(i)
	}
	s.taken[name] = true
	return name
}

// InsertBefore puts nodes in front of another, or at the end if at is not in the graph.
func (g *Graph) InsertBefore(at *Node, nodes ...*Node) {
	i := slices.Index(g.Nodes, at)
	if i < 0 {
		i = len(g.Nodes)
	}
	g.Nodes = slices.Insert(g.Nodes, i, nodes...)
}

// InsertAfter puts nodes behind another, or at the front if at is not in the graph.
func (g *Graph) InsertAfter(at *Node, nodes ...*Node) {
	g.Nodes = slices.Insert(g.Nodes, slices.Index(g.Nodes, at)+1, nodes...)
}

// Replace puts nodes in the place of another; without nodes it removes that one. It does nothing if old is not in the
// graph.
func (g *Graph) Replace(old *Node, nodes ...*Node) {
	if i := slices.Index(g.Nodes, old); i >= 0 {
		g.Nodes = slices.Replace(g.Nodes, i, i+1, nodes...)
	}
}

// Rewire lets every node that reads one tensor read another instead, except those in keep, and returns how many
// inputs changed. What subgraphs read and what the graph gives out stays.
func (g *Graph) Rewire(from, to string, keep ...*Node) int {
	changed := 0
	for _, n := range g.Nodes {
		if slices.Contains(keep, n) {
			continue
		}
		for i, name := range n.Inputs {
			if name == from {
				n.Inputs[i] = to
				changed++
			}
		}
	}
	return changed
}

// AddInitializer adds a constant.
func (g *Graph) AddInitializer(t *Tensor) { g.Initializers = append(g.Initializers, t) }

// DropUnused removes the constants that nothing reads, and what the graph says about tensors that are gone.
func (g *Graph) DropUnused() {
	read, made := map[string]bool{}, map[string]bool{}
	for _, n := range g.Nodes {
		for name := range n.reads() {
			read[name] = true
		}
		for _, name := range n.Outputs {
			made[name] = true
		}
	}
	for _, v := range g.Outputs {
		read[v.Name] = true
	}
	g.Initializers = slices.DeleteFunc(g.Initializers, func(t *Tensor) bool { return !read[t.Name] })
	g.Values = slices.DeleteFunc(g.Values, func(v *Value) bool { return !made[v.Name] && !read[v.Name] })
}
