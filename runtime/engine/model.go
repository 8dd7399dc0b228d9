package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/vega-edge/vegad/models"
)

// ModelOptions says how a graph that belongs to no bundle is run. The zero value is a good default.
type ModelOptions struct {
	Name      string           // in errors; empty is "model"
	Precision models.Precision // FP32 unless set; INT8 takes the CPU's form of explicit Q/DQ
	Threads   int              // 0 is GOMAXPROCS
}

// Model is one ONNX graph on the CPU, outside any bundle: converters and benchmarks look at graphs that no manifest
// describes. Its tensors take the shapes that the graph declares.
type Model struct {
	graph   *Graph
	spec    models.GraphSpec
	closing chan struct{}
	once    sync.Once
	err     error
}

// LoadModel builds a session from the bytes of an ONNX file. Every input and output must be float32 with a static
// shape.
func LoadModel(rt *Runtime, data []byte, opts ModelOptions) (*Model, error) {
	if opts.Name == "" {
		opts.Name = "model"
	}
	if opts.Precision == "" {
		opts.Precision = models.FP32
	}
	if opts.Threads <= 0 {
		opts.Threads = runtime.GOMAXPROCS(0)
	}
	spec, err := modelSpec(data)
	if err != nil {
		return nil, fmt.Errorf("loading graph %s: %w", opts.Name, err)
	}
	l := loader{rt: rt, opts: Options{Threads: opts.Threads}, native: native{}}
	g, _, err := l.graph(opts.Name, source{data, spec}, candidate{CPU, opts.Precision})
	if err != nil {
		return nil, fmt.Errorf("loading graph %s: %w", opts.Name, err)
	}
	m := &Model{graph: g, spec: spec, closing: make(chan struct{})}
	g.start(m.closing)
	return m, nil
}

// modelSpec describes a graph by what its file declares.
func modelSpec(data []byte) (models.GraphSpec, error) {
	inputs, outputs, err := declared(data)
	if err != nil {
		return models.GraphSpec{}, err
	}
	in, errIn := specs("input", inputs)
	out, errOut := specs("output", outputs)
	return models.GraphSpec{Inputs: in, Outputs: out}, errors.Join(errIn, errOut)
}

func specs(kind string, list []signature) ([]models.TensorSpec, error) {
	var errs []error
	out := make([]models.TensorSpec, len(list))
	for i, s := range list {
		out[i] = models.TensorSpec{Name: s.name, Shape: s.shape, DType: s.dtype}
		if s.dtype != "float32" {
			errs = append(errs, fmt.Errorf("%s %s: it is %s, only float32 can be run here", kind, s.name, s.dtype))
		}
		for _, d := range s.shape {
			if d < 1 {
				errs = append(errs, fmt.Errorf("%s %s: its shape %v is not static", kind, s.name, s.shape))
				break
			}
		}
	}
	return out, errors.Join(errs...)
}

// Spec describes the graph's inputs and outputs.
func (m *Model) Spec() models.GraphSpec { return m.spec }

// Shape returns the shape of an input or output, or nil if there is none of that name.
func (m *Model) Shape(name string) []int64 {
	for _, t := range slices.Concat(m.spec.Outputs, m.spec.Inputs) {
		if t.Name == name {
			return t.Shape
		}
	}
	return nil
}

// Input returns the memory of an input: see [Graph.Input].
func (m *Model) Input(name string) []float32 { return m.graph.Input(name) }

// Output returns the memory of an output: see [Graph.Output].
func (m *Model) Output(name string) []float32 { return m.graph.Output(name) }

// Run computes the outputs from the inputs: see [Graph.Run].
func (m *Model) Run(ctx context.Context) error { return m.graph.Run(ctx) }

// Close stops a run in flight and frees the session. It is idempotent and may be called on nil.
func (m *Model) Close() error {
	if m == nil {
		return nil
	}
	m.once.Do(func() {
		close(m.closing)
		m.err = m.graph.close()
	})
	return m.err
}
