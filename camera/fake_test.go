package camera

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// step is one thing a fake camera does when it is read.
type step struct {
	after time.Duration   // silence before it
	err   error           // nil delivers a picture
	hang  bool            // wait until Close
	stuck <-chan struct{} // wait for this channel whatever happens, as a driver can

	paint func(*Frame)  // draws the picture; one of 32x24 pixels
	size  [2]int        // instead
	back  time.Duration // the driver's clock lags by so much
}

// fake is a camera that follows a script, and checks that it is used as the contract says.
type fake struct {
	t     *testing.T
	pool  *Pool
	steps []step
	at    int

	mu     sync.Mutex
	closed chan struct{}
	closes int
	reads  int // running reads, at most one
}

func newFake(t *testing.T, steps ...step) *fake {
	return &fake{t: t, pool: NewPool(3), steps: steps, closed: make(chan struct{})}
}

func pictures(n int, gap time.Duration) []step {
	s := make([]step, n)
	for i := range s {
		s[i].after = gap
	}
	return s
}

func (f *fake) Read(ctx context.Context) (*Frame, error) {
	f.mu.Lock()
	if f.reads++; f.reads != 1 {
		f.t.Error("two reads at a time")
	}
	f.mu.Unlock()
	defer func() { f.mu.Lock(); f.reads--; f.mu.Unlock() }()
	if f.at >= len(f.steps) {
		return nil, io.EOF
	}
	s := f.steps[f.at]
	f.at++
	return f.act(ctx, s)
}

func (f *fake) act(ctx context.Context, s step) (*Frame, error) {
	if s.stuck != nil {
		<-s.stuck
		return f.pool.Get(4, 2, BGR8), nil
	}
	if s.hang {
		<-f.closed
		return nil, errors.New("closed")
	}
	select {
	case <-time.After(s.after):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.err != nil {
		return nil, s.err
	}
	if s.paint == nil {
		frame := f.pool.Get(4, 2, BGR8)
		frame.Stamp(Now())
		return frame, nil
	}
	if s.size == [2]int{} {
		s.size = [2]int{32, 24}
	}
	frame := f.pool.Get(s.size[0], s.size[1], BGR8)
	s.paint(frame)
	frame.Stamp(Now() - s.back)
	return frame, nil
}

// painted is n pictures of one kind.
func painted(n int, gap time.Duration, paint func(*Frame)) []step {
	s := make([]step, n)
	for i := range s {
		s[i] = step{after: gap, paint: paint}
	}
	return s
}

// scenery paints another picture each time, with edges and noise.
func scenery() func(*Frame) {
	dice := rand.New(rand.NewPCG(1, 2))
	return func(f *Frame) {
		at := dice.IntN(f.Width)
		for i := range f.Pix {
			f.Pix[i] = byte(60 + dice.IntN(8))
			if x := i % f.Stride / 3; (x+at)/6%2 == 0 {
				f.Pix[i] += 120
			}
		}
	}
}

// still paints the same picture each time.
func still(f *Frame) {
	for i := range f.Pix {
		f.Pix[i] = byte(100 + i%97)
	}
}

// lensCap paints the noise of a covered sensor.
func lensCap() func(*Frame) {
	dice := rand.New(rand.NewPCG(3, 4))
	return func(f *Frame) {
		for i := range f.Pix {
			f.Pix[i] = byte(dice.IntN(24))
		}
	}
}

// mist paints gentle slopes, as a lens does that is far out of focus.
func mist() func(*Frame) {
	dice := rand.New(rand.NewPCG(5, 6))
	return func(f *Frame) {
		for i := range f.Pix {
			x := float64(i%f.Stride/3) / float64(f.Width)
			f.Pix[i] = byte(128 + 90*math.Sin(12*x) + 2*dice.Float64())
		}
	}
}

func (f *fake) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closes++; f.closes == 1 {
		close(f.closed)
	}
	return nil
}

func (f *fake) isClosed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closes > 0
}

// openers opens the given cameras one after the other; nil is a camera that is not there.
func openers(fakes ...*fake) func(context.Context) (Source, error) {
	var calls atomic.Int64 // an opening that is stuck and the one after it may run at a time
	return func(context.Context) (Source, error) {
		i := int(calls.Add(1)) - 1
		if i >= len(fakes) || fakes[i] == nil {
			return nil, errors.New("no such device")
		}
		return fakes[i], nil
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// pause lets the time of the bubble pass.
func pause(d time.Duration) { <-time.After(d) }

// startRun runs a capture and returns a function that waits for its end.
func startRun(ctx context.Context, c *Capture) func() error {
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	return func() error { return <-done }
}

func mustNext(t *testing.T, c *Capture) *Frame {
	t.Helper()
	f, err := c.Next(t.Context())
	if err != nil {
		t.Fatalf("next picture: %v", err)
	}
	return f
}

// feeder delivers pictures as fast as they are taken.
type feeder struct{ pool *Pool }

func (f *feeder) Read(context.Context) (*Frame, error) { return f.pool.Get(8, 8, RGB8), nil }
func (f *feeder) Close() error                         { return nil }
