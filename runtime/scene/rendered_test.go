package scene_test

import (
	"math"
	"testing"

	"github.com/vega-edge/vegad/camera/room"
	"github.com/vega-edge/vegad/runtime/scene"
)

func TestTurningRoundInRenderedRoomsCountsEachThingOnce(t *testing.T) {
	missing, extra, things := 0, 0, 0
	for seed := uint64(3_000_000); seed < 3_000_000+8/fewer; seed++ {
		f := newFilm(t, seed, goodDetector())
		p := f.room.Walk(0).Pose()
		f.turn(p, 60)
		f.turn(p, 60)
		s := f.memory.Snapshot()
		if s.PoseSource == scene.PoseOdometry {
			t.Error("nobody told the way")
		}
		m, e, n := f.count(s, 6)
		missing, extra, things = missing+m, extra+e, things+n
	}
	t.Logf("of %d things %d are missing and %d too many", things, missing, extra)
	if missing > 0 || extra > 1 || things < 60/fewer {
		t.Error("each thing should be there once")
	}
}

// journey compares the way that a memory tells with the true one.
type journey struct {
	true, told         []scene.Pose
	err, way, end, sum float64
	missing, extra     int
}

func (j *journey) add(now, told scene.Pose) {
	const second = 5
	j.true, j.told = append(j.true, now), append(j.told, told)
	n := len(j.true) - 1
	if n >= 1 {
		a := j.true[n-1].Inverse().Compose(j.true[n])
		j.way += math.Hypot(a.X, a.Y)
	}
	if n >= second {
		a := j.true[n-second].Inverse().Compose(j.true[n])
		b := j.told[n-second].Inverse().Compose(j.told[n])
		j.err += math.Hypot(a.X-b.X, a.Y-b.Y)
		j.sum += math.Hypot(a.X, a.Y)
	}
}

func (j *journey) finish(f *film, s *scene.Snapshot) {
	n := len(j.true) - 1
	a := j.true[0].Inverse().Compose(j.true[n])
	b := j.told[0].Inverse().Compose(j.told[n])
	j.end += math.Hypot(a.X-b.X, a.Y-b.Y)
	m, e, _ := f.count(s, 6)
	j.missing, j.extra = j.missing+m, j.extra+e
	j.true, j.told = j.true[:0], j.told[:0]
}

// drives returns n walks of at least the given length, as seeds and poses.
func drives(n int, length float64) map[uint64][]room.Pose {
	out := map[uint64][]room.Pose{}
	for seed := uint64(3_000_000); len(out) < n; seed++ {
		way, poses := 0.0, room.Generate(seed).Drive(0, 150, filmStep.Seconds())
		for i := 1; i < len(poses); i++ {
			way += math.Hypot(poses[i].X-poses[i-1].X, poses[i].Y-poses[i-1].Y)
		}
		if way >= length {
			out[seed] = poses
		}
	}
	return out
}

func TestLandmarksFindTheWay(t *testing.T) {
	const journeys = 8 / fewer
	var with, without journey
	for seed, poses := range drives(journeys, 5) {
		see := goodDetector()
		see.egoScale, see.egoNoise = 0.44, 0.2
		f := newFilm(t, seed, see)
		f.other = memoryWithoutLandmarks(t)
		for _, p := range poses {
			f.observe(p)
			with.add(base(p), f.memory.Snapshot().Robot)
			without.add(base(p), f.other.Snapshot().Robot)
		}
		with.finish(f, f.memory.Snapshot())
		without.finish(f, f.other.Snapshot())
	}
	for name, j := range map[string]*journey{"with": &with, "without": &without} {
		t.Logf("%s landmarks: error of the way of one second %.1f %%, after %.1f m %.2f m; %d things misplaced",
			name, 100*j.err/j.sum, j.way/journeys, j.end/journeys, j.missing)
	}
	if with.err > 0.6*without.err || with.end > 0.5*without.end || with.missing > without.missing/2 {
		t.Error("landmarks should more than halve the error")
	}
}

func memoryWithoutLandmarks(tb testing.TB) *scene.Memory {
	tb.Helper()
	cfg := scene.DefaultConfig(labels(), colors())
	cfg.MinLandmarks = 0
	m, err := scene.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}
