package perception

import "time"

// Held returns the sequences of the frames whose features can still matter, oldest first, in buffer or in a larger one.
// It may be called by Observe's use, or while nothing else uses the pipeline.
func (p *Pipeline) Held(buffer []uint64) []uint64 { return p.ring.held(buffer[:0]) }

// Resume takes over what an earlier pipeline knew beside the features: the mean of its gate under the neutral context,
// and the capture time of the newest observation that was taken into memory.
func (p *Pipeline) Resume(rest float64, last time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rest, p.last = rest, last
}

// Features hands what the encoders made of the newest frame to use, which must not keep it. It belongs to the goroutine
// that calls Frame.
func (p *Pipeline) Features(use func(geometry, semantic []float32)) {
	p.encode.Lock()
	defer p.encode.Unlock()
	use(p.stem.Output("geometry"), p.semantic.Output("semantic"))
}

// held lists the entries from the last one that is a whole clip old: the mixer takes those nearest to instants that
// only grow, so that no older one is ever taken again.
func (r *ring) held(out []uint64) []uint64 {
	if r.count == 0 {
		return out
	}
	oldest, n := r.newest().mono-time.Duration(r.length-1)*r.stride, 1
	for n < r.count && r.back(n-1).mono > oldest {
		n++
	}
	for i := n - 1; i >= 0; i-- {
		out = append(out, r.back(i).seq)
	}
	return out
}

// back is the entry so many places before the newest.
func (r *ring) back(n int) *entry { return &r.entries[(r.head+len(r.entries)-n)%len(r.entries)] }
