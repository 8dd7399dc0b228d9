package calibration

import (
	"context"
	"errors"
	"fmt"
)

// Shaped is a graph that knows the shapes of its tensors.
type Shaped interface {
	Runner
	Shape(name string) []int64
}

// Means runs every sample and averages outputs by channel, which is the second dimension.
func Means(ctx context.Context, r Shaped, samples Samples, outputs []string) (map[string][]float64, error) {
	sums := map[string]*channelSum{}
	for _, name := range outputs {
		shape := r.Shape(name)
		if len(shape) < 2 {
			return nil, fmt.Errorf("averaging output %s: shape %v has no channels", name, shape)
		}
		sums[name] = newChannelSum(shape)
	}
	seen := 0
	err := Each(ctx, r, samples, func(int) error {
		seen++
		for name, sum := range sums {
			sum.add(r.Output(name))
		}
		return nil
	})
	if err == nil && seen == 0 {
		err = ErrNoSamples
	}
	if err != nil {
		return nil, errors.Join(errors.New("averaging channels"), err)
	}
	out := map[string][]float64{}
	for name, sum := range sums {
		out[name] = sum.mean()
	}
	return out, nil
}

type channelSum struct {
	sums  []float64
	inner int // elements in a row that belong to one channel
	seen  int // elements of each channel
}

func newChannelSum(shape []int64) *channelSum {
	c := &channelSum{sums: make([]float64, shape[1]), inner: 1}
	for _, d := range shape[2:] {
		c.inner *= int(d)
	}
	return c
}

func (c *channelSum) add(values []float32) {
	for i, v := range values {
		c.sums[i/c.inner%len(c.sums)] += float64(v)
	}
	c.seen += len(values) / len(c.sums)
}

func (c *channelSum) mean() []float64 {
	out := make([]float64, len(c.sums))
	for i, s := range c.sums {
		out[i] = s / float64(max(c.seen, 1))
	}
	return out
}
