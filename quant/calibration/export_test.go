package calibration

import "slices"

// Total is the sum over all bins.
func (h *Histogram) Total() uint64 {
	total := h.zeros
	for i := range h.positive {
		total += h.positive[i] + h.negative[i]
	}
	return total
}

// Same tells whether two histograms hold the same counts over the same range.
func (h *Histogram) Same(o *Histogram) bool {
	return h.width == o.width && h.zeros == o.zeros && h.count == o.count && h.low == o.low && h.high == o.high &&
		slices.Equal(h.positive, o.positive) && slices.Equal(h.negative, o.negative)
}
