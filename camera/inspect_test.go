package camera

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const frameGap = 40 * time.Millisecond // 25 pictures a second

// guarded is how the daemon watches a live camera.
func guarded(open func(context.Context) (Source, error)) CaptureConfig {
	return CaptureConfig{Open: open, Logger: quiet(), Inspect: true, FreezeAfter: 2 * time.Second}
}

// consume takes pictures until the end of the run.
func consume(t *testing.T, c *Capture) (seqs []uint64) {
	for {
		f, err := c.Next(t.Context())
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			return seqs
		}
		seqs = append(seqs, f.Seq)
		f.Release()
	}
}

// awaitWord waits in the time of the bubble until the capture is in a state.
func awaitWord(t *testing.T, c *Capture, want State) time.Duration {
	t.Helper()
	began := time.Now()
	for c.Stats().State != want {
		if time.Since(began) > time.Minute {
			t.Fatalf("never %s: %+v", want, c.Stats())
		}
		pause(time.Millisecond)
	}
	return time.Since(began)
}

func TestFrozenCameraIsNoticedAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live := painted(25, frameGap, scenery())
		first := newFake(t, append(live, painted(500, frameGap, still)...)...)
		second := newFake(t, painted(500, frameGap, still)...) // opening it again does not help yet
		third := newFake(t, append(painted(3, frameGap, still), painted(25, frameGap, scenery())...)...)
		c := NewCapture(guarded(openers(first, second, third)))
		wait := startRun(t.Context(), c)
		var seqs []uint64
		done := make(chan struct{})
		go func() { seqs = consume(t, c); close(done) }()
		pause(25 * frameGap)
		if took := awaitWord(t, c, StateFrozen); took > 3*time.Second || took < time.Second {
			t.Errorf("a frozen camera was noticed after %v, want 1 to 3 s", took)
		}
		s := c.Stats()
		if s.Freezes != 1 || !strings.Contains(s.LastError, "same picture") || s.FPS != 0 {
			t.Errorf("%+v", s)
		}
		if handed := s.Frames - s.Withheld; handed > 25+14 {
			t.Errorf("%d pictures were handed on of 25 that showed something: repetitions must end after half a second", handed)
		}
		<-done
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		s = c.Stats()
		if s.Freezes != 2 || s.Reconnects != 1 || s.Errors != 0 {
			t.Errorf("%+v", s)
		}
		if last := seqs[len(seqs)-25:]; last[24]-last[0] != 24 || last[24] != s.Frames {
			t.Errorf("the pictures after the freeze are not all there: %d of %d", last, s.Frames)
		}
		if !first.isClosed() || !second.isClosed() {
			t.Error("a frozen camera was left open")
		}
	})
}

// TestFreezeRecovery lets the camera thaw at many moments and measures the time from there to the next picture.
func TestFreezeRecovery(t *testing.T) {
	var worst time.Duration
	for i := range 40 {
		synctest.Test(t, func(t *testing.T) {
			const backoffMax = 2 * time.Second
			thaw := time.Now().Add(5*time.Second + time.Duration(i)*170*time.Millisecond)
			var clip func(*Frame)
			open := func(context.Context) (Source, error) {
				clip = still // what is open when the device recovers stays frozen: only opening it again helps
				if i := time.Now(); !i.Before(thaw) {
					clip = scenery()
				}
				return newFake(t, painted(10_000, frameGap, clip)...), nil
			}
			cfg := guarded(open)
			cfg.BackoffMax = backoffMax
			c := NewCapture(cfg)
			ctx, cancel := context.WithCancel(t.Context())
			wait := startRun(ctx, c)
			for {
				f, err := c.Next(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				f.Release()
				if !time.Now().Before(thaw) {
					break
				}
			}
			took := time.Since(thaw)
			worst = max(worst, took)
			if took > 2*time.Second+backoffMax {
				t.Errorf("recovered %v after the thaw, want 2 s and the back-off of %v at most", took, backoffMax)
			}
			cancel()
			if err := wait(); err != nil {
				t.Fatal(err)
			}
		})
	}
	t.Logf("the slowest of 40 recoveries took %v, back-off up to 2 s included", worst)
}

// TestUnpluggedRecovery does the same for a camera that fails to open.
func TestUnpluggedRecovery(t *testing.T) {
	for i := range 20 {
		synctest.Test(t, func(t *testing.T) {
			plugged := time.Now().Add(4*time.Second + time.Duration(i)*310*time.Millisecond)
			open := func(context.Context) (Source, error) {
				if time.Now().Before(plugged) {
					return nil, errors.New("no such device")
				}
				return newFake(t, painted(1, frameGap, scenery())...), nil
			}
			cfg := guarded(open)
			cfg.BackoffMax = 2 * time.Second
			c := NewCapture(cfg)
			wait := startRun(t.Context(), c)
			mustNext(t, c).Release()
			if took := time.Since(plugged); took > 4*time.Second {
				t.Errorf("back %v after it was plugged in, want 2 s and the back-off of 2 s at most", took)
			}
			if err := wait(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestRepetitionsOfAMomentAreNoFreeze(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		draw := scenery()
		var steps []step
		for range 100 { // each picture twice, as a pipeline does that fills up to a rate
			shown := NewFrame(32, 24, BGR8, nil)
			draw(shown)
			steps = append(steps, painted(2, frameGap, func(f *Frame) { copy(f.Pix, shown.Pix) })...)
		}
		cfg := guarded(openers(newFake(t, steps...)))
		cfg.Policy = Every
		c := NewCapture(cfg)
		wait := startRun(t.Context(), c)
		if seqs := consume(t, c); len(seqs) != 200 {
			t.Errorf("%d of 200 pictures", len(seqs))
		}
		if err := wait(); err != nil || c.Stats().Freezes+c.Stats().Withheld != 0 {
			t.Errorf("%v %+v", err, c.Stats())
		}
	})
}

func TestFreezeCheckCanBeTurnedOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := guarded(openers(newFake(t, painted(500, frameGap, still)...)))
		cfg.FreezeAfter, cfg.Policy = 0, Every
		c := NewCapture(cfg)
		wait := startRun(t.Context(), c)
		if seqs := consume(t, c); len(seqs) != 500 {
			t.Errorf("%d of 500 pictures", len(seqs))
		}
		if err := wait(); err != nil || c.Stats().Freezes != 0 {
			t.Errorf("%v %+v", err, c.Stats())
		}
	})
}

func TestBlackPicturesAreWithheld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		steps := slices.Concat(painted(50, frameGap, scenery()), painted(100, frameGap, lensCap()),
			painted(50, frameGap, scenery()))
		c := NewCapture(guarded(openers(newFake(t, steps...))))
		wait := startRun(t.Context(), c)
		var seqs []uint64
		done := make(chan struct{})
		go func() { seqs = consume(t, c); close(done) }()
		pause(50*frameGap + time.Millisecond)
		if took := awaitWord(t, c, StateBlack); took > 2*time.Second {
			t.Errorf("black noticed after %v", took)
		}
		if s := c.Stats(); s.Blackouts != 1 || !strings.Contains(s.LastError, "black") || s.FPS < 20 {
			t.Errorf("%+v", s)
		}
		pause(100*frameGap - 1600*time.Millisecond)
		if took := awaitWord(t, c, StateStreaming); took > 2*time.Second {
			t.Errorf("light again noticed after %v", took)
		}
		<-done
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		for _, seq := range seqs {
			if seq > 50 && seq <= 150 {
				t.Fatalf("black picture %d was handed on", seq)
			}
		}
		if s := c.Stats(); s.Withheld != 100 || len(seqs) != 100 || s.Reconnects+s.Freezes+s.Errors != 0 {
			t.Errorf("%d handed on, %+v", len(seqs), s)
		}
	})
}

func TestBlurredPicturesAreToldAndHandedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		steps := slices.Concat(painted(50, frameGap, scenery()), painted(100, frameGap, mist()),
			painted(100, frameGap, scenery()))
		for i := range steps {
			steps[i].size = [2]int{160, 120}
		}
		cfg := guarded(openers(newFake(t, steps...)))
		cfg.Policy = Every
		c := NewCapture(cfg)
		wait := startRun(t.Context(), c)
		seen := map[State]int{}
		for range 250 {
			f := mustNext(t, c)
			seen[c.Stats().State]++
			f.Release()
		}
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		if s := c.Stats(); s.Blurs != 1 || s.Withheld != 0 || seen[StateBlurred] < 50 || seen[StateBlurred] > 110 {
			t.Errorf("%v, %+v", seen, s)
		}
	})
}

func TestWrongSizeIsOpenedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wrong := painted(1, frameGap, scenery())
		wrong[0].size = [2]int{40, 24}
		cfg := guarded(openers(
			newFake(t, append(painted(2, frameGap, scenery()), wrong...)...), newFake(t, wrong...),
			newFake(t, painted(2, frameGap, scenery())...)))
		var asked atomic.Int64
		cfg.Fits = func(w, h int) error {
			asked.Add(1)
			if w*3 != h*4 {
				return fmt.Errorf("%dx%d does not fit", w, h)
			}
			return nil
		}
		c := NewCapture(cfg)
		wait := startRun(t.Context(), c)
		consumed := make(chan struct{})
		go func() { consume(t, c); close(consumed) }()
		awaitWord(t, c, StateWrongSize)
		if s := c.Stats(); s.WrongSizes != 1 || !strings.Contains(s.LastError, "40x24") {
			t.Errorf("%+v", s)
		}
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		<-consumed
		if s := c.Stats(); s.WrongSizes != 2 || s.Reconnects != 1 || s.Frames-s.Withheld != 4 || s.Errors != 0 {
			t.Errorf("%+v", s)
		}
		if n := asked.Load(); n != 3 {
			t.Errorf("the size was checked %d times, want once a change", n)
		}
	})
}

func TestWrongSizeEndsAFilm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open := func(context.Context) (Source, error) { return newFake(t, painted(3, 0, still)...), nil }
		c := NewCapture(CaptureConfig{
			Open: open, Logger: quiet(), MaxFailures: 1, Fits: func(int, int) error { return errors.New("too tall") },
		})
		if err := c.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "too tall") {
			t.Errorf("run: %v", err)
		}
	})
}

func TestDamagedPicturesAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		torn := step{after: frameGap, err: fmt.Errorf("half a picture: %w", ErrDamaged)}
		steps := append(painted(2, frameGap, scenery()), torn, torn)
		steps = append(steps, painted(2, frameGap, scenery())...)
		for range 200 { // eight seconds: a camera that delivers nothing else is stalled
			steps = append(steps, torn)
		}
		cfg := guarded(openers(newFake(t, steps...), newFake(t, painted(1, 0, scenery())...)))
		c := NewCapture(cfg)
		wait := startRun(t.Context(), c)
		consumed := make(chan struct{})
		go func() { consume(t, c); close(consumed) }()
		awaitWord(t, c, StateStalled)
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		<-consumed
		if s := c.Stats(); s.Damaged < 70 || s.Damaged > 80 || s.Frames != 5 || s.Stalls != 1 || s.Reconnects != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestClockThatJumpsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		steps := painted(30, frameGap, scenery())
		for i := 10; i < 20; i++ {
			steps[i].back = 5 * time.Second // the driver was reset
		}
		cfg := guarded(openers(newFake(t, steps...)))
		cfg.Policy = Every
		c := NewCapture(cfg)
		wait := startRun(t.Context(), c)
		var last time.Duration
		for i := range 30 {
			f := mustNext(t, c)
			if gap := f.Mono - last; i > 0 && (gap < frameGap/2 || gap > 2*frameGap) {
				t.Errorf("picture %d comes %v after the one before", i, gap)
			}
			if !f.Wall.Equal(start.Add(f.Mono).UTC()) || f.Mono > Now() {
				t.Errorf("picture %d has the time %v, wall %v, now %v", i, f.Mono, f.Wall, Now())
			}
			last = f.Mono
			f.Release()
		}
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		if s := c.Stats(); s.ClockJumps != 1 {
			t.Errorf("%+v", s)
		}
	})
}

func TestInspectionDoesNotMindSmallPictures(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {7, 9}, {8, 8}, {9, 8}, {33, 17}, {160, 120}} {
		f := NewFrame(size[0], size[1], RGB8, nil)
		i := inspector{freezeAfter: time.Second}
		i.judge(f, time.Now()) // must not read beyond the picture
		f.Pix = f.Pix[:len(f.Pix)-1]
		if verdict := i.judge(f, time.Now()); verdict != sound {
			t.Errorf("%v: a picture that lacks bytes is %d", size, verdict)
		}
	}
}

// TestGlanceSeesTheWholePicture changes one block of pixels after the other.
func TestGlanceSeesTheWholePicture(t *testing.T) {
	f := NewFrame(640, 480, RGB8, nil)
	still(f)
	before, _ := look(f)
	const block = 32
	for y := 0; y < 480; y += block {
		for x := 0; x < 640; x += block {
			for row := y; row < y+block; row++ {
				for at := row*f.Stride + 3*x; at < row*f.Stride+3*(x+block); at++ {
					f.Pix[at]++
				}
			}
			after, ok := look(f)
			if !ok || after.digest == before.digest {
				t.Fatalf("a change at %d, %d is not seen", x, y)
			}
			before = after
		}
	}
}

func TestInspectionAllocatesNothing(t *testing.T) {
	f := NewFrame(1280, 720, BGR8, nil)
	i := inspector{freezeAfter: time.Second}
	if n := testing.AllocsPerRun(100, func() { i.judge(f, time.Now()) }); n != 0 {
		t.Errorf("%g allocations a picture", n)
	}
}

func BenchmarkInspect(b *testing.B) {
	for _, size := range [][2]int{{320, 240}, {640, 480}, {1280, 720}, {1920, 1080}} {
		b.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(b *testing.B) {
			frames := [8]*Frame{} // more than the caches hold
			for i := range frames {
				frames[i] = NewFrame(size[0], size[1], BGR8, nil)
				still(frames[i])
			}
			i, at := inspector{freezeAfter: time.Second}, 0
			b.ReportAllocs()
			for b.Loop() {
				i.judge(frames[at%len(frames)], time.Now())
				at++
			}
		})
	}
}
