package onnx_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/vega-edge/vegad/quant/onnx"
	"github.com/vega-edge/vegad/quant/onnx/onnxtest"
)

// bundleFiles returns the graphs of the bundles in this repository.
func bundleFiles(tb testing.TB) []string {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "models", "bundles", "nano", "*", "*.onnx"))
	if err != nil || len(files) == 0 {
		tb.Fatalf("found %d bundle graphs, %v", len(files), err)
	}
	return files
}

// msg builds protocol buffers by hand, so that tests can write what the package never would.
type msg []byte

func (m msg) num(field int, v int64) msg {
	return protowire.AppendVarint(protowire.AppendTag(m, protowire.Number(field), protowire.VarintType), uint64(v))
}

func (m msg) sub(field int, v []byte) msg {
	return protowire.AppendBytes(protowire.AppendTag(m, protowire.Number(field), protowire.BytesType), v)
}

func (m msg) str(field int, s string) msg { return m.sub(field, []byte(s)) }

func (m msg) fixed(field int, bits uint32) msg {
	return protowire.AppendFixed32(protowire.AppendTag(m, protowire.Number(field), protowire.Fixed32Type), bits)
}

// file wraps a graph into a model.
func file(graph msg) msg { return msg{}.num(1, 8).sub(7, graph).sub(8, msg{}.num(2, 18)) }

// identity is a node that copies x to y.
func identity(x, y string) msg { return msg{}.str(1, x).str(2, y).str(4, "Identity") }

// value declares a tensor of type float without a shape.
func value(name string) msg { return msg{}.str(1, name).sub(2, msg{}.sub(1, msg{}.num(1, 1))) }

func parse(tb testing.TB, data []byte) *onnx.Model {
	tb.Helper()
	m, err := onnx.Parse(data, onnx.Limits{})
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func marshal(tb testing.TB, m *onnx.Model) []byte {
	tb.Helper()
	data, err := m.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func TestUnchangedModelsKeepEveryByte(t *testing.T) {
	for _, name := range bundleFiles(t) {
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := onnx.Open(name, onnx.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if got := marshal(t, m); !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes became %d others", name, len(want), len(got))
		}
	}
}

// TestUnusualCodingKeepsEveryByte writes fields out of order, numbers longer than needed and values equal to their
// defaults, none of which this package would write.
func TestUnusualCodingKeepsEveryByte(t *testing.T) {
	longOne := []byte{1 << 3, 0x81, 0x80, 0x00} // field 1 = 1 in three bytes
	data := msg{}.sub(8, msg{}.num(2, 18)).str(3, "").
		sub(7, msg{}.sub(12, value("x")).str(2, "").sub(11, value("x")).str(10, "doc"))
	data = append(data, longOne...)
	m := parse(t, data)
	if got := marshal(t, m); !bytes.Equal(got, data) {
		t.Errorf("got  %x\nwant %x", got, []byte(data))
	}
	m.Producer = "changed"
	if got := marshal(t, m); bytes.Equal(got, data) {
		t.Error("a change is lost")
	}
	m.Producer = ""
	if got := marshal(t, m); !bytes.Equal(got, data) {
		t.Error("a change that was taken back leaves a trace")
	}
}

// TestUnknownFieldsSurvive plants a field that no version of the format has into every kind of message and changes the
// model, so that everything is encoded anew.
func TestUnknownFieldsSurvive(t *testing.T) {
	mark := func(s string) msg { return msg{}.str(1000, s).fixed(1001, 7) }
	tensor := append(msg{}.num(1, 1).num(2, 1).str(8, "w").sub(9, make([]byte, 4)), mark("in a tensor")...)
	attribute := append(msg{}.str(1, "a").num(3, 5).num(20, 2), mark("in an attribute")...)
	node := append(identity("x", "y").sub(5, attribute), mark("in a node")...)
	shape := append(msg{}.sub(1, msg{}.num(1, 1)), mark("in a shape")...)
	typ := append(msg{}.sub(1, msg{}.num(1, 1).sub(2, shape)), mark("in a type")...)
	input := append(msg{}.str(1, "x").sub(2, typ), mark("in a value")...)
	graph := append(msg{}.sub(1, node).sub(5, tensor).sub(11, input).sub(12, value("y")), mark("in a graph")...)
	m := parse(t, append(file(graph), mark("in a model")...))
	m.Graph.Nodes[0].OpType = "Relu"
	data := marshal(t, m)
	for _, place := range []string{"tensor", "attribute", "node", "shape", "type", "value", "graph", "model"} {
		found := false
		for _, article := range []string{"in a ", "in an "} {
			found = found || bytes.Contains(data, mark(article+place))
		}
		if !found {
			t.Errorf("the unknown field in a %s is gone", place)
		}
	}
	if again := parse(t, data); again.Graph.Nodes[0].OpType != "Relu" {
		t.Error("the change is gone")
	}
}

func TestChangedModelsParseToTheSame(t *testing.T) {
	for _, name := range bundleFiles(t) {
		m, err := onnx.Open(name, onnx.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		m.Producer = "somebody else"
		first := marshal(t, m)
		again := parse(t, first)
		again.Graph.Name += "!"
		again.Graph.Name = strings.TrimSuffix(again.Graph.Name, "!")
		if !bytes.Equal(first, marshal(t, again)) {
			t.Errorf("%s: a second round changes bytes", name)
		}
		if len(again.Graph.Nodes) != len(m.Graph.Nodes) || again.Opset("ai.onnx") != 18 {
			t.Errorf("%s: parts are lost", name)
		}
	}
}

func TestCloneSharesNothing(t *testing.T) {
	m := onnxtest.Separable(1)
	before := marshal(t, m)
	c, err := m.Clone()
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range c.Graph.Initializers {
		clear(x.Data)
		x.Name += "_new"
	}
	c.Graph.Nodes = c.Graph.Nodes[1:]
	if !bytes.Equal(before, marshal(t, m)) {
		t.Error("a change of the copy changed the original")
	}
}

func TestSaveIsAllOrNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "net.onnx")
	m := onnxtest.ResNet(1)
	if err := m.Save(path); err != nil {
		t.Fatal(err)
	}
	back, err := onnx.Open(path, onnx.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(marshal(t, m), marshal(t, back)) {
		t.Error("the file differs from the model")
	}
	if err := m.Save(filepath.Join(dir, "missing", "net.onnx")); err == nil {
		t.Error("a missing folder is no error")
	}
	if err := os.Mkdir(filepath.Join(dir, "taken"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := m.Save(filepath.Join(dir, "taken")); err == nil {
		t.Error("a folder in the file's place is no error")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("%d entries are left, want the file and the folder (%v)", len(entries), err)
	}
}

func TestOpenChecksTheFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "net.onnx")
	if err := onnxtest.ResNet(1).Save(path); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		path   string
		limits onnx.Limits
		want   string
	}{
		"missing":    {filepath.Join(dir, "none.onnx"), onnx.Limits{}, "no such file"},
		"a folder":   {dir, onnx.Limits{}, "not a regular file"},
		"too large":  {path, onnx.Limits{Bytes: 1000}, "at most 1000 are allowed"},
		"many parts": {path, onnx.Limits{Parts: 10}, "more parts than allowed"},
	} {
		if _, err := onnx.Open(c.path, c.limits); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v lacks %q", name, err, c.want)
		}
	}
}
