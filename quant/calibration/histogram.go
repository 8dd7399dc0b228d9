package calibration

import (
	"errors"
	"fmt"
	"math"
)

// bins is the number of bins of each sign. A range grows by doubling, so at least half of them are in use: more than
// eight for each step of int8.
const bins = 4096

// ErrNoNumber is returned for a value that is infinite or not a number.
var ErrNoNumber = errors.New("value is no number")

// Histogram counts the values of one tensor. Its range grows with the values and no count is ever lost: bins are a
// power of two wide, so that two of them become one when the range doubles. The zero value is empty and ready to use.
// It must not be used by two goroutines at once.
type Histogram struct {
	width    float64 // of a bin; 0 until a value other than zero was seen
	positive []uint64
	negative []uint64
	zeros    uint64
	count    uint64
	low      float32 // smallest value, at most 0
	high     float32 // largest value, at least 0
}

// Add counts values. If one of them is no number, nothing is counted and the error says which.
func (h *Histogram) Add(values []float32) error {
	low, high := h.low, h.high
	for i, v := range values {
		if v-v != 0 { // infinite or NaN
			return fmt.Errorf("%w: element %d is %v", ErrNoNumber, i, v)
		}
		low, high = min(low, v), max(high, v)
	}
	h.low, h.high = low, high
	h.count += uint64(len(values))
	h.fit(float64(max(high, -low)))
	if h.width == 0 {
		h.zeros += uint64(len(values))
		return nil
	}
	perUnit := 1 / h.width
	for _, v := range values {
		switch {
		case v > 0:
			h.positive[int(float64(v)*perUnit)]++
		case v < 0:
			h.negative[int(-float64(v)*perUnit)]++
		default:
			h.zeros++
		}
	}
	return nil
}

// fit makes the range reach beyond largest.
func (h *Histogram) fit(largest float64) {
	if largest == 0 {
		return
	}
	_, exponent := math.Frexp(largest) // largest < 2^exponent
	width := math.Ldexp(1, exponent) / bins
	if h.width == 0 {
		h.width = width
		h.positive, h.negative = make([]uint64, bins), make([]uint64, bins)
	}
	for h.width < width {
		h.width *= 2
		fold(h.positive)
		fold(h.negative)
	}
}

// fold merges neighbouring bins into the lower half.
func fold(counts []uint64) {
	half := len(counts) / 2
	for i := range half {
		counts[i] = counts[2*i] + counts[2*i+1]
	}
	clear(counts[half:])
}

// Count returns how many values were added.
func (h *Histogram) Count() uint64 { return h.count }

// Range returns the smallest and the largest value, both widened to include zero.
func (h *Histogram) Range() (low, high float32) { return h.low, h.high }

// Largest returns the largest magnitude.
func (h *Histogram) Largest() float64 { return float64(max(h.high, -h.low)) }

// magnitudes returns the counts by magnitude up to the last bin in use; exact zeros are not among them.
func (h *Histogram) magnitudes() []uint64 {
	if h.width == 0 {
		return nil
	}
	out := make([]uint64, int(h.Largest()/h.width)+1)
	for i := range out {
		out[i] = h.positive[i] + h.negative[i]
	}
	return out
}

// Outline returns the shares of the values in n equal steps between the smallest and the largest. Exact zeros are left
// out: there are often so many that nothing else would show.
func (h *Histogram) Outline(n int) []float64 {
	out := make([]float64, n)
	span := float64(h.high) - float64(h.low)
	if h.count == h.zeros || span == 0 {
		return out
	}
	put := func(value float64, count uint64) {
		at := int((value - float64(h.low)) / span * float64(n))
		out[min(max(at, 0), n-1)] += float64(count) / float64(h.count-h.zeros)
	}
	for i := range bins {
		middle := (float64(i) + 0.5) * h.width
		put(middle, h.positive[i])
		put(-middle, h.negative[i])
	}
	return out
}
