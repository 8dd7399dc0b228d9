package engine

import (
	"fmt"
	"math"
	"slices"

	"github.com/vega-edge/vegad/quant/onnx"
)

// ForCPU rewrites explicit Q/DQ for the CPU. TensorRT wants every tensor as int8 with zero point 0, and float32 biases.
// ONNX Runtime's CPU kernels are made for uint8 and integer biases; otherwise the graph would run no faster than in
// float32. A model without Q/DQ is returned as it is.
func ForCPU(model []byte) ([]byte, error) {
	m, err := onnx.Parse(model, onnx.Limits{})
	if err != nil {
		return nil, fmt.Errorf("reading the graph's Q/DQ nodes: %w", err)
	}
	changed, err := rewrite(m.Graph)
	if err != nil {
		return nil, err
	}
	if !changed {
		return model, nil
	}
	m.Graph.DropUnused()
	return m.Marshal()
}

// rewrite tells whether it changed anything.
func rewrite(g *onnx.Graph) (bool, error) {
	changed := false
	w := widener{graph: g, index: g.Index(), names: g.Names()}
	for _, n := range g.Nodes {
		if n.Standard("QuantizeLinear") {
			changed = w.widen(n) || changed
		}
	}
	if !changed {
		return false, nil
	}
	shapes, err := onnx.Shapes(g)
	if err != nil {
		return false, fmt.Errorf("reading the quantized graph's shapes: %w", err)
	}
	p := products{graph: g, index: g.Index(), names: g.Names(), shapes: shapes}
	for _, n := range slices.Clone(g.Nodes) {
		p.settle(n)
	}
	return true, nil
}

// widener makes unsigned bytes of signed ones. What is never negative gets the whole range, in steps half as wide: the
// kernels can then take a convolution, its ReLU and the quantization as one step. Other tensors keep their steps and
// move by 128.
type widener struct {
	graph *onnx.Graph
	index *onnx.Index
	names *onnx.Names
}

// widen changes a node that quantizes, with everything that reads its output.
func (w *widener) widen(q *onnx.Node) bool {
	scale, ok := w.symmetric(q)
	if !ok || w.index.IsOutput(q.Outputs[0]) {
		return false
	}
	readers := w.index.Consumers(q.Outputs[0])
	for _, dq := range readers {
		if same, ok := w.symmetric(dq); !dq.Standard("DequantizeLinear") || !ok || same != scale {
			return false
		}
	}
	step, offset := float64(scale), byte(-math.MinInt8)
	if w.nonNegative(q.Inputs[0]) {
		step, offset = step*math.MaxInt8/math.MaxUint8, 0
	}
	stepName, zero := w.names.Unique(q.Outputs[0]+"_scale_u8"), w.names.Unique(q.Outputs[0]+"_zero_u8")
	w.graph.AddInitializer(onnx.FloatScalar(stepName, float32(step)))
	w.graph.AddInitializer(&onnx.Tensor{Name: zero, Type: onnx.Uint8, Data: []byte{offset}})
	for _, n := range append(slices.Clone(readers), q) {
		n.Inputs = []string{n.Inputs[0], stepName, zero}
	}
	return true
}

// symmetric returns the one scale of a Q or DQ node whose zero point is the int8 0.
func (w *widener) symmetric(n *onnx.Node) (float32, bool) {
	if len(n.Inputs) != 3 {
		return 0, false
	}
	scale, zero := w.index.Initializer(n.Inputs[1]), w.index.Initializer(n.Inputs[2])
	if scale == nil || zero == nil || scale.Type != onnx.Float || zero.Type != onnx.Int8 {
		return 0, false
	}
	s, errScale := scale.Floats()
	z, errZero := zero.Int64s()
	if errScale != nil || errZero != nil || len(s) != 1 || len(z) != 1 || z[0] != 0 {
		return 0, false
	}
	return s[0], true
}

// nonNegative tells whether a tensor can hold no negative value.
func (w *widener) nonNegative(name string) bool {
	n := w.index.Producer(name)
	switch {
	case n == nil:
		return false
	case n.Standard("Relu", "Sigmoid", "HardSigmoid", "Softmax", "Softplus", "Abs", "Exp", "Sqrt"):
		return true
	case n.Standard("Clip"):
		return w.atLeastZero(n.Input(1))
	case n.Standard("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "Reshape", "Transpose", "Flatten",
		"Squeeze", "Unsqueeze", "Identity"):
		return w.nonNegative(n.Input(0))
	case n.Standard("Concat"):
		return !slices.ContainsFunc(n.Inputs, func(in string) bool { return !w.nonNegative(in) })
	}
	return false
}

// atLeastZero tells whether a constant holds nothing below zero.
func (w *widener) atLeastZero(name string) bool {
	t := w.index.Initializer(name)
	if t == nil {
		return false
	}
	values, err := t.Floats()
	return err == nil && len(values) > 0 && slices.Min(values) >= 0
}
