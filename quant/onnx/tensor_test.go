package onnx_test

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/x448/float16"

	"github.com/vega-edge/vegad/quant/onnx"
)

// weights parses a model with one constant and returns that.
func weights(t *testing.T, tensor msg) *onnx.Tensor {
	t.Helper()
	return parse(t, file(msg{}.sub(5, tensor.str(8, "w")))).Graph.Initializer("w")
}

func TestTypedListsBecomeBytes(t *testing.T) {
	floats := binary.LittleEndian.AppendUint32(nil, math.Float32bits(1.5))
	floats = binary.LittleEndian.AppendUint32(floats, math.Float32bits(-2))
	doubles := binary.LittleEndian.AppendUint64(nil, math.Float64bits(0.25))
	negative := msg{}.num(5, -1).num(5, 127)
	for name, c := range map[string]struct {
		tensor msg
		floats []float32
		ints   []int64
	}{
		"packed floats":   {msg{}.num(1, 2).num(2, 1).sub(4, floats), []float32{1.5, -2}, nil},
		"single floats":   {msg{}.num(1, 2).num(2, 1).fixed(4, 0x3fc00000).fixed(4, 0xc0000000), []float32{1.5, -2}, nil},
		"raw floats":      {msg{}.num(1, 2).num(2, 1).sub(9, floats), []float32{1.5, -2}, nil},
		"packed shape":    {msg{}.sub(1, []byte{2, 1}).num(2, 1).sub(9, floats), []float32{1.5, -2}, nil},
		"double":          {msg{}.num(2, 11).sub(10, doubles), []float32{0.25}, nil},
		"half":            {msg{}.num(2, 10).num(5, 0x3c00), []float32{1}, nil},
		"int8":            {append(msg{}.num(1, 2).num(2, 3), negative...), nil, []int64{-1, 127}},
		"int16":           {append(msg{}.num(1, 2).num(2, 5), negative...), nil, []int64{-1, 127}},
		"int32":           {append(msg{}.num(1, 2).num(2, 6), negative...), nil, []int64{-1, 127}},
		"uint8":           {msg{}.num(2, 2).num(5, 255), nil, []int64{255}},
		"uint16":          {msg{}.num(2, 4).num(5, 65535), nil, []int64{65535}},
		"bool":            {msg{}.num(2, 9).num(5, 1), nil, []int64{1}},
		"int64":           {msg{}.num(1, 1).num(2, 7).num(7, math.MinInt64), nil, []int64{math.MinInt64}},
		"packed int64":    {msg{}.num(1, 3).num(2, 7).sub(7, []byte{1, 2, 3}), nil, []int64{1, 2, 3}},
		"uint32":          {msg{}.num(2, 12).num(11, math.MaxUint32), nil, []int64{math.MaxUint32}},
		"the type behind": {msg{}.num(5, 7).num(2, 6), nil, []int64{7}},
	} {
		w := weights(t, c.tensor)
		var err error
		if c.floats != nil {
			var got []float32
			if got, err = w.Floats(); !slices.Equal(got, c.floats) {
				t.Errorf("%s: %v, want %v", name, got, c.floats)
			}
		} else {
			var got []int64
			if got, err = w.Int64s(); !slices.Equal(got, c.ints) {
				t.Errorf("%s: %v, want %v", name, got, c.ints)
			}
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		again := weights(t, msg(encoded(t, w)))
		if !slices.Equal(again.Data, w.Data) || again.Type != w.Type || !slices.Equal(again.Dims, w.Dims) {
			t.Errorf("%s: encoding changes it", name)
		}
	}
}

// encoded returns a tensor as the message that a model holds.
func encoded(t *testing.T, w *onnx.Tensor) []byte {
	t.Helper()
	out := msg{}.num(2, int64(w.Type)).sub(9, w.Data)
	for _, d := range w.Dims {
		out = out.num(1, d)
	}
	g := &onnx.Graph{Initializers: []*onnx.Tensor{w}}
	m := &onnx.Model{IRVersion: 8, Opsets: []onnx.Opset{{Version: 18}}, Graph: g}
	back := parse(t, marshal(t, m)).Graph.Initializers[0]
	if !slices.Equal(back.Data, w.Data) || back.Type != w.Type || !slices.Equal(back.Dims, w.Dims) {
		t.Error("the tensor does not come back")
	}
	return out
}

func TestConstructors(t *testing.T) {
	half := float16.Fromfloat32(0.5)
	for _, c := range []struct {
		tensor *onnx.Tensor
		kind   onnx.DataType
		floats []float32
		ints   []int64
	}{
		{onnx.FloatTensor("w", []int64{2}, []float32{1, -3}), onnx.Float, []float32{1, -3}, nil},
		{onnx.FloatScalar("w", 2.5), onnx.Float, []float32{2.5}, nil},
		{onnx.Float16Tensor("w", []int64{1, 1}, []float16.Float16{half}), onnx.Float16, []float32{0.5}, nil},
		{onnx.Int8Tensor("w", []int64{3}, []int8{-128, 0, 127}), onnx.Int8, nil, []int64{-128, 0, 127}},
		{onnx.Int8Scalar("w", -7), onnx.Int8, nil, []int64{-7}},
		{onnx.Int64Tensor("w", []int64{2}, []int64{-1, 1 << 40}), onnx.Int64, nil, []int64{-1, 1 << 40}},
	} {
		encoded(t, c.tensor)
		floats, errF := c.tensor.Floats()
		ints, errI := c.tensor.Int64s()
		if c.tensor.Type != c.kind || !slices.Equal(floats, c.floats) || !slices.Equal(ints, c.ints) {
			t.Errorf("%v: %v %v", c.tensor, floats, ints)
		}
		if (errF == nil) == (errI == nil) {
			t.Errorf("%v must be readable in one way: %v, %v", c.tensor, errF, errI)
		}
	}
}

func TestReadingTensorsThatDoNotFit(t *testing.T) {
	short := onnx.FloatTensor("w", []int64{2}, []float32{1})
	if _, err := short.Floats(); err == nil {
		t.Error("a tensor with too few values is read")
	}
	short.Dims = []int64{-1}
	if _, err := short.Floats(); err == nil {
		t.Error("a negative size is read")
	}
	text := weights(t, msg{}.num(1, 2).num(2, 8).str(6, "a").str(6, "b"))
	if _, err := text.Floats(); err == nil || !slices.Equal(text.Strings, []string{"a", "b"}) {
		t.Errorf("strings: %v, %v", text.Strings, err)
	}
}

func TestDataTypes(t *testing.T) {
	for kind, want := range map[onnx.DataType]struct {
		name  string
		bytes int64
	}{
		onnx.Float: {"float32", 12}, onnx.Float16: {"float16", 6}, onnx.Int8: {"int8", 3}, onnx.Int4: {"int4", 2},
		onnx.Complex128: {"complex128", 48}, onnx.String: {"string", 0}, 77: {"type 77", 0}, -1: {"type -1", 0},
	} {
		if got := kind.String(); got != want.name || kind.Bytes(3) != want.bytes {
			t.Errorf("%s: three elements take %d bytes, want %s and %d", got, kind.Bytes(3), want.name, want.bytes)
		}
	}
}

func TestExternalWithoutFolder(t *testing.T) {
	w := weights(t, outside(1, "w.bin"))
	if _, err := w.Floats(); !errors.Is(err, onnx.ErrExternal) || !w.External() {
		t.Errorf("reading gives %v", err)
	}
}

// outside is a tensor of float whose n values lie in another file.
func outside(n int64, path string, more ...string) msg {
	out := msg{}.num(1, n).num(2, 1).num(14, 1).sub(13, msg{}.str(1, "location").str(2, path))
	for i := 0; i+1 < len(more); i += 2 {
		out = out.sub(13, msg{}.str(1, more[i]).str(2, more[i+1]))
	}
	return out
}
