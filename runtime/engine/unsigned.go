package engine

import (
	"fmt"
	"math"
	"slices"

	"github.com/vega-edge/vegad/quant/onnx"
)

// forCPU rewrites explicit Q/DQ for the CPU. TensorRT wants every tensor as int8 with zero point 0. Behind a ReLU that
// leaves half of the values unused, and it keeps ONNX Runtime's CPU kernels from taking convolution, ReLU and
// quantization as one step: the graph would run no faster than in float32. So what is never negative becomes uint8 over
// the same range, in steps half as wide. A model without such pairs is returned as it is.
func forCPU(model []byte) ([]byte, error) {
	m, err := onnx.Parse(model, onnx.Limits{})
	if err != nil {
		return nil, fmt.Errorf("reading the graph's Q/DQ nodes: %w", err)
	}
	w := widener{graph: m.Graph, index: m.Graph.Index(), names: m.Graph.Names()}
	changed := false
	for _, n := range m.Graph.Nodes {
		if n.Standard("QuantizeLinear") {
			changed = w.widen(n) || changed
		}
	}
	if !changed {
		return model, nil
	}
	m.Graph.DropUnused()
	return m.Marshal()
}

type widener struct {
	graph *onnx.Graph
	index *onnx.Index
	names *onnx.Names
}

// widen changes a node that quantizes what is never negative, with everything that reads its output.
func (w *widener) widen(q *onnx.Node) bool {
	scale, ok := w.symmetric(q)
	if !ok || !w.nonNegative(q.Inputs[0]) || w.index.IsOutput(q.Outputs[0]) {
		return false
	}
	readers := w.index.Consumers(q.Outputs[0])
	for _, dq := range readers {
		if same, ok := w.symmetric(dq); !dq.Standard("DequantizeLinear") || !ok || same != scale {
			return false
		}
	}
	fine, zero := w.names.Unique(q.Outputs[0]+"_scale_u8"), w.names.Unique(q.Outputs[0]+"_zero_u8")
	w.graph.AddInitializer(onnx.FloatScalar(fine, float32(float64(scale)*math.MaxInt8/math.MaxUint8)))
	w.graph.AddInitializer(&onnx.Tensor{Name: zero, Type: onnx.Uint8, Data: []byte{0}})
	for _, n := range append(slices.Clone(readers), q) {
		n.Inputs = []string{n.Inputs[0], fine, zero}
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
