package int8

import (
	"fmt"
	"math"

	"github.com/vega-edge/vegad/quant/onnx"
)

// Equalize evens out the ranges of channels between two convolutions with nothing but a ReLU in between: what a channel
// is divided by in the first is multiplied back in the second. The outputs stay the same up to rounding, and the tensor
// in between can do with one scale. It changes the model.
func Equalize(m *onnx.Model) error {
	e := &equalizer{graph: m.Graph, index: m.Graph.Index(), names: m.Graph.Names()}
	for _, n := range m.Graph.Nodes {
		if next := e.next(n); next != nil {
			if err := e.balance(n, next); err != nil {
				return fmt.Errorf("equalizing %s and %s: %w", n.Label(), next.Label(), err)
			}
		}
	}
	m.Graph.DropUnused()
	return m.Graph.Check()
}

type equalizer struct {
	graph *onnx.Graph
	index *onnx.Index
	names *onnx.Names
}

// next returns the convolution that alone reads what n gives, through a ReLU at most.
func (e *equalizer) next(n *onnx.Node) *onnx.Node {
	if !n.Standard("Conv") || e.weights(n) == nil {
		return nil
	}
	at := n
	for range 2 {
		out := at.Outputs[0]
		readers := e.index.Consumers(out)
		if len(readers) != 1 || e.index.IsOutput(out) || readers[0].Input(0) != out {
			return nil
		}
		at = readers[0]
		if at.Standard("Conv") && e.fits(n, at) {
			return at
		}
		if !at.Standard("Relu") {
			return nil
		}
	}
	return nil
}

// weights returns a convolution's weights if they are constant and nobody else's.
func (e *equalizer) weights(n *onnx.Node) *onnx.Tensor {
	t := e.index.Initializer(n.Input(1))
	if t == nil || t.Type != onnx.Float || t.External() || len(t.Dims) < 3 || len(e.index.Consumers(t.Name)) != 1 {
		return nil
	}
	return t
}

// fits tells whether the channels that the first gives are those that the second reads.
func (e *equalizer) fits(first, second *onnx.Node) bool {
	a, b := e.weights(first), e.weights(second)
	if b == nil {
		return false
	}
	group := second.Int("group", 1)
	if bias := first.Input(2); bias != "" {
		t := e.index.Initializer(bias)
		if t == nil || t.Type != onnx.Float || t.Elements() != a.Dims[0] {
			return false
		}
	}
	return a.Dims[0] == b.Dims[1]*group && (group == 1 || b.Dims[1] == 1 && b.Dims[0] == group)
}

// balance gives every channel the geometric mean of its ranges in both layers.
func (e *equalizer) balance(first, second *onnx.Node) error {
	a, b := e.weights(first), e.weights(second)
	before, err := e.current(first)
	if err != nil {
		return err
	}
	after, err := e.current(second)
	if err != nil {
		return err
	}
	axis := 1
	if second.Int("group", 1) > 1 {
		axis = 0 // each channel of a depthwise convolution reads one channel
	}
	down, up := make([]float64, a.Dims[0]), make([]float64, a.Dims[0])
	x, y := channelMax(before, a.Dims, 0), channelMax(after, b.Dims, axis)
	for c := range down {
		down[c], up[c] = 1, 1
		if x[c] > 0 && y[c] > 0 {
			up[c] = math.Sqrt(float64(x[c]) / float64(y[c]))
			down[c] = 1 / up[c]
		}
	}
	scaleChannels(before, a.Dims, 0, down)
	scaleChannels(after, b.Dims, axis, up)
	e.replace(first, 1, onnx.FloatTensor(e.names.Unique(a.Name+"_equal"), a.Dims, before))
	e.replace(second, 1, onnx.FloatTensor(e.names.Unique(b.Name+"_equal"), b.Dims, after))
	return e.bias(first, down)
}

// current returns a layer's weights as they are after earlier changes.
func (e *equalizer) current(n *onnx.Node) ([]float32, error) {
	return e.index.Initializer(n.Inputs[1]).Floats()
}

func (e *equalizer) bias(n *onnx.Node, factor []float64) error {
	name := n.Input(2)
	if name == "" {
		return nil
	}
	t := e.index.Initializer(name)
	values, err := t.Floats()
	if err != nil {
		return err
	}
	scaleChannels(values, []int64{int64(len(values))}, 0, factor)
	e.replace(n, 2, onnx.FloatTensor(e.names.Unique(name+"_equal"), t.Dims, values))
	return nil
}

// replace puts a new constant into the place of an input and looks over the graph again.
func (e *equalizer) replace(n *onnx.Node, input int, t *onnx.Tensor) {
	e.graph.AddInitializer(t)
	n.Inputs[input] = t.Name
	e.index = e.graph.Index()
}

// channelMax returns the largest magnitude of each channel.
func channelMax(values []float32, dims []int64, axis int) []float32 {
	inner := 1
	for _, d := range dims[axis+1:] {
		inner *= int(d)
	}
	out := make([]float32, dims[axis])
	for i, v := range values {
		c := i / inner % len(out)
		out[c] = max(out[c], v, -v)
	}
	return out
}
