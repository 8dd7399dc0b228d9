package camera

import (
	"sync"
	"testing"
	"time"
)

func TestFrameReleaseIsIdempotent(t *testing.T) {
	released := 0
	f := NewFrame(4, 3, BGR8, func(*Frame) { released++ })
	f.Release()
	f.Release()
	if released != 1 {
		t.Errorf("released %d times", released)
	}
	(*Frame)(nil).Release()
	NewFrame(1, 1, RGB8, nil).Release()
}

func TestFrameStamp(t *testing.T) {
	f := NewFrame(1, 1, BGR8, nil)
	now, wall := Now(), time.Now()
	f.Stamp(now - time.Second)
	if f.Mono != now-time.Second || f.Wall.Location() != time.UTC {
		t.Errorf("stamp %v %v", f.Mono, f.Wall)
	}
	if off := wall.Add(-time.Second).Sub(f.Wall).Abs(); off > 100*time.Millisecond {
		t.Errorf("the wall time is %v off", off)
	}
}

func TestPoolUsesFramesAgain(t *testing.T) {
	p := NewPool(2)
	a, b, c := p.Get(8, 6, BGR8), p.Get(8, 6, BGR8), p.Get(8, 6, BGR8)
	for _, f := range []*Frame{a, b, c, c} {
		f.Release()
	}
	if len(p.free) != 2 {
		t.Errorf("%d frames kept, want 2", len(p.free))
	}
	again := p.Get(8, 6, RGB8)
	if again != b || again.Format != RGB8 {
		t.Error("an idle frame was not lent again")
	}
	again.Release()
	if len(p.free) != 2 {
		t.Error("a frame lent again cannot be released again")
	}
	if other := p.Get(16, 6, BGR8); other == a || other == b || len(other.Pix) != 3*16*6 || len(p.free) != 0 {
		t.Error("a frame of the wrong size was lent or kept")
	}
}

func TestPoolAllocatesNothing(t *testing.T) {
	p := NewPool(0)
	if n := testing.AllocsPerRun(100, func() { p.Get(64, 48, BGR8).Release() }); n != 0 {
		t.Errorf("%g allocations a frame", n)
	}
}

func TestPoolIsSafeForConcurrentUse(t *testing.T) {
	p := NewPool(3)
	var tasks sync.WaitGroup
	for g := range 4 {
		tasks.Go(func() {
			for range 500 {
				f := p.Get(4, 4, BGR8)
				f.Pix[0] = byte(g)
				if f.Pix[0] != byte(g) {
					t.Error("two owners of one frame")
				}
				f.Release()
			}
		})
	}
	tasks.Wait()
}
