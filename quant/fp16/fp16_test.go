package fp16_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/quant/fp16"
	"github.com/vega-edge/vegad/quant/onnx"
	"github.com/vega-edge/vegad/quant/onnx/onnxtest"
	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/engine/enginetest"
)

// sample is a network with inputs.
type sample struct {
	model  *onnx.Model
	inputs map[string][]float32
}

// samples returns the graphs of the bundle with their golden inputs, and the classic networks.
func samples(t *testing.T) map[string]sample {
	t.Helper()
	out := map[string]sample{}
	for name, m := range onnxtest.Nets() {
		out[name] = sample{m, onnxtest.Inputs(m, 9)}
	}
	normalized := onnxtest.Normalized(4)
	out["normalized"] = sample{normalized, onnxtest.Inputs(normalized, 9)}
	bundle, err := models.Open(filepath.Join("..", "..", "models", "bundles", "nano"))
	if err != nil {
		t.Fatal(err)
	}
	golden, err := bundle.Golden()
	if err != nil {
		t.Fatal(err)
	}
	for _, graph := range models.GraphNames() {
		data, err := bundle.ReadFile(models.FP32, graph)
		if err != nil {
			t.Fatal(err)
		}
		s := sample{model: parse(t, data), inputs: map[string][]float32{}}
		for _, in := range s.model.Graph.Inputs {
			s.inputs[in.Name] = golden[graph+"."+in.Name].Floats
		}
		out[graph] = s
	}
	return out
}

func parse(t *testing.T, data []byte) *onnx.Model {
	t.Helper()
	m, err := onnx.Parse(data, onnx.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func marshal(t *testing.T, m *onnx.Model) []byte {
	t.Helper()
	data, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func convert(t *testing.T, m *onnx.Model, opts fp16.Options) (*onnx.Model, *fp16.Report) {
	t.Helper()
	out, report, err := fp16.Convert(m, opts)
	if err != nil {
		t.Fatal(err)
	}
	return out, report
}

// run returns the outputs of a network by name.
func run(t *testing.T, rt *engine.Runtime, m *onnx.Model, inputs map[string][]float32) map[string][]float32 {
	t.Helper()
	loaded, err := engine.LoadModel(rt, marshal(t, m), engine.ModelOptions{Precision: models.FP16})
	if err != nil {
		t.Fatal(err)
	}
	defer loaded.Close() //nolint:errcheck // a test that ends anyway
	for name, values := range inputs {
		copy(loaded.Input(name), values)
	}
	if err := loaded.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	out := map[string][]float32{}
	for _, spec := range loaded.Spec().Outputs {
		out[spec.Name] = slices.Clone(loaded.Output(spec.Name))
	}
	return out
}

// decibel is the ratio of the signal to what differs from it.
func decibel(want, got []float32) float64 {
	var signal, noise float64
	for i, w := range want {
		signal += float64(w) * float64(w)
		noise += (float64(w) - float64(got[i])) * (float64(w) - float64(got[i]))
	}
	return 10 * math.Log10(signal/noise)
}

// TestOutputsStayTheSame runs every network in both precisions. Half precision carries eleven bits, 66 dB; rounding
// after each of some twenty layers costs a part of that.
func TestOutputsStayTheSame(t *testing.T) {
	rt := enginetest.Open(t)
	for name, s := range samples(t) {
		want := run(t, rt, s.model, s.inputs)
		half, report := convert(t, s.model, fp16.Defaults())
		before, after := len(marshal(t, s.model)), len(marshal(t, half))
		if before > 10_000 && float64(after) > 0.62*float64(before) {
			t.Errorf("%s: %d bytes became %d", name, before, after)
		}
		if converted := count(report.Nodes, true); converted < len(report.Nodes)/3 {
			t.Errorf("%s: %d of %d nodes are in half precision", name, converted, len(report.Nodes))
		}
		compare(t, name, want, run(t, rt, half, s.inputs), 55)

		opts := fp16.Defaults()
		opts.HalfIO = true
		half, _ = convert(t, s.model, opts)
		wrap(half.Graph)
		compare(t, name+" with half inputs", want, run(t, rt, half, s.inputs), 50)
	}
}

// compare expects every output to be that close, in decibel, and at least one of them to differ.
func compare(t *testing.T, name string, want, got map[string][]float32, least float64) {
	t.Helper()
	differs := false
	for output, w := range want {
		ratio := decibel(w, got[output])
		if !(ratio > least) {
			t.Errorf("%s: %s is %.1f dB, want more than %g", name, output, ratio, least)
		}
		differs = differs || !math.IsInf(ratio, 1)
	}
	if !differs {
		t.Errorf("%s: nothing differs, so that nothing can have been converted", name)
	}
}

func count(nodes []fp16.Node, half bool) int {
	n := 0
	for _, node := range nodes {
		if node.Half == half {
			n++
		}
	}
	return n
}

// TestStructure checks every converted network: one precision a node, casts only between the two, none twice, none
// that undoes another, and all as reported.
func TestStructure(t *testing.T) {
	for name, s := range samples(t) {
		for _, opts := range []fp16.Options{fp16.Defaults(), {}, {HalfIO: true}} {
			half, report := convert(t, s.model, opts)
			checkStructure(t, name, half, report)
			for _, v := range slices.Concat(half.Graph.Inputs, half.Graph.Outputs) {
				if (v.Type == onnx.Float16) != opts.HalfIO {
					t.Errorf("%s: %s is declared as %s", name, v.Name, v.Type)
				}
			}
		}
	}
}

func checkStructure(t *testing.T, name string, m *onnx.Model, report *fp16.Report) {
	t.Helper()
	types, err := onnx.Types(m.Graph)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Graph.Check(); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	reported := map[string]bool{}
	for _, n := range report.Nodes {
		reported[n.Name] = n.Half
		if n.Half != (n.Reason == fp16.Converted) {
			t.Errorf("%s: %+v contradicts itself", name, n)
		}
	}
	ix, casts, cast := m.Graph.Index(), 0, map[string]bool{}
	for _, n := range m.Graph.Nodes {
		if n.OpType != "Cast" {
			if got := precision(t, n, types); got != reported[n.Name] {
				t.Errorf("%s: node %s is reported otherwise", name, n.Label())
			}
			continue
		}
		casts++
		from := ix.Producer(n.Inputs[0])
		if cast[n.Inputs[0]] || ix.Initializer(n.Inputs[0]) != nil || from != nil && from.OpType == "Cast" {
			t.Errorf("%s: %s is needless", name, n.Label())
		}
		cast[n.Inputs[0]] = true
		if !ix.IsOutput(n.Outputs[0]) && len(ix.Consumers(n.Outputs[0])) == 0 {
			t.Errorf("%s: nothing reads %s", name, n.Label())
		}
	}
	if casts != report.Casts {
		t.Errorf("%s: %d casts, %d reported", name, casts, report.Casts)
	}
}

// precision tells whether a node is in half precision, and objects if it is in both.
func precision(t *testing.T, n *onnx.Node, types map[string]onnx.DataType) bool {
	t.Helper()
	seen := map[onnx.DataType]bool{}
	for _, name := range slices.Concat(n.Inputs, n.Outputs) {
		seen[types[name]] = true
	}
	if seen[onnx.Float] && seen[onnx.Float16] {
		t.Errorf("node %s mixes precisions", n.Label())
	}
	return seen[onnx.Float16]
}

func TestWhatStaysInSinglePrecision(t *testing.T) {
	all := samples(t)
	for name, want := range map[string]map[fp16.Reason][]string{
		"spatial_head": {
			fp16.BlockedOp: {"LayerNormalization", "LayerNormalization", "Log", "ReduceL2"},
			fp16.Gate:      {"Sigmoid"},
			fp16.TooSmall: { // what leads to the gate, and the layers behind a picture of one channel
				"Add", "Add", "Concat", "Gemm", "MatMul", "Reshape", "Transpose", "Unsqueeze",
			},
		},
		"residual":    {fp16.LastLayer: {"Gemm"}},
		"video_mixer": {fp16.LastLayer: nil, fp16.Gate: nil},
		"video_stem":  {fp16.LastLayer: {"Conv"}},
		"transformer": {fp16.LastLayer: {"Gemm"}, fp16.Gate: nil},
		"separable":   {fp16.LastLayer: {"Gemm"}},
		"normalized":  {fp16.LastLayer: {"BatchNormalization", "Conv"}},
	} {
		_, report := convert(t, all[name].model, fp16.Defaults())
		got := map[fp16.Reason][]string{}
		for _, n := range report.Nodes {
			if !n.Half {
				got[n.Reason] = append(got[n.Reason], n.Op)
			}
		}
		for reason, ops := range want {
			slices.Sort(got[reason])
			if !slices.Equal(got[reason], ops) {
				t.Errorf("%s: %s: %v, want %v", name, reason, got[reason], ops)
			}
		}
	}
}

func TestTheModelItselfStays(t *testing.T) {
	m := onnxtest.Transformer(1)
	before := marshal(t, m)
	first, _ := convert(t, m, fp16.Defaults())
	second, _ := convert(t, m, fp16.Defaults())
	if !bytes.Equal(before, marshal(t, m)) {
		t.Error("the model has changed")
	}
	if !bytes.Equal(marshal(t, first), marshal(t, second)) {
		t.Error("two conversions differ")
	}
	if _, _, err := fp16.Convert(first, fp16.Defaults()); !errors.Is(err, fp16.ErrConverted) {
		t.Errorf("converting twice gives %v", err)
	}
}

// TestSameBytesEverywhere converts a network whose weights need no mathematics, so that the digest holds on every
// machine.
func TestSameBytesEverywhere(t *testing.T) {
	b := onnxtest.NewBuilder("fixed", 0)
	weights := make([]float32, 2*2*3*3)
	for i := range weights {
		weights[i] = float32(i-17) / 7
	}
	x := b.Node("Conv", []string{b.Input("x", 1, 2, 8, 8), b.Constant([]int64{2, 2, 3, 3}, weights...)})
	x = b.Node("Softmax", []string{b.Relu(x)}, onnx.IntAttr("axis", 1))
	b.Output(b.Node("Mul", []string{x, b.Constant(nil, 1e-5)}), 1, 2, 6, 6)
	out, _ := convert(t, b.Model(), fp16.Options{BlockOps: []string{"Softmax"}})
	sum := sha256.Sum256(marshal(t, out))
	if got, want := hex.EncodeToString(sum[:8]), "1dd066b392fa7dd4"; got != want {
		t.Errorf("the digest begins with %s, want %s", got, want)
	}
}

func reasons(report *fp16.Report) map[string]fp16.Reason {
	out := map[string]fp16.Reason{}
	for _, n := range report.Nodes {
		out[n.Op] = n.Reason
	}
	return out
}

func TestRangesKeepWhatMakesAndReads(t *testing.T) {
	b := onnxtest.NewBuilder("ranges", 1)
	x := b.Input("x", 4)
	large := b.Node("Exp", []string{b.Node("Neg", []string{x})})
	b.Output(b.Node("Tanh", []string{b.Relu(large)}), 4)
	for value, want := range map[float64]fp16.Reason{
		30000: fp16.Converted, 33000: fp16.OutOfRange, math.NaN(): fp16.OutOfRange, math.Inf(1): fp16.OutOfRange,
	} {
		_, report := convert(t, b.Model(), fp16.Options{Ranges: map[string]float64{large: value}})
		got := reasons(report)
		if got["Exp"] != want || got["Relu"] != want || got["Neg"] != fp16.Converted || got["Tanh"] != fp16.Converted {
			t.Errorf("%g: %v", value, got)
		}
	}
	_, report := convert(t, b.Model(), fp16.Options{Ranges: map[string]float64{large: 30000}, Headroom: 3})
	if got := reasons(report); got["Exp"] != fp16.OutOfRange {
		t.Errorf("headroom of three: %v", got)
	}
}

func TestBlockedNodes(t *testing.T) {
	b := onnxtest.NewBuilder("blocked", 1)
	x := b.Relu(b.Input("x", 1, 4))
	y := b.Node("MatMul", []string{x, b.Constant([]int64{4, 4}, make([]float32, 16)...)})
	b.Output(b.Node("Tanh", []string{y}), 1, 4)
	weights := b.Graph().Initializers[0].Name
	for pattern, want := range map[string]string{
		"^node_Relu": "Relu", "^" + weights + "$": "MatMul", "^Tanh_": "Tanh", "nothing": "",
	} {
		_, report := convert(t, b.Model(), fp16.Options{BlockNodes: regexp.MustCompile(pattern)})
		for op, reason := range reasons(report) {
			if (reason == fp16.BlockedNode) != (op == want) {
				t.Errorf("%s: %s: %q", pattern, op, reason)
			}
		}
	}
}

// TestSharedConstants: a constant that both precisions read is there twice, any other once.
func TestSharedConstants(t *testing.T) {
	b := onnxtest.NewBuilder("shared", 1)
	c := b.Constant([]int64{1}, 0.1)
	x := b.Add(b.Input("x", 4), c)
	b.Output(b.Node("Mul", []string{x, c}), 4)
	half, _ := convert(t, b.Model(), fp16.Options{BlockOps: []string{"Mul"}})
	if n := len(half.Graph.Initializers); n != 2 || half.Graph.Initializer(c).Type != onnx.Float {
		t.Errorf("%d constants, want the old and a copy", n)
	}
	half, _ = convert(t, b.Model(), fp16.Options{})
	if n := len(half.Graph.Initializers); n != 1 || half.Graph.Initializers[0].Type != onnx.Float16 {
		t.Errorf("%d constants, want one in half precision", n)
	}
}

// wrap puts casts around a graph, keeping the names of its inputs and outputs.
func wrap(g *onnx.Graph) {
	for _, v := range g.Inputs {
		g.Rewire(v.Name, v.Name+"_inner")
		g.Nodes = slices.Insert(g.Nodes, 0, &onnx.Node{
			OpType: "Cast", Inputs: []string{v.Name}, Outputs: []string{v.Name + "_inner"},
			Attributes: []*onnx.Attribute{onnx.IntAttr("to", int64(onnx.Float16))},
		})
		v.Type = onnx.Float
	}
	for _, v := range g.Outputs {
		inner := v.Name + "_inner"
		for _, n := range g.Nodes {
			for i, name := range n.Outputs {
				if name == v.Name {
					n.Outputs[i] = inner
				}
			}
		}
		g.Rewire(v.Name, inner)
		g.InsertBefore(nil, &onnx.Node{
			OpType: "Cast", Inputs: []string{inner}, Outputs: []string{v.Name},
			Attributes: []*onnx.Attribute{onnx.IntAttr("to", int64(onnx.Float))},
		})
		v.Type = onnx.Float
	}
}

// TestUnknownOperatorsAreLeftAlone also covers operators that are known but whose types cannot be followed.
func TestUnknownOperatorsAreLeftAlone(t *testing.T) {
	b := onnxtest.NewBuilder("unknown", 1)
	x := b.Relu(b.Input("x", 1, 4))
	strange := b.Node("Strange", []string{x, b.Constant(nil, 2)})
	b.Graph().Values = append(b.Graph().Values, onnx.NewValue(strange, onnx.Float, 1, 4))
	after := b.Node("Tanh", []string{strange})
	lost := b.Node("Lost", []string{after})
	b.Output(b.Node("Sigmoid", []string{lost}), 1, 4)
	half, report := convert(t, b.Model(), fp16.Options{})
	got := reasons(report)
	if got["Strange"] != fp16.NotKnown || got["Lost"] != fp16.NotKnown || got["Sigmoid"] != fp16.NotKnown {
		t.Errorf("unknown operators: %v", got)
	}
	if got["Relu"] != fp16.Converted || got["Tanh"] != fp16.Converted {
		t.Errorf("operators beside them: %v", got)
	}
	node := half.Graph.Index().Producer(strange)
	if node == nil || node.Inputs[0] != x || half.Graph.Initializer(node.Inputs[1]).Type != onnx.Float {
		t.Errorf("the unknown operator reads %v", node)
	}
}

func TestConstantsInNodes(t *testing.T) {
	rt := enginetest.Open(t)
	b := onnxtest.NewBuilder("constants", 1)
	x := b.Input("x", 1, 3)
	one := b.Node("Constant", nil, onnx.FloatAttr("value_float", 0.5))
	row := b.Node("Constant", nil, onnx.TensorAttr("value", onnx.FloatTensor("", []int64{3}, []float32{1, 2, 3})))
	shape := b.Node("Constant", nil, onnx.IntsAttr("value_ints", 3, 1))
	y := b.Node("Reshape", []string{b.Add(b.Node("Mul", []string{x, one}), row), shape})
	scales := b.Constant([]int64{4}, 1, 1, 2, 2)
	y = b.Node("Resize", []string{b.Node("Reshape", []string{y, b.Ints(1, 1, 3, 1)}), "", scales})
	b.Output(b.Node("Concat", []string{y, y}, onnx.IntAttr("axis", 3)), 1, 1, 6, 4)
	inputs := map[string][]float32{"x": {1, 10, 100}}
	half, report := convert(t, b.Model(), fp16.Options{})
	for _, n := range report.Nodes {
		if !n.Half {
			t.Errorf("%+v stays in single precision", n)
		}
	}
	want, got := run(t, rt, b.Model(), inputs), run(t, rt, half, inputs)
	for output, w := range want {
		if !slices.Equal(w, got[output]) { // these numbers are exact in both
			t.Errorf("%v, want %v", got[output], w)
		}
	}
	if n := half.Graph.Initializer(scales); n == nil || n.Type != onnx.Float {
		t.Error("the factors of Resize are converted")
	}
}

// TestIdleCasts: a cast that changes nothing must not stand between two nodes of half precision.
func TestIdleCasts(t *testing.T) {
	b := onnxtest.NewBuilder("idle", 1)
	x := b.Node("Cast", []string{b.Relu(b.Input("x", 4))}, onnx.IntAttr("to", int64(onnx.Float)))
	b.Output(b.Node("Tanh", []string{x}), 4)
	half, report := convert(t, b.Model(), fp16.Options{})
	checkStructure(t, "idle", half, report)
	if report.Casts != 2 || count(report.Nodes, true) != 3 {
		t.Errorf("%+v", report)
	}
}

// TestBrokenModels: a graph that cannot be followed is an error, and says what was done.
func TestBrokenModels(t *testing.T) {
	m := onnxtest.ResNet(1)
	m.Graph.Nodes[0].Inputs[1] = "missing"
	if _, _, err := fp16.Convert(m, fp16.Defaults()); err == nil || !strings.Contains(err.Error(), `"missing"`) {
		t.Errorf("error %v does not name what is missing", err)
	}
	b := onnxtest.NewBuilder("shapes", 1)
	b.Output(b.Add(b.Input("x", 3), b.Constant([]int64{2}, 1, 2)), 3)
	_, _, err := fp16.Convert(b.Model(), fp16.Defaults())
	if err == nil || !strings.HasPrefix(err.Error(), "converting to half precision: inferring shapes") {
		t.Errorf("shapes that do not fit give %v", err)
	}
}
