package onnx_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/vega-edge/vegad/quant/onnx"
	"github.com/vega-edge/vegad/quant/onnx/onnxtest"
)

// FuzzParse feeds bytes to everything that looks at a file. Whatever is taken must come back byte for byte, and anew
// with the same meaning.
func FuzzParse(f *testing.F) {
	for _, name := range bundleFiles(f) {
		m, err := onnx.Open(name, onnx.Limits{})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(hollow(f, m))
	}
	for _, m := range onnxtest.Nets() {
		f.Add(hollow(f, m))
	}
	for _, c := range broken() {
		f.Add([]byte(c.data))
	}
	for _, cases := range []map[string]shapeCase{windows(), views()} {
		for _, c := range cases {
			m, y := c.made()
			m.Graph.Outputs = append(m.Graph.Outputs, onnx.NewValue(y, onnx.Float, c.want...))
			f.Add(marshal(f, m))
		}
	}
	f.Add([]byte(file(msg{}.sub(5, outside(1, "../w.bin").str(8, "w")))))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := onnx.Parse(data, onnx.Limits{Bytes: 16 << 20, Parts: 1 << 16})
		if err != nil {
			return
		}
		if got := marshal(t, m); !bytes.Equal(got, data) {
			t.Fatal("an unchanged model changes")
		}
		inspect(m.Graph)
		m.Producer += "changed"
		changed := marshal(t, m)
		again := parse(t, changed)
		again.Producer += "!"
		again.Producer = m.Producer
		if !bytes.Equal(marshal(t, again), changed) {
			t.Fatal("encoding anew is not stable")
		}
		if err := again.Graph.Sort(); err != nil {
			t.Fatal(err)
		}
	})
}

// inspect runs everything that must neither crash nor hang, whatever it says.
func inspect(g *onnx.Graph) {
	_, _ = onnx.Shapes(g)
	_, _ = onnx.Types(g)
	_, _ = onnx.Cost(g)
	for _, t := range g.Initializers {
		_, _ = t.Floats()
		_, _ = t.Int64s()
	}
	g.Index()
	g.Names().Unique("x")
}

// hollow encodes a model whose large weights are inputs: the fuzzer makes no headway on megabytes of numbers.
func hollow(tb testing.TB, m *onnx.Model) []byte {
	tb.Helper()
	g := m.Graph
	g.Initializers = slices.DeleteFunc(g.Initializers, func(t *onnx.Tensor) bool {
		large := len(t.Data) > 64
		if large {
			g.Inputs = append(g.Inputs, onnx.NewValue(t.Name, t.Type, t.Dims...))
		}
		return large
	})
	return marshal(tb, m)
}
