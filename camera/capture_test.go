package camera

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestCaptureDeliversEveryPictureOfAFilm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		film := newFake(t, pictures(20, 0)...)
		c := NewCapture(CaptureConfig{Open: openers(film), Logger: quiet(), Policy: Every})
		wait := startRun(t.Context(), c)
		for want := uint64(1); want <= 20; want++ {
			pause(10 * time.Second) // far longer than StallAfter: a slow consumer is no stall
			f := mustNext(t, c)
			if f.Seq != want {
				t.Fatalf("picture %d has sequence %d", want, f.Seq)
			}
			f.Release()
		}
		if _, err := c.Next(t.Context()); !errors.Is(err, io.EOF) {
			t.Fatalf("after the end: %v, want EOF", err)
		}
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		s := c.Stats()
		if s.Frames != 20 || s.Skipped != 0 || s.Stalls != 0 || s.Errors != 0 || s.State != StateEnded {
			t.Errorf("stats %+v", s)
		}
		if !film.isClosed() {
			t.Error("the film was left open")
		}
	})
}

func TestCaptureCountsSkippedPictures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewCapture(CaptureConfig{Open: openers(newFake(t, pictures(100, 100*time.Millisecond)...)), Logger: quiet()})
		wait := startRun(t.Context(), c)
		var taken uint64
		for {
			f, err := c.Next(t.Context())
			if errors.Is(err, io.EOF) {
				break
			}
			taken++
			f.Release()
			pause(450 * time.Millisecond)
		}
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		s := c.Stats()
		if s.Frames != 100 || s.Skipped != 100-taken || taken > 25 || taken < 20 {
			t.Errorf("took %d of %d pictures, %d counted as skipped", taken, s.Frames, s.Skipped)
		}
	})
}

func TestCaptureReturnsTheNewestPicture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		camera := newFake(t, append(pictures(10, 100*time.Millisecond), step{hang: true})...)
		ctx, cancel := context.WithCancel(t.Context())
		c := NewCapture(CaptureConfig{Open: openers(camera), Logger: quiet()})
		wait := startRun(ctx, c)
		pause(1050 * time.Millisecond)
		if f := mustNext(t, c); f.Seq != 10 {
			t.Errorf("sequence %d, want the newest, 10", f.Seq)
		}
		if s := c.Stats(); s.Skipped != 9 || s.State != StateStreaming || s.FPS < 9.9 || s.FPS > 10.1 {
			t.Errorf("stats %+v", s)
		}
		cancel()
		if err := wait(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestCaptureComesBackAfterAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := append(pictures(3, time.Millisecond), step{err: errors.New("device unplugged")})
		c := NewCapture(CaptureConfig{
			Open: openers(newFake(t, broken...), nil, nil, newFake(t, pictures(2, time.Millisecond)...)), Logger: quiet(),
			Policy: Every,
		})
		wait := startRun(t.Context(), c)
		for want := uint64(1); want <= 5; want++ {
			f := mustNext(t, c)
			if f.Seq != want {
				t.Fatalf("sequence %d, want %d", f.Seq, want)
			}
			f.Release()
		}
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		s := c.Stats()
		if s.Errors != 3 || s.Reconnects != 1 || s.Stalls != 0 || !strings.Contains(s.LastError, "no such device") {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestCaptureReopensASilentCamera(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := newFake(t, append(pictures(2, time.Millisecond), step{hang: true})...)
		c := NewCapture(CaptureConfig{
			Open: openers(silent, newFake(t, pictures(1, 0)...)), Logger: quiet(), StallAfter: 2 * time.Second,
		})
		began := time.Now()
		wait := startRun(t.Context(), c)
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 2*time.Second || took > 2*time.Second+300*time.Millisecond {
			t.Errorf("recovered after %v, want 2 s and at most one short pause", took)
		}
		s := c.Stats()
		if s.Stalls != 1 || s.Errors != 0 || s.Reconnects != 1 || s.Frames != 3 || !silent.isClosed() {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestCaptureLeavesAStuckReaderBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		driver := make(chan struct{})
		stuck := newFake(t, step{}, step{stuck: driver}, step{})
		c := NewCapture(CaptureConfig{Open: openers(stuck, newFake(t, pictures(5, 0)...)), Logger: quiet(), Policy: Every})
		wait := startRun(t.Context(), c)
		mustNext(t, c).Release()
		for want := uint64(2); want <= 4; want++ { // from the second camera, while the first still hangs
			if f := mustNext(t, c); f.Seq != want {
				t.Fatalf("sequence %d, want %d", f.Seq, want)
			}
		}
		synctest.Wait()
		frames := c.Stats().Frames
		close(driver) // the driver wakes and delivers a picture that nobody wants any more
		synctest.Wait()
		if got := c.Stats().Frames; got != frames {
			t.Errorf("the abandoned reader delivered: %d pictures became %d", frames, got)
		}
		if len(stuck.pool.free) != 1 || !stuck.isClosed() {
			t.Error("the abandoned reader kept its picture or its camera")
		}
		mustNext(t, c)
		mustNext(t, c)
		if err := wait(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestCaptureGivesUpAStuckOpening(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		driver, late := make(chan struct{}), newFake(t, step{})
		var calls atomic.Int64
		open := func(context.Context) (Source, error) {
			if calls.Add(1) == 1 {
				<-driver
				return late, nil
			}
			return newFake(t, pictures(1, 0)...), nil
		}
		c := NewCapture(CaptureConfig{Open: open, Logger: quiet(), OpenWithin: 5 * time.Second})
		wait := startRun(t.Context(), c)
		mustNext(t, c)
		if s := c.Stats(); s.Stalls != 1 || s.Reconnects != 0 || !strings.Contains(s.LastError, "opening takes longer") {
			t.Errorf("stats %+v", s)
		}
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		close(driver)
		synctest.Wait()
		if !late.isClosed() {
			t.Error("a camera that opened too late was left open")
		}
	})
}

func TestCaptureWaitsForTheFirstPicture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewCapture(CaptureConfig{Open: openers(newFake(t, step{after: 10 * time.Second})), Logger: quiet()})
		wait := startRun(t.Context(), c)
		if state := c.Stats().State; state != StateConnecting {
			t.Errorf("state %s before the first picture", state)
		}
		if err := wait(); err != nil || c.Stats().Stalls != 0 || c.Stats().Frames != 1 {
			t.Errorf("a late key frame must not count as a stall: %v, %+v", err, c.Stats())
		}
	})
}

func TestCaptureLoops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		open := func(context.Context) (Source, error) { return newFake(t, pictures(3, time.Millisecond)...), nil }
		c := NewCapture(CaptureConfig{Open: open, Logger: quiet(), Policy: Every, Loop: true})
		wait := startRun(ctx, c)
		for want := uint64(1); want <= 10; want++ {
			if f := mustNext(t, c); f.Seq != want {
				t.Fatalf("sequence %d, want %d", f.Seq, want)
			}
		}
		cancel()
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		if s := c.Stats(); s.Reconnects != 0 || s.Errors != 0 {
			t.Errorf("looping counted as trouble: %+v", s)
		}
	})
}

func TestCaptureEndsAnEmptyLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewCapture(CaptureConfig{Open: openers(newFake(t)), Logger: quiet(), Loop: true})
		if err := c.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestCaptureReportsATruncatedFilm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		film := newFake(t, append(pictures(2, 0), step{err: ErrTruncated})...)
		c := NewCapture(CaptureConfig{Open: openers(film), Logger: quiet(), Policy: Every})
		wait := startRun(t.Context(), c)
		mustNext(t, c)
		mustNext(t, c)
		if _, err := c.Next(t.Context()); !errors.Is(err, ErrTruncated) {
			t.Errorf("next after the cut: %v", err)
		}
		if err := wait(); !errors.Is(err, ErrTruncated) {
			t.Errorf("run: %v", err)
		}
	})
}

func TestCaptureGivesUpWhenTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewCapture(CaptureConfig{Open: openers(nil, nil, nil), Logger: quiet(), MaxFailures: 3})
		err := c.Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "no such device") || c.Stats().Errors != 3 {
			t.Errorf("run: %v, %+v", err, c.Stats())
		}
	})
}

func TestCaptureStopsDuringAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := NewCapture(CaptureConfig{
			Open: openers(), Logger: quiet(), BackoffMin: 1000 * time.Hour, BackoffMax: 1000 * time.Hour,
		})
		wait := startRun(ctx, c)
		pause(time.Second)
		if state := c.Stats().State; state != StateLost {
			t.Errorf("state %s, want lost", state)
		}
		began := time.Now()
		cancel()
		if err := wait(); err != nil || time.Since(began) != 0 {
			t.Errorf("stopping: %v after %v", err, time.Since(began))
		}
	})
}

func TestCaptureReleasesItsPictureWhenCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		camera := newFake(t, step{}, step{hang: true})
		c := NewCapture(CaptureConfig{Open: openers(camera), Logger: quiet()})
		wait := startRun(ctx, c)
		synctest.Wait()
		cancel()
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		if len(camera.pool.free) != 1 {
			t.Error("the picture in the slot was not released")
		}
		if _, err := c.Next(t.Context()); !errors.Is(err, io.EOF) {
			t.Errorf("next after the end: %v", err)
		}
	})
}

func TestBackoffStaysWithinItsCeilings(t *testing.T) {
	b := backoff{low: 100 * time.Millisecond, high: time.Second}
	const ms = time.Millisecond
	ceilings := []time.Duration{100 * ms, 200 * ms, 400 * ms, 800 * ms, time.Second, time.Second}
	var sum time.Duration
	for range 200 {
		b.reset()
		for i, ceiling := range ceilings {
			pause := b.next()
			if pause <= 0 || pause > ceiling {
				t.Fatalf("pause %d is %v, above its ceiling of %v", i, pause, ceiling)
			}
			sum += pause
		}
	}
	if mean := sum / 200; mean < 1500*time.Millisecond || mean > 2*time.Second {
		t.Errorf("six pauses take %v on average, full jitter takes 1.75 s", mean)
	}
}

func TestCaptureAllocatesNothing(t *testing.T) {
	feed := &feeder{pool: NewPool(3)}
	ctx, cancel := context.WithCancel(t.Context())
	open := func(context.Context) (Source, error) { return feed, nil }
	c := NewCapture(CaptureConfig{Open: open, Logger: quiet(), Policy: Every})
	wait := startRun(ctx, c)
	allocs := testing.AllocsPerRun(1000, func() { mustNext(t, c).Release() })
	cancel()
	if err := wait(); err != nil {
		t.Fatal(err)
	}
	if allocs != 0 {
		t.Errorf("%g allocations a picture, want none", allocs)
	}
}
