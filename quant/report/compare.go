// Package report compares a converted network with the one it was made from, tensor by tensor, and writes that down as
// JSON and as a page for people.
package report

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/vega-edge/vegad/quant/calibration"
)

// Pair names a tensor in both networks.
type Pair struct {
	Tensor    string  // for people, and in the reference
	Converted string  // the same tensor in the converted network
	Scale     float32 // of the int8 values; 0 if they are floats
}

// Tensor is how far a tensor of the converted network is from the reference, over all samples.
type Tensor struct {
	Name   string  `json:"name"`
	SQNRdB float64 `json:"sqnrDb"` // signal to noise; MaxSQNR if there is no difference
	Cosine float64 `json:"cosine"` // between the two as vectors, in -1..1
	MaxAbs float64 `json:"maxAbs"` // largest difference
	Peak   float64 `json:"peak"`   // largest magnitude in the reference
	Scale  float32 `json:"scale,omitempty"`
}

// MaxSQNR stands for no difference at all, since JSON knows no infinity.
const MaxSQNR = 200.0

// Compare runs every sample through both networks and compares the pairs. The worst comes first.
func Compare(ctx context.Context, reference, converted calibration.Runner, samples calibration.Samples, pairs []Pair,
) ([]Tensor, error) {
	sums := make([]sum, len(pairs))
	n := 0
	for sample, err := range samples {
		if err == nil {
			err = both(ctx, reference, converted, sample)
		}
		if err == nil {
			err = add(sums, pairs, reference, converted)
		}
		if err != nil {
			return nil, fmt.Errorf("comparing on sample %d: %w", n, err)
		}
		n++
	}
	if n == 0 {
		return nil, calibration.ErrNoSamples
	}
	out := make([]Tensor, len(pairs))
	for i, p := range pairs {
		out[i] = sums[i].tensor(p)
	}
	slices.SortStableFunc(out, func(a, b Tensor) int { return cmp.Compare(a.SQNRdB, b.SQNRdB) })
	return out, nil
}

func both(ctx context.Context, reference, converted calibration.Runner, sample calibration.Sample) error {
	for _, r := range []calibration.Runner{reference, converted} {
		if err := calibration.Fill(r, sample); err != nil {
			return err
		}
		if err := r.Run(ctx); err != nil {
			return err
		}
	}
	return nil
}

func add(sums []sum, pairs []Pair, reference, converted calibration.Runner) error {
	for i, p := range pairs {
		want, got := calibration.Values(reference, p.Tensor), calibration.Values(converted, p.Converted)
		if len(want) == 0 || len(want) != len(got) {
			return fmt.Errorf("tensor %s has %d elements, its image %s has %d", p.Tensor, len(want), p.Converted, len(got))
		}
		sums[i].add(want, got)
	}
	return nil
}

// sum collects what the figures of one tensor are made from.
type sum struct{ signal, image, product, noise, largest, peak float64 }

func (s *sum) add(want, got []float32) {
	for i := range want {
		w, g := float64(want[i]), float64(got[i])
		d := w - g
		s.signal += w * w
		s.image += g * g
		s.product += w * g
		if math.IsNaN(d) {
			d = math.Inf(1)
		}
		s.largest = max(s.largest, math.Abs(d))
		s.peak = max(s.peak, math.Abs(w))
		s.noise += d * d
	}
}

func (s *sum) tensor(p Pair) Tensor {
	return Tensor{
		Name: p.Tensor, Scale: p.Scale, SQNRdB: s.ratio(), Cosine: s.cosine(),
		MaxAbs: finite(s.largest), Peak: finite(s.peak),
	}
}

func (s *sum) ratio() float64 {
	switch {
	case s.noise == 0:
		return MaxSQNR
	case s.signal == 0, !(s.noise <= math.MaxFloat64):
		return -MaxSQNR
	}
	return min(max(10*math.Log10(s.signal/s.noise), -MaxSQNR), MaxSQNR)
}

func (s *sum) cosine() float64 {
	if s.signal == 0 && s.image == 0 {
		return 1
	}
	c := s.product / math.Sqrt(s.signal*s.image)
	if math.IsNaN(c) {
		return 0
	}
	return min(max(c, -1), 1)
}

func finite(x float64) float64 { return min(x, math.MaxFloat64) }
