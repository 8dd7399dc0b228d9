package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// Shape is the size of a tensor along each dimension. A size of -1 is unknown; a nil shape says nothing, not even how
// many dimensions there are; a shape without dimensions is that of a scalar.
type Shape []int64

// maxElements is the largest number of elements that is believed; 16 bytes for each of them still fit an int64.
const maxElements = math.MaxInt64 / 256

// maxRank is the largest number of dimensions that is believed.
const maxRank = 64

// What is wrong with a claimed shape.
var (
	errNegative = errors.New("a dimension is negative")
	errHuge     = errors.New("it has more elements than any memory")
	errRank     = fmt.Errorf("it has more than %d dimensions", maxRank)
)

// Elements returns the number of elements. It is an error if a size is unknown or if the number overflows.
func (s Shape) Elements() (int64, error) {
	if len(s) > maxRank {
		return 0, errRank
	}
	n := int64(1)
	for _, d := range s {
		if d < 0 {
			return 0, fmt.Errorf("shape %v: %w", []int64(s), errNegative)
		}
		if d > 0 && n > maxElements/d {
			return 0, fmt.Errorf("shape %v: %w", []int64(s), errHuge)
		}
		n *= d
	}
	return n, nil
}

// Known tells whether every size is known.
func (s Shape) Known() bool {
	return s != nil && !slices.ContainsFunc(s, func(d int64) bool { return d < 0 })
}

// Shapes works out the shape of every tensor of a graph from its inputs, its constants and what the operators do. A
// tensor whose shape cannot be known is left out, unless the model declares it: behind operators that are not known
// here nothing is guessed. It is an error if shapes do not fit each other or contradict what the model declares.
func Shapes(g *Graph) (map[string]Shape, error) {
	order, err := g.order()
	if err != nil {
		return nil, err
	}
	inf := &inference{graph: g, shapes: map[string]Shape{}, contents: map[string][]int64{}, declared: map[string]Shape{}}
	if err := inf.start(); err != nil {
		return nil, fmt.Errorf("inferring shapes: %w", err)
	}
	for _, n := range order {
		if err := inf.node(n); err != nil {
			return nil, fmt.Errorf("inferring shapes: node %s (%s): %w", n.Label(), n.OpType, err)
		}
	}
	return inf.shapes, nil
}

// inference collects what is known about the tensors.
type inference struct {
	graph    *Graph
	shapes   map[string]Shape
	contents map[string][]int64 // elements of small tensors of whole numbers, which operators take as shapes
	declared map[string]Shape
}

// maxContent is the largest number of elements that is kept of a tensor that may become a shape.
const maxContent = 256

func (inf *inference) start() error {
	for _, v := range slices.Concat(inf.graph.Values, inf.graph.Outputs) {
		if shape := v.Shape(); shape != nil {
			inf.declared[v.Name] = shape
		}
	}
	for _, v := range inf.graph.Inputs {
		if shape := v.Shape(); shape != nil {
			inf.shapes[v.Name] = shape
		}
	}
	for _, t := range inf.graph.Initializers {
		inf.constant(t.Name, t)
	}
	for name, shape := range inf.shapes {
		if err := shape.believable(); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
	}
	return nil
}

// believable refuses what no tensor can have; unknown sizes count as one.
func (s Shape) believable() error {
	known := slices.Clone(s)
	for i, d := range known {
		if d == -1 {
			known[i] = 1
		}
	}
	_, err := known.Elements()
	return err
}

func (inf *inference) constant(name string, t *Tensor) {
	inf.shapes[name] = append(Shape{}, t.Dims...)
	if t.Elements() > maxContent || len(t.Dims) > 1 {
		return
	}
	if values, err := t.Int64s(); err == nil {
		inf.contents[name] = values
	}
}

// node adds what is known about the outputs of a node.
func (inf *inference) node(n *Node) error {
	found, err := inf.outputs(n)
	if err != nil {
		return err
	}
	for i, name := range n.Outputs {
		var shape Shape
		if i < len(found) {
			shape = found[i]
		}
		shape, err := merge(shape, inf.declared[name])
		if err == nil {
			err = shape.believable()
		}
		if err != nil {
			return fmt.Errorf("output %q: %w", name, err)
		}
		if shape != nil && name != "" {
			inf.shapes[name] = shape
		}
	}
	inf.remember(n)
	return nil
}

func (inf *inference) outputs(n *Node) ([]Shape, error) {
	if !n.Standard() {
		return nil, nil
	}
	o := &operands{node: n, inf: inf, in: make([]Shape, len(n.Inputs))}
	for i, name := range n.Inputs {
		o.in[i] = inf.shapes[name]
	}
	if n.OpType == "Split" {
		return o.split()
	}
	rule := ruleOf(n.OpType)
	if rule == nil {
		return nil, nil
	}
	shape, err := rule(o)
	return []Shape{shape}, err
}

// merge joins what two sources know about one tensor.
func merge(a, b Shape) (Shape, error) {
	switch {
	case a == nil:
		return b, nil
	case b == nil:
		return a, nil
	case len(a) != len(b):
		return nil, fmt.Errorf("its shape is %v, but the model declares %v", []int64(a), []int64(b))
	}
	out := slices.Clone(a)
	for i, d := range b {
		if out[i] >= 0 && d >= 0 && out[i] != d {
			return nil, fmt.Errorf("its shape is %v, but the model declares %v", []int64(a), []int64(b))
		}
		out[i] = max(out[i], d)
	}
	return out, nil
}

// operands are the inputs of a node as far as they are known.
type operands struct {
	node *Node
	inf  *inference
	in   []Shape // nil for what is missing or unknown
}

// shape returns the shape of an input, or nil.
func (o *operands) shape(i int) Shape {
	if i >= len(o.in) {
		return nil
	}
	return o.in[i]
}

// content returns the elements of an input that holds whole numbers; known is false if they depend on what the
// network sees.
func (o *operands) content(i int) (values []int64, known bool) {
	values, known = o.inf.contents[o.node.Input(i)]
	return values, known
}

// list returns a list of whole numbers that newer versions of an operator take as input i and older ones as an
// attribute. given is false if there is none at all, known is false if there is one that cannot be known.
func (o *operands) list(i int, attribute string) (values []int64, given, known bool) {
	if a := o.node.Attribute(attribute); a != nil && a.Type == IntsAttribute {
		return a.Ints, true, true
	}
	if o.node.Input(i) == "" {
		return nil, false, true
	}
	values, known = o.content(i)
	return values, true, known
}

// axis brings a dimension's number, counted from the end if negative, into 0..rank-1.
func axis(a int64, rank int) (int, error) {
	if a < int64(-rank) || a >= int64(rank) {
		return 0, fmt.Errorf("there is no dimension %d of %d", a, rank)
	}
	if a < 0 {
		a += int64(rank)
	}
	return int(a), nil
}
