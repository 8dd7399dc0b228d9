package eval

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/vega-edge/vegad/runtime/scene"
)

// mra is the mean relative accuracy of VSI-Bench, 0..1: the share of the confidence thresholds 0.50, 0.55, …, 0.95 at
// which the relative error is at most one minus the threshold. The truth must not be 0.
func mra(pred, truth float64) float64 {
	if math.IsNaN(pred) || truth == 0 {
		return 0
	}
	off := math.Abs(pred-truth) / math.Abs(truth)
	hits := 0
	for percent := 50; percent <= 95; percent += 5 {
		if off <= float64(100-percent)/100 {
			hits++
		}
	}
	return float64(hits) / 10
}

// matches returns how many pairs of a true and a seen thing of the same label can be formed at once whose boxes
// overlap by at least the given IoU: the largest matching, found along augmenting paths, which is the Hungarian method
// for pairs that either fit or do not.
func matches(truth, seen []thing, least float64) int {
	owner := make([]int, len(seen)) // the true thing that a seen one is given to, plus one
	n := 0
	for t := range truth {
		tried := make([]bool, len(seen))
		var give func(t int) bool
		give = func(t int) bool {
			for s := range seen {
				if tried[s] || !fits(&truth[t], &seen[s], least) {
					continue
				}
				tried[s] = true
				if owner[s] == 0 || give(owner[s]-1) {
					owner[s] = t + 1
					return true
				}
			}
			return false
		}
		if give(t) {
			n++
		}
	}
	return n
}

func fits(a, b *thing, least float64) bool {
	return a.label == b.label && scene.IoUAxisAligned(a.box, b.box) >= least
}

// f1 is the harmonic mean of precision and recall, 0..1. There must be something to see.
func f1(truth, seen []thing, least float64) float64 {
	return 2 * float64(matches(truth, seen, least)) / float64(len(truth)+len(seen))
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// median sorts its argument.
func median(values []float64) float64 {
	slices.SortFunc(values, cmp.Compare[float64])
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// resamples is how often the bootstrap draws.
const resamples = 1000

// bootstrap returns the 2.5 % and 97.5 % quantiles of a figure over rooms drawn with replacement: the questions of one
// room are not independent of each other, so whole rooms are drawn. A draw without any sample is left out.
func bootstrap(rooms [][]float64, figure func([]float64) float64) [2]float64 {
	rng := rand.New(rand.NewPCG(1, uint64(len(rooms))))
	var drawn []float64
	found := make([]float64, 0, resamples)
	for range resamples {
		drawn = drawn[:0]
		for range rooms {
			drawn = append(drawn, rooms[rng.IntN(len(rooms))]...)
		}
		if len(drawn) > 0 {
			found = append(found, figure(drawn))
		}
	}
	return quantiles(found)
}

// quantiles returns those of 2.5 % and 97.5 %. It sorts its argument.
func quantiles(values []float64) [2]float64 {
	slices.Sort(values)
	at := func(q float64) float64 { return values[int(math.Round(q*float64(len(values)-1)))] }
	return [2]float64{at(0.025), at(0.975)}
}
