// Package engine runs the four graphs of a model bundle on ONNX Runtime.
//
// It tries TensorRT, CUDA and the CPU in this order and takes the first that loads the graphs and gives the bundle's
// golden outputs. What was tried, and why it lost, stays in the Report. All tensors are allocated once; a run copies
// nothing and allocates nothing on the Go heap.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/vega-edge/vegad/models"
)

// Auto lets Open choose the provider or the precision.
const Auto = "auto"

// What a caller may want to tell apart.
var (
	ErrClosed   = errors.New("the engine is closed")
	ErrBusy     = errors.New("the graph is already running")
	ErrRejected = errors.New("no provider runs the bundle")
)

// Options says how a bundle is to be run. The zero value of every field but Logger is a good default.
type Options struct {
	Provider      Provider         // Auto or empty tries all, fastest first
	Precision     models.Precision // Auto or empty takes the best for the provider
	AllowFallback bool             // try the rest when what was asked for by name fails; the result is degraded
	Threads       int              // on the CPU, both encoders sharing them; 0 is GOMAXPROCS
	Logger        *slog.Logger     // required

	Cache    *Cache          // where TensorRT's engines are kept; nil keeps none
	TensorRT TensorRTOptions // how engines are built
	// Later leaves engines that are not cached to Build, and has the next provider answer until then. It needs a Cache.
	Later    bool
	Progress func(Build) // is told when the build of an engine begins and ends; may be nil, must not block
	Baseline string      // file with the latencies of earlier starts; empty compares with none

	tuning tuning
	native backend // ONNX Runtime unless a test sets it
}

// tuning holds what BenchmarkPaced compares. The zero value is what it found best on two cores for a daemon that
// waits for a camera most of the time: threads that wait for work sleep, since spinning costs ten times the CPU time
// and, with the cores busy, latency too; and the memory arena is on, since without it the same graphs run no faster
// and stay up to a quarter larger in memory.
type tuning struct{ spin, noArena bool }

// Report says what really runs, and what does not.
type Report struct {
	Provider       Provider
	Precision      models.Precision
	Degraded       bool      // what runs is less than what was asked for or what the machine should give
	Reason         string    // why something else than the first choice runs, also when that is no degradation
	Attempts       []Attempt // what was tried before, in order
	LibraryVersion string    // of ONNX Runtime
	Library        string    // the file it was loaded from
	Threads        int       // on the CPU; the encoders, which run side by side, share them
	LoadTime       time.Duration
	GoldenErrors   map[string]float64 // by "graph.output": largest difference over largest reference value

	Ran       []Share                  // what ran the graphs, by the sessions' own account; the longest first
	Elsewhere string                   // graphs that ran wholly on another provider than Provider
	Dropped   []string                 // options that this ONNX Runtime does not know, and that were left out
	Build     Build                    // of TensorRT's engines
	Latency   map[string]time.Duration // of one run of each graph, the shortest of a few
	Slow      string                   // graphs that are slower than at this device's first good start; empty if none
}

// Engine holds the loaded graphs of one bundle. Its methods are safe for concurrent use.
type Engine struct {
	graphs  map[string]*Graph
	closing chan struct{}
	once    sync.Once
	err     error

	mu      sync.Mutex
	report  Report
	track   *tracker
	loader  *loader
	pending []candidate // whose engines Build makes, best first
}

// Open loads the bundle with the first provider and precision that pass its golden test. Creating a session cannot
// be interrupted; a cancelled context ends Open after the session at work.
func Open(ctx context.Context, rt *Runtime, bundle *models.Bundle, opts Options) (*Engine, error) {
	if opts.Threads <= 0 {
		opts.Threads = runtime.GOMAXPROCS(0)
	}
	start := time.Now()
	e, err := open(ctx, rt, bundle, opts)
	if err != nil {
		return nil, fmt.Errorf("opening engine for bundle %s: %w", bundle.Manifest.Name, err)
	}
	e.report.LibraryVersion, e.report.Library = rt.Version(), rt.Path()
	e.report.LoadTime, e.report.Threads = time.Since(start), opts.Threads
	e.compare()
	e.announce()
	return e, nil
}

// announce logs what runs.
func (e *Engine) announce() {
	log := e.loader.opts.Logger.With("component", "engine", "bundle", e.loader.bundle.Manifest.Name,
		"provider", e.report.Provider, "precision", e.report.Precision)
	if e.report.Degraded {
		log.Warn("engine is degraded", "reason", e.report.Reason)
	} else {
		log.Info("engine is ready", "load_ms", e.report.LoadTime.Milliseconds())
	}
	if e.report.Slow != "" {
		log.Warn("networks are slower than they were", "reason", e.report.Slow)
	}
}

func open(ctx context.Context, rt *Runtime, bundle *models.Bundle, opts Options) (*Engine, error) {
	candidates, attempts, err := plan(opts, bundle)
	if err != nil {
		return nil, err
	}
	golden, err := bundle.Golden()
	if err != nil {
		return nil, err
	}
	l := &loader{rt: rt, bundle: bundle, golden: golden, opts: opts, native: opts.native, track: newTracker(opts)}
	if l.native == nil {
		l.native = native{}
	}
	l.removeStale()
	l.track.plan(l.missing(TensorRT, candidates))
	var failed Provider
	var pending []candidate
	for _, c := range candidates {
		if c.provider == failed {
			continue
		}
		if l.later(c) {
			pending = append(pending, c)
			attempts = append(attempts, Attempt{c.provider, c.precision, StageBuild, errBuilding})
			continue
		}
		e, lost := l.try(ctx, c)
		if err := context.Cause(ctx); err != nil {
			return nil, errors.Join(err, e.Close())
		}
		if lost == nil {
			e.report.Attempts, e.loader, e.pending = attempts, l, pending
			e.report.judge(opts, gpuPresent("/"))
			l.track.loaded(c.provider, len(pending) > 0)
			return e, nil
		}
		attempts = append(attempts, *lost)
		if lost.Stage == StageProvider {
			failed = c.provider
		}
	}
	return nil, rejected(attempts)
}

// rejected joins the reasons of all attempts.
func rejected(attempts []Attempt) error {
	errs := make([]error, 0, len(attempts)+1)
	errs = append(errs, ErrRejected)
	for _, a := range attempts {
		errs = append(errs, a)
	}
	return errors.Join(errs...)
}

// Graph returns one of the bundle's graphs by its contract name, or nil if there is no such graph.
func (e *Engine) Graph(name string) *Graph { return e.graphs[name] }

// Report says what runs. The slices and maps in it belong to the engine.
func (e *Engine) Report() Report {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.report
	r.Build, r.Dropped = e.track.now(), e.track.left()
	return r
}

// Close stops runs in flight, waits for them and frees the sessions. It is idempotent and may be called on nil.
func (e *Engine) Close() error {
	if e == nil {
		return nil
	}
	e.once.Do(func() {
		close(e.closing)
		var errs []error
		for _, g := range e.graphs {
			errs = append(errs, g.close())
		}
		e.err = errors.Join(errs...)
	})
	return e.err
}
