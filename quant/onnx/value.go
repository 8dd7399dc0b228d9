package onnx

import (
	"fmt"
	"slices"
)

// Value declares a tensor: an input, an output or one in between.
type Value struct {
	Name string
	Type DataType // Undefined if it is not said, or if the value is no tensor
	Dims []Dim    // nil if not even their number is known; without elements for a scalar

	kept  []byte // the declaration of the type as it was, which also holds what is not decoded
	was   DataType
	had   []Dim
	extra []byte // fields that are not decoded
}

// Dim is one dimension: a size, or a name for a size that is only known when the network runs, or neither.
type Dim struct {
	Size int64 // -1 if it is not fixed
	Name string
}

// The fields of a value and of its type.
const (
	valueName   = 1
	valueType   = 2
	typeTensor  = 1
	tensorElem  = 1
	tensorShape = 2
	shapeDim    = 1
	dimSize     = 1
	dimName     = 2
)

// NewValue declares a tensor of fixed shape; a size of -1 leaves a dimension open.
func NewValue(name string, t DataType, shape ...int64) *Value {
	dims := make([]Dim, len(shape))
	for i, d := range shape {
		dims[i].Size = max(d, -1)
	}
	return &Value{Name: name, Type: t, Dims: dims}
}

// Shape returns the sizes, with -1 for those that are not fixed, or nil if nothing is known.
func (v *Value) Shape() Shape {
	if v.Dims == nil {
		return nil
	}
	shape := make(Shape, len(v.Dims))
	for i, d := range v.Dims {
		shape[i] = d.Size
	}
	return shape
}

func (p *parser) value(list *[]*Value, f field) error {
	data, err := f.bytes()
	if err != nil {
		return err
	}
	v := &Value{}
	err = p.message(data, func(f field) error {
		switch f.number {
		case valueName:
			return f.text(&v.Name)
		case valueType:
			return p.valueType(v, f)
		}
		v.extra = append(v.extra, f.raw...)
		return nil
	})
	if err != nil {
		return fmt.Errorf("value %q: %w", v.Name, err)
	}
	*list = append(*list, v)
	return nil
}

// valueType reads the type of a tensor. Sequences, maps and optional values are kept as they are.
func (p *parser) valueType(v *Value, f field) error {
	data, err := f.bytes()
	if err != nil {
		return err
	}
	err = p.message(data, func(f field) error {
		if f.number != typeTensor {
			return nil
		}
		data, err := f.bytes()
		if err != nil {
			return err
		}
		return p.message(data, func(f field) error { return p.tensorType(v, f) })
	})
	v.kept, v.was, v.had = f.raw, v.Type, slices.Clone(v.Dims)
	return err
}

func (p *parser) tensorType(v *Value, f field) error {
	switch f.number {
	case tensorElem:
		var t int64
		err := f.integer(&t)
		v.Type = DataType(t)
		return err
	case tensorShape:
		data, err := f.bytes()
		if err != nil {
			return err
		}
		v.Dims = []Dim{}
		return p.message(data, func(f field) error { return p.dim(v, f) })
	}
	return nil
}

func (p *parser) dim(v *Value, f field) error {
	if f.number != shapeDim {
		return nil
	}
	data, err := f.bytes()
	if err != nil {
		return err
	}
	d := Dim{Size: -1}
	err = p.message(data, func(f field) error {
		switch f.number {
		case dimSize:
			return f.integer(&d.Size)
		case dimName:
			return f.text(&d.Name)
		}
		return nil
	})
	d.Size = max(d.Size, -1)
	v.Dims = append(v.Dims, d)
	return err
}

func (v *Value) encode() *encoder {
	e := &encoder{}
	e.text(valueName, v.Name)
	switch {
	case v.kept != nil && v.Type == v.was && slices.Equal(v.Dims, v.had):
		e.raw(v.kept)
	case v.Type != Undefined:
		e.message(valueType, v.encodeType())
	}
	e.raw(v.extra)
	return e
}

func (v *Value) encodeType() *encoder {
	tensor := &encoder{}
	tensor.integer(tensorElem, int64(v.Type))
	if v.Dims != nil {
		shape := &encoder{}
		for _, d := range v.Dims {
			shape.message(shapeDim, d.encode())
		}
		tensor.message(tensorShape, shape)
	}
	e := &encoder{}
	e.message(typeTensor, tensor)
	return e
}

func (d Dim) encode() *encoder {
	e := &encoder{}
	switch {
	case d.Size >= 0:
		e.integer(dimSize, d.Size)
	case d.Name != "":
		e.text(dimName, d.Name)
	}
	return e
}
