package int8

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/vega-edge/vegad/quant/onnx"
)

// Prepare returns a copy of a float32 model in which every batch normalisation behind a convolution or a matrix product
// has become part of its weights, as an engine would do it anyway: behind int8 weights it no longer could. The outputs
// stay the same up to rounding.
func Prepare(m *onnx.Model) (*onnx.Model, error) {
	out, err := m.Clone()
	if err == nil {
		err = out.Graph.Sort()
	}
	if err == nil {
		hoist(out.Graph)
		err = foldNormalisations(out.Graph)
	}
	if err != nil {
		return nil, fmt.Errorf("preparing the model for int8: %w", err)
	}
	return out, nil
}

// hoist turns nodes that only hold a float32 constant into constants of the graph, where weights are looked for.
func hoist(g *onnx.Graph) {
	g.Nodes = slices.DeleteFunc(g.Nodes, func(n *onnx.Node) bool {
		a := n.Attribute("value")
		if !n.Standard("Constant") || len(n.Outputs) != 1 || a == nil || a.Tensor == nil || a.Tensor.Type != onnx.Float {
			return false
		}
		a.Tensor.Name = n.Outputs[0]
		g.AddInitializer(a.Tensor)
		return true
	})
}

func foldNormalisations(g *onnx.Graph) error {
	index, names := g.Index(), g.Names()
	for _, n := range slices.Clone(g.Nodes) {
		if !n.Standard("BatchNormalization") || len(n.Inputs) != 5 || n.Int("training_mode", 0) != 0 {
			continue
		}
		layer := index.Producer(n.Inputs[0])
		if layer == nil || !layer.Standard("Conv", "Gemm") || len(index.Consumers(n.Inputs[0])) != 1 ||
			index.IsOutput(n.Inputs[0]) {
			continue
		}
		f := folder{graph: g, index: index, names: names, layer: layer, norm: n}
		if err := f.fold(); err != nil && !errors.Is(err, errNotConstant) {
			return fmt.Errorf("folding %s into %s: %w", n.Label(), layer.Label(), err)
		}
	}
	g.DropUnused()
	return g.Check()
}

// errNotConstant marks a normalisation that cannot be folded because something about it is computed.
var errNotConstant = errors.New("not constant")

// folder folds one normalisation into one layer.
type folder struct {
	graph       *onnx.Graph
	index       *onnx.Index
	names       *onnx.Names
	layer, norm *onnx.Node
}

func (f *folder) fold() error {
	weight := f.index.Initializer(f.layer.Input(1))
	if weight == nil || weight.Type != onnx.Float || !supported(f.layer, weight) {
		return errNotConstant
	}
	factor, shift, err := f.affine()
	if err != nil {
		return err
	}
	values, err := weight.Floats()
	if err != nil {
		return err
	}
	axis := channelAxis(f.layer, weight)
	if weight.Dims[axis] != int64(len(factor)) {
		return fmt.Errorf("%d channels meet %d", weight.Dims[axis], len(factor))
	}
	bias, err := f.bias(len(factor))
	if err != nil {
		return err
	}
	scaleChannels(values, weight.Dims, axis, factor)
	for c := range bias {
		bias[c] = float32(float64(float64(bias[c])*factor[c]) + shift[c])
	}
	f.replace(onnx.FloatTensor(f.names.Unique(weight.Name+"_folded"), weight.Dims, values), bias)
	return nil
}

// affine returns what the normalisation multiplies each channel with and adds to it.
func (f *folder) affine() (factor, shift []float64, err error) {
	var given [4][]float32 // gamma, beta, mean, variance
	for i := range given {
		if given[i], err = f.constant(f.norm.Inputs[i+1]); err != nil {
			return nil, nil, err
		}
		if len(given[i]) != len(given[0]) {
			return nil, nil, errors.New("its parameters differ in length")
		}
	}
	epsilon := float64(f.norm.Float("epsilon", 1e-5))
	factor, shift = make([]float64, len(given[0])), make([]float64, len(given[0]))
	for c := range factor {
		factor[c] = float64(given[0][c]) / math.Sqrt(float64(given[3][c])+epsilon)
		shift[c] = float64(given[1][c]) - float64(float64(given[2][c])*factor[c])
	}
	return factor, shift, nil
}

func (f *folder) constant(name string) ([]float32, error) {
	t := f.index.Initializer(name)
	if t == nil {
		return nil, errNotConstant
	}
	return t.Floats()
}

// bias returns a copy of the layer's bias, of zeros if it has none.
func (f *folder) bias(channels int) ([]float32, error) {
	name := f.layer.Input(2)
	if name == "" {
		return make([]float32, channels), nil
	}
	bias, err := f.constant(name)
	if err == nil && len(bias) != channels {
		err = errNotConstant // a bias that is spread over the channels
	}
	return bias, err
}

// replace gives the layer its new constants and the normalisation's output.
func (f *folder) replace(weight *onnx.Tensor, bias []float32) {
	b := onnx.FloatTensor(f.names.Unique(f.norm.Outputs[0]+"_bias"), []int64{int64(len(bias))}, bias)
	f.graph.AddInitializer(weight)
	f.graph.AddInitializer(b)
	f.layer.Inputs = []string{f.layer.Inputs[0], weight.Name, b.Name}
	f.layer.Outputs = []string{f.norm.Outputs[0]}
	f.graph.Replace(f.norm)
}

// scaleChannels multiplies the elements of each channel with its factor.
func scaleChannels(values []float32, dims []int64, axis int, factor []float64) {
	inner := 1
	for _, d := range dims[axis+1:] {
		inner *= int(d)
	}
	for i, v := range values {
		values[i] = float32(float64(v) * factor[i/inner%len(factor)])
	}
}
