package engine

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// Graph is one loaded graph with its tensors. One Run at a time; different graphs may run in parallel.
type Graph struct {
	name            string
	inputs, outputs []binding
	free            func()
	closing         <-chan struct{}

	busy    atomic.Bool // a run is under way
	running sync.Mutex  // held by Run, replace and close
	session session     // nil once closed

	// The watcher stops a run whose context ends. It lives as long as the graph, because starting one for each run
	// would allocate.
	watch      chan watched  // hands a run to the watcher
	finished   chan struct{} // the run is over
	terminated bool          // set by the watcher before it takes from finished
	watcher    sync.WaitGroup
}

// session is a native session with its tensors. Only terminate and resume may be called while run is under way.
type session interface {
	run() error
	terminate() // asks the run under way, or the next one, to stop
	resume()    // takes that back
	ran() ([]Share, error)
	destroy() error
}

// watched is a run that the watcher looks after.
type watched struct {
	session session
	done    <-chan struct{}
}

// Name returns the graph's contract name.
func (g *Graph) Name() string { return g.name }

// Input returns the memory of an input, in C order of the manifest's shape, or nil if there is no such input. Fill
// it before Run; it must not be written during Run and not be used after the engine's Close.
func (g *Graph) Input(name string) []float32 { return find(g.inputs, name) }

// Output returns the memory of an output, like Input. Run overwrites it.
func (g *Graph) Output(name string) []float32 { return find(g.outputs, name) }

func find(tensors []binding, name string) []float32 {
	for _, t := range tensors {
		if t.name == name {
			return t.data
		}
	}
	return nil
}

// start begins to watch over runs. Closing the channel stops the run in flight and refuses new ones.
func (g *Graph) start(closing <-chan struct{}) {
	g.closing = closing
	g.watch, g.finished = make(chan watched), make(chan struct{})
	g.watcher.Go(func() {
		for run := range g.watch {
			g.supervise(run)
		}
	})
}

// supervise watches one run.
func (g *Graph) supervise(run watched) {
	select {
	case <-g.finished:
		return
	case <-run.done:
	case <-g.closing:
	}
	g.terminated = true
	run.session.terminate()
	<-g.finished
}

// Run computes the outputs from the inputs. When the context ends, ONNX Runtime is told to stop after the operator at
// work, and Run returns the context's cause once it has; the outputs are then undefined. It returns ErrBusy if the
// graph is running already and ErrClosed after Close. It allocates nothing when it succeeds.
func (g *Graph) Run(ctx context.Context) error {
	if !g.busy.CompareAndSwap(false, true) {
		return g.refusal(ErrBusy)
	}
	defer g.busy.Store(false)
	g.running.Lock()
	defer g.running.Unlock()
	if g.session == nil || g.isClosing() {
		return g.refusal(ErrClosed)
	}
	if ctx.Err() != nil {
		return g.wrap(context.Cause(ctx))
	}
	g.watch <- watched{g.session, ctx.Done()}
	err := g.session.run()
	g.finished <- struct{}{}
	if g.terminated {
		g.terminated = false
		g.session.resume()
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return g.wrap(context.Cause(ctx))
	case g.isClosing():
		return g.wrap(ErrClosed)
	}
	return g.wrap(err)
}

func (g *Graph) isClosing() bool {
	select {
	case <-g.closing:
		return true
	default:
		return false
	}
}

// refusal returns err, or ErrClosed if the graph is being closed.
func (g *Graph) refusal(err error) error {
	if g.isClosing() {
		err = ErrClosed
	}
	return g.wrap(err)
}

func (g *Graph) wrap(err error) error { return fmt.Errorf("running graph %s: %w", g.name, err) }

// replace puts another session on the same tensors in place of the graph's, between two runs, and returns the old one.
func (g *Graph) replace(with session) (old session, err error) {
	g.running.Lock()
	defer g.running.Unlock()
	if g.session == nil || g.isClosing() {
		return nil, g.wrap(ErrClosed)
	}
	old, g.session = g.session, with
	return old, nil
}

// close waits for the run in flight and frees the session. The closing channel must be closed before.
func (g *Graph) close() error {
	g.running.Lock()
	defer g.running.Unlock()
	if g.session == nil {
		return nil
	}
	close(g.watch)
	g.watcher.Wait()
	err := g.session.destroy()
	g.session = nil
	g.free()
	if err != nil {
		return fmt.Errorf("closing graph %s: %w", g.name, err)
	}
	return nil
}
