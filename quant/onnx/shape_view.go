package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

func (o *operands) reshape() (Shape, error) {
	in := o.shape(0)
	target, _, known := o.list(1, "shape")
	if !known {
		if rank := o.shape(1); len(rank) == 1 && rank[0] >= 0 && rank[0] <= maxContent {
			return slices.Repeat(Shape{-1}, int(rank[0])), nil
		}
		return nil, nil
	}
	out := append(Shape{}, target...)
	open := -1
	for i, d := range out {
		switch {
		case d == -1 && open >= 0:
			return nil, fmt.Errorf("the target %v leaves two sizes open", target)
		case d == -1:
			open = i
		case d == 0 && o.node.Int("allowzero", 0) == 0:
			if i >= len(in) && in != nil {
				return nil, fmt.Errorf("the target %v copies a size that the input %v does not have", target, []int64(in))
			}
			out[i] = -1
			if in != nil {
				out[i] = in[i]
			}
		}
	}
	return fillOpen(in, out, open)
}

// fillOpen works out the size that a reshape leaves open, and checks that nothing is lost.
func fillOpen(in, out Shape, open int) (Shape, error) {
	rest := slices.Clone(out)
	if open >= 0 {
		rest[open] = 1
	}
	if !in.Known() || !rest.Known() {
		return out, nil
	}
	have, err := in.Elements()
	if err != nil {
		return nil, err
	}
	want, err := rest.Elements()
	if err != nil {
		return nil, err
	}
	if open >= 0 && want > 0 && have%want == 0 {
		out[open] = have / want
		return out, nil
	}
	if open >= 0 && have == 0 && want == 0 {
		out[open] = 0
		return out, nil
	}
	if have != want {
		return nil, fmt.Errorf("%v cannot become %v", []int64(in), []int64(out))
	}
	return out, nil
}

func (o *operands) transpose() (Shape, error) {
	in := o.shape(0)
	if in == nil {
		return nil, nil
	}
	out := slices.Clone(in)
	perm := o.node.Ints("perm")
	if perm == nil {
		slices.Reverse(out)
		return out, nil
	}
	if len(perm) != len(in) {
		return nil, fmt.Errorf("perm %v does not fit the shape %v", perm, []int64(in))
	}
	used := make([]bool, len(in))
	for i, from := range perm {
		at, err := axis(from, len(in))
		if err != nil || used[at] {
			return nil, fmt.Errorf("perm %v is no order of %d dimensions", perm, len(in))
		}
		used[at], out[i] = true, in[at]
	}
	return out, nil
}

func (o *operands) flatten() (Shape, error) {
	in := o.shape(0)
	if in == nil {
		return nil, nil
	}
	at := o.node.Int("axis", 1)
	if at < 0 {
		at += int64(len(in))
	}
	if at < 0 || at > int64(len(in)) {
		return nil, fmt.Errorf("there is no dimension %d in %v", at, []int64(in))
	}
	out := Shape{-1, -1}
	for i, part := range []Shape{in[:at], in[at:]} {
		if n, err := part.Elements(); err == nil {
			out[i] = n
		}
	}
	return out, nil
}

func (o *operands) squeeze() (Shape, error) {
	in := o.shape(0)
	axes, given, known := o.list(1, "axes")
	if in == nil || !known || !given && !in.Known() {
		return nil, nil
	}
	gone := make([]bool, len(in))
	for i, d := range in {
		gone[i] = !given && d == 1
	}
	for _, a := range axes {
		at, err := axis(a, len(in))
		if err == nil && in[at] > 1 {
			err = fmt.Errorf("dimension %d of %v is not 1", at, []int64(in))
		}
		if err != nil {
			return nil, err
		}
		gone[at] = true
	}
	out := Shape{}
	for i, d := range in {
		if !gone[i] {
			out = append(out, d)
		}
	}
	return out, nil
}

func (o *operands) unsqueeze() (Shape, error) {
	in := o.shape(0)
	axes, _, known := o.list(1, "axes")
	if in == nil || !known {
		return nil, nil
	}
	out := make(Shape, len(in)+len(axes))
	for _, a := range axes {
		at, err := axis(a, len(out))
		if err != nil {
			return nil, err
		}
		if out[at] == 1 {
			return nil, fmt.Errorf("axes %v name a dimension twice", axes)
		}
		out[at] = 1
	}
	rest := in
	for i := range out {
		if out[i] == 0 {
			out[i], rest = rest[0], rest[1:]
		}
	}
	return out, nil
}

func (o *operands) expand() (Shape, error) {
	in := o.shape(0)
	target, known := o.content(1)
	if in == nil || !known {
		return nil, nil
	}
	return broadcast(in, target)
}

func (o *operands) gather() (Shape, error) {
	in, at := o.shape(0), o.shape(1)
	if in == nil || at == nil {
		return nil, nil
	}
	a, err := axis(o.node.Int("axis", 0), len(in))
	if err != nil {
		return nil, err
	}
	return slices.Concat(Shape{}, in[:a], at, in[a+1:]), nil
}

func (o *operands) slice() (Shape, error) {
	in := o.shape(0)
	starts, _, known1 := o.list(1, "starts")
	ends, _, known2 := o.list(2, "ends")
	axes, haveAxes, known3 := o.list(3, "axes")
	steps, haveSteps, known4 := o.list(4, "steps")
	if in == nil {
		return nil, nil
	}
	if !known1 || !known2 || !known3 || !known4 {
		return slices.Repeat(Shape{-1}, len(in)), nil
	}
	if !haveAxes {
		for i := range starts {
			axes = append(axes, int64(i))
		}
	}
	if !haveSteps {
		steps = slices.Repeat([]int64{1}, len(starts))
	}
	if len(ends) != len(starts) || len(axes) != len(starts) || len(steps) != len(starts) {
		return nil, errors.New("starts, ends, axes and steps differ in length")
	}
	out := append(Shape{}, in...)
	for i := range starts {
		at, err := axis(axes[i], len(in))
		if err != nil {
			return nil, err
		}
		if steps[i] == 0 || steps[i] == math.MinInt64 {
			return nil, fmt.Errorf("a step is %d", steps[i])
		}
		if in[at] >= 0 {
			out[at] = sliced(in[at], starts[i], ends[i], steps[i])
		}
	}
	return out, nil
}

// sliced returns how many of d elements are taken; places before the first count from the end, and places outside are
// moved to the border.
func sliced(d, start, end, step int64) int64 {
	if start < 0 {
		start += d
	}
	if end < 0 {
		end += d
	}
	if step > 0 {
		start, end = min(max(start, 0), d), min(max(end, 0), d)
		if start >= end {
			return 0
		}
		return (end-start-1)/step + 1
	}
	start, end = min(max(start, -1), d-1), min(max(end, -1), d-1)
	if start <= end {
		return 0
	}
	return (start-end-1)/-step + 1
}

func (o *operands) pad() (Shape, error) {
	in := o.shape(0)
	pads, _, known := o.list(1, "pads")
	axes, haveAxes, axesKnown := o.list(3, "axes")
	if in == nil {
		return nil, nil
	}
	if !known || !axesKnown {
		return slices.Repeat(Shape{-1}, len(in)), nil
	}
	if !haveAxes {
		for i := range in {
			axes = append(axes, int64(i))
		}
	}
	if len(pads) != 2*len(axes) {
		return nil, fmt.Errorf("%d pads do not fit %d dimensions", len(pads), len(axes))
	}
	out := append(Shape{}, in...)
	for i, a := range axes {
		at, err := axis(a, len(in))
		if err != nil {
			return nil, err
		}
		before, after := pads[i], pads[len(axes)+i]
		if max(before, after, -before, -after) > math.MaxInt32 {
			return nil, fmt.Errorf("pads are %v", pads)
		}
		if out[at] >= 0 {
			out[at] += before + after
		}
		if in[at] >= 0 && out[at] < 0 {
			return nil, fmt.Errorf("pads %v take more than there is in %v", pads, []int64(in))
		}
	}
	return out, nil
}

func (o *operands) tile() (Shape, error) {
	in := o.shape(0)
	repeats, known := o.content(1)
	if in == nil || !known {
		return nil, nil
	}
	if len(repeats) != len(in) {
		return nil, fmt.Errorf("repeats %v do not fit the shape %v", repeats, []int64(in))
	}
	out := append(Shape{}, in...)
	for i, n := range repeats {
		if n < 0 || out[i] > 0 && n > maxElements/out[i] {
			return nil, fmt.Errorf("repeats are %v", repeats)
		}
		if out[i] >= 0 {
			out[i] *= n
		}
	}
	return out, nil
}

// split works out all outputs: it is the one operator whose further outputs matter.
func (o *operands) split() ([]Shape, error) {
	in := o.shape(0)
	sizes, given, known := o.list(1, "split")
	if in == nil || !known {
		return nil, nil
	}
	at, err := axis(o.node.Int("axis", 0), len(in))
	if err != nil {
		return nil, err
	}
	count := len(o.node.Outputs)
	if !given {
		sizes = shares(in[at], count)
	}
	total := int64(0)
	for _, size := range sizes {
		total += min(max(size, -1), maxElements/maxContent)
	}
	if len(sizes) != count || in[at] >= 0 && total != in[at] {
		return nil, fmt.Errorf("%d outputs of sizes %v do not make up %d", count, sizes, in[at])
	}
	out := make([]Shape, count)
	for i := range out {
		out[i] = append(Shape{}, in...)
		out[i][at] = sizes[i]
	}
	return out, nil
}

// shares divides a size evenly; only the last share may be smaller.
func shares(size int64, count int) []int64 {
	out := slices.Repeat([]int64{-1}, count)
	if size < 0 {
		return out
	}
	each := (size + int64(count) - 1) / int64(count)
	for i := range out {
		out[i] = min(each, size)
		size -= out[i]
	}
	return out
}
