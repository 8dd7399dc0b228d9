package int8

import (
	"regexp"
	"slices"

	"github.com/vega-edge/vegad/quant/onnx"
)

// Rules says what stays in float32.
type Rules struct {
	// Exclude leaves alone every node whose name, or one of whose tensors' names, matches. May be nil.
	Exclude *regexp.Regexp
	// KeepOps are weighted operators that are left alone.
	KeepOps []string
	// Keep are layers that are left alone, by Layer.ID.
	Keep map[string]bool
	// QuantizeLast also quantizes layers whose result reaches an output with no other layer in between.
	QuantizeLast bool
}

// gate matches what weighs two streams against each other: its few multiplications decide about everything behind it.
var gate = regexp.MustCompile(`(?i)(^|[^a-z])gate([^a-z]|$)`)

// names visits what a rule may match of a node.
func names(n *onnx.Node) []string {
	return slices.Concat([]string{n.Name}, n.Inputs, n.Outputs)
}

func matches(r *regexp.Regexp, n *onnx.Node) bool {
	return r != nil && slices.ContainsFunc(names(n), r.MatchString)
}

// weighted tells whether a node multiplies with constant weights, and is therefore worth quantizing.
func weighted(n *onnx.Node) bool { return n.Standard("Conv", "ConvTranspose", "Gemm", "MatMul") }

func convolution(n *onnx.Node) bool { return n.Standard("Conv", "ConvTranspose") }

// activation tells whether a node changes every element by itself and is computed together with the layer before it,
// so that nothing may come between the two.
func activation(n *onnx.Node) bool {
	return n.Standard("Relu", "Clip", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "HardSwish", "HardSigmoid",
		"Sigmoid", "Tanh", "Softplus", "Mish", "Gelu", "ThresholdedRelu", "BatchNormalization")
}

// pool tells whether a node averages and so computes in int8 what it gets in int8.
func pool(n *onnx.Node) bool { return n.Standard("AveragePool", "GlobalAveragePool") }

// known tells whether the quantizer understands what a node does well enough to know that leaving it alone is right.
// Of other nodes the caller is told.
func known(n *onnx.Node) bool {
	return weighted(n) || activation(n) || pool(n) || n.Standard("Add", "Sub", "Mul", "Div", "Neg", "Abs", "Sqrt", "Pow",
		"Exp", "Log", "Erf", "Reciprocal", "Min", "Max", "Sum", "Mean", "Sign", "Floor", "Ceil", "Round", "Sin", "Cos",
		"Reshape", "Transpose", "Concat", "Split", "Slice", "Squeeze", "Unsqueeze", "Flatten", "Expand", "Tile", "Pad",
		"Gather", "GatherElements", "GatherND", "ScatterND", "Shape", "Size", "Constant", "ConstantOfShape", "Identity",
		"Dropout", "Cast", "Range", "Where", "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or",
		"Not", "MaxPool", "GlobalMaxPool", "LpPool", "LayerNormalization", "GroupNormalization", "InstanceNormalization",
		"RMSNormalization", "LpNormalization", "LRN", "Softmax", "LogSoftmax", "Hardmax", "ReduceMean", "ReduceSum",
		"ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp", "ArgMax",
		"ArgMin", "TopK", "Resize", "Upsample", "DepthToSpace", "SpaceToDepth", "CumSum", "Einsum", "Attention",
		"QuantizeLinear", "DequantizeLinear")
}
