package fp16_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/vega-edge/vegad/quant/fp16"
	"github.com/vega-edge/vegad/quant/onnx"
	"github.com/vega-edge/vegad/quant/onnx/onnxtest"
	"github.com/vega-edge/vegad/runtime/engine/enginetest"
)

func sub(message []byte, field protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(message, field, protowire.BytesType), content)
}

// branching returns a model in which an If gives out either of two tensors that are not among its inputs: what makes
// returns for the model's input, or that input's negative.
func branching(t *testing.T, makes func(b *onnxtest.Builder, x string) string) *onnx.Model {
	t.Helper()
	b := onnxtest.NewBuilder("branching", 1)
	x := b.Input("x", 1, 4)
	yes, no := makes(b, x), b.Node("Neg", []string{x})
	g := b.Graph()
	g.AddInitializer(&onnx.Tensor{Name: "condition", Type: onnx.Bool, Dims: []int64{1}, Data: []byte{1}})
	chosen := b.Node("If", []string{"condition"})
	g.Values = append(g.Values, onnx.NewValue(chosen, onnx.Float, 1, 4))
	b.Output(b.Node("Tanh", []string{chosen}), 1, 4)
	data := marshal(t, b.Model())
	m := parse(t, data)
	node := m.Graph.Index().Producer(chosen)
	// The node is encoded again with the subgraphs that this package cannot make.
	raw := sub(sub(nil, 1, []byte("condition")), 2, []byte(chosen))
	raw = sub(sub(raw, 3, []byte(node.Name)), 4, []byte("If"))
	raw = sub(sub(raw, 5, branch("then_branch", yes)), 5, branch("else_branch", no))
	old := sub(sub(sub(nil, 1, []byte("condition")), 2, []byte(chosen)), 3, []byte(node.Name))
	old = sub(old, 4, []byte("If"))
	return parse(t, regraph(t, data, old, raw))
}

// branch is an attribute with a graph that copies a tensor of the graph around it.
func branch(name, captured string) []byte {
	kind := sub(nil, 1, append([]byte{8, 1}, sub(nil, 2, nil)...)) // a tensor of type float
	node := sub(sub(sub(nil, 1, []byte(captured)), 2, []byte(name+"_out")), 4, []byte("Identity"))
	graph := sub(sub(nil, 1, node), 2, []byte(name))
	graph = sub(graph, 12, sub(sub(nil, 1, []byte(name+"_out")), 2, kind))
	attribute := sub(sub(nil, 1, []byte(name)), 6, graph)
	return protowire.AppendVarint(protowire.AppendTag(attribute, 20, protowire.VarintType), 5)
}

// regraph replaces one node in an encoded model.
func regraph(t *testing.T, model, old, replacement []byte) []byte {
	t.Helper()
	var out []byte
	for len(model) > 0 {
		number, _, n := protowire.ConsumeField(model)
		_, _, tag := protowire.ConsumeTag(model)
		field := model[:n]
		if number == 7 {
			graph, _ := protowire.ConsumeBytes(model[tag:])
			before, after, found := strings.Cut(string(graph), string(sub(nil, 1, old)))
			if !found {
				t.Fatal("the node is not found")
			}
			field = sub(nil, 7, slices.Concat([]byte(before), sub(nil, 1, replacement), []byte(after)))
		}
		out = append(out, field...)
		model = model[n:]
	}
	return out
}

func TestSubgraphsReadSinglePrecision(t *testing.T) {
	rt := enginetest.Open(t)
	m := branching(t, (*onnxtest.Builder).Relu)
	inputs := map[string][]float32{"x": {-1, 0, 2, 0.5}}
	half, report := convert(t, m, fp16.Options{})
	got := reasons(report)
	if got["If"] != fp16.NotKnown || got["Relu"] != fp16.Converted || got["Tanh"] != fp16.Converted {
		t.Errorf("reasons: %v", got)
	}
	want, have := run(t, rt, m, inputs), run(t, rt, half, inputs)
	for output, w := range want {
		if ratio := decibel(w, have[output]); !(ratio > 60) {
			t.Errorf("%s is %.1f dB: %v, want %v", output, ratio, have[output], w)
		}
	}
}

// TestSubgraphsForbidHalfInputs: a subgraph reads an input by its name, in the precision that it was written for.
func TestSubgraphsForbidHalfInputs(t *testing.T) {
	m := branching(t, func(_ *onnxtest.Builder, x string) string { return x })
	_, _, err := fp16.Convert(m, fp16.Options{HalfIO: true})
	if err == nil || !strings.Contains(err.Error(), `"x" cannot be in half precision`) {
		t.Errorf("error %v does not name the input", err)
	}
	if _, _, err := fp16.Convert(m, fp16.Options{}); err != nil {
		t.Error(err)
	}
}
