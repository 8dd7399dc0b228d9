package onnx_test

import (
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/vega-edge/vegad/quant/onnx"
)

// TestSortOrdersAnyGraph draws graphs without circles in any order of their nodes.
func TestSortOrdersAnyGraph(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 30).Draw(t, "nodes")
		nodes := make([]*onnx.Node, n)
		for i := range nodes {
			nodes[i] = &onnx.Node{OpType: "Sum", Inputs: []string{"x"}, Outputs: []string{strconv.Itoa(i)}}
			for range rapid.IntRange(0, 3).Draw(t, "reads") {
				if i > 0 {
					from := rapid.IntRange(0, i-1).Draw(t, "from")
					nodes[i].Inputs = append(nodes[i].Inputs, strconv.Itoa(from))
				}
			}
		}
		sorted := slices.Clone(nodes)
		g := &onnx.Graph{Inputs: []*onnx.Value{onnx.NewValue("x", onnx.Float)}, Nodes: sorted}
		if err := g.Sort(); err != nil || !slices.Equal(g.Nodes, nodes) {
			t.Fatalf("a sorted graph is changed: %v", err)
		}
		g.Nodes = rapid.Permutation(nodes).Draw(t, "order")
		if err := g.Sort(); err != nil {
			t.Fatal(err)
		}
		made := map[string]bool{"x": true}
		for _, n := range g.Nodes {
			for _, in := range n.Inputs {
				if !made[in] {
					t.Fatalf("%s reads %s before it is made", n.Outputs[0], in)
				}
			}
			made[n.Outputs[0]] = true
		}
		if len(g.Nodes) != len(nodes) {
			t.Fatalf("%d of %d nodes are left", len(g.Nodes), len(nodes))
		}
	})
}
