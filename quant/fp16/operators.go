package fp16

import "github.com/vega-edge/vegad/quant/onnx"

// sensitive returns the operators that sum up, or that leave the range of half precision on ordinary values.
func sensitive() []string {
	return []string{
		"LayerNormalization", "RMSNormalization", "InstanceNormalization", "GroupNormalization", "LpNormalization",
		"Softmax", "LogSoftmax", "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1",
		"ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare", "Pow", "Exp", "Log", "Sqrt", "Reciprocal",
	}
}

// convertible tells whether an operator is known to compute in half precision when its inputs are.
func convertible(n *onnx.Node) bool {
	return n.Standard(append(sensitive(),
		"Conv", "ConvTranspose", "Gemm", "MatMul", "Relu", "LeakyRelu", "PRelu", "Sigmoid", "Tanh", "Clip", "Elu", "Selu",
		"Celu", "HardSigmoid", "HardSwish", "Mish", "Softplus", "Softsign", "Gelu", "Erf", "Neg", "Abs", "Floor", "Ceil",
		"Round", "Sign", "Add", "Sub", "Mul", "Div", "Min", "Max", "Sum", "Mean", "Where", "Identity", "Concat", "Reshape",
		"Transpose", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Gather", "Expand", "Tile", "Pad", "Split", "MaxPool",
		"AveragePool", "GlobalAveragePool", "GlobalMaxPool", "BatchNormalization", "DepthToSpace", "SpaceToDepth",
		"Resize")...)
}

// follows tells whether input i of a convertible operator has the precision in which it computes. The factors of
// Resize are in single precision always.
func follows(n *onnx.Node, i int) bool { return n.OpType != "Resize" || i == 0 }

// weighted tells whether an operator is a layer with weights.
func weighted(n *onnx.Node) bool { return n.Standard("Conv", "ConvTranspose", "Gemm", "MatMul") }
