package fp16_test

import (
	"math"
	"testing"

	"github.com/x448/float16"

	"github.com/vega-edge/vegad/quant/fp16"
	"github.com/vega-edge/vegad/quant/onnx"
	"github.com/vega-edge/vegad/quant/onnx/onnxtest"
)

// TestRoundingToNearestEven converts, for every two neighbours in half precision, the number in the middle and those
// beside it.
func TestRoundingToNearestEven(t *testing.T) {
	var values []float32
	var want []uint16
	add := func(v float64, bits uint16) {
		values = append(values, float32(v), float32(-v))
		want = append(want, bits, bits|0x8000)
	}
	for bits := range uint16(0x7c00) { // all finite numbers that are not negative
		low := float64(float16.Frombits(bits).Float32())
		high := 65536.0 // what follows the largest would be this
		if bits+1 < 0x7c00 {
			high = float64(float16.Frombits(bits + 1).Float32())
		}
		middle := (low + high) / 2
		add(low, bits)
		add(middle, bits+bits&1)
		add(float64(math.Nextafter32(float32(middle), 0)), bits)
		add(float64(math.Nextafter32(float32(middle), math.MaxFloat32)), bits+1)
	}
	add(math.Inf(1), 0x7c00)
	m := constantModel(values)
	for i, v := range converted(t, m) {
		if v != want[i] {
			t.Fatalf("%g becomes %04x, want %04x", values[i], v, want[i])
		}
	}
}

// constantModel adds a constant to its input.
func constantModel(values []float32) *onnx.Model {
	b := onnxtest.NewBuilder("constant", 1)
	n := int64(len(values))
	x := b.Input("x", n)
	b.Output(b.Add(x, b.Constant([]int64{n}, values...)), n)
	return b.Model()
}

// converted returns the bits of the only constant after the conversion. Constants that overflow are not converted, so
// that they must be finite or infinite beforehand.
func converted(t *testing.T, m *onnx.Model) []uint16 {
	t.Helper()
	var bits []uint16
	for _, chunk := range chunks(t, m) {
		out, _, err := fp16.Convert(chunk, fp16.Options{})
		if err != nil {
			t.Fatal(err)
		}
		w := out.Graph.Initializers[0]
		if w.Type == onnx.Float { // it overflows: what it would be is infinite
			values, err := w.Floats()
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range values {
				bits = append(bits, uint16(math.Float32bits(v)>>16&0x8000|0x7c00))
			}
			continue
		}
		for i := 0; i < len(w.Data); i += 2 {
			bits = append(bits, uint16(w.Data[i])|uint16(w.Data[i+1])<<8)
		}
	}
	return bits
}

// chunks splits what overflows from the rest, since one number that does keeps its whole constant as it is.
func chunks(t *testing.T, m *onnx.Model) []*onnx.Model {
	t.Helper()
	values, err := m.Graph.Initializers[0].Floats()
	if err != nil {
		t.Fatal(err)
	}
	var out []*onnx.Model
	start := 0
	for i := 1; i <= len(values); i++ {
		if i == len(values) || overflows(values[i]) != overflows(values[start]) {
			out = append(out, constantModel(values[start:i]))
			start = i
		}
	}
	return out
}

// overflows tells whether a finite number lies at or beyond the middle between the largest half and the next power of
// two.
func overflows(v float32) bool {
	size := math.Abs(float64(v))
	return size >= 65520 && !math.IsInf(size, 0)
}

func TestCountingWhatRoundingHarms(t *testing.T) {
	m := constantModel([]float32{0, 1, 65504, 65519, 1e-5, -1e-6, 1e-9, float32(math.Inf(-1)), 1.0 / (1 << 14)})
	_, report, err := fp16.Convert(m, fp16.Options{})
	if err != nil {
		t.Fatal(err)
	}
	name := m.Graph.Initializers[0].Name
	want := fp16.Tensor{Name: name, Half: true, Elements: 9, Denormal: 2, Vanished: 1}
	if len(report.Tensors) != 1 || report.Tensors[0] != want {
		t.Errorf("%+v, want %+v", report.Tensors, want)
	}
	_, report, err = fp16.Convert(constantModel([]float32{65520, -1e30, 1}), fp16.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := report.Tensors[0]; got.Overflowed != 2 || got.Half {
		t.Errorf("%+v, want two that overflow and no copy", got)
	}
	if got := report.Nodes[0]; got.Half || got.Reason != fp16.Overflow || got.Tensor != name {
		t.Errorf("%+v, want the node kept because of its constant", got)
	}
	_, report, err = fp16.Convert(constantModel([]float32{1, 2}), fp16.Options{})
	if err != nil || len(report.Tensors) != 0 {
		t.Errorf("harmless numbers are reported: %+v, %v", report.Tensors, err)
	}
}
