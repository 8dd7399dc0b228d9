package perception

import "sync"

// Shared lets the pipelines of several cameras run the same graphs, one after the other. The zero value is ready.
type Shared struct {
	encode, decide sync.Mutex // of both encoders, and of mixer and head
	latest         *Pipeline  // whose tokens mixer and head hold; guarded by decide
}

// claim makes the inputs that stay from run to run this camera's. The lock is held.
func (p *Pipeline) claim() {
	if p.shared.latest == p {
		return
	}
	copy(p.head.Input("rays"), p.rays)
	p.shared.latest = p
}
