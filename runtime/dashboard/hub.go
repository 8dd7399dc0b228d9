package dashboard

import (
	"sync"
	"sync/atomic"
)

// hub is all viewers.
type hub struct {
	most int

	mu      sync.Mutex
	viewers map[*viewer]struct{}
	closed  bool
	tasks   sync.WaitGroup // one a viewer
	open    atomic.Int32   // len(viewers), to be read without the lock
}

func newHub(most int) *hub { return &hub{most: most, viewers: make(map[*viewer]struct{})} }

func (h *hub) count() int { return int(h.open.Load()) }

func (h *hub) room() bool { return h.count() < h.most }

// join takes a viewer in, unless there are too many or the page is being closed.
func (h *hub) join(v *viewer) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.viewers) >= h.most {
		return false
	}
	h.viewers[v] = struct{}{}
	h.open.Store(int32(len(h.viewers)))
	h.tasks.Add(1)
	return true
}

func (h *hub) leave(v *viewer) {
	h.mu.Lock()
	delete(h.viewers, v)
	h.open.Store(int32(len(h.viewers)))
	h.mu.Unlock()
	h.tasks.Done()
}

// close ends every connection and waits for their goroutines.
func (h *hub) close() {
	h.mu.Lock()
	h.closed = true
	for v := range h.viewers {
		_ = v.conn.Close()
	}
	h.mu.Unlock()
	h.tasks.Wait()
}

// some says whether the condition holds for one viewer.
func (h *hub) some(holds func(*viewer) bool) bool {
	if h.count() == 0 {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for v := range h.viewers {
		if holds(v) {
			return true
		}
	}
	return false
}

// hungry says whether a viewer would draw a picture of a camera.
func (h *hub) hungry(camera int) bool {
	return h.some(func(v *viewer) bool { return v.hungry(camera) })
}

// looking says whether a page is in front.
func (h *hub) looking() bool { return h.some((*viewer).looking) }

// sights lists the streams that somebody looks at.
func (h *hub) sights() map[sight]bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make(map[sight]bool)
	for v := range h.viewers {
		if at := v.wants(); at.stream != "" {
			out[at] = true
		}
	}
	return out
}

// put hands the newest message of a slot to every viewer that takes it.
func (h *hub) put(at slot, m message, takes func(*viewer) bool) {
	if m.data == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for v := range h.viewers {
		if takes(v) {
			v.put(at, m)
		}
	}
}

// queue hands a message to every viewer.
func (h *hub) queue(m message) {
	if m.data == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for v := range h.viewers {
		v.push(m)
	}
}
