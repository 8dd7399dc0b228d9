package perception

import (
	"context"
	"time"
)

// aside runs a graph beside the caller's own work. It allocates nothing: the function that it starts is made once.
type aside struct {
	run   func()
	done  chan error
	spent time.Duration // by the newest run

	ctx context.Context //nolint:containedctx // of the run under way: an argument would have to be allocated
}

// init sets what runs: first prepare, which fills the graph's inputs, then the graph.
func (a *aside) init(g Graph, prepare func()) {
	a.done = make(chan error, 1)
	a.run = func() {
		prepare()
		begun := time.Now()
		err := g.Run(a.ctx)
		a.spent = time.Since(begun)
		a.done <- err
	}
}

// start begins a run; wait must be called before the next.
func (a *aside) start(ctx context.Context) {
	a.ctx = ctx
	go a.run()
}

// wait returns what the run returned.
func (a *aside) wait() error { return <-a.done }
