// Package fp16 converts neural networks from single to half precision.
//
// A node computes in half precision unless there is a reason against it, and every reason is reported: the operator is
// not known here, it is one that loses its meaning in half precision, it belongs to a gate or to the last layer before
// an output, a tensor it touches has grown too large while the network was watched, or it is so small that converting
// what goes in and out would cost more than it saves. Casts stand only where the two precisions meet, at most one for
// each tensor, and the names of tensors in single precision do not change.
package fp16

import (
	"errors"
	"fmt"
	"regexp"

	"github.com/vega-edge/vegad/quant/onnx"
)

// ErrConverted is returned for a model that is not in single precision throughout.
var ErrConverted = errors.New("the model is quantized or in half precision already")

// MaxValue is the largest finite number of half precision.
const MaxValue = 65504

// Options says what must stay in single precision. Defaults returns what suits most networks.
type Options struct {
	HalfIO     bool           // inputs and outputs of the graph become half precision too
	BlockOps   []string       // operators that stay in single precision
	BlockNodes *regexp.Regexp // nodes that stay: matches a node's name, an output's or that of a constant it reads
	Gates      bool           // a Sigmoid that weighs something else than its own input stays
	LastLayers bool           // the last layer with weights before an output stays, if there is exactly one

	// Ranges holds the largest absolute value of tensors, by name, as seen while the network ran on typical data. A
	// tensor that may reach MaxValue stays in single precision, with all that makes or reads it.
	Ranges   map[string]float64
	Headroom float64 // factor by which a value may exceed its range; 0 stands for 2

	// MinShare is the share of all work, 0..1, below which nodes between others of single precision are not worth
	// the casts.
	MinShare float64
}

// Defaults returns the options that keep normalisations, softmax, reductions, powers, gates and last layers in single
// precision, as well as islands of less than one percent of the work.
func Defaults() Options {
	return Options{BlockOps: sensitive(), Gates: true, LastLayers: true, MinShare: 0.01}
}

// Reason says why a node stays in single precision.
type Reason string

// The reasons, the first that applies being given.
const (
	Converted   Reason = ""                   // it does not stay
	NotKnown    Reason = "operator not known" // or none whose types can be followed
	BlockedOp   Reason = "operator blocked"
	BlockedNode Reason = "node blocked"
	Gate        Reason = "gate"
	LastLayer   Reason = "last layer"
	OutOfRange  Reason = "value out of range"
	Overflow    Reason = "constant overflows"
	TooSmall    Reason = "not worth the casts"
)

// Report says what became of each node and each constant.
type Report struct {
	Nodes   []Node   `json:"nodes"`   // all that touch single precision, in the order in which they run
	Tensors []Tensor `json:"tensors"` // constants that half precision changes beyond rounding
	Casts   int      `json:"casts"`   // nodes that were added
}

// Node is one node of the original graph.
type Node struct {
	Name   string `json:"name"`
	Op     string `json:"op"`
	Half   bool   `json:"half"`
	Reason Reason `json:"reason,omitempty"` // why not
	Tensor string `json:"tensor,omitempty"` // the tensor that is the reason
}

// Tensor counts what rounding a constant to half precision does to its elements.
type Tensor struct {
	Name       string `json:"name"`
	Half       bool   `json:"half"` // a copy in half precision is in the result
	Elements   int    `json:"elements"`
	Overflowed int    `json:"overflowed"` // finite, but beyond MaxValue; the readers then stay in single precision
	Denormal   int    `json:"denormal"`   // below 2^-14, so that they keep fewer than eleven bits
	Vanished   int    `json:"vanished"`   // not zero, but become zero
}

// Convert returns a copy of the model in half precision where that is sound. The result depends on nothing but its
// arguments. The model itself is not changed.
func Convert(m *onnx.Model, opts Options) (*onnx.Model, *Report, error) {
	out, report, err := convert(m, opts)
	if err != nil {
		return nil, nil, fmt.Errorf("converting to half precision: %w", err)
	}
	return out, report, nil
}

func convert(m *onnx.Model, opts Options) (*onnx.Model, *Report, error) {
	out, err := m.Clone()
	if err != nil {
		return nil, nil, err
	}
	hoistConstants(out.Graph)
	if err := dropIdleCasts(out.Graph); err != nil {
		return nil, nil, err
	}
	p, err := newPlan(out.Graph, opts)
	if err != nil {
		return nil, nil, err
	}
	p.decide()
	r, err := newRewriter(p)
	if err != nil {
		return nil, nil, err
	}
	r.rewrite()
	if err := out.Graph.Check(); err != nil {
		return nil, nil, err
	}
	return out, r.report(), nil
}

// hoistConstants turns nodes of type Constant that hold single precision into initialisers, which can be converted.
func hoistConstants(g *onnx.Graph) {
	kept := make([]*onnx.Node, 0, len(g.Nodes))
	for _, n := range g.Nodes {
		t := constant(n)
		if t == nil {
			kept = append(kept, n)
			continue
		}
		t.Name = n.Outputs[0]
		g.AddInitializer(t)
	}
	g.Nodes = kept
}

func constant(n *onnx.Node) *onnx.Tensor {
	if !n.Standard("Constant") || len(n.Outputs) != 1 {
		return nil
	}
	if a := n.Attribute("value"); a != nil && a.Tensor != nil && a.Tensor.Type == onnx.Float {
		return a.Tensor
	}
	if a := n.Attribute("value_float"); a != nil {
		return onnx.FloatScalar("", a.Float)
	}
	if a := n.Attribute("value_floats"); a != nil {
		return onnx.FloatTensor("", []int64{int64(len(a.Floats))}, a.Floats)
	}
	return nil
}

// dropIdleCasts turns casts from single precision to itself, which exporters leave behind, into nodes that take any
// precision.
func dropIdleCasts(g *onnx.Graph) error {
	types, err := onnx.Types(g)
	if err != nil {
		return err
	}
	for _, n := range g.Nodes {
		if n.Standard("Cast") && types[n.Input(0)] == onnx.Float && n.Int("to", 0) == int64(onnx.Float) {
			n.OpType, n.Attributes = "Identity", nil
		}
	}
	return nil
}
