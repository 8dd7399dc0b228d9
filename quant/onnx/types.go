package onnx

import "fmt"

// Types works out the element type of every tensor of a graph like Shapes does the shapes: what is not known is left
// out. It is an error if nodes wait for each other in a circle.
func Types(g *Graph) (map[string]DataType, error) {
	order, err := g.order()
	if err != nil {
		return nil, fmt.Errorf("inferring types: %w", err)
	}
	types := map[string]DataType{}
	for _, list := range [][]*Value{g.Values, g.Outputs, g.Inputs} {
		for _, v := range list {
			types[v.Name] = v.Type
		}
	}
	for _, t := range g.Initializers {
		types[t.Name] = t.Type
	}
	for _, n := range order {
		for i, name := range n.Outputs {
			if t := outputType(n, i, types); t != Undefined && name != "" {
				types[name] = t
			}
		}
	}
	delete(types, "")
	for name, t := range types {
		if t == Undefined {
			delete(types, name)
		}
	}
	return types, nil
}

// outputType returns the type of output i of a node, or Undefined.
func outputType(n *Node, i int, types map[string]DataType) DataType {
	if !n.Standard() {
		return Undefined
	}
	if i > 0 {
		return furtherType(n, i, types)
	}
	switch n.OpType {
	case "Cast":
		return DataType(n.Int("to", 0))
	case "CastLike", "Where":
		return types[n.Input(1)]
	case "QuantizeLinear":
		return quantizedType(n, types)
	case "DequantizeLinear":
		return types[n.Input(1)]
	case "Shape", "Size", "ArgMax", "ArgMin", "NonZero":
		return Int64
	case "Not", "And", "Or", "Xor", "IsNaN", "IsInf":
		return Bool
	case "MatMulInteger", "ConvInteger":
		return Int32
	case "DynamicQuantizeLinear":
		return Uint8
	case "Constant":
		return constantType(n)
	case "ConstantOfShape":
		if a := n.Attribute("value"); a != nil && a.Tensor != nil {
			return a.Tensor.Type
		}
		return Float
	}
	if compares(n.OpType) {
		return Bool
	}
	if n.OpType == "Split" || ruleOf(n.OpType) != nil || copiesType(n.OpType) {
		return types[n.Input(0)]
	}
	return Undefined
}

// copiesType tells whether an operator without a rule for shapes keeps the type of its first input.
func copiesType(op string) bool {
	switch op {
	case "TopK", "GatherND", "GatherElements", "ScatterND", "ScatterElements", "Compress", "Upsample", "GridSample",
		"Einsum", "LSTM", "GRU", "RNN", "ReverseSequence", "RoiAlign", "Range", "Unique", "Det":
		return true
	}
	return false
}

// furtherType returns the type of an output behind the first.
func furtherType(n *Node, i int, types map[string]DataType) DataType {
	switch n.OpType {
	case "Split", "LSTM", "GRU", "RNN":
		return types[n.Input(0)]
	case "TopK", "MaxPool", "Unique":
		return Int64
	case "Dropout":
		return Bool
	case "LayerNormalization":
		return Float
	case "DynamicQuantizeLinear":
		return map[int]DataType{1: Float, 2: Uint8}[i]
	}
	return Undefined
}

func quantizedType(n *Node, types map[string]DataType) DataType {
	if t := DataType(n.Int("output_dtype", 0)); t != Undefined {
		return t
	}
	if n.Input(2) == "" {
		return Uint8
	}
	return types[n.Input(2)]
}

func constantType(n *Node) DataType {
	for _, a := range n.Attributes {
		switch a.Type {
		case TensorAttribute:
			return a.Tensor.Type
		case FloatAttribute, FloatsAttribute:
			return Float
		case IntAttribute, IntsAttribute:
			return Int64
		case StringAttribute, StringsAttribute:
			return String
		}
	}
	return Undefined
}
