// Package quant converts networks to int8: it runs the float32 network on samples, finds the ranges, writes the
// explicit int8 form, and measures what that cost. The parts are in its sub-packages; running a network is the
// caller's business.
package quant

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/vega-edge/vegad/quant/calibration"
	qint8 "github.com/vega-edge/vegad/quant/int8"
	"github.com/vega-edge/vegad/quant/onnx"
)

// Session is a loaded graph with its tensors.
type Session interface {
	calibration.Runner
	// Shape returns the shape of an input or output.
	Shape(name string) []int64
	Close() error
}

// Opener loads a graph for running in float32.
type Opener func(model []byte) (Session, error)

// Config says how a network is converted.
type Config struct {
	Chooser calibration.Chooser
	// Exclude is a regular expression; nodes whose name, or one of whose tensors' names, matches stay float32.
	Exclude string
	// KeepOps are operators that stay float32.
	KeepOps []string
	// QuantizeLast also converts the last layers.
	QuantizeLast bool
	// Equalize evens out the ranges of channels between layers before anything is measured.
	Equalize bool
	// CorrectBias shifts the biases of int8 layers so that each channel keeps its mean.
	CorrectBias bool
	// Kept is how many samples are kept in memory for what needs them again; 0 is DefaultKept.
	Kept int
}

// DefaultKept is how many samples are kept for correcting biases and measuring losses.
const DefaultKept = 16

// Calibrator is a float32 network under observation. It can stand in for the network in the program that it was made
// for: every run is a sample. It is used by one goroutine at a time.
type Calibrator struct {
	cfg     Config
	open    Opener
	base    *onnx.Model // float32, prepared
	digest  string      // of the model as it was given
	place   *qint8.Placement
	session Session
	watcher *calibration.Watcher

	recorder *Recorder
}

// NewCalibrator prepares a float32 model and loads it with everything visible that int8 needs to know about.
func NewCalibrator(m *onnx.Model, cfg Config, open Opener) (*Calibrator, error) {
	if err := cfg.Chooser.Check(); err != nil {
		return nil, err
	}
	if cfg.Kept <= 0 {
		cfg.Kept = DefaultKept
	}
	c := &Calibrator{cfg: cfg, open: open}
	rules, err := (&Plan{Exclude: cfg.Exclude, KeepOps: cfg.KeepOps, QuantizeLast: cfg.QuantizeLast}).rules()
	if err != nil {
		return nil, err
	}
	if c.digest, err = digestOf(m); err != nil {
		return nil, err
	}
	if c.base, err = prepare(m, cfg.Equalize); err != nil {
		return nil, err
	}
	if c.place, err = qint8.Place(c.base, rules); err != nil {
		return nil, err
	}
	if c.session, err = load(c.base, c.place.Activations, open); err != nil {
		return nil, err
	}
	if c.watcher, err = calibration.NewWatcher(c.session, c.place.Activations); err != nil {
		return nil, errors.Join(err, c.session.Close())
	}
	c.recorder = NewRecorder(c.watcher, inputs(m), cfg.Kept)
	return c, nil
}

// inputs names the inputs of a model that are no constants.
func inputs(m *onnx.Model) []string {
	var names []string
	for _, v := range m.Graph.Inputs {
		if m.Graph.Initializer(v.Name) == nil {
			names = append(names, v.Name)
		}
	}
	return names
}

// load opens a model with more of its tensors handed out.
func load(m *onnx.Model, tensors []string, open Opener) (Session, error) {
	data, err := Expose(m, tensors)
	if err != nil {
		return nil, err
	}
	s, err := open(data)
	if err != nil {
		return nil, fmt.Errorf("loading the network: %w", err)
	}
	return s, nil
}

// Expose encodes a model with more of its float32 tensors among the outputs.
func Expose(m *onnx.Model, tensors []string) ([]byte, error) {
	copied, err := m.Clone()
	if err != nil {
		return nil, err
	}
	g := copied.Graph
	for _, name := range tensors {
		given := slices.ContainsFunc(slices.Concat(g.Inputs, g.Outputs), func(v *onnx.Value) bool { return v.Name == name })
		if !given {
			g.Outputs = append(g.Outputs, &onnx.Value{Name: name, Type: onnx.Float})
		}
	}
	return copied.Marshal()
}

// Layers returns what the rules say about each layer.
func (c *Calibrator) Layers() []qint8.Layer { return c.place.Layers }

// Input returns the memory of an input.
func (c *Calibrator) Input(name string) []float32 { return c.session.Input(name) }

// Output returns the memory of an output.
func (c *Calibrator) Output(name string) []float32 { return c.session.Output(name) }

// Run computes the outputs and counts the run as a sample.
func (c *Calibrator) Run(ctx context.Context) error { return c.recorder.Run(ctx) }

// Samples returns how many runs there were.
func (c *Calibrator) Samples() int { return c.watcher.Statistics().Samples }

// Kept returns samples spread evenly over all of them. They belong to the calibrator.
func (c *Calibrator) Kept() []calibration.Sample { return c.recorder.Kept() }

// Recorder returns the same network with a memory of its own, whose runs are no samples of the calibration.
func (c *Calibrator) Recorder(limit int) *Recorder {
	return NewRecorder(c.session, c.recorder.inputs, limit)
}

// Close frees the network.
func (c *Calibrator) Close() error { return c.session.Close() }
