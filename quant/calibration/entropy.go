package calibration

import "math"

const (
	entropyBins = 2048 // over the whole range of magnitudes
	entropyStep = 8    // bins between two candidates
)

// entropy returns the threshold whose int8 image diverges least from the values. Exact zeros are left out: int8
// represents them exactly, and after a ReLU there are so many that they would hide everything else.
func (h *Histogram) entropy() float64 {
	counts := rebin(h.magnitudes(), entropyBins)
	width := h.Largest() / entropyBins
	best, least := entropyBins, math.Inf(1)
	for n := levels + 1; n <= entropyBins; n += entropyStep {
		if d := divergence(counts, n); d < least {
			best, least = n, d
		}
	}
	return float64(best) * width
}

// rebin spreads counts evenly over another number of bins.
func rebin(counts []uint64, n int) []float64 {
	out := make([]float64, n)
	ratio := float64(n) / float64(len(counts))
	for i, c := range counts {
		if c == 0 {
			continue
		}
		from, to := float64(i)*ratio, float64(i+1)*ratio
		for k := int(from); k < n && float64(k) < to; k++ {
			overlap := min(to, float64(k+1)) - max(from, float64(k))
			out[k] += float64(float64(c) * overlap / ratio)
		}
	}
	return out
}

// divergence compares the values clipped at n bins with what is left of them after they were put into int8 levels.
func divergence(counts []float64, n int) float64 {
	clipped := 0.0
	for _, c := range counts[n:] {
		clipped += c
	}
	total, image := clipped, quantized(counts[:n])
	kept := 0.0
	for i, c := range counts[:n] {
		total += c
		kept += image[i]
	}
	if kept == 0 {
		return math.Inf(1)
	}
	sum := 0.0
	for i, c := range counts[:n] {
		if i == n-1 {
			c += clipped
		}
		if c == 0 {
			continue
		}
		// A bin that only clipped values reach has no image; a small mass there keeps the divergence finite and large.
		q := max(image[i]/kept, 1e-9)
		p := c / total
		sum += float64(p * math.Log(p/q))
	}
	return sum
}

// quantized gives each bin its share of the level that it falls into; bins without values stay empty.
func quantized(counts []float64) []float64 {
	out := make([]float64, len(counts))
	for level := range levels + 1 {
		from, to := level*len(counts)/(levels+1), (level+1)*len(counts)/(levels+1)
		sum, used := 0.0, 0
		for _, c := range counts[from:to] {
			sum += c
			if c > 0 {
				used++
			}
		}
		for i := from; i < to; i++ {
			if counts[i] > 0 {
				out[i] = sum / float64(used)
			}
		}
	}
	return out
}
