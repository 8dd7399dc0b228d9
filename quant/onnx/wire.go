package onnx

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// field is one field of a message as it stands on the wire. Everything in it aliases the message.
type field struct {
	number protowire.Number
	kind   protowire.Type
	bits   uint64 // the value of a varint or of a fixed-width kind
	data   []byte // the value of a length-delimited kind
	raw    []byte // tag and value
}

// What a file of the wrong kind looks like.
var (
	errWire     = errors.New("has a wire type that the ONNX format does not allow here")
	errMessages = errors.New("the model has more parts than allowed")
)

// parser reads messages and counts them, because many empty messages take far more memory than their bytes.
type parser struct {
	left  int // messages that may still come
	depth int // of graphs in one another
}

// message visits every field of a message in order.
func (p *parser) message(data []byte, visit func(field) error) error {
	if p.left--; p.left < 0 {
		return errMessages
	}
	for len(data) > 0 {
		f, err := nextField(data)
		if err != nil {
			return err
		}
		if err := visit(f); err != nil {
			return fmt.Errorf("field %d: %w", f.number, err)
		}
		data = data[len(f.raw):]
	}
	return nil
}

func nextField(data []byte) (field, error) {
	number, kind, tag := protowire.ConsumeTag(data)
	if tag < 0 {
		return field{}, protowire.ParseError(tag)
	}
	f, rest := field{number: number, kind: kind}, data[tag:]
	var n int
	switch kind {
	case protowire.VarintType:
		f.bits, n = protowire.ConsumeVarint(rest)
	case protowire.Fixed32Type:
		var bits uint32
		bits, n = protowire.ConsumeFixed32(rest)
		f.bits = uint64(bits)
	case protowire.Fixed64Type:
		f.bits, n = protowire.ConsumeFixed64(rest)
	case protowire.BytesType:
		f.data, n = protowire.ConsumeBytes(rest)
	default:
		n = protowire.ConsumeFieldValue(number, kind, rest)
	}
	if n < 0 {
		return field{}, protowire.ParseError(n)
	}
	f.raw = data[:tag+n]
	return f, nil
}

// bytes returns the value of a string, bytes or message field.
func (f field) bytes() ([]byte, error) {
	if f.kind != protowire.BytesType {
		return nil, errWire
	}
	return f.data, nil
}

func (f field) text(into *string) error {
	if f.kind != protowire.BytesType {
		return errWire
	}
	*into = string(f.data)
	return nil
}

func (f field) texts(into *[]string) error {
	var s string
	if err := f.text(&s); err != nil {
		return err
	}
	*into = append(*into, s)
	return nil
}

func (f field) integer(into *int64) error {
	if f.kind != protowire.VarintType {
		return errWire
	}
	*into = int64(f.bits)
	return nil
}

// integers appends a repeated integer, packed or not.
func (f field) integers(into *[]int64) error {
	if f.kind == protowire.VarintType {
		*into = append(*into, int64(f.bits))
		return nil
	}
	data, err := f.bytes()
	for err == nil && len(data) > 0 {
		v, n := protowire.ConsumeVarint(data)
		if n < 0 {
			return protowire.ParseError(n)
		}
		*into = append(*into, int64(v))
		data = data[n:]
	}
	return err
}

func (f field) float(into *float32) error {
	if f.kind != protowire.Fixed32Type {
		return errWire
	}
	*into = math.Float32frombits(uint32(f.bits))
	return nil
}

// floats appends a repeated float, packed or not.
func (f field) floats(into *[]float32) error {
	if f.kind == protowire.Fixed32Type {
		*into = append(*into, math.Float32frombits(uint32(f.bits)))
		return nil
	}
	data, err := f.bytes()
	for err == nil && len(data) > 0 {
		bits, n := protowire.ConsumeFixed32(data)
		if n < 0 {
			return protowire.ParseError(n)
		}
		*into = append(*into, math.Float32frombits(bits))
		data = data[n:]
	}
	return err
}

// largePart is the size in bytes from which a part of a message is referred to instead of copied.
const largePart = 4 << 10

// encoder collects a message as a list of pieces, so that weights are neither copied nor held twice.
type encoder struct {
	pieces [][]byte
	open   []byte // what follows the pieces
	size   int
}

func (e *encoder) varint(number protowire.Number, v uint64) {
	e.small(protowire.AppendVarint(protowire.AppendTag(nil, number, protowire.VarintType), v))
}

func (e *encoder) integer(number protowire.Number, v int64) { e.varint(number, uint64(v)) }

// integers writes a repeated integer unpacked, as the format of ONNX has it.
func (e *encoder) integers(number protowire.Number, values []int64) {
	for _, v := range values {
		e.integer(number, v)
	}
}

func (e *encoder) float(number protowire.Number, v float32) {
	tag := protowire.AppendTag(nil, number, protowire.Fixed32Type)
	e.small(protowire.AppendFixed32(tag, math.Float32bits(v)))
}

func (e *encoder) bytes(number protowire.Number, data []byte) {
	tag := protowire.AppendTag(nil, number, protowire.BytesType)
	e.small(protowire.AppendVarint(tag, uint64(len(data))))
	e.raw(data)
}

func (e *encoder) text(number protowire.Number, s string) { e.bytes(number, []byte(s)) }

// optionalText leaves an empty string out.
func (e *encoder) optionalText(number protowire.Number, s string) {
	if s != "" {
		e.text(number, s)
	}
}

func (e *encoder) texts(number protowire.Number, list []string) {
	for _, s := range list {
		e.text(number, s)
	}
}

// message writes a nested message.
func (e *encoder) message(number protowire.Number, inner *encoder) {
	tag := protowire.AppendTag(nil, number, protowire.BytesType)
	e.small(protowire.AppendVarint(tag, uint64(inner.size)))
	for _, piece := range inner.pieces {
		e.raw(piece)
	}
	e.raw(inner.open)
}

// raw appends bytes that are a whole field already, or the content of one.
func (e *encoder) raw(data []byte) {
	if len(data) < largePart {
		e.small(data)
		return
	}
	if len(e.open) > 0 {
		e.pieces = append(e.pieces, e.open)
		e.open = nil
	}
	e.pieces = append(e.pieces, data)
	e.size += len(data)
}

func (e *encoder) small(data []byte) {
	e.open = append(e.open, data...)
	e.size += len(data)
}

// writeTo writes the message.
func (e *encoder) writeTo(w io.Writer) error {
	for _, piece := range append(e.pieces, e.open) {
		if _, err := w.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

// digest identifies the message.
func (e *encoder) digest() [sha256.Size]byte {
	hash := sha256.New()
	_ = e.writeTo(hash) // a hash takes everything
	return [sha256.Size]byte(hash.Sum(nil))
}
