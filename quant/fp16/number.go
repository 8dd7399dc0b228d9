package fp16

import (
	"math"

	"github.com/x448/float16"

	"github.com/vega-edge/vegad/quant/onnx"
)

// minNormal is the smallest number that half precision holds with all its bits.
const minNormal = 1.0 / (1 << 14)

// rounded is a constant in half precision, with what that did to it.
type rounded struct {
	values []float16.Float16
	found  Tensor
}

// round converts a constant of single precision, to the nearest number and to the even one of two equally near.
func round(t *onnx.Tensor) (*rounded, error) {
	values, err := t.Floats()
	if err != nil {
		return nil, err
	}
	r := &rounded{values: make([]float16.Float16, len(values)), found: Tensor{Name: t.Name, Elements: len(values)}}
	for i, v := range values {
		r.values[i] = float16.Fromfloat32(v)
		r.found.count(math.Abs(float64(v)), r.values[i])
	}
	return r, nil
}

// count looks at one element.
func (t *Tensor) count(size float64, half float16.Float16) {
	switch {
	case half.IsInf(0) && !math.IsInf(size, 0):
		t.Overflowed++
	case size > 0 && half.Bits()&0x7fff == 0:
		t.Vanished++
	case size > 0 && size < minNormal:
		t.Denormal++
	}
}

// harmed tells whether anything but rounding happens.
func (t *Tensor) harmed() bool { return t.Overflowed+t.Denormal+t.Vanished > 0 }
