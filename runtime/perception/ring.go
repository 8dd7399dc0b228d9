package perception

import (
	"time"

	"github.com/vega-edge/vegad/camera"
)

// entry is the features of one frame.
type entry struct {
	seq                uint64
	mono               time.Duration
	wall               time.Time
	geometry, semantic []float32
}

// ring keeps the features of the frames that the mixer may want to see together with the next one. Frames that come
// faster than an eighth of the stride overwrite each other, so that a fast camera needs no more memory.
type ring struct {
	length  int
	stride  time.Duration
	entries []entry
	head    int // index of the newest entry
	count   int
	chosen  []int // scratch: indices of the frames of one clip, oldest first
}

const perStride = 8 // entries kept for each stride of the clip

func (r *ring) init(length int, stride time.Duration, geometry, semantic int) {
	r.length, r.stride = length, stride
	r.entries = make([]entry, (length-1)*perStride+2)
	r.chosen = make([]int, length)
	for i := range r.entries {
		r.entries[i].geometry, r.entries[i].semantic = make([]float32, geometry), make([]float32, semantic)
	}
}

func (r *ring) empty() bool { return r.count == 0 }

func (r *ring) clear() { r.count = 0 }

func (r *ring) newest() *entry { return &r.entries[r.head] }

// push keeps the features of a frame. A gap longer than a clip makes the older ones worthless.
func (r *ring) push(f *camera.Frame, geometry, semantic []float32) {
	if r.count > 0 {
		gap := f.Mono - r.newest().mono
		if gap < 0 || gap > 2*r.stride*time.Duration(r.length) {
			r.clear()
		}
	}
	if !r.crowded() {
		r.head = (r.head + 1) % len(r.entries)
		r.count = min(r.count+1, len(r.entries))
	}
	e := r.newest()
	e.seq, e.mono, e.wall = f.Seq, f.Mono, f.Wall
	copy(e.geometry, geometry)
	copy(e.semantic, semantic)
}

// crowded reports that the newest entry lies so close behind the one before it that a new frame may replace it.
func (r *ring) crowded() bool {
	if r.count < 2 {
		return false
	}
	before := &r.entries[(r.head+len(r.entries)-1)%len(r.entries)]
	return r.newest().mono-before.mono < r.stride/perStride
}

// choose picks the frames of a clip: the newest, and for each stride back the entry nearest in time.
func (r *ring) choose() {
	now := r.newest().mono
	for k := range r.length {
		want := now - time.Duration(r.length-1-k)*r.stride
		best, off := r.head, time.Duration(1<<62)
		for i := range r.count {
			at := (r.head + len(r.entries) - i) % len(r.entries)
			if d := (r.entries[at].mono - want).Abs(); d < off {
				best, off = at, d
			}
		}
		r.chosen[k] = best
	}
}

// load writes the clip's features and their times, in seconds before the newest, into the mixer's inputs.
func (r *ring) load(features, times []float32) {
	r.choose()
	now := r.newest().mono
	n := len(r.newest().geometry)
	for k, at := range r.chosen {
		copy(features[k*n:(k+1)*n], r.entries[at].geometry)
		times[k] = float32((r.entries[at].mono - now).Seconds())
	}
}

// span is the time between the last two frames of the chosen clip, over which the head predicts the robot's motion.
func (r *ring) span() (time.Duration, bool) {
	if r.length < 2 {
		return 0, false
	}
	d := r.newest().mono - r.entries[r.chosen[r.length-2]].mono
	return d, d > r.stride/4
}
