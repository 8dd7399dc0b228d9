package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/vega-edge/vegad/models"
)

// loader tries candidates on one bundle.
type loader struct {
	rt     *Runtime
	bundle *models.Bundle
	golden map[string]models.Tensor
	opts   Options
}

// try loads all graphs and runs the golden test. Either the engine or the attempt is nil.
func (l *loader) try(ctx context.Context, c candidate) (*Engine, *Attempt) {
	e := &Engine{graphs: map[string]*Graph{}, closing: make(chan struct{})}
	e.report.Provider, e.report.Precision = c.provider, c.precision
	stage, err := l.load(ctx, e, c)
	if err == nil {
		stage = StageGolden
		e.report.GoldenErrors, err = l.goldenTest(ctx, e, l.bundle.Manifest.Golden.Tolerance[c.precision])
	}
	if err != nil {
		return nil, &Attempt{c.provider, c.precision, stage, errors.Join(err, e.Close())}
	}
	return e, nil
}

func (l *loader) load(ctx context.Context, e *Engine, c candidate) (Stage, error) {
	for _, name := range models.GraphNames() {
		if err := context.Cause(ctx); err != nil {
			return StageSession, err
		}
		model, err := l.bundle.ReadFile(c.precision, name)
		if err != nil {
			return StageBundle, err
		}
		g, stage, err := l.graph(name, source{model, l.bundle.Manifest.Graphs[name]}, c)
		if err != nil {
			return stage, fmt.Errorf("loading graph %s: %w", name, err)
		}
		g.start(e.closing)
		e.graphs[name] = g
	}
	return "", nil
}

// source is an ONNX file and the tensors that it must have.
type source struct {
	model []byte
	spec  models.GraphSpec
}

// graph builds one session with its tensors.
func (l *loader) graph(name string, from source, c candidate) (*Graph, Stage, error) {
	if c.provider == CPU && c.precision == models.INT8 {
		var err error
		if from.model, err = forCPU(from.model); err != nil {
			return nil, StageBundle, err
		}
	}
	cfg := sessionConfig{
		model: from.model, inputs: bind(from.spec.Inputs), outputs: bind(from.spec.Outputs),
		provider: c.provider, precision: c.precision, threads: l.opts.Threads,
		cacheDir: l.opts.CacheDir, version: l.rt.Version(), tuning: l.opts.tuning,
	}
	if err := l.rt.acquire(); err != nil {
		return nil, StageSession, err
	}
	s, stage, err := newSession(cfg, from.spec)
	if err != nil {
		l.rt.release()
		return nil, stage, err
	}
	return &Graph{
		name: name, session: s, inputs: cfg.inputs, outputs: cfg.outputs,
		free: sync.OnceFunc(l.rt.release),
	}, "", nil
}

// binding is a tensor's fixed memory.
type binding struct {
	name  string
	shape []int64
	data  []float32
}

func bind(specs []models.TensorSpec) []binding {
	out := make([]binding, len(specs))
	for i, s := range specs {
		out[i] = binding{name: s.Name, shape: slices.Clone(s.Shape), data: make([]float32, s.Elements())}
	}
	return out
}

// sessionConfig is everything that makes a session.
type sessionConfig struct {
	model           []byte
	inputs, outputs []binding
	provider        Provider
	precision       models.Precision
	threads         int
	cacheDir        string
	version         string // of ONNX Runtime
	tuning          tuning
}

// signature is what a model file says about one of its tensors.
type signature struct {
	name  string
	shape []int64
	dtype string
}

// checkSignature compares the tensors of a model file with the manifest and reports every difference.
func checkSignature(kind string, got []signature, want []models.TensorSpec) error {
	var errs []error
	for _, w := range want {
		at := slices.IndexFunc(got, func(s signature) bool { return s.name == w.Name })
		if at < 0 {
			errs = append(errs, fmt.Errorf("%s %s: the model has no such tensor", kind, w.Name))
			continue
		}
		if g := got[at]; !slices.Equal(g.shape, w.Shape) || g.dtype != w.DType {
			errs = append(errs, fmt.Errorf("%s %s: the model has %s%v, the manifest says %s%v",
				kind, w.Name, g.dtype, g.shape, w.DType, w.Shape))
		}
	}
	for _, g := range got {
		if !slices.ContainsFunc(want, func(w models.TensorSpec) bool { return w.Name == g.name }) {
			errs = append(errs, fmt.Errorf("%s %s: not in the manifest", kind, g.name))
		}
	}
	return errors.Join(errs...)
}
