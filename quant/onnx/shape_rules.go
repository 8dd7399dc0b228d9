package onnx

import (
	"fmt"
	"slices"
)

// rule works out the shape of an operator's first output. A nil shape without an error says that it is not known.
type rule func(*operands) (Shape, error)

// ruleOf returns the rule of a standard operator, or nil if there is none.
func ruleOf(op string) rule {
	if keepsShape(op) {
		return sameShape
	}
	if broadcasts(op) {
		return broadcastAll
	}
	if reduces(op) {
		return (*operands).reduce
	}
	rules := map[string]rule{
		"Conv": (*operands).conv, "ConvTranspose": (*operands).convTranspose,
		"MaxPool": (*operands).pool, "AveragePool": (*operands).pool, "LpPool": (*operands).pool,
		"GlobalAveragePool": globalPool, "GlobalMaxPool": globalPool, "GlobalLpPool": globalPool,
		"Gemm": (*operands).gemm, "MatMul": (*operands).matMul,
		"Concat": (*operands).concat, "Reshape": (*operands).reshape, "Transpose": (*operands).transpose,
		"Flatten": (*operands).flatten, "Squeeze": (*operands).squeeze, "Unsqueeze": (*operands).unsqueeze,
		"Slice": (*operands).slice, "Gather": (*operands).gather, "Expand": (*operands).expand,
		"Pad": (*operands).pad, "Tile": (*operands).tile, "Resize": (*operands).resize,
		"DepthToSpace": (*operands).depthToSpace, "SpaceToDepth": (*operands).spaceToDepth,
		"ArgMax": (*operands).reduce, "ArgMin": (*operands).reduce,
		"Shape": (*operands).shapeOf, "Size": scalar, "Constant": (*operands).constant,
		"ConstantOfShape": (*operands).filled,
	}
	return rules[op]
}

// keepsShape tells whether the first output of an operator has the shape of its first input.
func keepsShape(op string) bool {
	switch op {
	case "Relu", "LeakyRelu", "Sigmoid", "Tanh", "Softmax", "LogSoftmax", "Hardmax", "Erf", "Gelu", "Sqrt", "Exp", "Log",
		"Neg", "Abs", "Clip", "Cast", "CastLike", "Identity", "QuantizeLinear", "DequantizeLinear",
		"LayerNormalization", "RMSNormalization", "BatchNormalization", "InstanceNormalization", "GroupNormalization",
		"LpNormalization", "MeanVarianceNormalization", "LRN", "HardSwish", "HardSigmoid", "Elu", "Selu", "Celu",
		"Softplus", "Softsign", "Swish", "Mish", "ThresholdedRelu", "Shrink", "Floor", "Ceil", "Round", "Sign",
		"Reciprocal", "Not", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh",
		"Dropout", "CumSum", "IsNaN", "IsInf", "Trilu", "BitwiseNot", "PRelu":
		return true
	}
	return false
}

// broadcasts tells whether an operator works element by element on inputs that are stretched to one shape.
func broadcasts(op string) bool {
	switch op {
	case "Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "Sum", "Mean", "Mod", "Where", "And", "Or", "Xor":
		return true
	}
	return compares(op)
}

func compares(op string) bool {
	switch op {
	case "Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual":
		return true
	}
	return false
}

func reduces(op string) bool {
	switch op {
	case "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceLogSum",
		"ReduceLogSumExp", "ReduceSumSquare":
		return true
	}
	return false
}

func sameShape(o *operands) (Shape, error) { return slices.Clone(o.shape(0)), nil }

func scalar(*operands) (Shape, error) { return Shape{}, nil }

// broadcastAll also knows the first versions of the operators, which stretch only their second input, and only if an
// attribute says so.
func broadcastAll(o *operands) (Shape, error) {
	if o.node.Attribute("broadcast") != nil {
		return sameShape(o)
	}
	if len(o.in) == 0 || slices.ContainsFunc(o.in, func(s Shape) bool { return s == nil }) {
		return nil, nil
	}
	out := slices.Clone(o.in[0])
	for _, s := range o.in[1:] {
		stretched, err := broadcast(out, s)
		if err != nil {
			return nil, err
		}
		out = stretched
	}
	return out, nil
}

// broadcast stretches two shapes to one: dimensions are compared from the last, and one of size 1 fits any other.
func broadcast(a, b Shape) (Shape, error) {
	if len(a) < len(b) {
		a, b = b, a
	}
	out := slices.Clone(a)
	offset := len(a) - len(b)
	for i, d := range b {
		at := offset + i
		switch {
		case d == out[at] || d == 1:
		case out[at] == 1:
			out[at] = d
		case d < 0 || out[at] < 0:
			out[at] = max(d, out[at]) // the unknown one is 1 or the same
		default:
			return nil, fmt.Errorf("shapes %v and %v do not fit", []int64(a), []int64(b))
		}
	}
	return out, nil
}

func (o *operands) reduce() (Shape, error) {
	in := o.shape(0)
	axes, _, known := o.list(1, "axes")
	if o.node.Standard("ArgMax", "ArgMin") {
		axes, known = []int64{o.node.Int("axis", 0)}, true
	}
	if in == nil || !known {
		return nil, nil
	}
	if len(axes) == 0 && o.node.Int("noop_with_empty_axes", 0) != 0 {
		return slices.Clone(in), nil
	}
	gone := make([]bool, len(in))
	for _, a := range axes {
		at, err := axis(a, len(in))
		if err != nil {
			return nil, err
		}
		gone[at] = true
	}
	keep, out := o.node.Int("keepdims", 1) != 0, Shape{}
	for i, d := range in {
		switch {
		case !gone[i] && len(axes) > 0:
			out = append(out, d)
		case keep:
			out = append(out, 1)
		}
	}
	return out, nil
}

func (o *operands) gemm() (Shape, error) {
	a, b := o.shape(0), o.shape(1)
	if a == nil || b == nil {
		return nil, nil
	}
	if len(a) != 2 || len(b) != 2 {
		return nil, fmt.Errorf("shapes %v and %v are not those of matrices", []int64(a), []int64(b))
	}
	rows, inner, inner2, cols := a[0], a[1], b[0], b[1]
	if o.node.Int("transA", 0) != 0 {
		rows, inner = inner, rows
	}
	if o.node.Int("transB", 0) != 0 {
		inner2, cols = cols, inner2
	}
	if inner >= 0 && inner2 >= 0 && inner != inner2 {
		return nil, fmt.Errorf("shapes %v and %v do not fit", []int64(a), []int64(b))
	}
	return Shape{rows, cols}, nil
}

func (o *operands) matMul() (Shape, error) {
	a, b := o.shape(0), o.shape(1)
	if a == nil || b == nil {
		return nil, nil
	}
	if len(a) == 0 || len(b) == 0 {
		return nil, fmt.Errorf("shapes %v and %v: a scalar cannot be multiplied so", []int64(a), []int64(b))
	}
	left, right := slices.Clone(a), slices.Clone(b)
	if len(a) == 1 {
		left = Shape{1, a[0]}
	}
	if len(b) == 1 {
		right = Shape{b[0], 1}
	}
	m, n := len(left), len(right)
	if x, y := left[m-1], right[n-2]; x >= 0 && y >= 0 && x != y {
		return nil, fmt.Errorf("shapes %v and %v do not fit", []int64(a), []int64(b))
	}
	out, err := broadcast(left[:m-2], right[:n-2])
	if err != nil {
		return nil, err
	}
	out = append(Shape{}, out...)
	if len(a) > 1 {
		out = append(out, left[m-2])
	}
	if len(b) > 1 {
		out = append(out, right[n-1])
	}
	return out, nil
}

func (o *operands) concat() (Shape, error) {
	if len(o.in) == 0 || slices.ContainsFunc(o.in, func(s Shape) bool { return s == nil }) {
		return nil, nil
	}
	out := slices.Clone(o.in[0])
	at, err := axis(o.node.Int("axis", 0), len(out))
	if err != nil {
		return nil, err
	}
	for _, s := range o.in[1:] {
		if len(s) != len(out) {
			return nil, fmt.Errorf("shapes %v and %v do not fit", []int64(out), []int64(s))
		}
		for i, d := range s {
			switch {
			case i == at && (d < 0 || out[i] < 0):
				out[i] = -1
			case i == at:
				out[i] += d
			case d >= 0 && out[i] >= 0 && d != out[i]:
				return nil, fmt.Errorf("shapes %v and %v do not fit", []int64(out), []int64(s))
			default:
				out[i] = max(out[i], d)
			}
		}
	}
	return out, nil
}
