package camera

import "sync"

// Pool lends frames and takes them back when they are released, so that a source allocates nothing once its pictures
// have settled on one size. It is safe for concurrent use; frames may come back in any order and from any goroutine.
type Pool struct {
	mu   sync.Mutex
	keep int
	free []*Frame
	put  func(*Frame) // the method value, bound once because binding it allocates
}

// NewPool makes a pool that keeps at most keep idle frames, at least one. Three suffice for one reader and one
// consumer: one being filled, one waiting to be taken, one in use.
func NewPool(keep int) *Pool {
	keep = max(keep, 1)
	p := &Pool{keep: keep, free: make([]*Frame, 0, keep)}
	p.put = p.takeBack
	return p
}

// Get lends a frame of the given size; its bytes are those of an earlier picture. It never blocks: with no idle frame
// of that size it allocates one. Idle frames of another size are dropped.
func (p *Pool) Get(width, height int, format Format) *Frame {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n := len(p.free); n > 0; n = len(p.free) {
		f := p.free[n-1]
		p.free[n-1] = nil
		p.free = p.free[:n-1]
		if f.Width == width && f.Height == height {
			f.Format, f.Seq = format, 0
			f.Reuse()
			return f
		}
	}
	return NewFrame(width, height, format, p.put)
}

func (p *Pool) takeBack(f *Frame) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) < p.keep {
		p.free = append(p.free, f)
	}
}
