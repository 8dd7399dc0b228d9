package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vega-edge/vegad/models"
)

// backend makes sessions: ONNX Runtime, but in tests of what cannot happen without a GPU.
type backend interface {
	probe(cfg sessionConfig) error // whether the provider can be had at all
	open(cfg sessionConfig, spec models.GraphSpec) (session, Stage, error)
}

// loader tries candidates on one bundle.
type loader struct {
	rt     *Runtime
	bundle *models.Bundle
	golden map[string]models.Tensor
	opts   Options
	native backend
	track  *tracker
}

// try loads all graphs and runs the golden test. Either the engine or the attempt is nil.
func (l *loader) try(ctx context.Context, c candidate) (*Engine, *Attempt) {
	e := &Engine{graphs: map[string]*Graph{}, closing: make(chan struct{}), track: l.track}
	e.report.Provider, e.report.Precision = c.provider, c.precision
	var stage Stage
	err := c.guard(func() error {
		var err error
		if stage, err = l.load(ctx, e, c); err == nil {
			stage, err = l.prove(ctx, e)
		}
		return err
	})
	if err != nil {
		return nil, &Attempt{c.provider, c.precision, stage, errors.Join(err, e.Close())}
	}
	return e, nil
}

// guard runs what may start CUDA.
func (c candidate) guard(f func() error) error {
	if c.provider == CPU {
		return f()
	}
	return keepSignals(f)
}

// prove runs the golden test, looks where the graphs really ran, and how long they take.
func (l *loader) prove(ctx context.Context, e *Engine) (Stage, error) {
	var err error
	tolerance := l.bundle.Manifest.Golden.Tolerance[e.report.Precision]
	if e.report.GoldenErrors, err = l.goldenTest(ctx, e, tolerance); err != nil {
		return StageGolden, err
	}
	if err := e.lookWhereItRan(); err != nil {
		return StageSession, err
	}
	if e.report.Latency, err = latencies(ctx, e); err != nil {
		return StageSession, err
	}
	return "", nil
}

// lookWhereItRan takes the providers from the sessions themselves.
func (e *Engine) lookWhereItRan() error {
	shares := map[string][]Share{}
	for name, g := range e.graphs {
		ran, err := g.session.ran()
		if err != nil {
			e.report.Elsewhere = "it could not be read where the graphs ran: " + err.Error()
			return nil //nolint:nilerr // what answers is right, for the golden test passed
		}
		shares[name] = ran
	}
	var err error
	e.report.Ran, e.report.Elsewhere, err = ranOn(e.report.Provider, shares)
	return err
}

func (l *loader) load(ctx context.Context, e *Engine, c candidate) (Stage, error) {
	for _, name := range models.GraphNames() {
		if err := context.Cause(ctx); err != nil {
			return StageSession, err
		}
		from, err := l.source(name, c)
		if err != nil {
			return StageBundle, err
		}
		g, stage, err := l.graph(name, from, c)
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

// source reads a graph of the bundle in the form that the provider takes.
func (l *loader) source(name string, c candidate) (source, error) {
	model, err := l.bundle.ReadFile(c.precision, name)
	if err != nil {
		return source{}, err
	}
	return source{model, l.bundle.Manifest.Graphs[name]}, nil
}

// graph builds one session with new tensors.
func (l *loader) graph(name string, from source, c candidate) (*Graph, Stage, error) {
	g := &Graph{
		name: name, inputs: bind(from.spec.Inputs), outputs: bind(from.spec.Outputs), free: sync.OnceFunc(l.rt.release),
	}
	var stage Stage
	var err error
	if g.session, stage, err = l.session(g, from, c); err != nil {
		return nil, stage, err
	}
	return g, "", nil
}

// session builds a session on the graph's tensors and counts it in.
func (l *loader) session(g *Graph, from source, c candidate) (session, Stage, error) {
	if c.provider == CPU && c.precision == models.INT8 {
		var err error
		if from.model, err = ForCPU(from.model); err != nil {
			return nil, StageBundle, err
		}
	}
	cfg := l.config(c)
	cfg.graph, cfg.model, cfg.inputs, cfg.outputs = g.name, from.model, g.inputs, g.outputs
	cfg.threads = threadsOf(g.name, cfg.threads)
	if err := l.rt.acquire(); err != nil {
		return nil, StageSession, err
	}
	s, stage, err := l.build(cfg, from.spec)
	if err != nil {
		l.rt.release()
		return nil, stage, err
	}
	return s, "", nil
}

// config is what all sessions of a candidate share.
func (l *loader) config(c candidate) sessionConfig {
	return sessionConfig{
		provider: c.provider, precision: c.precision, threads: l.opts.Threads, library: l.rt.Path(),
		options: tensorRTOptions(c.precision, l.opts.TensorRT), tuning: l.opts.tuning, profile: l.bundle != nil,
		dropped: l.track.dropped,
	}
}

// threadsOf shares the threads between the graphs: both encoders of a frame run side by side and take half each, so
// that no core has two threads at work; the others run alone. BenchmarkEncoders of runtime/perception compares.
func threadsOf(graph string, threads int) int {
	switch graph {
	case models.VideoStem:
		return (threads + 1) / 2
	case models.SemanticEncoder:
		return max(threads/2, 1)
	}
	return threads
}

// build opens a session; for TensorRT it does so through the cache of engines.
func (l *loader) build(cfg sessionConfig, spec models.GraphSpec) (session, Stage, error) {
	cache := l.opts.Cache
	if cfg.provider == TensorRT && l.opts.TensorRT.ContextDir != "" {
		cfg.options = withContext(cfg.options, l.opts.TensorRT.ContextDir, cfg.graph, cfg.precision)
		cache = nil // what is loaded from a cache need not be written again
	}
	if cfg.provider != TensorRT {
		return l.open(cfg, spec)
	}
	if err := l.native.probe(cfg); err != nil {
		return nil, StageProvider, explain(err, cfg)
	}
	if cache == nil {
		defer l.track.begin(cfg, false, 0)()
		return l.open(cfg, spec)
	}
	return l.cached(cache, cfg, spec)
}

// cached loads an engine whose seal fits, or builds and seals one.
func (l *loader) cached(cache *Cache, cfg sessionConfig, spec models.GraphSpec) (session, Stage, error) {
	recipe := cache.recipe(cfg.graph, cfg.precision, cfg.model, cfg.options)
	timings, _, removed, err := cache.prepare(cache.timing())
	l.warn(removed)
	if err != nil {
		return nil, StageSession, err
	}
	dir, hit, removed, err := cache.prepare(recipe)
	l.warn(removed)
	if err != nil {
		return nil, StageSession, err
	}
	cfg.options = withCache(cfg.options, dir, timings)
	defer l.track.begin(cfg, hit, cache.expected(cfg.graph, cfg.precision))()
	start := time.Now()
	s, stage, err := l.open(cfg, spec)
	if err != nil {
		if !hit {
			err = errors.Join(err, os.RemoveAll(dir))
		}
		return nil, stage, err
	}
	if !hit {
		l.warn(cache.finish(recipe, time.Since(start)))
	}
	return s, "", nil
}

// open names all that is missing where ONNX Runtime names the first.
func (l *loader) open(cfg sessionConfig, spec models.GraphSpec) (session, Stage, error) {
	s, stage, err := l.native.open(cfg, spec)
	if err != nil && stage == StageProvider {
		err = explain(err, cfg)
	}
	return s, stage, err
}

func explain(err error, cfg sessionConfig) error {
	missing := MissingLibraries(cfg.library, cfg.provider)
	if len(missing) == 0 {
		return err
	}
	return fmt.Errorf("%w (missing: %s)", err, strings.Join(missing, ", "))
}

// removeStale removes engines of other platforms. Those of bundles that are not in use stay: one may come back.
func (l *loader) removeStale() {
	if l.opts.Cache == nil {
		return
	}
	removed, err := l.opts.Cache.Clean(false)
	l.warn(err)
	for _, e := range removed {
		l.opts.Logger.Info("a stale engine was removed", "component", "engine", "key", e.Key, "graph", e.Graph,
			"reason", e.Problem)
	}
}

// warn logs what went wrong with a cached engine; it is built anew, or not kept.
func (l *loader) warn(err error) {
	if err != nil {
		l.opts.Logger.Warn("an engine is not used", "component", "engine", "err", err)
	}
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
	graph           string // its name
	model           []byte
	inputs, outputs []binding
	provider        Provider
	precision       models.Precision
	threads         int
	library         string            // of ONNX Runtime
	options         map[string]string // of TensorRT
	profile         bool              // write down where the nodes run
	tuning          tuning
	dropped         func(options []string) // is told of options that the runtime does not know; may be nil
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
