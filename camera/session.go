package camera

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// session is one opened camera: a goroutine that opens and reads it, watched by the goroutine of Run. It exists so
// that a reader which never returns from its driver can be left behind without harm: everything that the two share is
// guarded by mu, and an abandoned session no longer touches its Capture.
type session struct {
	capture *Capture
	quit    chan struct{} // closed when the session is abandoned
	tasks   sync.WaitGroup
	done    chan struct{} // closed when the reader has ended, after err is set
	err     error

	mu        sync.Mutex
	source    Source
	abandoned bool
	deadline  time.Time // by then something must happen; zero while the reader waits for the consumer
	delivered bool
}

// session opens the camera and reads it until it fails, falls silent, ends, or the context ends. Nil is the end of a
// film or of the context.
func (c *Capture) session(ctx context.Context) error {
	s := &session{
		capture: c, quit: make(chan struct{}), done: make(chan struct{}),
		deadline: time.Now().Add(c.config.OpenWithin),
	}
	c.mu.Lock()
	c.fresh = true
	c.eye.reopen(c.stats.State == StateFrozen, time.Now())
	c.mu.Unlock()
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	s.tasks.Go(func() { s.run(inner) })
	err := s.watch(inner)
	cancel()
	s.stop()
	if ctx.Err() != nil {
		return nil
	}
	return c.conclude(err)
}

// conclude counts how a session ended that nobody cancelled.
func (c *Capture) conclude(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case errors.Is(err, errStalled):
		c.stats.Stalls++
		c.stats.State = StateStalled
	case errors.Is(err, errFrozen):
		c.stats.Freezes++
		c.stats.State = StateFrozen
	case errors.Is(err, errWrongSize):
		c.stats.WrongSizes++
		c.stats.State = StateWrongSize
	default:
		c.stats.Errors++
		c.stats.State = StateLost
	}
	c.stats.LastError = err.Error()
	return err
}

// watch returns when the reader has ended, and at the latest when it is overdue.
func (s *session) watch(ctx context.Context) error {
	timer := time.NewTimer(s.capture.config.StallAfter)
	defer timer.Stop()
	for {
		select {
		case <-s.done:
			return s.err
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		left, overdue := s.left()
		if overdue != nil {
			return overdue
		}
		timer.Reset(min(left, s.capture.config.StallAfter))
	}
}

// left is the time until the watcher must look again, and an error when the reader is overdue.
func (s *session) left() (time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deadline.IsZero() {
		return s.capture.config.StallAfter, nil
	}
	if left := time.Until(s.deadline); left > 0 {
		return left, nil
	}
	if s.source == nil {
		return 0, fmt.Errorf("opening takes longer than %v: %w", s.capture.config.OpenWithin, errStalled)
	}
	if !s.delivered {
		return 0, fmt.Errorf("waiting %v for the first picture: %w", s.capture.config.OpenWithin, errStalled)
	}
	return 0, fmt.Errorf("waiting %v for a picture: %w", s.capture.config.StallAfter, errStalled)
}

// stop abandons the session and waits for its goroutines, but not longer than a stuck driver deserves.
func (s *session) stop() {
	s.mu.Lock()
	s.abandoned = true
	close(s.quit)
	if source := s.source; source != nil {
		// Closing wakes a blocked Read. Its own goroutine keeps Run alive should Close block too.
		s.tasks.Go(func() { s.close(source) })
	}
	s.mu.Unlock()
	gone := make(chan struct{})
	go func() {
		s.tasks.Wait()
		close(gone)
	}()
	timer := time.NewTimer(s.capture.config.StallAfter)
	defer timer.Stop()
	select {
	case <-gone:
	case <-timer.C:
		s.capture.config.Logger.Warn("camera driver does not return, leaving its reader behind")
	}
}

func (s *session) close(source Source) {
	if err := source.Close(); err != nil {
		s.capture.config.Logger.Warn("closing camera", "err", err)
	}
}

// run is the reader.
func (s *session) run(ctx context.Context) {
	defer close(s.done)
	source, err := s.capture.config.Open(ctx)
	if err != nil {
		s.err = fmt.Errorf("opening camera: %w", err)
		return
	}
	if !s.own(source) {
		s.close(source)
		s.err = context.Canceled
		return
	}
	defer s.close(source)
	for {
		f, err := source.Read(ctx)
		if errors.Is(err, ErrDamaged) {
			s.capture.damaged(err) // should no sound one follow, the stall is noticed
			continue
		}
		if err != nil {
			s.err = wrapRead(err)
			return
		}
		if s.err = s.deliver(f); s.err != nil {
			return
		}
	}
}

func wrapRead(err error) error {
	if errors.Is(err, io.EOF) {
		return io.EOF
	}
	return fmt.Errorf("reading camera: %w", err)
}

// own hands the opened source to the session, unless that was abandoned while opening.
func (s *session) own(source Source) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.abandoned {
		return false
	}
	s.source = source
	return true
}

// deliver passes a picture on and sets the next deadline. Its error ends the session: the picture says that the camera
// must be opened again, or the session was abandoned meanwhile. What is not passed on is released.
func (s *session) deliver(f *Frame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.abandoned {
		f.Release()
		return context.Canceled
	}
	s.delivered = true
	usable, err := s.capture.arrived(f)
	if usable && !s.awaitSpace() {
		usable, err = false, context.Canceled
	}
	if usable {
		s.capture.put(f)
	} else {
		f.Release()
	}
	s.deadline = time.Now().Add(s.capture.config.StallAfter)
	return err
}

// awaitSpace lets the reader wait until the consumer has taken the picture before, where the policy says so. It is
// called with mu held, which it gives up while it waits, and is false when the session was abandoned.
func (s *session) awaitSpace() bool {
	c := s.capture
	s.deadline = time.Time{} // a slow consumer is no stall
	for c.config.Policy == Every && !s.abandoned && c.occupied() {
		s.mu.Unlock()
		select {
		case <-c.space:
		case <-s.quit:
		}
		s.mu.Lock()
	}
	return !s.abandoned
}

// arrived numbers, counts and judges a picture. It is false for one that shows nothing worth handing on, and an error
// when the camera must be opened again.
func (c *Capture) arrived(f *Frame) (usable bool, err error) {
	now := time.Now()
	taken, jump := c.clock.correct(f.Mono, Now())
	if taken != f.Mono {
		f.Stamp(taken)
	}
	verdict, err := c.judge(f, now)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seq++
	f.Seq = c.seq
	c.stats.Frames++
	c.stats.LastFrame = f.Mono
	if jump > 0 {
		c.stats.ClockJumps++
		c.stats.LastError = fmt.Sprintf("the camera's clock jumped back by %v", jump.Round(time.Millisecond))
	}
	if err == nil && verdict != stale {
		if c.fresh {
			c.begin(f)
		}
		c.rate.tick(now)
		c.see()
	}
	if verdict == sound && err == nil {
		return true, nil
	}
	c.stats.Withheld++
	return false, err
}

// judge looks at a picture as far as the configuration wants it.
func (c *Capture) judge(f *Frame, now time.Time) (sight, error) {
	if size := [2]int{f.Width, f.Height}; c.config.Fits != nil && size != c.size {
		if err := c.config.Fits(f.Width, f.Height); err != nil {
			return stale, fmt.Errorf("%w: %w", errWrongSize, err)
		}
		c.size = size
	}
	if !c.config.Inspect && c.config.FreezeAfter <= 0 {
		return sound, nil
	}
	verdict := c.eye.judge(f, now)
	switch {
	case verdict == frozen:
		return stale, fmt.Errorf("%w for %v", errFrozen, now.Sub(c.eye.changed).Round(time.Millisecond))
	case verdict == dark && !c.config.Inspect:
		return sound, nil
	}
	return verdict, nil
}

// see follows what the pictures show. It is called with mu held.
func (c *Capture) see() {
	state := StateStreaming
	if c.config.Inspect && c.eye.blur.on {
		state = StateBlurred
	}
	if c.config.Inspect && c.eye.black.on {
		state = StateBlack
	}
	if state == c.stats.State {
		return
	}
	c.stats.State = state
	switch state {
	case StateBlack:
		c.stats.Blackouts++
		c.stats.LastError = "the pictures are black"
	case StateBlurred:
		c.stats.Blurs++
		c.stats.LastError = "the pictures are blurred"
	}
	c.config.Logger.Info("camera pictures", "state", string(state))
}

// damaged counts a picture that could not be decoded.
func (c *Capture) damaged(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Damaged++
	c.stats.LastError = err.Error()
}

// begin notes that pictures flow, for the first time or again. It is called with mu held.
func (c *Capture) begin(f *Frame) {
	was := c.stats.State
	if c.begun && !was.Delivers() {
		c.stats.Reconnects++
	}
	c.fresh, c.begun = false, true
	if was != StateStreaming {
		c.config.Logger.Info("camera delivers pictures",
			"width_px", f.Width, "height_px", f.Height, "reconnects", c.stats.Reconnects)
	}
	c.rate = meter{}
}

func (c *Capture) occupied() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.slot != nil
}

// put makes a picture the newest; one that was not taken is released and counted as skipped.
func (c *Capture) put(f *Frame) {
	c.mu.Lock()
	old := c.slot
	c.slot = f
	if old != nil {
		c.stats.Skipped++
	}
	c.mu.Unlock()
	old.Release()
	signal(c.ready)
}
