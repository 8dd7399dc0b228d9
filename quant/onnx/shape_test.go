package onnx_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/quant/onnx"
	"github.com/vega-edge/vegad/quant/onnx/onnxtest"
	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/engine/enginetest"
)

// build adds an operator to a graph with the input x and returns its output.
type build func(b *onnxtest.Builder, x string) string

// op is an operator whose further inputs are lists of whole numbers.
func op(name string, lists [][]int64, attributes ...*onnx.Attribute) build {
	return func(b *onnxtest.Builder, x string) string {
		inputs := []string{x}
		for _, list := range lists {
			inputs = append(inputs, b.Ints(list...))
		}
		return b.Node(name, inputs, attributes...)
	}
}

type shapeCase struct {
	in    onnx.Shape
	build build
	want  onnx.Shape
}

// pool is a pool of the largest values.
func pool(k int64, attributes ...*onnx.Attribute) build {
	return op("MaxPool", nil, append(attributes, onnx.IntsAttr("kernel_shape", k, k))...)
}

func windows() map[string]shapeCase {
	conv := func(s onnxtest.ConvSpec, attributes ...*onnx.Attribute) build {
		return func(b *onnxtest.Builder, x string) string {
			y := b.Conv(x, s)
			for _, a := range attributes {
				b.Graph().Nodes[0].Set(a)
			}
			return y
		}
	}
	up := func(attributes ...*onnx.Attribute) build {
		return func(b *onnxtest.Builder, x string) string {
			return b.Node("ConvTranspose", []string{x, b.Weights(9, 4, 3, 3, 3)}, attributes...)
		}
	}
	mean := func(k int64, attributes ...*onnx.Attribute) build {
		return op("AveragePool", nil, append(attributes, onnx.IntsAttr("kernel_shape", k, k))...)
	}
	two, picture := onnx.IntsAttr("strides", 2, 2), onnx.Shape{1, 4, 9, 11}
	same, spec := onnx.StringAttr("auto_pad", "SAME_UPPER"), onnxtest.ConvSpec{In: 4, Out: 6, Kernel: 3}
	padded := onnx.IntsAttr("pads", 1, 1, 1, 0)
	strided := onnxtest.ConvSpec{In: 4, Out: 6, Kernel: 3, Stride: 2, Group: 2}
	return map[string]shapeCase{
		"conv":              {picture, conv(spec), onnx.Shape{1, 6, 9, 11}},
		"conv groups":       {picture, conv(strided), onnx.Shape{1, 6, 5, 6}},
		"conv dilated":      {picture, conv(spec, onnx.IntsAttr("dilations", 2, 3)), onnx.Shape{1, 6, 7, 7}},
		"transposed":        {picture, up(two), onnx.Shape{1, 3, 19, 23}},
		"transposed pads":   {picture, up(two, padded, onnx.IntsAttr("output_padding", 1, 0)), onnx.Shape{1, 3, 18, 22}},
		"transposed groups": {picture, up(onnx.IntAttr("group", 2)), onnx.Shape{1, 6, 11, 13}},
		"transposed same":   {picture, up(two, same), onnx.Shape{1, 3, 18, 22}},
		"transposed fixed":  {picture, up(two, onnx.IntsAttr("output_shape", 19, 22)), onnx.Shape{1, 3, 19, 22}},
		"max pool":          {picture, pool(2, two), onnx.Shape{1, 4, 4, 5}},
		"max pool up":       {picture, pool(2, two, onnx.IntAttr("ceil_mode", 1)), onnx.Shape{1, 4, 5, 6}},
		"max pool outside":  {picture, pool(1, two, onnx.IntAttr("ceil_mode", 1)), onnx.Shape{1, 4, 5, 6}},
		"average pool":      {picture, mean(3, onnx.IntsAttr("pads", 1, 0, 1, 0)), onnx.Shape{1, 4, 9, 9}},
		"pool same":         {picture, mean(3, two, same), onnx.Shape{1, 4, 5, 6}},
		"pool valid":        {picture, pool(3, onnx.StringAttr("auto_pad", "VALID")), onnx.Shape{1, 4, 7, 9}},
		"global average":    {picture, op("GlobalAveragePool", nil), onnx.Shape{1, 4, 1, 1}},
		"global max":        {picture, op("GlobalMaxPool", nil), onnx.Shape{1, 4, 1, 1}},
		"batch norm":        {picture, func(b *onnxtest.Builder, x string) string { return b.BatchNorm(x, 4) }, picture},
	}
}

func views() map[string]shapeCase {
	float := func(y func(b *onnxtest.Builder, x string) string) build {
		return func(b *onnxtest.Builder, x string) string {
			return b.Node("Cast", []string{y(b, x)}, onnx.IntAttr("to", int64(onnx.Float)))
		}
	}
	in, block := onnx.Shape{2, 3, 4, 1}, onnx.IntAttr("blocksize", 2)
	axis := func(a int64) *onnx.Attribute { return onnx.IntAttr("axis", a) }
	return map[string]shapeCase{
		"reshape open":     {in, op("Reshape", [][]int64{{0, -1, 2}}), onnx.Shape{2, 6, 2}},
		"reshape flat":     {in, op("Reshape", [][]int64{{-1}}), onnx.Shape{24}},
		"transpose":        {in, op("Transpose", nil, onnx.IntsAttr("perm", 0, 2, 3, 1)), onnx.Shape{2, 4, 1, 3}},
		"transpose all":    {in, op("Transpose", nil), onnx.Shape{1, 4, 3, 2}},
		"flatten":          {in, op("Flatten", nil), onnx.Shape{2, 12}},
		"flatten end":      {in, op("Flatten", nil, axis(-1)), onnx.Shape{24, 1}},
		"squeeze":          {in, op("Squeeze", nil), onnx.Shape{2, 3, 4}},
		"squeeze axis":     {in, op("Squeeze", [][]int64{{-1}}), onnx.Shape{2, 3, 4}},
		"unsqueeze":        {in, op("Unsqueeze", [][]int64{{0, -1}}), onnx.Shape{1, 2, 3, 4, 1, 1}},
		"expand":           {in, op("Expand", [][]int64{{5, 1, 1, 1, 6}}), onnx.Shape{5, 2, 3, 4, 6}},
		"slice":            {in, op("Slice", [][]int64{{0, 1}, {-1, 100}, {1, 2}}), onnx.Shape{2, 2, 3, 1}},
		"slice back":       {in, op("Slice", [][]int64{{-1}, {-100}, {2}, {-3}}), onnx.Shape{2, 3, 2, 1}},
		"slice far":        {in, op("Slice", [][]int64{{0}, {9}, {2}, {1 << 40}}), onnx.Shape{2, 3, 1, 1}},
		"gather":           {in, op("Gather", [][]int64{{0, 2, 0, 1, 1}}, axis(1)), onnx.Shape{2, 5, 4, 1}},
		"pad":              {in, op("Pad", [][]int64{{0, 1, 0, 0, 0, 2, -1, 3}}), onnx.Shape{2, 6, 3, 4}},
		"tile":             {in, op("Tile", [][]int64{{1, 2, 3, 4}}), onnx.Shape{2, 6, 12, 4}},
		"depth to space":   {onnx.Shape{1, 8, 2, 3}, op("DepthToSpace", nil, block), onnx.Shape{1, 2, 4, 6}},
		"space to depth":   {onnx.Shape{1, 2, 4, 6}, op("SpaceToDepth", nil, block), onnx.Shape{1, 8, 2, 3}},
		"reduce":           {in, op("ReduceMean", [][]int64{{1, -1}}, onnx.IntAttr("keepdims", 0)), onnx.Shape{2, 4}},
		"reduce keep":      {in, op("ReduceL2", [][]int64{{1}}), onnx.Shape{2, 1, 4, 1}},
		"reduce all":       {in, op("ReduceMax", nil), onnx.Shape{1, 1, 1, 1}},
		"reduce none":      {in, op("ReduceSum", nil, onnx.IntAttr("noop_with_empty_axes", 1)), in},
		"where the most":   {in, float(op("ArgMax", nil, axis(2), onnx.IntAttr("keepdims", 0))), onnx.Shape{2, 3, 1}},
		"shape":            {in, float(op("Shape", nil, onnx.IntAttr("start", 1), onnx.IntAttr("end", -1))), onnx.Shape{2}},
		"size":             {in, size, onnx.Shape{1}},
		"softmax":          {in, op("Softmax", nil, axis(1)), in},
		"computed reshape": {in, computedReshape, onnx.Shape{2, 3, 4}},
		"matrix products":  {onnx.Shape{5, 1, 3, 4}, products, onnx.Shape{5, 2, 3, 6}},
		"vector product":   {onnx.Shape{7, 4}, vector, onnx.Shape{7}},
		"gemm transposed":  {onnx.Shape{4, 7}, gemm, onnx.Shape{7, 5}},
		"broadcast":        {onnx.Shape{3, 1}, with("Add", []int64{2, 1, 4}), onnx.Shape{2, 3, 4}},
		"join":             {in, with("Concat", []int64{2, 3, 5, 1}, axis(-2)), onnx.Shape{2, 3, 9, 1}},
		"resize by":        {in, resizeBy, onnx.Shape{2, 3, 10, 3}},
		"resize to":        {in, resizeTo, onnx.Shape{2, 3, 7, 5}},
		"filled":           {in, filled, in},
		"split":            {onnx.Shape{2, 7}, splitInTwo, onnx.Shape{2, 3}},
	}
}

// with is an operator on the input and on weights of the given shape.
func with(name string, dims []int64, attributes ...*onnx.Attribute) build {
	return func(b *onnxtest.Builder, x string) string {
		return b.Node(name, []string{x, b.Weights(1, dims...)}, attributes...)
	}
}

func vector(b *onnxtest.Builder, x string) string {
	return b.Node("MatMul", []string{x, b.Weights(4, 4)})
}

func resizeBy(b *onnxtest.Builder, x string) string {
	return b.Node("Resize", []string{x, "", b.Constant([]int64{4}, 1, 1, 2.5, 3)})
}

func resizeTo(b *onnxtest.Builder, x string) string {
	return b.Node("Resize", []string{x, "", "", b.Ints(2, 3, 7, 5)})
}

func filled(b *onnxtest.Builder, x string) string {
	return b.Add(x, b.Node("ConstantOfShape", []string{b.Ints(4, 1)}))
}

// size reshapes the one number, because the engine takes no scalars.
func size(b *onnxtest.Builder, x string) string {
	n := b.Node("Cast", []string{b.Node("Size", []string{x})}, onnx.IntAttr("to", int64(onnx.Float)))
	return b.Node("Reshape", []string{n, b.Ints(1)})
}

// computedReshape drops the last dimension the way exporters do: by computing the target from the input's shape.
func computedReshape(b *onnxtest.Builder, x string) string {
	shape := b.Node("Shape", []string{x})
	first := b.Node("Gather", []string{shape, b.Ints(0)})
	rest := b.Node("Slice", []string{shape, b.Ints(1), b.Ints(-1), b.Ints(0)})
	target := b.Node("Concat", []string{first, rest}, onnx.IntAttr("axis", 0))
	return b.Node("Reshape", []string{x, b.Node("Cast", []string{target}, onnx.IntAttr("to", int64(onnx.Int64)))})
}

func products(b *onnxtest.Builder, x string) string {
	return b.Node("MatMul", []string{x, b.Weights(4, 2, 4, 6)})
}

func gemm(b *onnxtest.Builder, x string) string {
	return b.Node("Gemm", []string{x, b.Weights(4, 4, 5)}, onnx.IntAttr("transA", 1))
}

// splitInTwo returns the smaller part.
func splitInTwo(b *onnxtest.Builder, x string) string {
	first := b.Node("Split", []string{x}, onnx.IntAttr("axis", 1), onnx.IntAttr("num_outputs", 2))
	node := b.Graph().Nodes[len(b.Graph().Nodes)-1]
	node.Outputs = append(node.Outputs, first+"_rest")
	return b.Relu(first + "_rest")
}

// made builds the case's model, with its output declared in the shape that is expected.
func (c shapeCase) made() (*onnx.Model, string) {
	b := onnxtest.NewBuilder("case", 1)
	y := c.build(b, b.Input("x", c.in...))
	return b.Model(), y
}

// TestShapes checks every rule against what is expected and against what ONNX Runtime makes.
func TestShapes(t *testing.T) {
	rt := enginetest.Open(t)
	for _, cases := range []map[string]shapeCase{windows(), views()} {
		for name, c := range cases {
			m, y := c.made()
			shapes, err := onnx.Shapes(m.Graph)
			if err != nil || !slices.Equal(shapes[y], c.want) || shapes[y] == nil {
				t.Errorf("%s: %v, %v, want %v", name, shapes[y], err, c.want)
				continue
			}
			confirm(t, rt, name, m)
		}
	}
}

// confirm lets ONNX Runtime make every tensor of a model in the shape that was worked out for it.
func confirm(t *testing.T, rt *engine.Runtime, name string, m *onnx.Model) {
	t.Helper()
	shapes, err := onnx.Shapes(m.Graph)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	types, err := onnx.Types(m.Graph)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	m.Graph.Outputs = nil
	for _, n := range m.Graph.Nodes {
		for _, out := range n.Outputs {
			if !shapes[out].Known() || types[out] == onnx.Undefined {
				t.Errorf("%s: %s is %s%v", name, out, types[out], shapes[out])
			}
			if types[out] == onnx.Float && len(shapes[out]) > 0 { // the engine takes no scalars
				m.Graph.Outputs = append(m.Graph.Outputs, onnx.NewValue(out, onnx.Float, shapes[out]...))
			}
		}
	}
	if err := run(t, rt, m); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

// run lets ONNX Runtime run a model and compares the shapes that it gives the outputs with the declared ones: it
// corrects a declaration that contradicts its own inference.
func run(t *testing.T, rt *engine.Runtime, m *onnx.Model) error {
	t.Helper()
	loaded, err := engine.LoadModel(rt, marshal(t, m), engine.ModelOptions{})
	if err != nil {
		return err
	}
	defer loaded.Close() //nolint:errcheck // a test that ends anyway
	for name, values := range onnxtest.Inputs(m, 5) {
		copy(loaded.Input(name), values)
	}
	for i, out := range loaded.Spec().Outputs {
		if want := m.Graph.Outputs[i].Shape(); !slices.Equal(want, onnx.Shape(out.Shape)) {
			return fmt.Errorf("ONNX Runtime makes %s in shape %v, not %v", out.Name, out.Shape, want)
		}
	}
	return loaded.Run(t.Context())
}

// TestShapesOfWholeNetworks also proves that ONNX Runtime would object.
func TestShapesOfWholeNetworks(t *testing.T) {
	rt := enginetest.Open(t)
	nets := onnxtest.Nets()
	nets["normalized"] = onnxtest.Normalized(1)
	for _, file := range bundleFiles(t) {
		m, err := onnx.Open(file, onnx.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		nets[file] = m
	}
	for name, m := range nets {
		confirm(t, rt, name, m)
	}
	m := onnxtest.Normalized(1)
	m.Graph.Outputs[0] = onnx.NewValue(m.Graph.Outputs[0].Name, onnx.Float, 1, 8, 16, 15)
	if err := run(t, rt, m); err == nil {
		t.Error("ONNX Runtime does not object to a wrong shape, so the tests above prove nothing")
	}
}

func TestShapesThatCannotBe(t *testing.T) {
	in := onnx.Shape{2, 3, 4, 1}
	for name, c := range map[string]struct {
		build build
		want  string
	}{
		"reshape":         {op("Reshape", [][]int64{{5, 5}}), "cannot become"},
		"reshape twice":   {op("Reshape", [][]int64{{-1, -1}}), "leaves two sizes open"},
		"reshape copy":    {op("Reshape", [][]int64{{1, 1, 1, 1, 0}}), "does not have"},
		"reshape huge":    {op("Reshape", [][]int64{{1 << 62, 1 << 62}}), "more elements"},
		"reshape below":   {op("Reshape", [][]int64{{-7, 1}}), "negative"},
		"transpose":       {op("Transpose", nil, onnx.IntsAttr("perm", 0, 0, 1, 2)), "is no order"},
		"transpose short": {op("Transpose", nil, onnx.IntsAttr("perm", 0, 1)), "does not fit"},
		"axis":            {op("Squeeze", [][]int64{{4}}), "no dimension 4 of 4"},
		"squeeze":         {op("Squeeze", [][]int64{{0}}), "is not 1"},
		"unsqueeze":       {op("Unsqueeze", [][]int64{{1, 1}}), "twice"},
		"flatten":         {op("Flatten", nil, onnx.IntAttr("axis", 9)), "no dimension"},
		"gather":          {op("Gather", [][]int64{{0}}, onnx.IntAttr("axis", -5)), "no dimension"},
		"slice step":      {op("Slice", [][]int64{{0}, {1}, {0}, {0}}), "a step is 0"},
		"slice lists":     {op("Slice", [][]int64{{0}, {1, 2}, {0}, {1}}), "differ in length"},
		"expand":          {op("Expand", [][]int64{{2, 5, 4, 1}}), "do not fit"},
		"pad":             {op("Pad", [][]int64{{0, 1}}), "do not fit"},
		"pad away":        {op("Pad", [][]int64{{0, 0, -3, 0, 0, 0, -3, 0}}), "more than there is"},
		"tile":            {op("Tile", [][]int64{{1, -2, 1, 1}}), "repeats are"},
		"split":           {op("Split", [][]int64{{1, 2}}), "do not make up"},
		"blocks":          {op("SpaceToDepth", nil, onnx.IntAttr("blocksize", 2)), "does not divide"},
		"stride":          {pool(1, onnx.IntsAttr("strides", 0, 1)), "stride"},
		"kernel":          {op("MaxPool", nil, onnx.IntsAttr("kernel_shape", 5, 1)), "does not fit into 4"},
		"kernel rank":     {op("MaxPool", nil, onnx.IntsAttr("kernel_shape", 1)), "do not have 2 dimensions"},
		"pads":            {pool(1, onnx.IntsAttr("pads", 1<<60, 0, 0, 0)), "pad"},
		"channels": {func(b *onnxtest.Builder, x string) string {
			return b.Conv(x, onnxtest.ConvSpec{In: 4, Out: 1, Kernel: 1})
		}, "do not fit an input"},
		"matrices": {products, "do not fit"},
		"not flat": {gemm, "not those of matrices"},
		"concat": {func(b *onnxtest.Builder, x string) string {
			return b.Node("Concat", []string{x, b.Weights(1, 2, 4, 4, 1)}, onnx.IntAttr("axis", 0))
		}, "do not fit"},
		"add": {func(b *onnxtest.Builder, x string) string { return b.Add(x, b.Weights(1, 5, 1)) }, "do not fit"},
	} {
		m, _ := shapeCase{in: in, build: c.build}.made()
		if _, err := onnx.Shapes(m.Graph); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v lacks %q", name, err, c.want)
		}
	}
	b := onnxtest.NewBuilder("declared", 1)
	b.Output(b.Relu(b.Input("x", 1, 2)), 1, 3)
	if _, err := onnx.Shapes(b.Graph()); err == nil || !strings.Contains(err.Error(), "the model declares [1 3]") {
		t.Errorf("a contradiction gives %v", err)
	}
}

// TestUnknownStaysUnknown: nothing is guessed behind an operator that is not known, unless the model declares it.
func TestUnknownStaysUnknown(t *testing.T) {
	b := onnxtest.NewBuilder("unknown", 1)
	strange := b.Node("Strange", []string{b.Input("x", 1, -1, 4)})
	after := b.Relu(strange)
	partly := b.Relu("x")
	joined := b.Node("Concat", []string{"x", b.Weights(1, 1, 2, 4)}, onnx.IntAttr("axis", 1))
	sum := b.Add("x", b.Weights(1, 1, 5, 1))
	foreign := b.Relu("x")
	g := b.Graph()
	g.Nodes[len(g.Nodes)-1].Domain = "somewhere.else"
	shapes, err := onnx.Shapes(g)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]onnx.Shape{
		strange: nil, after: nil, foreign: nil, partly: {1, -1, 4}, joined: {1, -1, 4}, sum: {1, 5, 4},
	} {
		if got, ok := shapes[name]; !slices.Equal(got, want) || ok != (want != nil) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	g.Values = append(g.Values, onnx.NewValue(strange, onnx.Float16, 7))
	shapes, err = onnx.Shapes(g)
	types, errTypes := onnx.Types(g)
	if err != nil || errTypes != nil || !slices.Equal(shapes[after], onnx.Shape{7}) || types[after] != onnx.Float16 {
		t.Errorf("behind a declared tensor: %s%v, %v, %v", types[after], shapes[after], err, errTypes)
	}
	if _, known := types[foreign]; known {
		t.Error("the type behind a foreign operator is guessed")
	}
}

func TestTypes(t *testing.T) {
	b := onnxtest.NewBuilder("types", 1)
	x := b.Input("x", 2, 2)
	b.Graph().AddInitializer(onnx.Int8Scalar("zero", 0))
	b.Graph().AddInitializer(onnx.FloatScalar("scale", 1))
	packed := b.Node("QuantizeLinear", []string{x, "scale", "zero"})
	unsigned := b.Node("QuantizeLinear", []string{x, "scale"})
	unpacked := b.Node("DequantizeLinear", []string{packed, "scale", "zero"})
	half := b.Node("Cast", []string{x}, onnx.IntAttr("to", int64(onnx.Float16)))
	halfway := b.Relu(half)
	more := b.Node("Greater", []string{x, "scale"})
	either := b.Node("Where", []string{more, halfway, half})
	place := b.Node("ArgMax", []string{x})
	constant := b.Node("Constant", nil, onnx.IntsAttr("value_ints", 1, 2))
	types, err := onnx.Types(b.Graph())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]onnx.DataType{
		x: onnx.Float, packed: onnx.Int8, unsigned: onnx.Uint8, unpacked: onnx.Float, halfway: onnx.Float16,
		more: onnx.Bool, either: onnx.Float16, place: onnx.Int64, constant: onnx.Int64,
	} {
		if types[name] != want {
			t.Errorf("%s is %s, want %s", name, types[name], want)
		}
	}
}
