package record

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vega-edge/vegad/camera"
)

// Config describes a recorder. Dir, Head and Logger are required; zero values take those in brackets.
type Config struct {
	Dir      string        // folder of recordings; made when the first begins
	Always   bool          // the ring runs without being asked
	MaxBytes int64         // of the ring [1 GiB]
	MaxAge   time.Duration // of what is in the ring [24 h]
	MaxKept  int64         // bytes of what was kept from falling out of it [1 GiB]
	MinFree  int64         // bytes of the disk that are left to others; below, the ring shrinks, then recording pauses
	Before   time.Duration // how much is kept before an event or a question [1 min]
	After    time.Duration // and after it [1 min]
	Segment  time.Duration // length of a file [10 s]
	Lossy    bool          // pictures as JPEG: smaller, and no longer what the networks saw

	Head   func() Head
	Logger *slog.Logger
}

// How much may wait for the disk, and how often it is synchronized.
const (
	queued     = 2048 // records
	mostFrames = 12   // pictures
	syncEvery  = time.Second
	firstPart  = 2 * time.Second  // the second checkpoint of a recording comes soon: the first seldom finds its pictures
	retryAfter = 10 * time.Second // a write has failed
)

// entry is what waits for the recorder: a record, or what is to become one.
type entry struct {
	kind       Kind
	mono       time.Duration
	data       []byte
	picture    *Picture
	checkpoint *Checkpoint
	ends       int64 // recordings that had ended before it
}

// Status is what a recorder does.
type Status struct {
	Recording bool          // somebody has pressed the button
	Ring      bool          // the ring runs
	Lasted    time.Duration // since the button was pressed; 0 without
	Bytes     int64         // written since then, or since the ring began
	Stored    int64         // bytes in the folder
	Kept      int64         // of them, those that are kept
	Dropped   uint64        // records that the disk or the processor could not follow
	Folder    string        // of the present recording; empty before the first byte
	Failure   string        // why nothing can be written now
}

// Recorder writes recordings. Its methods may be called from any goroutine and never wait for a disk: what does not fit
// into the queue is dropped and counted, and a gap stands in the recording. A nil Recorder records nothing.
type Recorder struct {
	cfg     Config
	queue   chan entry
	frames  chan *Picture // free ones
	wake    chan struct{} // capacity 1: recording has begun or ended
	free    func(dir string) (int64, error)
	dropped atomic.Uint64
	on      atomic.Bool
	due     atomic.Int64 // when the next checkpoint is wanted, on the clock of camera.Now
	again   atomic.Bool  // the first checkpoint of this recording was taken
	keep    atomic.Int64 // the newest instant around which to keep, plus 1; 0 is none
	ends    atomic.Int64 // how many recordings have ended

	mu     sync.Mutex
	status Status
	begun  time.Time
}

// New prepares a recorder; Run writes.
func New(cfg Config) *Recorder {
	orElse(&cfg.MaxBytes, 1<<30)
	orElse(&cfg.MaxKept, 1<<30)
	orElse(&cfg.MaxAge, 24*time.Hour)
	orElse(&cfg.Before, time.Minute)
	orElse(&cfg.After, time.Minute)
	orElse(&cfg.Segment, 10*time.Second)
	r := &Recorder{
		cfg: cfg, queue: make(chan entry, queued), frames: make(chan *Picture, mostFrames), wake: make(chan struct{}, 1),
		free: free,
	}
	for range mostFrames {
		r.frames <- &Picture{}
	}
	r.on.Store(cfg.Always)
	r.status.Ring = cfg.Always
	return r
}

func orElse[T int64 | time.Duration](value *T, fallback T) {
	if *value == 0 {
		*value = fallback
	}
}

// On says whether anything is recorded now.
func (r *Recorder) On() bool { return r != nil && r.on.Load() }

// Start begins a recording that is kept whole, as far as its limit allows; where the ring runs, it is the ring that is
// kept from now on. Starting twice does nothing.
func (r *Recorder) Start() {
	r.mu.Lock()
	if !r.status.Recording {
		r.status.Recording, r.begun, r.status.Bytes = true, time.Now(), 0
		r.due.Store(0)
		r.on.Store(true)
	}
	r.mu.Unlock()
	r.poke()
}

// Stop ends what Start began. The ring, where there is one, goes on.
func (r *Recorder) Stop() {
	r.mu.Lock()
	r.status.Recording = false
	r.on.Store(r.cfg.Always)
	if !r.cfg.Always {
		r.ends.Add(1)
	}
	r.mu.Unlock()
	r.poke()
}

func (r *Recorder) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Status tells how the recording does.
func (r *Recorder) Status() Status {
	if r == nil {
		return Status{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.status
	s.Dropped = r.dropped.Load()
	if s.Recording {
		s.Lasted = time.Since(r.begun)
	}
	return s
}

// Due says whether a checkpoint is wanted, after the next observation.
func (r *Recorder) Due() bool { return r.On() && int64(camera.Now()) >= r.due.Load() }

// Checkpoint takes one over. The next segment begins with it.
func (r *Recorder) Checkpoint(mono time.Duration, c *Checkpoint) {
	if r.On() && r.put(entry{kind: CheckpointKind, mono: mono, checkpoint: c}) {
		wait := r.cfg.Segment
		if !r.again.Swap(true) {
			wait = min(wait, firstPart)
		}
		r.due.Store(int64(camera.Now() + wait))
	}
}

// Put records a message. It is written down before Put returns, so that the caller may change it afterwards.
func (r *Recorder) Put(kind Kind, mono time.Duration, message any) {
	if !r.On() {
		return
	}
	var data []byte
	if message != nil {
		var err error
		if data, err = json.Marshal(message); err != nil {
			r.dropped.Add(1)
			return
		}
	}
	r.put(entry{kind: kind, mono: mono, data: data})
}

// Picture records a frame. Its bytes are copied; the frame stays the caller's.
func (r *Recorder) Picture(f *camera.Frame) {
	if !r.On() {
		return
	}
	var p *Picture
	select {
	case p = <-r.frames:
	default:
		r.dropped.Add(1)
		return
	}
	row := 3 * f.Width
	p.Seq, p.Mono, p.Wall, p.Width, p.Height, p.Format = f.Seq, f.Mono, f.Wall, f.Width, f.Height, f.Format
	p.Pix, p.Lossless = grow(p.Pix, row*f.Height), !r.cfg.Lossy
	for y := range f.Height {
		copy(p.Pix[y*row:(y+1)*row], f.Pix[y*f.Stride:])
	}
	if !r.put(entry{kind: PictureKind, mono: f.Mono, picture: p}) {
		r.frames <- p
	}
}

func (r *Recorder) put(e entry) bool {
	e.ends = r.ends.Load()
	select {
	case r.queue <- e:
		return true
	default:
		r.dropped.Add(1)
		return false
	}
}

// Keep keeps the time around an instant, of an event or a question, from falling out of the ring.
func (r *Recorder) Keep(mono time.Duration) {
	if r.On() {
		r.keep.Store(int64(mono) + 1)
		r.poke()
	}
}

// Run writes what is recorded until ctx ends, and nil then. That the disk fails ends nothing: it is told in Status, and
// tried again.
func (r *Recorder) Run(ctx context.Context) error {
	p, err := newPacker()
	if err != nil {
		return err
	}
	defer p.decoder.Close()
	w := &writer{r: r, pack: p, log: r.cfg.Logger.With("component", "record")}
	w.tidy(time.Now())
	tick := time.NewTicker(syncEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			w.drain()
			r.on.Store(false)
			return w.close()
		case e := <-r.queue:
			w.take(e)
		case <-r.wake:
			w.drain()
			w.turn()
		case now := <-tick.C:
			w.sync()
			w.makeRoom(now)
			w.tidy(now)
		}
	}
}

// told notes a failure, or its end, in the status.
func (r *Recorder) told(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.Failure = ""
	if err != nil {
		r.status.Failure = err.Error()
	}
}

// errNoRecorder is why nothing can be recorded.
var errNoRecorder = errors.New(
	"there is no folder for recordings, or more than one camera: set record.dir, and watch one camera")

// Order starts or stops a recording on behalf of a person, and says what there is to say.
func (r *Recorder) Order(start bool) (Status, error) {
	if r == nil {
		return Status{}, errNoRecorder
	}
	if start {
		r.Start()
	} else {
		r.Stop()
	}
	return r.Status(), nil
}
