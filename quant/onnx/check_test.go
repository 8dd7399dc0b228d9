package onnx_test

import (
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/quant/onnx"
)

// broken returns models that must be refused, with a part of the error that names the trouble.
func broken() map[string]struct {
	data msg
	want string
} {
	type c = struct {
		data msg
		want string
	}
	inOut := func(nodes ...msg) msg {
		g := msg{}.sub(11, value("x")).sub(12, value("y"))
		for _, n := range nodes {
			g = g.sub(1, n)
		}
		return file(g)
	}
	tensor := func(t msg) msg { return file(msg{}.sub(5, t)) }
	attr := func(a msg) msg { return inOut(identity("x", "y").sub(5, a)) }
	deep := msg{}.str(2, "innermost")
	for range 40 {
		deep = msg{}.sub(1, msg{}.str(4, "If").sub(5, msg{}.str(1, "then_branch").sub(6, deep).num(20, 5)))
	}
	return map[string]c{
		"nothing":          {msg{}, "no version of the format"},
		"no graph":         {msg{}.num(1, 8).sub(8, msg{}.num(2, 18)), "no graph"},
		"two graphs":       {file(msg{}).sub(7, msg{}), "two graphs"},
		"no opset":         {msg{}.num(1, 8).sub(7, msg{}), "no set of operators"},
		"cut":              {inOut(identity("x", "y"))[:20], "unexpected EOF"},
		"text as number":   {msg{}.str(1, "x"), "wire type"},
		"number as text":   {inOut(msg{}.num(4, 1)), "wire type"},
		"no operator":      {inOut(msg{}.str(1, "x").str(2, "y")), "names no operator"},
		"made twice":       {inOut(identity("x", "y"), identity("x", "y")), `"y" is made by node "y" (Identity) and`},
		"makes an input":   {inOut(identity("x", "y"), identity("y", "x")), `"x" is made by`},
		"made by nothing":  {inOut(identity("z", "y")), `reads "z", which nothing makes`},
		"output of none":   {inOut(), `output "y" is made by nothing`},
		"reads itself":     {inOut(identity("y", "y")), `wait for each other: "y" (Identity)`},
		"circle":           {inOut(identity("b", "y"), identity("c", "b"), identity("y", "c")), "each other"},
		"input twice":      {file(msg{}.sub(11, value("x")).sub(11, value("x"))), "appears twice"},
		"nameless weights": {tensor(msg{}.num(2, 1).sub(9, make([]byte, 4))), "no name"},
		"too few bytes":    {tensor(msg{}.num(1, 2).num(2, 1).str(8, "w").sub(9, make([]byte, 4))), "8 bytes, there are 4"},
		"too many bytes":   {tensor(msg{}.num(2, 1).str(8, "w").sub(9, make([]byte, 5))), "takes 4 bytes, there are 5"},
		"negative size":    {tensor(msg{}.num(1, -3).num(2, 1).str(8, "w")), "negative"},
		"huge size":        {tensor(msg{}.num(1, 1<<40).num(1, 1<<40).num(2, 1).str(8, "w")), "than any memory"},
		"overflow to 0":    {tensor(msg{}.num(1, 1<<32).num(1, 1<<32).num(2, 1).str(8, "w")), "than any memory"},
		"many dimensions":  {tensor(msg{}.sub(1, slices.Repeat([]byte{1}, 100)).num(2, 1).str(8, "w")), "than 64"},
		"unknown type":     {tensor(msg{}.num(2, 99).str(8, "w").sub(9, make([]byte, 4))), "type 99"},
		"no type":          {tensor(msg{}.str(8, "w").sub(9, make([]byte, 4))), "undefined"},
		"wrong list":       {tensor(msg{}.num(2, 1).str(8, "w").num(7, 5)), "do not stand where"},
		"two lists":        {tensor(msg{}.num(2, 7).str(8, "w").num(7, 5).num(5, 5)), "two lists"},
		"list and bytes":   {tensor(msg{}.num(2, 7).str(8, "w").num(7, 5).sub(9, make([]byte, 8))), "do not stand where"},
		"int8 of 300":      {tensor(msg{}.num(2, 3).str(8, "w").num(5, 300)), "does not fit int8"},
		"missing strings":  {tensor(msg{}.num(1, 2).num(2, 8).str(8, "w").str(6, "a")), "do not fill"},
		"strings as bytes": {tensor(msg{}.num(2, 8).str(8, "w").sub(9, nil)), "do not fill"},
		"odd floats":       {tensor(msg{}.num(2, 1).str(8, "w").num(4, 1)), "wire type"},
		"odd doubles":      {tensor(msg{}.num(2, 11).str(8, "w").fixed(10, 1)), "wire type"},
		"half a float":     {tensor(msg{}.num(2, 1).str(8, "w").sub(4, []byte{1, 2})), "there are 2"},
		"cut list":         {tensor(msg{}.num(1, 1).num(2, 7).str(8, "w").sub(7, []byte{0x80})), "unexpected EOF"},
		"attribute type":   {attr(msg{}.str(1, "a").num(3, 1).num(20, 1)), "of type 1 but holds a value of type 2"},
		"two values":       {attr(msg{}.str(1, "a").num(3, 1).str(4, "s").num(20, 2)), "holds a value of type 3"},
		"no tensor":        {attr(msg{}.str(1, "a").num(20, 4)), "holds no tensor"},
		"deep graphs":      {file(deep), "stand in one another"},
		"subgraph":         {attr(msg{}.str(1, "a").sub(6, msg{}.num(1, 1)).num(20, 5)), "wire type"},
		"subgraph reads":   {attr(msg{}.str(1, "a").sub(6, msg{}.sub(12, value("far"))).num(20, 5)), `reads "far"`},
	}
}

func TestBrokenModelsAreRefused(t *testing.T) {
	for name, c := range broken() {
		_, err := onnx.Parse(c.data, onnx.Limits{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v lacks %q", name, err, c.want)
		}
		if err != nil && !strings.HasPrefix(err.Error(), "parsing ONNX model: ") {
			t.Errorf("%s: error %v does not say what was done", name, err)
		}
	}
}

// TestCutModelsAreRefused cuts a model off at every byte. Where a cut falls between fields what is left may be a
// smaller model; it must never be a crash.
func TestCutModelsAreRefused(t *testing.T) {
	g := msg{}.sub(11, value("x")).sub(12, value("y")).sub(1, identity("x", "y"))
	data := file(g)
	for n := range len(data) - 6 { // the set of operators comes last
		if _, err := onnx.Parse(data[:n], onnx.Limits{}); err == nil {
			t.Errorf("the first %d of %d bytes are taken for a model", n, len(data))
		}
	}
}

// TestManyPartsAreRefusedEarly gives a file that is small but would fill the memory.
func TestManyPartsAreRefusedEarly(t *testing.T) {
	nodes := slices.Repeat([]byte{1<<3 | 2, 0}, 4<<20) // as many empty nodes
	allocations := testing.AllocsPerRun(1, func() {
		if _, err := onnx.Parse(file(nodes), onnx.Limits{Parts: 1000}); err == nil {
			t.Error("four million nodes are taken")
		}
	})
	if allocations > 10_000 {
		t.Errorf("refusing takes %.0f allocations", allocations)
	}
}

func TestCircleNamesItsNodesOnly(t *testing.T) {
	g := &onnx.Graph{Inputs: []*onnx.Value{onnx.NewValue("x", onnx.Float)}}
	node := func(name, in, out string) {
		g.Nodes = append(g.Nodes, &onnx.Node{Name: name, OpType: "Relu", Inputs: []string{in}, Outputs: []string{out}})
	}
	node("before", "x", "a")
	node("first", "c", "b")
	node("second", "b", "c")
	node("after", "c", "d")
	err := g.Sort()
	if err == nil || !strings.Contains(err.Error(), `second" -> "first"`) {
		t.Errorf("error %v does not name the circle", err)
	}
	if err != nil && (strings.Contains(err.Error(), "before") || strings.Contains(err.Error(), "after")) {
		t.Errorf("error %v names nodes outside the circle", err)
	}
	if _, err := onnx.Shapes(g); err == nil {
		t.Error("shapes of a circle are known")
	}
	if _, err := onnx.Types(g); err == nil {
		t.Error("types of a circle are known")
	}
	if _, err := onnx.Cost(g); err == nil {
		t.Error("the cost of a circle is known")
	}
}

func TestElements(t *testing.T) {
	for _, c := range []struct {
		shape onnx.Shape
		want  int64
		ok    bool
	}{
		{onnx.Shape{}, 1, true},
		{onnx.Shape{2, 3, 4}, 24, true},
		{onnx.Shape{5, 0}, 0, true},
		{onnx.Shape{-1}, 0, false},
		{onnx.Shape{math.MaxInt64}, 0, false},
		{onnx.Shape{math.MaxInt64, math.MaxInt64}, 0, false},
		{onnx.Shape{1 << 32, 1 << 32, 1 << 32}, 0, false},
	} {
		if got, err := c.shape.Elements(); got != c.want || (err == nil) != c.ok {
			t.Errorf("%v: %d, %v", c.shape, got, err)
		}
	}
}

// TestMemoryIsBounded parses what grows most: numbers that take one byte in the file and eight in memory.
func TestMemoryIsBounded(t *testing.T) {
	const size = 4 << 20
	tensor := msg{}.num(1, size).num(2, 7).str(8, "w").sub(7, make([]byte, size))
	data := file(msg{}.sub(5, tensor))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m := parse(t, data)
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 12*size {
		t.Errorf("a file of %d bytes took %d bytes of memory", len(data), grown)
	}
	if n := m.Graph.Initializer("w").Elements(); n != size {
		t.Errorf("%d elements", n)
	}
}
