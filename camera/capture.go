package camera

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// Policy says what happens to a picture that nobody has taken when the next one arrives.
type Policy uint8

// The policies of a Capture.
const (
	Latest Policy = iota // the newer picture replaces it and the loss is counted: for anything that moves
	Every                // the reader waits: for films that are evaluated frame by frame
)

// State is what a Capture is doing.
type State string

// The states of a Capture.
const (
	StateConnecting State = "connecting" // no picture yet since the start
	StateStreaming  State = "streaming"
	StateBlack      State = "black"     // pictures arrive, but nothing can be recognised; they are withheld
	StateBlurred    State = "blurred"   // pictures arrive, but out of focus or smeared; they are handed on
	StateStalled    State = "stalled"   // pictures stopped without an error; being opened again
	StateFrozen     State = "frozen"    // the same picture came again and again; being opened again
	StateWrongSize  State = "wrongSize" // pictures of a size that does not fit; being opened again
	StateLost       State = "lost"      // the device failed; being opened again
	StateEnded      State = "ended"     // Run has returned
)

// ErrTruncated marks the end of a film that announces more pictures than it holds. Opening it again would not help.
var ErrTruncated = errors.New("film is cut short")

// ErrDamaged marks a picture that a source received but could not decode. It is counted and the next one is read.
var ErrDamaged = errors.New("picture is damaged")

// Why sessions end whose sources do not fail by themselves.
var (
	errStalled   = errors.New("no picture arrives")
	errFrozen    = errors.New("the same picture comes again and again")
	errWrongSize = errors.New("pictures have the wrong size")
)

// CaptureConfig describes how one camera is kept running. Open and Logger are required.
type CaptureConfig struct {
	// Open opens the camera. It may block; what it returns after its context has ended is closed.
	Open   func(ctx context.Context) (Source, error)
	Logger *slog.Logger

	Policy Policy
	Loop   bool // open again at the end of a film, without counting a reconnect

	// OpenWithin is how long opening and the first picture may take together; 15 s if zero. Network cameras send
	// nothing decodable until their next key frame.
	OpenWithin time.Duration
	StallAfter time.Duration // longest silence between two pictures; 3 s if zero
	BackoffMin time.Duration // ceiling of the first pause before opening again; 250 ms if zero
	BackoffMax time.Duration // ceiling of all pauses; 10 s if zero
	// FreezeAfter is how long a picture may stay the same, to the last bit of a sample, before the camera counts as
	// frozen and is opened again; repetitions are withheld after a quarter of it. Zero never does.
	FreezeAfter time.Duration
	// Inspect withholds black pictures from Next, and tells in Stats of black and of blurred ones.
	Inspect bool
	// Fits tells what is wrong with a size of pictures, in pixels; a camera that delivers such is opened again. Nil takes
	// any. It is called when the size changes.
	Fits func(width, height int) error
	// MaxFailures ends Run with the error after so many failures in a row without a picture; zero never gives up.
	MaxFailures int
}

// Delivers tells whether pictures arrive in this state, whatever they show.
func (s State) Delivers() bool { return s == StateStreaming || s == StateBlack || s == StateBlurred }

// CaptureStats counts since the start of Run.
type CaptureStats struct {
	State      State
	Frames     uint64        // pictures read, also those skipped
	Skipped    uint64        // pictures replaced before anybody took them
	Reconnects uint64        // times that pictures came back after a loss
	Stalls     uint64        // times that a silent source was given up
	Errors     uint64        // failed openings and failed reads, without the following
	Freezes    uint64        // times that a frozen camera was given up
	WrongSizes uint64        // times that a camera was given up for the size of its pictures
	Damaged    uint64        // pictures that could not be decoded
	Blackouts  uint64        // times that pictures became black
	Blurs      uint64        // times that pictures became blurred
	ClockJumps uint64        // times that capture times jumped back; they are corrected
	Withheld   uint64        // pictures that were not handed on: black ones and repetitions
	LastFrame  time.Duration // capture time of the newest picture on the clock of Now; zero before the first
	LastError  string        // the newest error or stall; it stays after the camera has recovered
	FPS        float64       // rate of arrival over the last second or so; zero while none arrive
}

// handedOn counts the pictures that showed something.
func (s CaptureStats) handedOn() uint64 { return s.Frames - s.Withheld }

// Capture keeps one camera running: it reads in a goroutine of its own, gives up a source that fails or falls silent,
// and opens it again with a growing, jittered pause. One goroutine calls Run, one calls Next, any may call Stats.
type Capture struct {
	config CaptureConfig
	ready  chan struct{} // capacity 1: a picture waits in slot
	space  chan struct{} // capacity 1: slot was emptied
	ended  chan struct{} // closed when Run returns

	// Of the reader of the present session.
	eye   inspector
	clock monotone
	size  [2]int // of pictures that fit

	mu     sync.Mutex
	slot   *Frame
	seq    uint64
	fresh  bool  // the present session has shown nothing new yet
	begun  bool  // some session has
	endErr error // why Next fails after the end
	stats  CaptureStats
	rate   meter
}

// NewCapture prepares a capture; Run starts it.
func NewCapture(config CaptureConfig) *Capture {
	setDefault(&config.OpenWithin, 15*time.Second)
	setDefault(&config.StallAfter, 3*time.Second)
	setDefault(&config.BackoffMin, 250*time.Millisecond)
	setDefault(&config.BackoffMax, 10*time.Second)
	return &Capture{
		config: config,
		ready:  make(chan struct{}, 1),
		space:  make(chan struct{}, 1),
		ended:  make(chan struct{}),
		stats:  CaptureStats{State: StateConnecting},
		eye:    inspector{freezeAfter: config.FreezeAfter},
	}
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d <= 0 {
		*d = value
	}
}

// Run reads the camera until the context ends or a film does, both of which are no error. It returns an error when the
// camera could not be used MaxFailures times in a row, or when a film is cut short. Run returns after its goroutines
// have ended; only a reader stuck in a driver is left behind, which frees what it holds if it ever wakes. Run is called
// once.
func (c *Capture) Run(ctx context.Context) error {
	err := c.supervise(ctx)
	c.end(ctx, err)
	return err
}

func (c *Capture) supervise(ctx context.Context) error {
	pause, failures := backoff{low: c.config.BackoffMin, high: c.config.BackoffMax}, 0
	for ctx.Err() == nil {
		before, began := c.Stats().handedOn(), time.Now()
		err := c.session(ctx)
		delivered := c.Stats().handedOn() > before
		if finished, err := c.finished(err, delivered); finished {
			return err
		}
		if err == nil {
			continue // the film starts again at once, or the context has ended
		}
		if failures++; delivered {
			failures = 0
		}
		if c.config.MaxFailures > 0 && failures >= c.config.MaxFailures {
			return err
		}
		if delivered && time.Since(began) > c.config.BackoffMax {
			pause.reset() // it ran well for a while, so this is a new trouble
		}
		if !c.rest(ctx, pause.next(), err) {
			return nil
		}
	}
	return nil
}

// finished tells whether the end of a session is the end of the run. err is nil for the end of a film and of the
// context.
func (c *Capture) finished(err error, delivered bool) (bool, error) {
	if err == nil {
		return !c.config.Loop || !delivered, nil
	}
	if !errors.Is(err, ErrTruncated) {
		return false, nil
	}
	return !c.config.Loop || !delivered, err
}

// rest waits before the camera is opened again. It is false when the context ended meanwhile.
func (c *Capture) rest(ctx context.Context, pause time.Duration, err error) bool {
	c.config.Logger.Warn("camera lost, opening it again", "err", err, "pause_ms", pause.Milliseconds())
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// end wakes Next for good. A picture that was not taken stays for it after the end of a film, and is given back when
// the run was cancelled.
func (c *Capture) end(ctx context.Context, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.State = StateEnded
	c.endErr = io.EOF
	if err != nil {
		c.endErr = err
	}
	if ctx.Err() != nil {
		c.slot.Release()
		c.slot = nil
	}
	close(c.ended)
}

// Next waits for a picture that was not taken yet and returns the newest, owned by the caller. After the end of the
// run it returns io.EOF, or the error that ended it.
func (c *Capture) Next(ctx context.Context) (*Frame, error) {
	for {
		if f := c.take(); f != nil {
			return f, nil
		}
		select {
		case <-c.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-c.ended:
			if f := c.take(); f != nil {
				return f, nil
			}
			return nil, c.endErr
		}
	}
}

func (c *Capture) take() *Frame {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.slot
	c.slot = nil
	if f != nil {
		signal(c.space)
	}
	return f
}

// Stats returns the counters of this moment.
func (c *Capture) Stats() CaptureStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	if s.State.Delivers() {
		s.FPS = c.rate.perSecond()
	}
	return s
}

// signal leaves a mark in a channel of capacity 1; marks that nobody has seen yet collapse into one.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// backoff yields pauses of full jitter: uniform between zero and a ceiling that doubles, so that many robots do not
// return to one recovering camera server in step.
type backoff struct {
	low, high time.Duration
	ceiling   time.Duration
}

func (b *backoff) reset() { b.ceiling = 0 }

func (b *backoff) next() time.Duration {
	b.ceiling = min(max(2*b.ceiling, b.low), b.high)
	return rand.N(b.ceiling) + 1
}

// meter measures a rate as a moving average over about twenty arrivals.
type meter struct {
	last     time.Time
	interval float64 // seconds
	count    int
}

func (m *meter) tick(now time.Time) {
	if m.last.IsZero() {
		m.last = now
		return
	}
	seconds := now.Sub(m.last).Seconds()
	m.last = now
	m.count++
	m.interval += (seconds - m.interval) / float64(min(m.count, 20))
}

// perSecond falls while nothing arrives instead of repeating what once was.
func (m *meter) perSecond() float64 {
	if m.count == 0 {
		return 0
	}
	return 1 / max(m.interval, time.Since(m.last).Seconds(), 1e-6)
}
