package onnx_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/quant/onnx"
	"github.com/vega-edge/vegad/quant/onnx/onnxtest"
)

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWeightsOutsideTheModel(t *testing.T) {
	dir := t.TempDir()
	all := onnx.FloatTensor("", []int64{4}, []float32{1, 2, 3, 4}).Data
	write(t, filepath.Join(dir, "sub", "w.bin"), all)
	graph := msg{}.sub(5, outside(3, "sub/w.bin", "offset", "4", "length", "12", "checksum", "unused").str(8, "a")).
		sub(5, outside(4, "sub/w.bin").str(8, "b"))
	path := filepath.Join(dir, "net.onnx")
	write(t, path, file(graph))
	m, err := onnx.Open(path, onnx.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := m.Graph.Initializer("a").Floats()
	if err != nil || len(a) != 3 || a[0] != 2 || a[2] != 4 {
		t.Errorf("a is %v, %v", a, err)
	}
	// What is saved holds everything itself and opens anywhere.
	moved := filepath.Join(t.TempDir(), "moved.onnx")
	if err := m.Save(moved); err != nil {
		t.Fatal(err)
	}
	back, err := onnx.Open(moved, onnx.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if b := back.Graph.Initializer("b"); !bytes.Equal(b.Data, all) || b.External() {
		t.Errorf("b is %v", b.Data)
	}
}

// TestReferencesSurviveParsing checks that a model whose weights were not read still names their place.
func TestReferencesSurviveParsing(t *testing.T) {
	reference := outside(1, "w.bin", "future key", "kept")
	m := parse(t, file(msg{}.sub(5, reference.str(8, "a"))))
	m.Producer = "changed"
	data := marshal(t, m)
	if !bytes.Contains(data, msg{}.sub(13, msg{}.str(1, "future key").str(2, "kept"))) {
		t.Error("an unknown key of the reference is gone")
	}
	if !parse(t, data).Graph.Initializer("a").External() {
		t.Error("the reference is gone")
	}
}

func TestWeightsOutsideTheFolderAreRefused(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret.bin")
	write(t, secret, make([]byte, 16))
	inner := filepath.Join(dir, "models")
	write(t, filepath.Join(inner, "w.bin"), make([]byte, 16))
	if err := os.Symlink(secret, filepath.Join(inner, "link.bin")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, filepath.Join(inner, "up")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("w.bin", filepath.Join(inner, "inside.bin")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		tensor msg
		limits onnx.Limits
		want   string
	}{
		"up":            {outside(1, "../secret.bin"), onnx.Limits{}, "must be a file in the model's folder"},
		"down and up":   {outside(1, "sub/../w.bin"), onnx.Limits{}, "must be a file in the model's folder"},
		"absolute":      {outside(1, secret), onnx.Limits{}, "must be a file in the model's folder"},
		"no name":       {outside(1, ""), onnx.Limits{}, "must be a file in the model's folder"},
		"link":          {outside(1, "link.bin"), onnx.Limits{}, "escapes"},
		"linked folder": {outside(1, "up/secret.bin"), onnx.Limits{}, "escapes"},
		"a folder":      {outside(1, "."), onnx.Limits{}, "not a regular file"},
		"missing":       {outside(1, "none.bin"), onnx.Limits{}, "no such file"},
		"too short":     {outside(5, "w.bin"), onnx.Limits{}, "has 16 bytes, 20 from 0 on are wanted"},
		"far offset":    {outside(1, "w.bin", "offset", "13"), onnx.Limits{}, "4 from 13 on are wanted"},
		"huge offset":   {outside(1, "w.bin", "offset", "4611686018427387903"), onnx.Limits{}, "are wanted"},
		"huge claim":    {outside(1<<40, "w.bin"), onnx.Limits{}, "exceeds the limit"},
		"over limit":    {outside(4, "w.bin"), onnx.Limits{External: 15}, "exceeds the limit"},
		"wrong length":  {outside(4, "w.bin", "length", "8"), onnx.Limits{}, "takes 16 bytes"},
		"bad offset":    {outside(1, "w.bin", "offset", "-4"), onnx.Limits{}, "invalid syntax"},
		"both":          {outside(1, "w.bin").sub(9, make([]byte, 4)), onnx.Limits{}, "both in the model and"},
		"not said":      {msg{}.num(2, 1).sub(13, msg{}.str(1, "location").str(2, "w.bin")), onnx.Limits{}, "does not say"},
		"strings":       {outside(1, "w.bin").num(2, 8), onnx.Limits{}, "cannot lie"},
	} {
		path := filepath.Join(inner, "net.onnx")
		write(t, path, file(msg{}.sub(5, c.tensor.str(8, "w"))))
		if _, err := onnx.Open(path, c.limits); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v lacks %q", name, err, c.want)
		}
	}
	path := filepath.Join(inner, "net.onnx")
	write(t, path, file(msg{}.sub(5, outside(4, "inside.bin").str(8, "w"))))
	if _, err := onnx.Open(path, onnx.Limits{}); err != nil {
		t.Errorf("a link within the folder is refused: %v", err)
	}
}

// TestAttributesMayHaveWeightsOutside covers constants that are attributes, and those in subgraphs, which are refused.
func TestAttributesMayHaveWeightsOutside(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "w.bin"), make([]byte, 8))
	constant := msg{}.str(2, "y").str(4, "Constant").sub(5, msg{}.str(1, "value").sub(5, outside(2, "w.bin")).num(20, 4))
	path := filepath.Join(dir, "net.onnx")
	write(t, path, file(msg{}.sub(1, constant).sub(12, value("y"))))
	m, err := onnx.Open(path, onnx.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if w := m.Graph.Nodes[0].Attribute("value").Tensor; w.External() || len(w.Data) != 8 {
		t.Errorf("the constant has %d bytes", len(w.Data))
	}
	inner := msg{}.sub(5, outside(2, "w.bin").str(8, "w")).sub(12, value("w"))
	node := msg{}.str(2, "y").str(4, "If").sub(5, msg{}.str(1, "then_branch").sub(6, inner).num(20, 5))
	_, err = onnx.Parse(file(msg{}.sub(1, node).sub(12, value("y"))), onnx.Limits{})
	if err == nil || !strings.Contains(err.Error(), "subgraph with weights outside") {
		t.Errorf("a subgraph with weights outside gives %v", err)
	}
}

func TestSubgraphsAreKept(t *testing.T) {
	inner := msg{}.sub(1, identity("far", "z")).sub(12, value("z")).str(1000, "unknown")
	branch := msg{}.str(1, "then_branch").sub(6, inner).num(20, 5)
	g := msg{}.sub(11, value("x")).sub(12, value("y")).
		sub(1, msg{}.str(1, "x").str(2, "y").str(4, "If").sub(5, branch)).
		sub(1, identity("x", "far")) // out of order, and read by the subgraph only
	m := parse(t, file(g))
	if readers := m.Graph.Index().Consumers("far"); len(readers) != 1 || !readers[0].HasSubgraph() {
		t.Errorf("%d nodes read what the subgraph takes from outside", len(readers))
	}
	if err := m.Graph.Sort(); err != nil {
		t.Fatal(err)
	}
	if m.Graph.Nodes[0].OpType != "Identity" {
		t.Error("the subgraph runs before what it reads is made")
	}
	if !bytes.Contains(marshal(t, m), msg{}.sub(6, inner)) {
		t.Error("the subgraph has changed")
	}
	if _, err := onnx.Shapes(m.Graph); err != nil {
		t.Error(err)
	}
}

func TestSparseInitializersAreKnown(t *testing.T) {
	sparse := msg{}.sub(1, msg{}.num(1, 1).num(2, 1).str(8, "w").sub(9, make([]byte, 4))).num(3, 5)
	m := parse(t, file(msg{}.sub(15, sparse).sub(1, identity("w", "y")).sub(12, value("y"))))
	m.Producer = "changed"
	if !bytes.Contains(marshal(t, m), msg{}.sub(15, sparse)) {
		t.Error("the sparse constant is gone")
	}
}

func TestNamesAndEdits(t *testing.T) {
	g := onnxtest.ResNet(1).Graph
	names := g.Names()
	if a, b := names.Unique("fresh"), names.Unique("fresh"); a != "fresh" || b != "fresh_1" {
		t.Errorf("unique names are %q and %q", a, b)
	}
	if got := names.Unique(g.Nodes[0].Outputs[0]); got == g.Nodes[0].Outputs[0] {
		t.Errorf("%q is in use", got)
	}
	if got := names.Unique(""); got == "" {
		t.Error("an empty name is given out")
	}
	first := g.Nodes[0]
	out, cast := first.Outputs[0], &onnx.Node{OpType: "Cast", Outputs: []string{"cast"}}
	cast.Inputs = []string{out}
	g.InsertAfter(first, cast)
	if n := g.Rewire(out, "cast", cast); n != 1 || g.Nodes[1] != cast || g.Nodes[2].Inputs[0] != "cast" {
		t.Errorf("%d inputs were rewired", n)
	}
	ix := g.Index()
	if ix.Producer("cast") != cast || len(ix.Consumers("cast")) != 1 || ix.Producer("image") != nil {
		t.Error("the index is wrong")
	}
	if !ix.IsOutput(g.Outputs[0].Name) || ix.IsOutput("cast") {
		t.Error("the outputs are wrong")
	}
	if err := g.Check(); err != nil {
		t.Error(err)
	}
	before := len(g.Nodes)
	g.Replace(cast)
	if len(g.Nodes) != before-1 || g.Check() == nil {
		t.Error("a node that is read can be removed without anyone noticing")
	}
	g.Rewire("cast", out)
	g.InsertBefore(nil, &onnx.Node{OpType: "Relu", Inputs: []string{out}, Outputs: []string{"last"}})
	if err := g.Check(); err != nil || g.Nodes[len(g.Nodes)-1].Outputs[0] != "last" {
		t.Errorf("appending: %v", err)
	}
	g.AddInitializer(onnx.FloatScalar("unused", 1))
	g.Values = append(g.Values, onnx.NewValue("cast", onnx.Float))
	kept := len(g.Initializers) - 1
	g.DropUnused()
	if len(g.Initializers) != kept || len(g.Values) != 0 || g.Initializer("unused") != nil {
		t.Errorf("%d constants and %d values are left, want %d and none", len(g.Initializers), len(g.Values), kept)
	}
}
