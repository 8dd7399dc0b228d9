package int8

import (
	"errors"
	"fmt"
	"math"

	"github.com/vega-edge/vegad/quant/onnx"
)

// Settings is all that a conversion depends on. The same model and settings give the same bytes on every machine.
type Settings struct {
	Rules Rules
	// Thresholds are the magnitudes that int8 represents as 127, for each of the placement's activations. 0 stands for
	// a tensor that is always zero.
	Thresholds map[string]float64
	// Corrections are added to the biases of quantized layers, by Layer.ID and output channel. May be nil.
	Corrections map[string][]float32
}

// Pair is a QuantizeLinear with its DequantizeLinear behind a tensor.
type Pair struct {
	Tensor      string  `json:"tensor"`      // what is quantized
	Dequantized string  `json:"dequantized"` // what its readers get instead
	Scale       float32 `json:"scale"`
}

// Result is a converted model.
type Result struct {
	Model   *onnx.Model
	Layers  []Layer
	Unknown []Unknown
	Pairs   []Pair // in the order of the graph
}

// ErrNoThreshold is returned when the settings lack the threshold of a tensor that is to be quantized.
var ErrNoThreshold = errors.New("the tensor has no threshold")

// levels is how many steps there are on each side of zero.
const levels = 127

// Convert returns an int8 copy of a model. The model itself is not changed.
func Convert(m *onnx.Model, s Settings) (*Result, error) {
	r, err := convert(m, s)
	if err != nil {
		return nil, fmt.Errorf("converting to int8: %w", err)
	}
	return r, nil
}

func convert(m *onnx.Model, s Settings) (*Result, error) {
	copied, err := m.Clone()
	if err != nil {
		return nil, err
	}
	if err := copied.Graph.Sort(); err != nil {
		return nil, err
	}
	place, err := Place(copied, s.Rules)
	if err != nil {
		return nil, err
	}
	c := &converter{graph: copied.Graph, names: copied.Graph.Names(), index: copied.Graph.Index()}
	c.weights = map[weightKey]string{}
	out := &Result{Model: copied, Layers: place.Layers, Unknown: place.Unknown}
	for _, tensor := range place.Activations {
		threshold, ok := s.Thresholds[tensor]
		if !ok || threshold < 0 || math.IsInf(threshold, 0) || math.IsNaN(threshold) {
			return nil, fmt.Errorf("tensor %s: %w that makes sense: %v", tensor, ErrNoThreshold, threshold)
		}
		out.Pairs = append(out.Pairs, c.pair(tensor, threshold, place.readers[tensor]))
	}
	for _, l := range place.Layers {
		if !l.Quantized() {
			continue
		}
		if err := c.layer(l, s.Corrections[l.ID]); err != nil {
			return nil, fmt.Errorf("layer %s: %w", l.ID, err)
		}
	}
	copied.Graph.DropUnused()
	return out, copied.Graph.Check()
}

// converter edits one graph.
type converter struct {
	graph   *onnx.Graph
	index   *onnx.Index // as it was before the first change
	names   *onnx.Names
	weights map[weightKey]string // dequantized weights by constant
}

// weightKey tells weights that two layers share but read along different axes apart.
type weightKey struct {
	name string
	axis int
}

// pair puts Q/DQ behind a tensor and hands the result to the readers.
func (c *converter) pair(tensor string, threshold float64, readers []*onnx.Node) Pair {
	scale := float32(1)
	if threshold > 0 {
		scale = usable(float32(threshold / levels))
	}
	scaleName, zeroName := c.names.Unique(tensor+"_scale"), c.names.Unique(tensor+"_zero")
	c.graph.AddInitializer(onnx.FloatScalar(scaleName, scale))
	c.graph.AddInitializer(onnx.Int8Scalar(zeroName, 0))
	quantized, dequantized := c.names.Unique(tensor+"_quantized"), c.names.Unique(tensor+"_dequantized")
	q := &onnx.Node{
		Name: c.names.Unique(tensor + "_QuantizeLinear"), OpType: "QuantizeLinear",
		Inputs: []string{tensor, scaleName, zeroName}, Outputs: []string{quantized},
	}
	dq := &onnx.Node{
		Name: c.names.Unique(tensor + "_DequantizeLinear"), OpType: "DequantizeLinear",
		Inputs: []string{quantized, scaleName, zeroName}, Outputs: []string{dequantized},
	}
	c.graph.InsertAfter(c.index.Producer(tensor), q, dq)
	for _, n := range readers {
		c.redirect(n, tensor, dequantized)
	}
	return Pair{Tensor: tensor, Dequantized: dequantized, Scale: scale}
}

// redirect lets one node read another tensor, but leaves its weights and bias alone.
func (c *converter) redirect(n *onnx.Node, from, to string) {
	for i, name := range n.Inputs {
		if name == from && (i == 0 || !weighted(n)) {
			n.Inputs[i] = to
		}
	}
}

// usable keeps a scale where float32 divides by it without overflow.
func usable(scale float32) float32 { return max(scale, 1e-30) }

// layer replaces a layer's weights and corrects its bias.
func (c *converter) layer(l Layer, correction []float32) error {
	n := c.index.Producer(l.ID)
	key := weightKey{l.Weight, l.Axis}
	if c.weights[key] == "" {
		name, err := c.quantizeWeights(n, key)
		if err != nil {
			return err
		}
		c.weights[key] = name
	}
	n.Inputs[1] = c.weights[key]
	if correction == nil {
		return nil
	}
	return c.correct(n, l, correction)
}

// quantizeWeights stores a constant as int8 in front of the node and returns the name of its dequantized form.
func (c *converter) quantizeWeights(at *onnx.Node, key weightKey) (string, error) {
	t := c.index.Initializer(key.name)
	values, err := t.Floats()
	if err != nil {
		return "", err
	}
	w, err := quantize(values, t.Dims, key.axis)
	if err != nil {
		return "", fmt.Errorf("weights %s: %w", key.name, err)
	}
	channels := []int64{int64(len(w.scales))}
	intName, scaleName := c.names.Unique(key.name+"_int8"), c.names.Unique(key.name+"_scale")
	zeroName, out := c.names.Unique(key.name+"_zero"), c.names.Unique(key.name+"_dequantized")
	c.graph.AddInitializer(onnx.Int8Tensor(intName, t.Dims, w.values))
	c.graph.AddInitializer(onnx.FloatTensor(scaleName, channels, w.scales))
	c.graph.AddInitializer(onnx.Int8Tensor(zeroName, channels, make([]int8, len(w.scales))))
	c.graph.InsertBefore(at, &onnx.Node{
		Name: c.names.Unique(key.name + "_DequantizeLinear"), OpType: "DequantizeLinear",
		Inputs: []string{intName, scaleName, zeroName}, Outputs: []string{out},
		Attributes: []*onnx.Attribute{onnx.IntAttr("axis", int64(key.axis))},
	})
	return out, nil
}

// correct adds to a layer's bias, one value for each output channel, and gives it a bias if it has none.
func (c *converter) correct(n *onnx.Node, l Layer, correction []float32) error {
	if l.Op == "MatMul" {
		return errors.New("a MatMul has no bias to correct")
	}
	bias := make([]float32, len(correction))
	if name := n.Input(2); name != "" {
		t := c.index.Initializer(name)
		if t == nil {
			return errors.New("its bias is computed")
		}
		old, err := t.Floats()
		if err != nil {
			return err
		}
		if len(old) != len(bias) {
			return fmt.Errorf("%d corrections for %d biases", len(bias), len(old))
		}
		copy(bias, old)
	}
	for i := range bias {
		bias[i] += correction[i]
	}
	name := c.names.Unique(l.ID + "_bias")
	c.graph.AddInitializer(onnx.FloatTensor(name, []int64{int64(len(bias))}, bias))
	for len(n.Inputs) < 3 {
		n.Inputs = append(n.Inputs, "")
	}
	n.Inputs[2] = name
	return nil
}
