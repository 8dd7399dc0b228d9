package models

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The contract of the four graphs. A shape is written with the sizes that the manifest fixes elsewhere (H and W of
// the view, h and w of the grid, T frames, L labels, A colours, K question families) and with free names, which must
// have the same size wherever they stand. Where two shapes are allowed they are separated by "|".
type graphContract struct {
	name            string
	inputs, outputs []tensorContract
}

type tensorContract struct{ name, shape string }

func contract() []graphContract {
	return []graphContract{
		{
			name:    VideoStem,
			inputs:  []tensorContract{{"image", "1 3 H W"}},
			outputs: []tensorContract{{"geometry", "1 Cg h w"}},
		},
		{
			name:    SemanticEncoder,
			inputs:  []tensorContract{{"image", "1 3 H W"}},
			outputs: []tensorContract{{"semantic", "1 Cs h w"}},
		},
		{
			name:    VideoMixer,
			inputs:  []tensorContract{{"ring", "1 T Cg h w"}, {"times", "1 T"}},
			outputs: []tensorContract{{"generative", "1 Cm h w|1 T Cm h w"}},
		},
		{
			name: SpatialHead,
			inputs: []tensorContract{
				{"generative", "1 Cm h w|1 T Cm h w"},
				{"semantic", "1 Cs h w|1 T Cs h w"},
				{"rays", "1 Cr h w"},
				{"context", "1 K"},
			},
			outputs: []tensorContract{
				{"gate", "1 1 h w"},
				{"fused", "1 Cf h w"},
				{"heat", "1 L h w"},
				{"box", "1 Cb h w"},
				{"box_logvar", "1 Cv h w"},
				{"attributes", "1 A h w"},
				{"embedding", "1 Ce h w"},
				{"depth", "1 Cd h w"},
				{"ego", "1 Nego"},
				{"room", "1 Nroom"},
			},
		},
	}
}

const (
	maxDim      = 1 << 16
	maxElements = 16 << 20 // 64 MiB of float32
)

// contractChecker unifies the sizes in the contract's shapes with those in the manifest.
type contractChecker struct {
	*problemList
	sizes map[string]int64  // size of each name
	owner map[string]string // who fixed it
}

func (m *Manifest) checkGraphs(list *problemList) {
	c := contractChecker{
		problemList: list,
		sizes: map[string]int64{
			"H": int64(m.View.Height), "W": int64(m.View.Width), "h": int64(m.Grid.Rows), "w": int64(m.Grid.Cols),
			"T": int64(m.Clip.Length), "L": int64(len(m.Labels)), "A": int64(len(m.Colors)),
			"K": int64(len(m.Families)),
		},
		owner: map[string]string{
			"H": "view.height", "W": "view.width", "h": "grid.rows", "w": "grid.cols",
			"T": "clip.length", "L": "labels", "A": "colors", "K": "families",
		},
	}
	for _, want := range contract() {
		got, ok := m.Graphs[want.name]
		if !ok {
			c.add("graphs."+want.name, "missing")
			continue
		}
		c.tensors("graphs."+want.name+".inputs", got.Inputs, want.inputs)
		c.tensors("graphs."+want.name+".outputs", got.Outputs, want.outputs)
	}
	for name := range m.Graphs {
		if !slices.Contains(GraphNames(), name) {
			c.add("graphs."+name, "unknown graph, the contract has %v", GraphNames())
		}
	}
	c.sameShape(m, VideoMixer, SpatialHead, "generative")
}

func (c *contractChecker) tensors(path string, got []TensorSpec, want []tensorContract) {
	names := make([]string, len(want))
	for i, w := range want {
		names[i] = w.name
		at := slices.IndexFunc(got, func(t TensorSpec) bool { return t.Name == w.name })
		if at < 0 {
			c.add(path, "%q is missing", w.name)
			continue
		}
		c.tensor(path+"."+w.name, got[at], w.shape)
	}
	seen := map[string]bool{}
	for i, t := range got {
		if !slices.Contains(names, t.Name) {
			c.add(fmt.Sprintf("%s[%d].name", path, i), "%q is not in the contract, which has %v", t.Name, names)
		} else if seen[t.Name] {
			c.add(fmt.Sprintf("%s[%d].name", path, i), "%q appears twice", t.Name)
		}
		seen[t.Name] = true
	}
}

func (c *contractChecker) tensor(path string, got TensorSpec, shapes string) {
	if got.DType != "float32" {
		c.add(path+".dtype", "is %q, must be \"float32\"", got.DType)
	}
	elements := int64(1)
	for _, d := range got.Shape {
		if d < 1 || d > maxDim || elements*d > maxElements {
			c.add(path+".shape", "%v: every size must be 1..%d and the product at most %d",
				got.Shape, maxDim, maxElements)
			return
		}
		elements *= d
	}
	for alternative := range strings.SplitSeq(shapes, "|") {
		names := strings.Fields(alternative)
		if len(names) == len(got.Shape) {
			c.unify(path, got.Shape, names)
			return
		}
	}
	c.add(path+".shape", "is %v, must be [%s]", got.Shape, strings.ReplaceAll(shapes, "|", "] or ["))
}

func (c *contractChecker) unify(path string, shape []int64, names []string) {
	for i, name := range names {
		want, err := strconv.ParseInt(name, 10, 64)
		from := "the contract"
		if err != nil {
			if _, bound := c.sizes[name]; !bound {
				c.sizes[name], c.owner[name] = shape[i], path
			}
			want, from = c.sizes[name], c.owner[name]
		}
		if shape[i] != want {
			c.add(path+".shape", "is %v, size %d must be %s = %d (from %s)", shape, i, name, want, from)
		}
	}
}

// sameShape checks that a tensor handed from one graph to the next keeps its shape.
func (c *contractChecker) sameShape(m *Manifest, from, to, name string) {
	a, okA := m.Tensor(from, name)
	b, okB := m.Tensor(to, name)
	if okA && okB && len(a.Shape) != len(b.Shape) {
		c.add("graphs."+to+".inputs."+name+".shape", "is %v, but %s gives %v", b.Shape, from, a.Shape)
	}
}
