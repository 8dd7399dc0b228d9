// Package onnx reads, changes and writes neural networks in the ONNX format.
//
// The format is protocol buffers; the field numbers are those of the published standard, and only what a converter
// needs is decoded. Everything else - documentation, metadata, subgraphs of control flow, functions, fields of versions
// to come - is kept as bytes and written back unchanged. A model that nobody changed is written back byte for byte.
//
// Files come from strangers: sizes are capped before anything is read, every claim is checked against the bytes that
// are there, and weights outside the model's file are read from its own folder only.
package onnx

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
)

// Limits bounds what a model may take. The zero value of a field stands for its default. Parsing takes at most some ten
// times the bytes of the file, and a few hundred for each part.
type Limits struct {
	Bytes    int64 // of the model's file; 512 MiB, and never more than 2 GiB, which the format cannot exceed
	External int64 // of all weights outside the model's file together; 2 GiB
	Parts    int   // nodes, attributes, tensors and other messages; one million
}

func (l Limits) withDefaults() Limits {
	if l.Bytes <= 0 {
		l.Bytes = 512 << 20
	}
	if l.External <= 0 {
		l.External = 2 << 30
	}
	if l.Parts <= 0 {
		l.Parts = 1 << 20
	}
	l.Bytes = min(l.Bytes, math.MaxInt32)
	return l
}

// Model is one ONNX file. It is not safe for concurrent changes.
type Model struct {
	IRVersion       int64 // version of the format
	Producer        string
	ProducerVersion string
	Domain          string
	Version         int64
	Opsets          []Opset
	Graph           *Graph

	extra  []byte // fields that are not decoded
	source []byte // what the model was parsed from; nil once weights from outside were added
	digest [sha256.Size]byte
}

// Opset is a set of operators that the model uses.
type Opset struct {
	Domain  string // empty for the standard's own
	Version int64
}

// The fields of a model.
const (
	modelIRVersion       = 1
	modelProducer        = 2
	modelProducerVersion = 3
	modelDomain          = 4
	modelVersion         = 5
	modelGraph           = 7
	modelOpset           = 8
)

// Parse decodes and checks a model. The model keeps data, which must not be changed any more. Tensors whose weights
// lie in other files keep the reference only; Open reads them.
//
// The error says in which part the trouble is. Beyond the coding it is an error if the model has no graph or no
// operator set, if a tensor's data do not fit its shape and type, if two nodes make the same tensor, if a node reads
// what nothing makes, and if nodes wait for each other in a circle.
func Parse(data []byte, limits Limits) (*Model, error) {
	m, err := parse(data, limits.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("parsing ONNX model: %w", err)
	}
	return m, nil
}

func parse(data []byte, limits Limits) (*Model, error) {
	if int64(len(data)) > limits.Bytes {
		return nil, fmt.Errorf("it has %d bytes, at most %d are allowed", len(data), limits.Bytes)
	}
	p := &parser{left: limits.Parts}
	m := &Model{}
	if err := p.message(data, func(f field) error { return p.modelField(m, f) }); err != nil {
		return nil, err
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	m.source, m.digest = data, m.encode().digest()
	return m, nil
}

func (p *parser) modelField(m *Model, f field) (err error) {
	switch f.number {
	case modelIRVersion:
		return f.integer(&m.IRVersion)
	case modelProducer:
		return f.text(&m.Producer)
	case modelProducerVersion:
		return f.text(&m.ProducerVersion)
	case modelDomain:
		return f.text(&m.Domain)
	case modelVersion:
		return f.integer(&m.Version)
	case modelGraph:
		if m.Graph != nil {
			return errors.New("the model has two graphs")
		}
		m.Graph, err = p.graph(f)
		return err
	case modelOpset:
		return p.opset(m, f)
	}
	m.extra = append(m.extra, f.raw...)
	return nil
}

func (p *parser) opset(m *Model, f field) error {
	data, err := f.bytes()
	if err != nil {
		return err
	}
	var o Opset
	err = p.message(data, func(f field) error {
		switch f.number {
		case 1:
			return f.text(&o.Domain)
		case 2:
			return f.integer(&o.Version)
		}
		return nil
	})
	m.Opsets = append(m.Opsets, o)
	return err
}

// Opset returns the version of a domain's operators, or 0 if the model does not use it. The standard's own domain is
// "" or "ai.onnx".
func (m *Model) Opset(domain string) int64 {
	for _, o := range m.Opsets {
		if o.Domain == domain || standardDomain(o.Domain) && standardDomain(domain) {
			return o.Version
		}
	}
	return 0
}

func standardDomain(domain string) bool { return domain == "" || domain == "ai.onnx" }

// Marshal encodes the model. A model that has not been changed since it was parsed gives the bytes it was parsed
// from. The result depends on nothing but the model. It fails if the result would exceed the 2 GiB that the format
// allows.
func (m *Model) Marshal() ([]byte, error) {
	e, err := m.finished()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	out.Grow(e.size)
	_ = e.writeTo(&out) // a buffer takes everything
	return out.Bytes(), nil
}

func (m *Model) finished() (*encoder, error) {
	e := m.encode()
	if e.size > math.MaxInt32 {
		return nil, fmt.Errorf("encoding ONNX model: %d bytes are more than the format allows", e.size)
	}
	if m.source != nil && e.digest() == m.digest {
		return &encoder{pieces: [][]byte{m.source}, size: len(m.source)}, nil
	}
	return e, nil
}

func (m *Model) encode() *encoder {
	e := &encoder{}
	e.integer(modelIRVersion, m.IRVersion)
	e.optionalText(modelProducer, m.Producer)
	e.optionalText(modelProducerVersion, m.ProducerVersion)
	e.optionalText(modelDomain, m.Domain)
	if m.Version != 0 {
		e.integer(modelVersion, m.Version)
	}
	if m.Graph != nil {
		e.message(modelGraph, m.Graph.encode())
	}
	for _, o := range m.Opsets {
		inner := &encoder{}
		inner.text(1, o.Domain)
		inner.integer(2, o.Version)
		e.message(modelOpset, inner)
	}
	e.raw(m.extra)
	return e
}

// Clone returns a copy that shares nothing that may be changed.
func (m *Model) Clone() (*Model, error) {
	data, err := m.Marshal()
	if err != nil {
		return nil, err
	}
	return Parse(data, Limits{Bytes: math.MaxInt32, Parts: math.MaxInt})
}
