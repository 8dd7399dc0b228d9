package int8

import (
	"errors"
	"fmt"
	"math"
)

// quantizedWeights is a constant in int8 with one scale for each channel.
type quantizedWeights struct {
	values []int8
	scales []float32
}

var errNoNumber = errors.New("a weight is no number")

// quantize converts weights in C order. Each channel gets the scale with the least square error; -128 is not used, as
// TensorRT wants.
func quantize(values []float32, dims []int64, axis int) (*quantizedWeights, error) {
	if axis >= len(dims) || dims[axis] == 0 || len(values) == 0 {
		return nil, fmt.Errorf("shape %v has no channels along axis %d", dims, axis)
	}
	inner := 1
	for _, d := range dims[axis+1:] {
		inner *= int(d)
	}
	channels := int(dims[axis])
	out := &quantizedWeights{values: make([]int8, len(values)), scales: make([]float32, channels)}
	channel := make([]float32, 0, len(values)/channels)
	for c := range channels {
		channel = channel[:0]
		eachRun(len(values), channels, inner, c, func(from int) {
			channel = append(channel, values[from:from+inner]...)
		})
		scale, err := bestScale(channel)
		if err != nil {
			return nil, err
		}
		out.scales[c] = scale
		eachRun(len(values), channels, inner, c, func(from int) {
			for i := from; i < from+inner; i++ {
				out.values[i] = int8(level(values[i], scale))
			}
		})
	}
	return out, nil
}

// eachRun visits the beginnings of the stretches of inner elements that belong to a channel.
func eachRun(total, channels, inner, channel int, visit func(from int)) {
	for from := channel * inner; from < total; from += channels * inner {
		visit(from)
	}
}

// level is the int8 value that is nearest to v.
func level(v, scale float32) float32 {
	return float32(min(max(math.RoundToEven(float64(v)/float64(scale)), -levels), levels))
}

// bestScale tries to clip up to a third of the largest magnitude in steps of 1/64 and returns the scale with the least
// square error. A channel of zeros has the scale 1.
func bestScale(channel []float32) (float32, error) {
	largest := float32(0)
	for _, v := range channel {
		if v-v != 0 {
			return 0, errNoNumber
		}
		largest = max(largest, v, -v)
	}
	if largest == 0 {
		return 1, nil
	}
	best, least := float32(0), math.Inf(1)
	for k := range 22 {
		scale := usable(float32(float64(largest) * float64(64-k) / (64 * levels)))
		if e := scaleError(channel, scale, least); e < least {
			best, least = scale, e
		}
	}
	return best, nil
}

// scaleError sums the square errors and stops when they reach the limit. Products are rounded before they are added,
// so that all processors agree.
func scaleError(channel []float32, scale float32, limit float64) float64 {
	sum := 0.0
	for _, v := range channel {
		d := float64(v) - float64(float64(level(v, scale))*float64(scale))
		if sum += float64(d * d); sum >= limit {
			break
		}
	}
	return sum
}
