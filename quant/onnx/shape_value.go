package onnx

import (
	"fmt"
	"math"
	"slices"
)

func (o *operands) constant() (Shape, error) {
	n := o.node
	if a := n.Attribute("value"); a != nil && a.Tensor != nil {
		return append(Shape{}, a.Tensor.Dims...), nil
	}
	for _, a := range n.Attributes {
		switch a.Type {
		case FloatAttribute, IntAttribute, StringAttribute:
			return Shape{}, nil
		case FloatsAttribute:
			return Shape{int64(len(a.Floats))}, nil
		case IntsAttribute:
			return Shape{int64(len(a.Ints))}, nil
		case StringsAttribute:
			return Shape{int64(len(a.Strings))}, nil
		}
	}
	return nil, nil
}

func (o *operands) filled() (Shape, error) {
	target, known := o.content(0)
	if !known {
		return nil, nil
	}
	return append(Shape{}, target...), nil
}

func (o *operands) shapeOf() (Shape, error) {
	in := o.shape(0)
	if in == nil {
		return nil, nil
	}
	return Shape{int64(len(o.cut(in)))}, nil
}

// cut applies the attributes start and end of Shape.
func (o *operands) cut(in Shape) Shape {
	rank := int64(len(in))
	start, end := o.node.Int("start", 0), o.node.Int("end", rank)
	if start < 0 {
		start += rank
	}
	if end < 0 {
		end += rank
	}
	start, end = min(max(start, 0), rank), min(max(end, 0), rank)
	return in[start:max(start, end)]
}

func (o *operands) depthToSpace() (Shape, error) {
	in, block, err := o.blocks()
	if in == nil || err != nil {
		return nil, err
	}
	if in[1]%(block*block) != 0 || in[2] > maxElements/block || in[3] > maxElements/block {
		return nil, fmt.Errorf("the channels of %v do not make blocks of %d", []int64(in), block)
	}
	return Shape{in[0], in[1] / (block * block), in[2] * block, in[3] * block}, nil
}

func (o *operands) spaceToDepth() (Shape, error) {
	in, block, err := o.blocks()
	if in == nil || err != nil {
		return nil, err
	}
	if in[2]%block != 0 || in[3]%block != 0 || in[1] > maxElements/(block*block) {
		return nil, fmt.Errorf("%v does not divide into blocks of %d", []int64(in), block)
	}
	return Shape{in[0], in[1] * block * block, in[2] / block, in[3] / block}, nil
}

// blocks checks what the two operators above have in common; a nil shape says that nothing can be known.
func (o *operands) blocks() (Shape, int64, error) {
	in, block := o.shape(0), o.node.Int("blocksize", 0)
	if !in.Known() {
		return nil, 0, nil
	}
	if len(in) != 4 || block < 1 || block > math.MaxInt16 {
		return nil, 0, fmt.Errorf("blocks of %d cannot be made of %v", block, []int64(in))
	}
	return in, block, nil
}

// resize knows the sizes if they are constants, or factors that are.
func (o *operands) resize() (Shape, error) {
	in := o.shape(0)
	if in == nil || o.node.Attribute("axes") != nil {
		return nil, nil
	}
	if sizes, known := o.content(3); known && len(sizes) == len(in) &&
		o.node.Text("keep_aspect_ratio_policy", "stretch") == "stretch" {
		return append(Shape{}, sizes...), nil
	}
	out := slices.Repeat(Shape{-1}, len(in))
	t := o.inf.graph.Initializer(o.node.Input(2))
	if t == nil || t.Type != Float {
		return out, nil
	}
	factors, err := t.Floats()
	if err != nil || len(factors) != len(in) {
		return out, nil //nolint:nilerr // without factors the sizes are just not known
	}
	for i, d := range in {
		if size := math.Floor(float64(d) * float64(factors[i])); d >= 0 && size >= 0 && size < math.MaxInt32 {
			out[i] = int64(size)
		}
	}
	return out, nil
}

// remember works out the elements of small tensors that are made of shapes and constants only: exporters compute the
// targets of Reshape and Slice from them.
func (inf *inference) remember(n *Node) {
	if !n.Standard() || len(n.Outputs) == 0 {
		return
	}
	o := &operands{node: n, inf: inf}
	if len(n.Inputs) > 0 {
		o.in = []Shape{inf.shapes[n.Inputs[0]]}
	}
	values, known := o.value()
	if known && len(values) <= maxContent {
		inf.contents[n.Outputs[0]] = values
	}
}

func (o *operands) value() ([]int64, bool) {
	switch o.node.OpType {
	case "Constant":
		return o.constantValue()
	case "Shape":
		in := o.shape(0)
		return o.cut(in), in.Known()
	case "Identity", "Cast", "Squeeze", "Unsqueeze", "Reshape":
		return o.content(0)
	case "Concat":
		return o.joined()
	case "Gather":
		return o.picked()
	case "Slice":
		return o.cutOut()
	}
	return nil, false
}

func (o *operands) constantValue() ([]int64, bool) {
	if a := o.node.Attribute("value_ints"); a != nil {
		return a.Ints, true
	}
	if a := o.node.Attribute("value_int"); a != nil {
		return []int64{a.Int}, true
	}
	a := o.node.Attribute("value")
	if a == nil || a.Tensor == nil || len(a.Tensor.Dims) > 1 || a.Tensor.Elements() > maxContent {
		return nil, false
	}
	values, err := a.Tensor.Int64s()
	return values, err == nil
}

func (o *operands) joined() ([]int64, bool) {
	var out []int64
	for i := range o.node.Inputs {
		values, known := o.content(i)
		if !known || len(out)+len(values) > maxContent {
			return nil, false
		}
		out = append(out, values...)
	}
	return out, true
}

func (o *operands) picked() ([]int64, bool) {
	from, known1 := o.content(0)
	at, known2 := o.content(1)
	if !known1 || !known2 {
		return nil, false
	}
	out := make([]int64, len(at))
	for i, v := range at {
		place, err := axis(v, len(from))
		if err != nil {
			return nil, false
		}
		out[i] = from[place]
	}
	return out, true
}

// cutOut is Slice with step 1.
func (o *operands) cutOut() ([]int64, bool) {
	from, known := o.content(0)
	starts, _, known1 := o.list(1, "starts")
	ends, _, known2 := o.list(2, "ends")
	steps, _, known3 := o.list(4, "steps")
	if !known || !known1 || !known2 || !known3 || len(starts) != 1 || len(ends) != 1 {
		return nil, false
	}
	if len(steps) > 1 || len(steps) == 1 && steps[0] != 1 {
		return nil, false
	}
	n := int64(len(from))
	count := sliced(n, starts[0], ends[0], 1)
	start := starts[0]
	if start < 0 {
		start += n
	}
	start = min(max(start, 0), n)
	return from[start : start+count], true
}
