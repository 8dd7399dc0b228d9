package onnx

import (
	"fmt"
	"math"
	"slices"
)

// window describes how a convolution or a pool moves over its input.
type window struct {
	kernel, strides, dilations []int64
	pads                       []int64 // all at the start, then all at the end
	auto                       string  // NOTSET, VALID, SAME_UPPER or SAME_LOWER
	ceil                       bool
}

// window reads the attributes for so many dimensions of space.
func (o *operands) window(kernel []int64, dims int) (window, error) {
	ones := slices.Repeat([]int64{1}, dims)
	w := window{
		kernel: kernel, strides: orElse(o.node.Ints("strides"), ones), dilations: orElse(o.node.Ints("dilations"), ones),
		pads: orElse(o.node.Ints("pads"), make([]int64, 2*dims)), auto: o.node.Text("auto_pad", "NOTSET"),
		ceil: o.node.Int("ceil_mode", 0) != 0,
	}
	if len(w.kernel) != dims || len(w.strides) != dims || len(w.dilations) != dims || len(w.pads) != 2*dims {
		return w, fmt.Errorf("kernel, strides, dilations or pads do not have %d dimensions", dims)
	}
	for _, v := range slices.Concat(w.strides, w.dilations) {
		if v < 1 || v > math.MaxInt32 {
			return w, fmt.Errorf("a stride or dilation is %d", v)
		}
	}
	for _, v := range slices.Concat(w.kernel, w.pads) {
		if v < -math.MaxInt32 || v > math.MaxInt32 {
			return w, fmt.Errorf("a kernel or pad is %d", v)
		}
	}
	return w, nil
}

func orElse(list, otherwise []int64) []int64 {
	if list == nil {
		return otherwise
	}
	return list
}

// reach is how many inputs the kernel spans along dimension i.
func (w window) reach(i int) int64 { return (w.kernel[i]-1)*w.dilations[i] + 1 }

// steps returns how often the window fits along dimension i of size d.
func (w window) steps(i int, d int64) (int64, error) {
	if d < 0 {
		return -1, nil
	}
	s := w.strides[i]
	if w.auto == "SAME_UPPER" || w.auto == "SAME_LOWER" {
		return (d + s - 1) / s, nil
	}
	before, after := w.pads[i], w.pads[len(w.kernel)+i]
	if w.auto == "VALID" {
		before, after = 0, 0
	}
	room := d + before + after - w.reach(i)
	if room < 0 {
		return 0, fmt.Errorf("a kernel that spans %d does not fit into %d", w.reach(i), d+before+after)
	}
	n := room/s + 1
	if w.ceil && room%s != 0 && n*s < d+before { // a last window must begin inside
		n++
	}
	return n, nil
}

// slide applies the window to the space of a shape [batch, channels, space...].
func (w window) slide(in Shape, channels int64) (Shape, error) {
	out := Shape{in[0], channels}
	for i, d := range in[2:] {
		n, err := w.steps(i, d)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

// spatial checks the shapes of a convolution.
func (o *operands) spatial() (in, weights Shape, err error) {
	in, weights = o.shape(0), o.shape(1)
	if in == nil || weights == nil || !weights.Known() {
		return nil, nil, nil
	}
	if len(in) < 3 || len(in) != len(weights) {
		return nil, nil, fmt.Errorf("weights of shape %v do not fit an input of %v", []int64(weights), []int64(in))
	}
	return in, weights, nil
}

func (o *operands) conv() (Shape, error) {
	in, weights, err := o.spatial()
	if in == nil {
		return nil, err
	}
	group := o.node.Int("group", 1)
	if group < 1 || in[1] >= 0 && (in[1]%group != 0 || in[1]/group != weights[1]) || weights[0]%group != 0 {
		return nil, fmt.Errorf("weights of shape %v in %d groups do not fit an input of %v", []int64(weights), group,
			[]int64(in))
	}
	w, err := o.window(weights[2:], len(in)-2)
	if err != nil {
		return nil, err
	}
	return w.slide(in, weights[0])
}

func (o *operands) convTranspose() (Shape, error) {
	in, weights, err := o.spatial()
	group := o.node.Int("group", 1)
	if in == nil || group < 1 || group > maxElements/max(weights[1], 1) {
		return nil, err
	}
	if in[1] >= 0 && in[1] != weights[0] {
		return nil, fmt.Errorf("weights of shape %v do not fit an input of %v", []int64(weights), []int64(in))
	}
	w, err := o.window(weights[2:], len(in)-2)
	if err != nil {
		return nil, err
	}
	dims := len(in) - 2
	extra := orElse(o.node.Ints("output_padding"), make([]int64, dims))
	fixed := o.node.Ints("output_shape")
	if len(extra) != dims || fixed != nil && len(fixed) != dims {
		return nil, fmt.Errorf("output_padding or output_shape do not have %d dimensions", dims)
	}
	out := Shape{in[0], weights[1] * group}
	for i, d := range in[2:] {
		switch {
		case fixed != nil:
			out = append(out, fixed[i])
		case d < 0 || d > math.MaxInt32:
			out = append(out, -1)
		case w.auto == "SAME_UPPER" || w.auto == "SAME_LOWER":
			out = append(out, d*w.strides[i])
		case w.auto == "VALID":
			out = append(out, w.strides[i]*(d-1)+extra[i]+w.reach(i))
		default:
			out = append(out, w.strides[i]*(d-1)+extra[i]+w.reach(i)-w.pads[i]-w.pads[dims+i])
		}
	}
	return out, nil
}

func (o *operands) pool() (Shape, error) {
	in := o.shape(0)
	if in == nil {
		return nil, nil
	}
	if len(in) < 3 {
		return nil, fmt.Errorf("an input of shape %v has no space to pool", []int64(in))
	}
	w, err := o.window(o.node.Ints("kernel_shape"), len(in)-2)
	if err != nil {
		return nil, err
	}
	return w.slide(in, in[1])
}

func globalPool(o *operands) (Shape, error) {
	in := o.shape(0)
	if in == nil {
		return nil, nil
	}
	if len(in) < 3 {
		return nil, fmt.Errorf("an input of shape %v has no space to pool", []int64(in))
	}
	out := slices.Clone(in)
	for i := 2; i < len(out); i++ {
		out[i] = 1
	}
	return out, nil
}
