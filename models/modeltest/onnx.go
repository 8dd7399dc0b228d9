package modeltest

import (
	"encoding/binary"
	"math"
)

// message builds one protobuf message field by field. Only what ONNX needs is here: varints and length-delimited
// fields.
type message []byte

func (m *message) varint(field int, v int64) {
	*m = binary.AppendUvarint(*m, uint64(field)<<3)
	*m = binary.AppendUvarint(*m, uint64(v))
}

func (m *message) bytes(field int, v []byte) {
	*m = binary.AppendUvarint(*m, uint64(field)<<3|2)
	*m = binary.AppendUvarint(*m, uint64(len(v)))
	*m = append(*m, v...)
}

func (m *message) text(field int, v string) { m.bytes(field, []byte(v)) }

// The element types of ONNX tensors that are used here.
const (
	typeFloat   = 1
	typeInt8    = 3
	typeInt64   = 7
	typeFloat16 = 10
)

// onnxGraph collects the parts of an ONNX model; the numbers are the field numbers of onnx.proto.
type onnxGraph struct {
	body message // GraphProto without its name
}

// attribute is one AttributeProto, already encoded.
type attribute []byte

func intAttr(name string, v int64) attribute {
	var a message
	a.text(1, name)
	a.varint(3, v)
	a.varint(20, 2)
	return attribute(a)
}

func intsAttr(name string, v ...int64) attribute {
	var a message
	a.text(1, name)
	for _, i := range v {
		a.varint(8, i)
	}
	a.varint(20, 7)
	return attribute(a)
}

// node appends an operator with one output.
func (g *onnxGraph) node(op string, inputs []string, output string, attrs ...attribute) {
	var n message
	for _, in := range inputs {
		n.text(1, in)
	}
	n.text(2, output)
	n.text(3, output)
	n.text(4, op)
	for _, a := range attrs {
		n.bytes(5, a)
	}
	g.body.bytes(1, n)
}

// constant appends an initialiser with the given little-endian content.
func (g *onnxGraph) constant(name string, dataType int64, shape []int64, raw []byte) {
	var t message
	for _, d := range shape {
		t.varint(1, d)
	}
	t.varint(2, dataType)
	t.text(8, name)
	t.bytes(9, raw)
	g.body.bytes(5, t)
}

// input and output append the declaration of a float32 tensor.
func (g *onnxGraph) input(name string, shape []int64)  { g.body.bytes(11, valueInfo(name, shape)) }
func (g *onnxGraph) output(name string, shape []int64) { g.body.bytes(12, valueInfo(name, shape)) }

func valueInfo(name string, shape []int64) []byte {
	var dims message
	for _, d := range shape {
		var dim message
		dim.varint(1, d)
		dims.bytes(1, dim)
	}
	var tensor, typ, info message
	tensor.varint(1, typeFloat)
	tensor.bytes(2, dims)
	typ.bytes(1, tensor)
	info.text(1, name)
	info.bytes(2, typ)
	return info
}

// model returns the finished ModelProto.
func (g *onnxGraph) model(name string) []byte {
	graph := append(message(nil), g.body...)
	graph.text(2, name)
	var opset, m message
	opset.varint(2, 17)
	m.varint(1, 8)
	m.text(2, "vegad modeltest")
	m.bytes(7, graph)
	m.bytes(8, opset)
	return m
}

func rawFloats(values []float32) []byte {
	out := make([]byte, 0, 4*len(values))
	for _, v := range values {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(v))
	}
	return out
}

// rawHalves converts weights that half precision represents exactly, which all weights here are.
func rawHalves(values []float32) []byte {
	out := make([]byte, 0, 2*len(values))
	for _, v := range values {
		bits := math.Float32bits(v)
		half := uint16(bits >> 16 & 0x8000)
		if exponent := int(bits>>23&0xff) - 127 + 15; exponent > 0 {
			half |= uint16(exponent<<10) | uint16(bits>>13&0x3ff)
		}
		out = binary.LittleEndian.AppendUint16(out, half)
	}
	return out
}

func rawInts(values []int64) []byte {
	out := make([]byte, 0, 8*len(values))
	for _, v := range values {
		out = binary.LittleEndian.AppendUint64(out, uint64(v))
	}
	return out
}
