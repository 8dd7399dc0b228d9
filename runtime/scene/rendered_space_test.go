package scene_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/vega-edge/vegad/camera/room"
	"github.com/vega-edge/vegad/runtime/scene"
)

// blocked says whether something a robot could hit stands at a place of the floor, by the boxes of the things.
func (f *film) blocked(x, y float64) bool {
	if x < 0 || y < 0 || x > f.room.Length || y > f.room.Width {
		return true
	}
	for i := range f.truth {
		b := boxOf(&f.truth[i])
		if b.Top() > 0.12 && b.Bottom() < 1.5 && b.ContainsXY(x, y, 0) {
			return true
		}
	}
	return false
}

// free is the true distance to the nearest obstacle in a sector about the robot.
func (f *film) free(sector int) float64 {
	const lines = 11
	least := scene.FreeRange
	width := 2 * math.Pi / scene.Sectors
	for k := range lines {
		heading := f.pose.Yaw - math.Pi + width*(float64(sector)+(float64(k)+0.5)/lines)
		sin, cos := math.Sincos(heading)
		r := 0.0
		for r < least && !f.blocked(f.pose.X+r*cos, f.pose.Y+r*sin) {
			r += 0.02
		}
		least = min(least, r)
	}
	return least
}

// rectangle returns the seeds of rooms without a cut corner, whose walls the test knows.
func rectangles(n int) []uint64 {
	var out []uint64
	for seed := uint64(3_100_000); len(out) < n; seed++ {
		if r := room.Generate(seed); r.Area() == r.Length*r.Width {
			out = append(out, seed)
		}
	}
	return out
}

func TestFreeSpaceInRenderedRooms(t *testing.T) {
	known, over, within := 0, 0, 0
	var errors []float64
	const rooms = 4 // one alone says too little
	for _, seed := range rectangles(rooms) {
		f := newFilm(t, seed, goodDetector())
		f.odometry = true
		p := f.room.Walk(0).Pose()
		f.observe(p)
		before := 0
		for _, s := range f.memory.Snapshot().Free {
			if s.Known {
				before++
			}
		}
		if before > 12 {
			t.Errorf("seed %d: %d sectors are known after one look", seed, before)
		}
		f.turn(p, 48)
		for i, s := range f.memory.Snapshot().Free {
			if !s.Known {
				continue
			}
			known++
			e := s.Free - f.free(i)
			errors = append(errors, math.Abs(e))
			if e > 0.5 {
				over++
			}
			if math.Abs(e) < 2*math.Sqrt(s.FreeVar)+0.2 {
				within++
			}
		}
	}
	slices.Sort(errors)
	total := rooms * scene.Sectors
	median := errors[len(errors)/2]
	t.Logf("%d of %d sectors known, median error %.2f m, %d promise over 0.5 m too much, %d within two sigma and 0.2 m",
		known, total, median, over, within)
	if known < total*9/10 || median > 0.3 || over > known/50 || within < known*7/10 {
		t.Error("that is worse than it should be")
	}
}

func TestFreeSpaceBehindIsRememberedAndFades(t *testing.T) {
	f := newFilm(t, rectangles(1)[0], goodDetector())
	f.odometry = true
	p := f.room.Walk(0).Pose()
	f.turn(p, 48)
	behind := scene.SectorOf(math.Pi)
	was := f.memory.Snapshot().Free[behind]
	for range 100 { // twenty seconds
		f.observe(p)
	}
	now := f.memory.Snapshot().Free[behind]
	if !was.Known || !now.Known || math.Abs(was.Free-now.Free) > 0.25 {
		t.Errorf("behind it was %+v and is %+v", was, now)
	}
	if now.FreeVar < 1e-4 {
		t.Errorf("variance %g", now.FreeVar)
	}
	f.mono += 20 * time.Minute
	f.observe(p)
	s := f.memory.Snapshot().Free
	if s[behind].Known || s[behind].Free != 0 {
		t.Errorf("twenty minutes later behind is %+v", s[behind])
	}
	if !s[scene.SectorOf(0)].Known {
		t.Error("ahead is not known")
	}
}
