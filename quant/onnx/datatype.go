package onnx

import (
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// DataType is the type of a tensor's elements, with the standard's numbers.
type DataType int32

// The element types. Undefined is none.
const (
	Undefined DataType = iota
	Float
	Uint8
	Int8
	Uint16
	Int16
	Int32
	Int64
	String
	Bool
	Float16
	Double
	Uint32
	Uint64
	Complex64
	Complex128
	BFloat16
	Float8E4M3FN
	Float8E4M3FNUZ
	Float8E5M2
	Float8E5M2FNUZ
	Uint4
	Int4
	Float4E2M1
	Float8E8M0
)

// layout says how wide an element is and which of the format's typed lists may hold it instead of raw bytes.
type layout struct {
	name string
	bits int              // 0 for what has no fixed width
	list protowire.Number // of the typed list
}

func (t DataType) layout() layout {
	layouts := [...]layout{
		Undefined: {"undefined", 0, 0},
		Float:     {"float32", 32, tensorFloats}, Double: {"float64", 64, tensorDoubles},
		Uint8: {"uint8", 8, tensorInts32}, Int8: {"int8", 8, tensorInts32},
		Uint16: {"uint16", 16, tensorInts32}, Int16: {"int16", 16, tensorInts32},
		Int32: {"int32", 32, tensorInts32}, Int64: {"int64", 64, tensorInts64},
		Uint32: {"uint32", 32, tensorUints64}, Uint64: {"uint64", 64, tensorUints64},
		String: {"string", 0, tensorStrings}, Bool: {"bool", 8, tensorInts32},
		Float16: {"float16", 16, tensorInts32}, BFloat16: {"bfloat16", 16, tensorInts32},
		Complex64: {"complex64", 64, tensorFloats}, Complex128: {"complex128", 128, tensorDoubles},
		Float8E4M3FN: {"float8e4m3fn", 8, tensorInts32}, Float8E4M3FNUZ: {"float8e4m3fnuz", 8, tensorInts32},
		Float8E5M2: {"float8e5m2", 8, tensorInts32}, Float8E5M2FNUZ: {"float8e5m2fnuz", 8, tensorInts32},
		Uint4: {"uint4", 4, tensorInts32}, Int4: {"int4", 4, tensorInts32},
		Float4E2M1: {"float4e2m1", 4, tensorInts32}, Float8E8M0: {"float8e8m0", 8, tensorInts32},
	}
	if t < 0 || int(t) >= len(layouts) {
		return layout{name: "type " + strconv.Itoa(int(t))}
	}
	return layouts[t]
}

// String returns the type's name, such as "float32" or "int8".
func (t DataType) String() string { return t.layout().name }

// Bits returns the width of an element in bits, or 0 for strings and for what is not known.
func (t DataType) Bits() int { return t.layout().bits }

// Bytes returns how many bytes n elements take; elements of less than a byte are packed.
func (t DataType) Bytes(n int64) int64 { return (n*int64(t.Bits()) + 7) / 8 }
