package gocv

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vega-edge/vegad/camera"
)

func TestFilmClockKeepsTheRhythm(t *testing.T) {
	c := newFilmClock(5*time.Second, 10)
	for i, step := range []struct{ msec, want float64 }{
		{200, 5}, {300, 5.1}, {1000, 5.8}, {1000, 5.9}, {0, 6}, {math.NaN(), 6.1}, {1500, 6.3},
	} {
		if got := c.stamp(step.msec).Seconds(); math.Abs(got-step.want) > 1e-6 {
			t.Errorf("picture %d at %g ms is stamped %g s, want %g", i, step.msec, got, step.want)
		}
	}
}

func TestFilmClockWithoutARate(t *testing.T) {
	for _, rate := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		if c := newFilmClock(0, rate); c.rate != assumedFPS {
			t.Errorf("rate %g became %g", rate, c.rate)
		}
	}
}

func TestFilmClockShortensPauses(t *testing.T) {
	c := newFilmClock(0, 10)
	c.stamp(0)
	if due := c.shorten(c.stamp(60_000), 0); due != longestWait {
		t.Errorf("a pause of a minute became %v", due)
	}
	if due := c.shorten(c.stamp(60_500), longestWait); due != longestWait+500*time.Millisecond {
		t.Errorf("the picture after the pause is due at %v", due)
	}
}

func TestFilmClockKnowsACutFilm(t *testing.T) {
	c := newFilmClock(0, 10)
	c.stamp(0)
	c.stamp(39_800)
	for length, want := range map[float64]bool{79.5: true, 40: false, 44: false, 0: false, -3: false, math.Inf(1): false} {
		if c.cut(length) != want {
			t.Errorf("a film of %g s that ends after 39.9 s is cut: %t", length, !want)
		}
	}
}

func TestPictureAge(t *testing.T) {
	const now = 1000 * time.Second
	for msec, want := range map[float64]time.Duration{
		999_960: 40 * time.Millisecond, 0: 0, 1_000_001: 0, 900_000: 0, -5: 0, math.NaN(): 0, math.Inf(1): 0,
	} {
		if got := pictureAge(msec, now); got != want {
			t.Errorf("a stamp of %g ms is %v old, want %v", msec, got, want)
		}
	}
	stamp := kernelStamp(0)
	if late := camera.Now() - stamp; late < 0 || late > time.Second {
		t.Errorf("a picture without a stamp is %v old", late)
	}
}

func TestSleeper(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, quit := newSleeper(), make(chan struct{})
		began := camera.Now()
		if !s.until(t.Context(), quit, began+time.Second) || camera.Now()-began != time.Second {
			t.Error("it did not wait one second")
		}
		if !s.until(t.Context(), quit, began) {
			t.Error("a time in the past interrupted it")
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if s.until(ctx, quit, camera.Now()+time.Hour) {
			t.Error("the context did not interrupt it")
		}
		close(quit)
		if s.until(t.Context(), quit, camera.Now()+time.Hour) {
			t.Error("closing did not interrupt it")
		}
	})
}
