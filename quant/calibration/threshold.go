package calibration

import (
	"fmt"
	"math"
	"slices"
)

// Method chooses the magnitude at which a tensor is clipped.
type Method string

// The methods. All of them read the same histograms.
const (
	MinMax     Method = "minmax"     // the largest magnitude seen: nothing is clipped
	Percentile Method = "percentile" // the magnitude below which a given share of the values lie
	Entropy    Method = "entropy"    // least Kullback-Leibler divergence between the values and their int8 image
	MSE        Method = "mse"        // least mean square error
)

// Methods returns all of them.
func Methods() []Method { return []Method{MinMax, Percentile, Entropy, MSE} }

// DefaultPercentile is the share, in percent, that Percentile keeps unless told otherwise.
const DefaultPercentile = 99.99

// Chooser turns histograms into thresholds.
type Chooser struct {
	Method     Method
	Percentile float64 // in percent, in (0, 100]; 0 is DefaultPercentile
}

// Check says whether the settings mean anything.
func (c Chooser) Check() error {
	if !slices.Contains(Methods(), c.Method) {
		return fmt.Errorf("method %q is unknown, must be one of %v", c.Method, Methods())
	}
	if p := c.Percentile; p != 0 && !(p > 0 && p <= 100) {
		return fmt.Errorf("percentile %v must lie in (0, 100]", p)
	}
	return nil
}

// levels is how many steps symmetric int8 has on each side of zero.
const levels = 127

// Threshold returns the magnitude that int8 represents as 127. It is 0 for a tensor that was always zero. The result
// is rounded up to nine significant bits: a difference in the last bits of a float, which another processor may well
// make, then almost never changes a converted model.
func (c Chooser) Threshold(h *Histogram) float64 {
	largest := h.Largest()
	if largest == 0 {
		return 0
	}
	threshold := largest
	switch c.Method {
	case Percentile:
		threshold = h.percentile(c.Percentile)
	case Entropy:
		threshold = h.entropy()
	case MSE:
		threshold = h.leastSquares()
	case MinMax:
	}
	return coarse(min(threshold, largest))
}

// coarse rounds up to nine significant bits.
func coarse(x float64) float64 {
	fraction, exponent := math.Frexp(x)
	return math.Ldexp(math.Ceil(fraction*512)/512, exponent)
}

// percentile returns the upper edge of the bin in which the share is reached.
func (h *Histogram) percentile(share float64) float64 {
	if share == 0 {
		share = DefaultPercentile
	}
	// What may be clipped is counted from above, where the counts are small and exact.
	allowed := uint64(float64(h.count) * (100 - share) / 100)
	counts := h.magnitudes()
	above := uint64(0)
	for i, n := range slices.Backward(counts) {
		if above += n; above > allowed {
			return float64(i+1) * h.width
		}
	}
	return h.width
}

// leastSquares tries thresholds from the largest magnitude down, in steps of 3 %, and returns the one with the least
// error.
func (h *Histogram) leastSquares() float64 {
	const tries = 192 // down to a 250th
	counts, best, least := h.magnitudes(), h.Largest(), math.Inf(1)
	for k := range tries {
		threshold := h.Largest() * math.Exp2(-float64(k)/24)
		if e := squareError(counts, h.width, threshold); e < least {
			best, least = threshold, e
		}
	}
	return best
}

// squareError is the sum of the square errors of int8 with a threshold. Products are rounded before they are added,
// because some processors would otherwise fuse the two operations and others not.
func squareError(counts []uint64, width, threshold float64) float64 {
	step := threshold / levels
	sum := 0.0
	for i, n := range counts {
		if n == 0 {
			continue
		}
		value := (float64(i) + 0.5) * width
		level := min(math.RoundToEven(value/step), levels)
		d := value - float64(level*step)
		sum += float64(float64(n) * float64(d*d))
	}
	return sum
}
