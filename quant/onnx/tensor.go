package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/x448/float16"
	"google.golang.org/protobuf/encoding/protowire"
)

// ErrExternal marks a tensor whose data lie in another file and have not been read: see Open.
var ErrExternal = errors.New("the data lie outside the model")

// Tensor is a constant array.
type Tensor struct {
	Name    string
	Type    DataType
	Dims    []int64  // no dimensions make a scalar
	Data    []byte   // the elements in C order, little-endian; nil for strings
	Strings []string // the elements of a tensor of type String

	outside outside
	extra   []byte // fields that are not decoded
}

// The fields of a tensor.
const (
	tensorDims     = 1
	tensorType     = 2
	tensorFloats   = 4
	tensorInts32   = 5
	tensorStrings  = 6
	tensorInts64   = 7
	tensorName     = 8
	tensorRaw      = 9
	tensorDoubles  = 10
	tensorUints64  = 11
	tensorExternal = 13
	tensorLocation = 14
)

// typedList holds what stands in a typed list of a tensor until its type is known: the fields may come in any order.
type typedList struct {
	number   protowire.Number
	packed   []byte // the values, packed as on the wire
	hasRaw   bool
	location int64
}

func (p *parser) tensor(f field) (*Tensor, error) {
	data, err := f.bytes()
	if err != nil {
		return nil, err
	}
	t, list := &Tensor{}, &typedList{}
	err = p.message(data, func(f field) error { return p.tensorField(t, list, f) })
	if err == nil {
		err = t.fill(list)
	}
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
	}
	return t, nil
}

func (p *parser) tensorField(t *Tensor, list *typedList, f field) (err error) {
	switch f.number {
	case tensorDims:
		return f.integers(&t.Dims)
	case tensorType:
		var v int64
		err = f.integer(&v)
		t.Type = DataType(v)
		return err
	case tensorName:
		return f.text(&t.Name)
	case tensorRaw:
		list.hasRaw = true
		t.Data, err = f.bytes()
		return err
	case tensorStrings:
		return f.texts(&t.Strings)
	case tensorFloats, tensorInts32, tensorInts64, tensorDoubles, tensorUints64:
		return list.add(f)
	case tensorExternal:
		return p.entry(t, f)
	case tensorLocation:
		return f.integer(&list.location)
	}
	t.extra = append(t.extra, f.raw...)
	return nil
}

// add appends what one field says to the list, packed or not.
func (l *typedList) add(f field) error {
	if l.number != 0 && l.number != f.number {
		return errors.New("the data stand in two lists of different types")
	}
	l.number = f.number
	single := elementType(f.number)
	switch {
	case f.kind == protowire.BytesType:
		l.packed = append(l.packed, f.data...)
	case f.kind != single:
		return errWire
	case single == protowire.Fixed32Type:
		l.packed = protowire.AppendFixed32(l.packed, uint32(f.bits))
	case single == protowire.Fixed64Type:
		l.packed = protowire.AppendFixed64(l.packed, f.bits)
	default:
		l.packed = protowire.AppendVarint(l.packed, f.bits)
	}
	return nil
}

// elementType returns the wire type of an element that is not packed.
func elementType(list protowire.Number) protowire.Type {
	switch list {
	case tensorFloats:
		return protowire.Fixed32Type
	case tensorDoubles:
		return protowire.Fixed64Type
	}
	return protowire.VarintType
}

// fill brings the data into their one form and checks them against shape and type.
func (t *Tensor) fill(list *typedList) error {
	n, err := Shape(t.Dims).Elements()
	if err != nil {
		return err
	}
	if list.location == 1 {
		return t.checkOutside(list)
	}
	if len(t.outside.entries) > 0 {
		return errors.New("it names another file but does not say that its data lie there")
	}
	if t.Type == String {
		return t.checkStrings(n, list)
	}
	if list.number != 0 || len(t.Strings) > 0 {
		if err := t.unpack(list); err != nil {
			return err
		}
	}
	return t.checkSize(n)
}

func (t *Tensor) checkStrings(n int64, list *typedList) error {
	if list.hasRaw || list.number != 0 || int64(len(t.Strings)) != n {
		return fmt.Errorf("%d strings do not fill the shape %v", len(t.Strings), t.Dims)
	}
	return nil
}

// unpack turns a typed list into raw bytes.
func (t *Tensor) unpack(list *typedList) error {
	if list.hasRaw || len(t.Strings) > 0 || t.Type.layout().list != list.number {
		return fmt.Errorf("its data do not stand where those of %s belong", t.Type)
	}
	if list.number == tensorFloats || list.number == tensorDoubles {
		t.Data = list.packed
		return nil
	}
	width := max(t.Type.Bits(), 8)
	var word [8]byte
	t.Data = make([]byte, 0, countVarints(list.packed)*width/8)
	for rest := list.packed; len(rest) > 0; {
		v, n := protowire.ConsumeVarint(rest)
		if n < 0 {
			return protowire.ParseError(n)
		}
		if !fits(v, width) {
			return fmt.Errorf("the value %d does not fit %s", int64(v), t.Type)
		}
		binary.LittleEndian.PutUint64(word[:], v)
		t.Data = append(t.Data, word[:width/8]...)
		rest = rest[n:]
	}
	return nil
}

// countVarints counts packed integers by their last bytes.
func countVarints(packed []byte) int {
	n := 0
	for _, b := range packed {
		if b < 0x80 {
			n++
		}
	}
	return n
}

// fits tells whether an integer from the wire has at most that many bits, with or without sign.
func fits(v uint64, width int) bool {
	high := int64(v) >> (width - 1)
	return width == 64 || high == 0 || high == -1 || v>>width == 0
}

func (t *Tensor) checkSize(n int64) error {
	if t.Type.Bits() == 0 {
		return fmt.Errorf("it has elements of %s, which cannot be read", t.Type)
	}
	if want := t.Type.Bytes(n); int64(len(t.Data)) != want {
		return fmt.Errorf("%s%v takes %d bytes, there are %d", t.Type, t.Dims, want, len(t.Data))
	}
	return nil
}

func (t *Tensor) encode() *encoder {
	e := &encoder{}
	e.integers(tensorDims, t.Dims)
	e.integer(tensorType, int64(t.Type))
	for _, s := range t.Strings {
		e.text(tensorStrings, s)
	}
	e.optionalText(tensorName, t.Name)
	switch {
	case t.External():
		t.outside.encode(e)
	case t.Type != String:
		e.bytes(tensorRaw, t.Data)
	}
	e.raw(t.extra)
	return e
}

// Elements returns how many elements the tensor has.
func (t *Tensor) Elements() int64 {
	n, err := Shape(t.Dims).Elements()
	if err != nil {
		return 0 // a parsed tensor has none like this
	}
	return n
}

// need checks that the tensor can be read as one of the given types.
func (t *Tensor) need(types ...DataType) error {
	if !slices.Contains(types, t.Type) {
		return fmt.Errorf("reading tensor %q: it holds %s, not one of %v", t.Name, t.Type, types)
	}
	if t.External() {
		return fmt.Errorf("reading tensor %q: %w", t.Name, ErrExternal)
	}
	n, err := Shape(t.Dims).Elements()
	if err == nil {
		err = t.checkSize(n)
	}
	if err != nil {
		return fmt.Errorf("reading tensor %q: %w", t.Name, err)
	}
	return nil
}

// Floats returns the elements of a tensor of type Float, Float16 or Double. The slice is the caller's.
func (t *Tensor) Floats() ([]float32, error) {
	if err := t.need(Float, Float16, Double); err != nil {
		return nil, err
	}
	out := make([]float32, t.Elements())
	for i := range out {
		switch t.Type {
		case Float:
			out[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))
		case Float16:
			out[i] = float16.Frombits(binary.LittleEndian.Uint16(t.Data[2*i:])).Float32()
		default:
			out[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(t.Data[8*i:])))
		}
	}
	return out, nil
}

// Int64s returns the elements of a tensor of whole numbers or truth values. The slice is the caller's.
func (t *Tensor) Int64s() ([]int64, error) {
	if err := t.need(Int64, Int32, Int16, Int8, Uint8, Uint16, Uint32, Bool); err != nil {
		return nil, err
	}
	out := make([]int64, t.Elements())
	for i := range out {
		out[i] = t.integer(i)
	}
	return out, nil
}

func (t *Tensor) integer(i int) int64 {
	switch t.Type {
	case Int64:
		return int64(binary.LittleEndian.Uint64(t.Data[8*i:]))
	case Int32:
		return int64(int32(binary.LittleEndian.Uint32(t.Data[4*i:])))
	case Uint32:
		return int64(binary.LittleEndian.Uint32(t.Data[4*i:]))
	case Int16:
		return int64(int16(binary.LittleEndian.Uint16(t.Data[2*i:])))
	case Uint16:
		return int64(binary.LittleEndian.Uint16(t.Data[2*i:]))
	case Int8:
		return int64(int8(t.Data[i]))
	default:
		return int64(t.Data[i])
	}
}

// FloatTensor makes a tensor of type Float. The values must fill the shape; without dimensions there is one value.
func FloatTensor(name string, dims []int64, values []float32) *Tensor {
	data := make([]byte, 0, 4*len(values))
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return &Tensor{Name: name, Type: Float, Dims: slices.Clone(dims), Data: data}
}

// Float16Tensor makes a tensor of type Float16 like FloatTensor.
func Float16Tensor(name string, dims []int64, values []float16.Float16) *Tensor {
	data := make([]byte, 0, 2*len(values))
	for _, v := range values {
		data = binary.LittleEndian.AppendUint16(data, v.Bits())
	}
	return &Tensor{Name: name, Type: Float16, Dims: slices.Clone(dims), Data: data}
}

// Int8Tensor makes a tensor of type Int8 like FloatTensor.
func Int8Tensor(name string, dims []int64, values []int8) *Tensor {
	data := make([]byte, len(values))
	for i, v := range values {
		data[i] = byte(v)
	}
	return &Tensor{Name: name, Type: Int8, Dims: slices.Clone(dims), Data: data}
}

// Int32Tensor makes a tensor of type Int32 like FloatTensor.
func Int32Tensor(name string, dims []int64, values []int32) *Tensor {
	data := make([]byte, 0, 4*len(values))
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, uint32(v))
	}
	return &Tensor{Name: name, Type: Int32, Dims: slices.Clone(dims), Data: data}
}

// Int64Tensor makes a tensor of type Int64 like FloatTensor.
func Int64Tensor(name string, dims []int64, values []int64) *Tensor {
	data := make([]byte, 0, 8*len(values))
	for _, v := range values {
		data = binary.LittleEndian.AppendUint64(data, uint64(v))
	}
	return &Tensor{Name: name, Type: Int64, Dims: slices.Clone(dims), Data: data}
}

// FloatScalar makes a tensor of type Float with one element and no dimensions.
func FloatScalar(name string, value float32) *Tensor { return FloatTensor(name, nil, []float32{value}) }

// Int8Scalar makes a tensor of type Int8 with one element and no dimensions.
func Int8Scalar(name string, value int8) *Tensor { return Int8Tensor(name, nil, []int8{value}) }
