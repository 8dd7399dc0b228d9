package onnx

import (
	"fmt"
	"slices"
)

// AttributeType says which of an attribute's fields holds its value, with the standard's numbers.
type AttributeType int32

// The attribute types. Graphs are kept as bytes, and so is the value of any other type.
const (
	FloatAttribute AttributeType = 1 + iota
	IntAttribute
	StringAttribute
	TensorAttribute
	GraphAttribute
	FloatsAttribute
	IntsAttribute
	StringsAttribute
	TensorsAttribute
	GraphsAttribute
)

// Attribute is a named setting of a node.
type Attribute struct {
	Name    string
	Type    AttributeType
	Float   float32
	Int     int64
	String  string
	Tensor  *Tensor
	Floats  []float32
	Ints    []int64
	Strings []string
	Tensors []*Tensor

	reads []string // what the subgraphs take from the graphs around them
	extra []byte   // fields that are not decoded, the subgraphs among them
}

// The fields of an attribute: its type t stands in field t+1.
const (
	attributeName    = 1
	attributeFloat   = 2
	attributeInt     = 3
	attributeString  = 4
	attributeTensor  = 5
	attributeGraph   = 6
	attributeFloats  = 7
	attributeInts    = 8
	attributeStrings = 9
	attributeTensors = 10
	attributeGraphs  = 11
	attributeType    = 20
)

func (p *parser) attribute(f field) (*Attribute, error) {
	data, err := f.bytes()
	if err != nil {
		return nil, err
	}
	a := &Attribute{}
	var seen []AttributeType
	err = p.message(data, func(f field) error {
		if f.number >= attributeFloat && f.number <= attributeGraphs {
			seen = append(seen, AttributeType(f.number-1))
		}
		return p.attributeField(a, f)
	})
	if err == nil {
		err = a.settle(slices.Compact(seen))
	}
	if err != nil {
		return nil, fmt.Errorf("attribute %q: %w", a.Name, err)
	}
	return a, nil
}

func (p *parser) attributeField(a *Attribute, f field) (err error) {
	switch f.number {
	case attributeName:
		return f.text(&a.Name)
	case attributeFloat:
		return f.float(&a.Float)
	case attributeInt:
		return f.integer(&a.Int)
	case attributeString:
		return f.text(&a.String)
	case attributeTensor:
		a.Tensor, err = p.tensor(f)
		return err
	case attributeFloats:
		return f.floats(&a.Floats)
	case attributeInts:
		return f.integers(&a.Ints)
	case attributeStrings:
		return f.texts(&a.Strings)
	case attributeTensors:
		t, err := p.tensor(f)
		a.Tensors = append(a.Tensors, t)
		return err
	case attributeType:
		var v int64
		err = f.integer(&v)
		a.Type = AttributeType(v)
		return err
	case attributeGraph, attributeGraphs:
		if err := p.subgraph(a, f); err != nil {
			return err
		}
	}
	a.extra = append(a.extra, f.raw...)
	return nil
}

// settle checks that the value is of the type that the attribute names. Models of the oldest versions name none.
func (a *Attribute) settle(seen []AttributeType) error {
	if a.Type == 0 && len(seen) > 0 {
		a.Type = seen[0]
	}
	for _, t := range seen {
		if t != a.Type {
			return fmt.Errorf("it is of type %d but holds a value of type %d", a.Type, t)
		}
	}
	if a.Type == TensorAttribute && a.Tensor == nil {
		return fmt.Errorf("it is of type %d but holds no tensor", a.Type)
	}
	return nil
}

func (a *Attribute) encode() *encoder {
	e := &encoder{}
	e.text(attributeName, a.Name)
	switch a.Type {
	case FloatAttribute:
		e.float(attributeFloat, a.Float)
	case IntAttribute:
		e.integer(attributeInt, a.Int)
	case StringAttribute:
		e.text(attributeString, a.String)
	case TensorAttribute:
		e.message(attributeTensor, a.Tensor.encode())
	case FloatsAttribute:
		for _, v := range a.Floats {
			e.float(attributeFloats, v)
		}
	case IntsAttribute:
		e.integers(attributeInts, a.Ints)
	case StringsAttribute:
		e.texts(attributeStrings, a.Strings)
	case TensorsAttribute:
		for _, t := range a.Tensors {
			e.message(attributeTensors, t.encode())
		}
	}
	e.integer(attributeType, int64(a.Type))
	e.raw(a.extra)
	return e
}

// IntAttr makes an attribute with one whole number.
func IntAttr(name string, v int64) *Attribute {
	return &Attribute{Name: name, Type: IntAttribute, Int: v}
}

// IntsAttr makes an attribute with a list of whole numbers.
func IntsAttr(name string, v ...int64) *Attribute {
	return &Attribute{Name: name, Type: IntsAttribute, Ints: v}
}

// FloatAttr makes an attribute with one number.
func FloatAttr(name string, v float32) *Attribute {
	return &Attribute{Name: name, Type: FloatAttribute, Float: v}
}

// StringAttr makes an attribute with a text.
func StringAttr(name, v string) *Attribute {
	return &Attribute{Name: name, Type: StringAttribute, String: v}
}

// TensorAttr makes an attribute that holds a tensor.
func TensorAttr(name string, v *Tensor) *Attribute {
	return &Attribute{Name: name, Type: TensorAttribute, Tensor: v}
}
