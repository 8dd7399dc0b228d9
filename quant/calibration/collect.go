// Package calibration finds the ranges that int8 needs: it watches the tensors of a graph while samples run through
// it, keeps one histogram of each, and derives thresholds from them by several methods at once.
//
// The samples are seen once, one after the other, and none is kept. How a graph is run is the caller's business.
package calibration

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
)

// Runner is a loaded graph. Its memory is reused by every run.
type Runner interface {
	// Input returns the memory of an input, or nil if the graph has none of that name.
	Input(name string) []float32
	// Output returns the memory of an output, or nil if the graph has none of that name.
	Output(name string) []float32
	// Run computes the outputs from the inputs.
	Run(ctx context.Context) error
}

// Sample is the inputs of one run by name, each in C order.
type Sample = map[string][]float32

// Samples is a stream of samples. A sample need only live until the next one is asked for. An error ends the stream.
type Samples = iter.Seq2[Sample, error]

// ErrNoSamples is returned where at least one sample is needed.
var ErrNoSamples = errors.New("there are no samples to calibrate with")

// Statistics is what was seen of the watched tensors.
type Statistics struct {
	Samples int // how many were run
	Tensors map[string]*Histogram
}

// Watcher is a graph that counts the values of some of its tensors whenever it runs. It can stand wherever the graph
// itself can, so that a graph may be watched while the program that it was made for uses it.
type Watcher struct {
	Runner
	tensors []string
	stats   Statistics
}

// NewWatcher watches inputs and outputs of a graph.
func NewWatcher(r Runner, tensors []string) (*Watcher, error) {
	w := &Watcher{Runner: r, tensors: tensors, stats: Statistics{Tensors: map[string]*Histogram{}}}
	for _, name := range tensors {
		if Values(r, name) == nil {
			return nil, fmt.Errorf("watching tensor %s: the graph does not hand it out", name)
		}
		w.stats.Tensors[name] = &Histogram{}
	}
	return w, nil
}

// Run runs the graph and counts.
func (w *Watcher) Run(ctx context.Context) error {
	if err := w.Runner.Run(ctx); err != nil {
		return err
	}
	for _, name := range w.tensors {
		if err := w.stats.Tensors[name].Add(Values(w.Runner, name)); err != nil {
			return fmt.Errorf("counting tensor %s: %w", name, err)
		}
	}
	w.stats.Samples++
	return nil
}

// Statistics returns what was seen so far. It belongs to the watcher.
func (w *Watcher) Statistics() *Statistics { return &w.stats }

// Values returns the memory of an output or, if there is none of that name, of an input.
func Values(r Runner, name string) []float32 {
	if out := r.Output(name); out != nil {
		return out
	}
	return r.Input(name)
}

// Config says what is watched.
type Config struct {
	Tensors  []string       // inputs or outputs of the runner's graph
	Progress func(done int) // called after each sample; may be nil
}

// Collect runs every sample through the graph and counts the values of the watched tensors. Memory does not grow with
// the number of samples. It stops at the first error and when the context ends.
func Collect(ctx context.Context, r Runner, samples Samples, cfg Config) (*Statistics, error) {
	w, err := NewWatcher(r, cfg.Tensors)
	if err != nil {
		return nil, err
	}
	err = Each(ctx, w, samples, func(sample int) error {
		if cfg.Progress != nil {
			cfg.Progress(sample + 1)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if w.stats.Samples == 0 {
		return nil, ErrNoSamples
	}
	return &w.stats, nil
}

// Each runs every sample and calls see after each run with its number, counted from 0.
func Each(ctx context.Context, r Runner, samples Samples, see func(sample int) error) error {
	n := 0
	for sample, err := range samples {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err == nil {
			err = Fill(r, sample)
		}
		if err == nil {
			err = r.Run(ctx)
		}
		if err == nil {
			err = see(n)
		}
		if err != nil {
			return fmt.Errorf("running sample %d: %w", n, err)
		}
		n++
	}
	return nil
}

// Fill copies a sample into the graph's inputs. Keys that are no input of the graph are ignored, so that one sample
// may serve several graphs; an input that the graph has must be written by the caller once or be in every sample.
func Fill(r Runner, sample Sample) error {
	filled := 0
	for name, values := range sample {
		memory := r.Input(name)
		if memory == nil {
			continue
		}
		if len(memory) != len(values) {
			return fmt.Errorf("input %s has %d elements, the graph wants %d", name, len(values), len(memory))
		}
		copy(memory, values)
		filled++
	}
	if filled == 0 {
		return errors.New("the sample has none of the graph's inputs")
	}
	return nil
}

// Take returns the first n samples.
func Take(samples Samples, n int) Samples {
	return func(yield func(Sample, error) bool) {
		left := n
		if left <= 0 {
			return
		}
		for s, err := range samples {
			if left--; !yield(s, err) || left == 0 {
				return // without asking for a sample that nobody will see
			}
		}
	}
}

// Thresholds returns the threshold of every tensor.
func (s *Statistics) Thresholds(c Chooser) (map[string]float64, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	out := make(map[string]float64, len(s.Tensors))
	for name, h := range s.Tensors {
		out[name] = c.Threshold(h)
	}
	return out, nil
}

// Repeat returns the samples as a stream that can be read again and again. It copies nothing.
func Repeat(samples []Sample) Samples {
	return func(yield func(Sample, error) bool) {
		for s := range slices.Values(samples) {
			if !yield(s, nil) {
				return
			}
		}
	}
}
