package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/vega-edge/vegad/models"
)

// BuildState says how far the engines are.
type BuildState string

// The states of a build, in the order in which they can follow each other.
const (
	BuildNone      BuildState = ""          // nothing is or was to be built
	BuildWaiting   BuildState = "waiting"   // engines are missing, and Build has not been called
	BuildRunning   BuildState = "building"  // one is being built
	BuildDone      BuildState = "done"      // they run
	BuildFailed    BuildState = "failed"    // what answers is not what was wanted; Reason says why
	BuildCancelled BuildState = "cancelled" // the same, because somebody wanted it so
)

// Build is how far TensorRT is with the engines of a bundle.
type Build struct {
	State     BuildState
	Precision models.Precision
	Graph     string        // at work
	Done      int           // engines that are ready
	Total     int           // engines that were missing
	Elapsed   time.Duration // since the first began
	Left      time.Duration // to go, after the last builds of these graphs on this machine; 0 if there was none
	Reason    string
}

var errBuilding = errors.New("its engines are being built")

// tracker follows a build. The nil tracker follows nothing.
type tracker struct {
	mu       sync.Mutex
	tell     func(Build)
	build    Build
	started  time.Time                // of the first engine
	at       time.Time                // when the engine at work was begun
	expected map[string]time.Duration // of the engines to go, by graph
	options  []string                 // that the runtime does not know
	log      func(options []string)
}

func newTracker(opts Options) *tracker {
	return &tracker{
		tell: opts.Progress, expected: map[string]time.Duration{},
		log: func(options []string) {
			opts.Logger.Warn("this ONNX Runtime does not know all options of TensorRT", "component", "engine",
				"left_out", options)
		},
	}
}

// plan sets what is to be built: the expected time of each graph, 0 where it is not known.
func (t *tracker) plan(precision models.Precision, graphs map[string]time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.build = Build{Precision: precision, Total: len(graphs)}
	t.expected, t.started = graphs, time.Time{}
	if len(graphs) > 0 {
		t.build.State = BuildWaiting
	}
}

// begin notes that a session is being made, which builds an engine unless it is a hit. The returned function ends it.
func (t *tracker) begin(cfg sessionConfig, hit bool, expected time.Duration) (end func()) {
	if t == nil || hit {
		return func() {}
	}
	t.mu.Lock()
	now := time.Now()
	if t.build.State != BuildRunning {
		t.started = now
	}
	t.at = now
	t.build.State, t.build.Graph, t.build.Precision = BuildRunning, cfg.graph, cfg.precision
	t.expected[cfg.graph] = expected
	t.build.Total = max(t.build.Total, t.build.Done+1)
	t.mu.Unlock()
	t.report()
	return func() {
		t.mu.Lock()
		t.build.Done++
		delete(t.expected, cfg.graph)
		t.mu.Unlock()
		t.report()
	}
}

// loaded notes that a provider answers, with engines still to build or not.
func (t *tracker) loaded(p Provider, pending bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.build.Graph = ""
	switch {
	case pending:
		t.build.State = BuildWaiting
	case t.build.State == BuildRunning && p == TensorRT:
		t.build.State = BuildDone
	case t.build.State == BuildRunning:
		t.build.State, t.build.Reason = BuildFailed, "the engines are not used: see the attempts"
	default:
		t.build = Build{}
	}
}

// end closes a build.
func (t *tracker) end(state BuildState, reason string) {
	t.mu.Lock()
	t.build.State, t.build.Graph, t.build.Reason = state, "", reason
	t.mu.Unlock()
	t.report()
}

func (t *tracker) report() {
	if t.tell != nil {
		t.tell(t.now())
	}
}

// now returns the build at this moment.
func (t *tracker) now() Build {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.build
	if b.State != BuildRunning {
		return b
	}
	b.Elapsed = time.Since(t.started)
	for graph, expected := range t.expected {
		if expected == 0 {
			b.Left = 0
			return b
		}
		if graph == b.Graph {
			expected = max(0, expected-time.Since(t.at))
		}
		b.Left += expected
	}
	return b
}

// dropped notes options that the runtime does not know, and logs them once.
func (t *tracker) dropped(options []string) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.Equal(t.options, options) {
		t.options = options
		t.log(options)
	}
}

func (t *tracker) left() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.options
}

// missing returns the graphs without a cached engine of the first of the candidates that needs engines, with the time
// that each is expected to take.
func (l *loader) missing(p Provider, candidates []candidate) (models.Precision, map[string]time.Duration) {
	out := map[string]time.Duration{}
	at := slices.IndexFunc(candidates, func(c candidate) bool { return c.provider == p })
	if at < 0 || l.opts.Cache == nil {
		return "", out
	}
	c := candidates[at]
	for _, name := range models.GraphNames() {
		from, err := l.source(name, c)
		if err != nil {
			continue // loading it will tell
		}
		recipe := l.opts.Cache.recipe(name, c.precision, from.model, l.config(c).options)
		if !l.opts.Cache.has(recipe) {
			out[name] = l.opts.Cache.expected(name, c.precision)
		}
	}
	return c.precision, out
}

// later tells whether a candidate is left to Build: its provider can be had, but engines are missing.
func (l *loader) later(c candidate) bool {
	if c.provider != TensorRT || !l.opts.Later || l.opts.Cache == nil {
		return false
	}
	if _, missing := l.missing(TensorRT, []candidate{c}); len(missing) == 0 {
		return false
	}
	return c.guard(func() error { return l.native.probe(l.config(c)) }) == nil
}

// Build makes the engines that Open left for later, holds them against the golden test and puts them in place between
// two runs of each graph: the tensors stay where they are. It returns at once if there is nothing to build. When an
// engine fails, the next precision is tried; when all fail, what answers goes on, and the report says why. A cancelled
// context ends it after the engine at work, for TensorRT cannot be interrupted; that is an error, all else is not.
func (e *Engine) Build(ctx context.Context) error {
	if len(e.pending) == 0 {
		return nil
	}
	var reasons []error
	for _, c := range e.pending {
		e.track.plan(e.loader.missing(TensorRT, []candidate{c}))
		lost := e.upgrade(ctx, c)
		if err := context.Cause(ctx); err != nil {
			e.track.end(BuildCancelled, "the build was stopped")
			return fmt.Errorf("building engines: %w", err)
		}
		e.settle(c, lost)
		if lost == nil {
			e.track.end(BuildDone, "")
			e.announce()
			return nil
		}
		reasons = append(reasons, *lost)
	}
	err := errors.Join(reasons...)
	e.track.end(BuildFailed, err.Error())
	e.loader.opts.Logger.Warn("no engine can be used", "component", "engine", "err", err)
	return nil
}

// settle puts the outcome of an attempt in place of the note that it was to come.
func (e *Engine) settle(c candidate, lost *Attempt) {
	e.mu.Lock()
	defer e.mu.Unlock()
	attempts := slices.Clone(e.report.Attempts)
	at := slices.IndexFunc(attempts, func(a Attempt) bool {
		return a.Stage == StageBuild && a.Provider == c.provider && a.Precision == c.precision
	})
	switch {
	case at < 0:
	case lost != nil:
		attempts[at] = *lost
	default: // what ranks behind it no longer matters
		attempts = attempts[:at]
	}
	e.report.Attempts = attempts
	e.report.judge(e.loader.opts, gpuPresent("/"))
}

// upgrade builds and proves a candidate on tensors of its own, then loads it once more on those of the live graphs.
func (e *Engine) upgrade(ctx context.Context, c candidate) *Attempt {
	shadow, lost := e.loader.try(ctx, c)
	if lost != nil {
		return lost
	}
	proven := shadow.report
	err := shadow.Close()
	if err == nil {
		err = c.guard(func() error { return e.exchange(c) })
	}
	if err != nil {
		return &Attempt{c.provider, c.precision, StageSession, err}
	}
	e.mu.Lock()
	was := e.report
	e.report = proven
	e.report.Attempts, e.report.Threads, e.report.LoadTime = was.Attempts, was.Threads, was.LoadTime
	e.report.Library, e.report.LibraryVersion = was.Library, was.LibraryVersion
	e.compare()
	e.mu.Unlock()
	return nil
}

// exchange loads the candidate's graphs from the cache, then replaces the live sessions.
func (e *Engine) exchange(c candidate) (err error) {
	fresh := map[string]session{}
	defer func() {
		for _, s := range fresh {
			err = errors.Join(err, s.destroy())
			e.loader.rt.release()
		}
	}()
	for _, name := range models.GraphNames() {
		from, err := e.loader.source(name, c)
		if err != nil {
			return err
		}
		s, _, err := e.loader.session(e.graphs[name], from, c)
		if err != nil {
			return fmt.Errorf("loading graph %s again: %w", name, err)
		}
		fresh[name] = s
	}
	for name, s := range fresh {
		old, err := e.graphs[name].replace(s)
		if err != nil {
			return err
		}
		fresh[name] = old // so that it is freed
	}
	return nil
}

// The durations of the last builds, by graph and precision, in seconds.
const historyName = "builds.json"

// expected returns how long the last build of a graph took on this machine, or 0.
func (c *Cache) expected(graph string, precision models.Precision) time.Duration {
	seconds := c.history()[graph+"/"+string(precision)]
	return time.Duration(seconds * float64(time.Second))
}

func (c *Cache) history() map[string]float64 {
	out := map[string]float64{}
	data, err := os.ReadFile(filepath.Join(c.dir, historyName))
	if err != nil {
		return out
	}
	if err := json.Unmarshal(data, &out); err != nil {
		return map[string]float64{} // only estimates are lost
	}
	for key, seconds := range out {
		if !(seconds > 0 && seconds < 1e6) {
			delete(out, key)
		}
	}
	return out
}

// finish seals an engine that was built, with the timings that came with it, and notes how long it took.
func (c *Cache) finish(r recipe, took time.Duration) error {
	entries, err := os.ReadDir(filepath.Join(c.dir, r.key()))
	if err != nil {
		return fmt.Errorf("keeping the engine of graph %s: %w", r.Graph, err)
	}
	if len(entries) == 0 {
		return fmt.Errorf("keeping the engine of graph %s: TensorRT wrote none", r.Graph)
	}
	history := c.history()
	history[r.Graph+"/"+string(r.Precision)] = took.Seconds()
	text, err := json.Marshal(history)
	if err == nil {
		err = writeAtomic(filepath.Join(c.dir, historyName), text)
	}
	return cmp.Or(c.seal(r, took), c.seal(c.timing(), 0), err)
}
