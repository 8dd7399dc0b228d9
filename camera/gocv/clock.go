package gocv

import (
	"context"
	"math"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vega-edge/vegad/camera"
)

// Bounds of the clocks.
const (
	assumedFPS  = 25               // for films that name no rate
	longestWait = 2 * time.Second  // a paced film waits no longer for a picture
	oldestStamp = 10 * time.Second // a kernel stamp that is older is on another clock
)

// filmClock gives the pictures of a film their capture times: where the film's own time lies when it was started at
// start. Films whose pictures come at irregular times keep their rhythm.
type filmClock struct {
	start time.Duration // on the clock of camera.Now
	rate  float64       // pictures a second
	count int           // pictures stamped
	first float64       // the film's time of its first picture, seconds
	last  time.Duration // time in the film of the newest picture
}

func newFilmClock(start time.Duration, rate float64) *filmClock {
	if !(rate > 0 && rate <= 1000) {
		rate = assumedFPS
	}
	return &filmClock{start: start, rate: rate}
}

// stamp takes the time that the film gives its next picture, in milliseconds, and returns its capture time. A film
// without usable times falls back to its rate.
func (c *filmClock) stamp(posMsec float64) time.Duration {
	seconds := posMsec / 1000
	if c.count == 0 {
		c.first = seconds
	}
	c.count++
	at := time.Duration((seconds - c.first) * float64(time.Second))
	if c.count > 1 && (at <= c.last || math.IsNaN(seconds) || math.IsInf(seconds, 0) || at > 1000*time.Hour) {
		at = c.last + c.gap()
	}
	if c.count == 1 {
		at = 0
	}
	c.last = at
	return c.start + at
}

func (c *filmClock) gap() time.Duration { return time.Duration(float64(time.Second) / c.rate) }

// shorten cuts a pause of the film so that the next picture is due no later than longestWait from now. The stall
// detection behind would otherwise take a slide show for a dead camera.
func (c *filmClock) shorten(due, now time.Duration) time.Duration {
	if over := due - now - longestWait; over > 0 {
		c.start -= over
		return due - over
	}
	return due
}

// cut tells whether a film that announces length seconds ended early. Containers round and estimate, hence the
// tolerance of a tenth.
func (c *filmClock) cut(length float64) bool {
	return length > 0 && !math.IsInf(length, 0) && (c.last+c.gap()).Seconds() < 0.9*length-1
}

// kernelStamp turns the time that V4L2 gave a picture, in milliseconds of the kernel's monotonic clock, into a time on
// the clock of camera.Now. Drivers that stamp on another clock, or not at all, get the present time.
func kernelStamp(posMsec float64) time.Duration {
	now := camera.Now()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return now
	}
	return now - pictureAge(posMsec, time.Duration(ts.Nano()))
}

// pictureAge is how long before the kernel's time now a picture was taken, zero if its stamp cannot be that.
func pictureAge(posMsec float64, now time.Duration) time.Duration {
	if !(posMsec > 0 && posMsec < 1e15) {
		return 0
	}
	age := now - time.Duration(posMsec*float64(time.Millisecond))
	if age < 0 || age > oldestStamp {
		return 0
	}
	return age
}

// sleeper waits until given times without allocating.
type sleeper struct{ timer *time.Timer }

func newSleeper() sleeper {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return sleeper{timer: t}
}

// until waits for a time on the clock of camera.Now. It ends early when the context or quit does, and is then false.
func (s sleeper) until(ctx context.Context, quit <-chan struct{}, due time.Duration) bool {
	wait := due - camera.Now()
	if wait <= 0 {
		return ctx.Err() == nil
	}
	s.timer.Reset(wait)
	defer s.timer.Stop()
	select {
	case <-s.timer.C:
		return true
	case <-ctx.Done():
		return false
	case <-quit:
		return false
	}
}
