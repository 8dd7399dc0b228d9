package int8_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	qint8 "github.com/vega-edge/vegad/quant/int8"
	"github.com/vega-edge/vegad/quant/onnx"
	"github.com/vega-edge/vegad/quant/onnx/onnxtest"
)

// everywhere is a threshold for each activation.
func everywhere(t testing.TB, m *onnx.Model, rules qint8.Rules, threshold float64) qint8.Settings {
	t.Helper()
	place, err := qint8.Place(m, rules)
	if err != nil {
		t.Fatal(err)
	}
	s := qint8.Settings{Rules: rules, Thresholds: map[string]float64{}}
	for _, name := range place.Activations {
		s.Thresholds[name] = threshold
	}
	return s
}

func convert(t testing.TB, m *onnx.Model, rules qint8.Rules) *qint8.Result {
	t.Helper()
	r, err := qint8.Convert(m, everywhere(t, m, rules, 4))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// branching is a network with everything that the rules speak of. The names of its tensors follow the order of the
// calls: Conv_3 is the third thing made.
func branching() *onnx.Model {
	b := onnxtest.NewBuilder("branching", 7)
	x := b.Input("image", 1, 3, 8, 8)
	a := b.Relu(b.Conv(x, onnxtest.ConvSpec{In: 3, Out: 8, Kernel: 3}))
	y := b.Relu(b.Add(a, b.Conv(a, onnxtest.ConvSpec{In: 8, Out: 8, Kernel: 3})))
	pooled := b.Node("Flatten", []string{b.Node("GlobalAveragePool", []string{y})}, onnx.IntAttr("axis", 1))
	rows := b.Node("Reshape", []string{y, b.Ints(1, 8, 64)})
	tokens := b.Node("Transpose", []string{rows}, onnx.IntsAttr("perm", 0, 2, 1))
	normal := b.LayerNorm(tokens, 8)
	mixed := b.Linear(b.Node("Softmax", []string{b.Linear(normal, 8, 8)}), 8, 8)
	b.Output(b.Linear(mixed, 8, 4), 1, 64, 4)
	b.Output(b.Gemm(pooled, 8, 5), 1, 5)
	return b.Model()
}

func TestPlacement(t *testing.T) {
	place, err := qint8.Place(branching(), qint8.Rules{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range place.Layers {
		got = append(got, l.Op+": "+l.Reason)
	}
	want := []string{
		"Conv: ", "Conv: ", "MatMul: ", "MatMul: ", "MatMul: a last layer",
		"Gemm: a product of matrix and vector: moving the weights is what takes time",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("layers:\n%s", diff)
	}
	var makers []string
	index := branching().Graph.Index()
	for _, name := range place.Activations {
		if n := index.Producer(name); n != nil {
			name = n.OpType
		}
		makers = append(makers, name)
	}
	// The input, the first ReLU (read by the second convolution and by the add), the second convolution (read by the
	// add), and what the two products read.
	if diff := cmp.Diff([]string{"image", "Relu", "Conv", "LayerNormalization", "Softmax"}, makers); diff != "" {
		t.Errorf("activations:\n%s", diff)
	}
}

// TestConvolutionEndsInInt8 holds the pair between a convolution and the last layers.
func TestConvolutionEndsInInt8(t *testing.T) {
	for name, c := range map[string]struct {
		norm bool // whether a normalisation reads the first convolution besides
		want []string
	}{
		"only last layers": {false, []string{"image", "Relu"}},
		"also a norm":      {true, []string{"image"}},
	} {
		b := onnxtest.NewBuilder(name, 3)
		a := b.Relu(b.Conv(b.Input("image", 1, 3, 8, 8), onnxtest.ConvSpec{In: 3, Out: 8, Kernel: 3, Stride: 1, Group: 1}))
		for range 2 {
			b.Output(b.Conv(a, onnxtest.ConvSpec{In: 8, Out: 4, Kernel: 1, Stride: 1, Group: 1}), 1, 4, 8, 8)
		}
		if c.norm {
			normal := b.Node("LpNormalization", []string{a})
			b.Output(b.Conv(normal, onnxtest.ConvSpec{In: 8, Out: 4, Kernel: 1, Stride: 1, Group: 1}), 1, 4, 8, 8)
		}
		place, err := qint8.Place(b.Model(), qint8.Rules{})
		if err != nil {
			t.Fatal(err)
		}
		var makers []string
		for _, activation := range place.Activations {
			if n := b.Graph().Index().Producer(activation); n != nil {
				activation = n.OpType
			}
			makers = append(makers, activation)
		}
		if diff := cmp.Diff(c.want, makers); diff != "" {
			t.Errorf("%s: activations:\n%s", name, diff)
		}
		for _, l := range place.Layers[1:] {
			if l.Reason != "a last layer" {
				t.Errorf("%s: %s is no last layer: %q", name, l.ID, l.Reason)
			}
		}
	}
}

func TestRulesKeepLayers(t *testing.T) {
	m := branching()
	all, err := qint8.Place(m, qint8.Rules{QuantizeLast: true})
	if err != nil {
		t.Fatal(err)
	}
	first := all.Layers[0]
	for name, c := range map[string]struct {
		rules qint8.Rules
		want  string
	}{
		"by name":     {qint8.Rules{Exclude: regexp.MustCompile("^" + first.Node + "$")}, "excluded by name"},
		"by weights":  {qint8.Rules{Exclude: regexp.MustCompile(first.Weight)}, "excluded by name"},
		"by operator": {qint8.Rules{KeepOps: []string{"Conv"}}, "excluded by operator"},
		"by plan":     {qint8.Rules{Keep: map[string]bool{first.ID: true}}, "kept by the plan"},
	} {
		place, err := qint8.Place(m, c.rules)
		if err != nil {
			t.Fatal(err)
		}
		if got := place.Layers[0].Reason; got != c.want {
			t.Errorf("%s: the first layer is kept because %q, want %q", name, got, c.want)
		}
	}
	converted := func(l qint8.Layer) bool { return l.ID == lastProduct(m) && l.Quantized() }
	if !slices.ContainsFunc(all.Layers, converted) {
		t.Error("QuantizeLast leaves the last product alone")
	}
}

func lastProduct(m *onnx.Model) string {
	id := ""
	for _, n := range m.Graph.Nodes {
		if n.OpType == "MatMul" {
			id = n.Outputs[0]
		}
	}
	return id
}

func TestGatesStay(t *testing.T) {
	for name, stays := range map[string]bool{
		"head.gate.weight": true, "Gate": true, "aggregate.weight": false, "navigate": false,
	} {
		b := onnxtest.NewBuilder("gate", 1)
		x := b.Conv(b.Input("x", 1, 4, 4, 4), onnxtest.ConvSpec{In: 4, Out: 4, Kernel: 1})
		b.Output(b.Conv(x, onnxtest.ConvSpec{In: 4, Out: 4, Kernel: 1}), 1, 4, 4, 4)
		m := b.Model()
		m.Graph.Nodes[0].Name = name
		place, err := qint8.Place(m, qint8.Rules{})
		if err != nil {
			t.Fatal(err)
		}
		if got := place.Layers[0].Reason == "a gate"; got != stays {
			t.Errorf("%s: %q", name, place.Layers[0].Reason)
		}
	}
}

// TestRulesOfTensorRT holds every converted network against what TensorRT asks for.
func TestRulesOfTensorRT(t *testing.T) {
	nets := onnxtest.Nets()
	nets["branching"] = branching()
	for name, m := range nets {
		t.Run(name, func(t *testing.T) {
			base, err := qint8.Prepare(m)
			if err != nil {
				t.Fatal(err)
			}
			r := convert(t, base, qint8.Rules{})
			index := r.Model.Graph.Index()
			pairs := 0
			for _, n := range r.Model.Graph.Nodes {
				switch {
				case n.Standard("QuantizeLinear"):
					pairs++
					checkQuantize(t, index, n)
				case n.Standard("DequantizeLinear"):
					checkDequantize(t, index, n)
				case n.Standard("LayerNormalization", "Softmax", "Sigmoid"):
					if from := index.Producer(n.Inputs[0]); from != nil && from.Standard("DequantizeLinear") {
						t.Errorf("%s reads int8", n.Label())
					}
				}
			}
			if pairs == 0 || pairs != len(r.Pairs) {
				t.Errorf("%d pairs, %d are listed", pairs, len(r.Pairs))
			}
		})
	}
}

func checkQuantize(t *testing.T, index *onnx.Index, q *onnx.Node) {
	t.Helper()
	if zero := index.Initializer(q.Inputs[2]); zero.Type != onnx.Int8 || len(zero.Dims) != 0 || zero.Data[0] != 0 {
		t.Errorf("%s has the zero point %v", q.Label(), zero)
	}
	for _, dq := range index.Consumers(q.Outputs[0]) {
		if !dq.Standard("DequantizeLinear") || !slices.Equal(dq.Inputs[1:], q.Inputs[1:]) {
			t.Errorf("%s is read by %s", q.Label(), dq.Label())
		}
		from := index.Producer(q.Inputs[0])
		for _, reader := range index.Consumers(dq.Outputs[0]) {
			if from != nil && from.Standard("Conv", "Gemm", "MatMul") && reader.Standard("Relu", "Clip", "BatchNormalization") {
				t.Errorf("%s stands between %s and its activation", q.Label(), from.Label())
			}
		}
	}
}

func checkDequantize(t *testing.T, index *onnx.Index, dq *onnx.Node) {
	t.Helper()
	weights := index.Initializer(dq.Inputs[0])
	if weights == nil {
		return
	}
	scales, zeros := index.Initializer(dq.Inputs[1]), index.Initializer(dq.Inputs[2])
	channels := weights.Dims[dq.Int("axis", -99)]
	if weights.Type != onnx.Int8 || zeros.Type != onnx.Int8 || scales.Elements() != channels ||
		zeros.Elements() != channels {
		t.Errorf("%s: weights %v%v with %d scales", dq.Label(), weights.Type, weights.Dims, scales.Elements())
	}
	if slices.Contains(weights.Data, 0x80) {
		t.Errorf("%s uses -128", dq.Label())
	}
	for _, reader := range index.Consumers(dq.Outputs[0]) {
		if bias := index.Initializer(reader.Input(2)); bias != nil && bias.Type != onnx.Float {
			t.Errorf("%s has a bias of %s", reader.Label(), bias.Type)
		}
	}
}

// TestSameBytesEverywhere holds the digest of a conversion: another one on any machine is a bug.
func TestSameBytesEverywhere(t *testing.T) {
	base, err := qint8.Prepare(onnxtest.Separable(2))
	if err != nil {
		t.Fatal(err)
	}
	data, err := convert(t, base, qint8.Rules{}).Model.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := convert(t, base, qint8.Rules{}).Model.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	if got := hex.EncodeToString(sum[:]); got != separableDigest || string(data) != string(again) {
		t.Errorf("digest %s, want %s", got, separableDigest)
	}
}

func TestModelStaysAsItWas(t *testing.T) {
	m := branching()
	before, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	convert(t, m, qint8.Rules{})
	after, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if string(before) != string(after) {
		t.Error("the conversion has changed the original")
	}
}

func TestConvertRefuses(t *testing.T) {
	old := branching()
	old.Opsets[0].Version = 11
	twice := convert(t, branching(), qint8.Rules{}).Model
	broken := branching()
	w := broken.Graph.Initializer(broken.Graph.Nodes[0].Inputs[1])
	values, err := w.Floats()
	if err != nil {
		t.Fatal(err)
	}
	values[3] = float32(math.NaN())
	*w = *onnx.FloatTensor(w.Name, w.Dims, values)
	settings := everywhere(t, branching(), qint8.Rules{}, 1)
	gap := everywhere(t, branching(), qint8.Rules{}, 1)
	delete(gap.Thresholds, "image")
	negative := everywhere(t, branching(), qint8.Rules{}, -1)
	short := everywhere(t, branching(), qint8.Rules{}, 1)
	short.Corrections = map[string][]float32{branching().Graph.Nodes[0].Outputs[0]: {1, 2}}
	for name, c := range map[string]struct {
		model    *onnx.Model
		settings qint8.Settings
		want     string
	}{
		"old operators":     {old, settings, "version 13"},
		"int8 already":      {twice, settings, "quantized already"},
		"weight NaN":        {broken, settings, "no number"},
		"no threshold":      {branching(), gap, "tensor image: the tensor has no threshold"},
		"negative":          {branching(), negative, "no threshold that makes sense: -1"},
		"short corrections": {branching(), short, "2 corrections for 8 biases"},
	} {
		if _, err := qint8.Convert(c.model, c.settings); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one that says %q", name, err, c.want)
		}
	}
	if _, err := qint8.Place(twice, qint8.Rules{}); !errors.Is(err, qint8.ErrQuantized) {
		t.Errorf("error %v", err)
	}
}

func FuzzConvert(f *testing.F) {
	for _, m := range append(slices.Collect(mapsValues(onnxtest.Nets())), branching()) {
		data, err := m.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, 1.5)
	}
	f.Add([]byte("not a model"), 0.0)
	f.Fuzz(func(t *testing.T, data []byte, threshold float64) {
		m, err := onnx.Parse(data, onnx.Limits{Bytes: 1 << 22, Parts: 1 << 14})
		if err != nil {
			return
		}
		base, err := qint8.Prepare(m)
		if err != nil {
			return
		}
		if err := qint8.Equalize(base); err != nil {
			return
		}
		place, err := qint8.Place(base, qint8.Rules{QuantizeLast: true})
		if err != nil {
			return
		}
		s := qint8.Settings{Rules: qint8.Rules{QuantizeLast: true}, Thresholds: map[string]float64{}}
		for _, name := range place.Activations {
			s.Thresholds[name] = threshold
		}
		r, err := qint8.Convert(base, s)
		if err != nil {
			return
		}
		if err := r.Model.Graph.Check(); err != nil {
			t.Errorf("a conversion that succeeded gives a broken graph: %v", err)
		}
	})
}

func mapsValues(m map[string]*onnx.Model) func(func(*onnx.Model) bool) {
	return func(yield func(*onnx.Model) bool) {
		for _, name := range []string{"residual", "separable", "transformer"} {
			if !yield(m[name]) {
				return
			}
		}
	}
}

// separableDigest identifies the separable network in int8 with every threshold at 4.
const separableDigest = "0f32bae624f936c5bd1b69d2213d16c3b6ef3dc43c5dc3c94e53897b1f2b35ef"
