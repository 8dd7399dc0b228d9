package scene

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

func TestTurningRoundCountsEachThingOnce(t *testing.T) {
	const worlds = 10
	for name, c := range map[string]struct {
		set     func(*world)
		allowed int // things too many or too few, over all worlds together
	}{
		"clean":     {func(*world) {}, 0},
		"misses":    {func(w *world) { w.missRate = 0.4 }, 0},
		"no depth":  {func(w *world) { w.noDepth = true }, 0},
		"clutter":   {func(w *world) { w.falseRate = 0.15 }, 2},
		"all of it": {func(w *world) { w.missRate, w.falseRate, w.noise = 0.3, 0.1, 0.07 }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			wrong := 0
			for seed := range uint64(worlds) {
				w := newWorld(t, furnished()...)
				w.rng = rand.New(rand.NewPCG(seed, 1))
				c.set(w)
				w.turn()
				s := w.m.Snapshot()
				wrong += w.wrong(s)
				if s.PoseSource != PoseEgomotion && s.PoseSource != PoseLandmarks {
					t.Errorf("pose source %s", s.PoseSource)
				}
				if s.Looked < 0.99 {
					t.Errorf("looked at %g of the circle", s.Looked)
				}
			}
			t.Logf("%d of %d things counted wrongly", wrong, worlds*len(furnished()))
			if wrong > c.allowed {
				t.Errorf("%d things counted wrongly, %d allowed", wrong, c.allowed)
			}
		})
	}
}

func TestEmbeddingsTellNeighboursApart(t *testing.T) {
	m, err := New(DefaultConfig(worldLabels, worldColors))
	if err != nil {
		t.Fatal(err)
	}
	at := func(y float64, e []float32) Detection {
		return Detection{
			Label: 4, Score: 0.9, Box: Box{Vec3{2, y, .2}, cubeOf(.4), 0}, CenterVar: Vec3{.04, .04, .04}, Embedding: e,
		}
	}
	left, right := []float32{1, 0}, []float32{-1, 0}
	observe := func(mono time.Duration, d ...Detection) {
		t.Helper()
		if err := m.Observe(&Observation{Mono: mono, Consistency: 1, Detections: d}); err != nil {
			t.Fatal(err)
		}
	}
	observe(1*time.Second, at(0.25, left), at(-0.25, right))
	before := m.Snapshot().Seen
	// One of them shows now, half way between: only its looks say which one it is.
	observe(2*time.Second, at(0.02, right))
	after := m.Snapshot()
	if len(after.Seen) != 2 || after.Now[0].ID != before[1].ID {
		t.Fatalf("seen as %s of %d, want %s", after.Now[0].ID, len(after.Seen), before[1].ID)
	}
}

func cubeOf(side float64) Vec3 { return Vec3{side, side, side} }

func TestDuplicatesAreMerged(t *testing.T) {
	m, err := New(DefaultConfig(worldLabels, worldColors))
	if err != nil {
		t.Fatal(err)
	}
	sofa := func(x float64) Detection {
		return Detection{
			Label: 3, Score: 0.9, Box: Box{Vec3{x, 0, .4}, Vec3{1, 2, .8}, 0}, CenterVar: Vec3{1e-4, 1e-4, 1e-4},
		}
	}
	// The second one creeps toward the first until they are one.
	for i, x := range []float64{2, 3.2, 3.0, 2.9, 2.8, 2.7, 2.65, 2.6, 2.6, 2.6, 2.6} {
		obs := &Observation{
			Mono: time.Duration(i+1) * time.Second, Consistency: 1, HasEgo: true, Detections: []Detection{sofa(x)},
		}
		if err := m.Observe(obs); err != nil {
			t.Fatal(err)
		}
		if n := len(m.Snapshot().Seen); i == 1 && n != 2 {
			t.Fatalf("%d sofas 1.2 m apart", n)
		}
	}
	s := m.Snapshot()
	if len(s.Seen) != 1 || s.Seen[0].ID != "o1" || s.Stats.Merged != 1 {
		t.Fatalf("%d sofas, stats %+v", len(s.Seen), s.Stats)
	}
}

// nearest returns the remembered thing closest to a place of map.
func nearest(s *Snapshot, p Vec3) (Object, float64) {
	var found Object
	least := math.Inf(1)
	for _, o := range s.Seen {
		if d := o.Box.Center.Sub(p).Norm(); d < least {
			found, least = o, d
		}
	}
	return found, least
}

func TestEstimatesComeCloseAndKnowHowClose(t *testing.T) {
	w := newWorld(t, furnished()[:2]...)
	w.run(40)
	s := w.m.Snapshot()
	for i, th := range w.things {
		// Measured from the robot, as questions are: dead reckoning lets map itself drift.
		truth := s.Robot.Compose(w.robot.Inverse()).ApplyBox(th.box)
		o, d := nearest(s, truth.Center)
		if d > 0.1 {
			t.Errorf("thing %d is %g m off", i, d)
		}
		if sigma := math.Sqrt(trace(o.CenterCov)); d > 4*sigma {
			t.Errorf("thing %d is %g m off with a sigma of %g", i, d, sigma)
		}
		if iou := IoU(o.Box, truth); iou < 0.7 {
			t.Errorf("thing %d: IoU %g", i, iou)
		}
		if o.Color != worldColors[th.color] {
			t.Errorf("thing %d is %s", i, o.Color)
		}
		if o.Existence < 0.95 {
			t.Errorf("thing %d exists with %g", i, o.Existence)
		}
	}
	if len(s.Now) != 2 || s.Now[0].ID == "" {
		t.Errorf("now: %+v", s.Now)
	}
}

func TestOneWrongLabelDoesNotStick(t *testing.T) {
	w := newWorld(t, furnished()[0])
	n := 0
	w.confuse = func(label int) int {
		n++
		if n%6 == 3 {
			return 1 // a stool, every sixth time
		}
		return label
	}
	w.run(30)
	w.expect(w.m.Snapshot())
}

func TestCarriedAwayThingIsForgotten(t *testing.T) {
	w := newWorld(t, furnished()[:2]...)
	w.run(20)
	id := w.m.Snapshot().Seen[0].ID
	w.things = w.things[1:]
	w.run(60)
	s := w.m.Snapshot()
	w.expect(s)
	for _, o := range s.Seen {
		if o.ID == id {
			t.Errorf("%s is still remembered", id)
		}
	}
	if s.Stats.Forgotten != 1 {
		t.Errorf("stats %+v", s.Stats)
	}
}

func TestHiddenThingStays(t *testing.T) {
	for _, noDepth := range []bool{false, true} {
		t.Run(fmt.Sprintf("noDepth=%v", noDepth), func(t *testing.T) {
			hidden := thing{5, 1, Box{Vec3{3, 0, 0.35}, Vec3{.4, .4, .7}, 0}}
			w := newWorld(t, hidden)
			w.noDepth = noDepth
			w.run(10)
			w.things = append(w.things, thing{6, 2, Box{Vec3{1.8, 0, 0.9}, Vec3{.5, 1.6, 1.8}, 0}})
			w.run(300) // a minute
			w.expect(w.m.Snapshot())
		})
	}
}

func TestThingOutOfViewStays(t *testing.T) {
	w := newWorld(t, furnished()...)
	w.turn()
	w.run(300)
	w.expect(w.m.Snapshot())
}

func TestFalseAlarmIsNeverTold(t *testing.T) {
	w := newWorld(t, furnished()[0])
	w.falseRate = 0
	w.run(5)
	ghost := Detection{
		Label: 7, Score: 0.4, Box: Box{Vec3{1, 1, .3}, Vec3{.3, .3, .3}, 0}, CenterVar: Vec3{.01, .01, .01},
	}
	obs := &Observation{Seq: 99, Mono: w.mono + time.Millisecond, Consistency: 1, Detections: []Detection{ghost}}
	if err := w.m.Observe(obs); err != nil {
		t.Fatal(err)
	}
	w.mono = obs.Mono
	w.run(30)
	w.expect(w.m.Snapshot())
	for _, track := range w.m.tracks {
		if !track.confirmed {
			t.Error("the ghost is still tracked")
		}
	}
}

func TestBoundedMemoryKeepsTheMostCertain(t *testing.T) {
	w := newWorld(t, furnished()...)
	w.m.cfg.MaxObjects = 3
	w.turn()
	if n := len(w.m.Snapshot().Seen); n > 3 {
		t.Fatalf("%d things remembered, 3 allowed", n)
	}
	if w.m.Snapshot().Stats.Evicted == 0 {
		t.Fatal("nothing was evicted")
	}
}

func TestFirstAppearanceOrder(t *testing.T) {
	w := newWorld(t, furnished()...)
	w.turn()
	s := w.m.Snapshot()
	for i := 1; i < len(s.Seen); i++ {
		if s.Seen[i].FirstMono < s.Seen[i-1].FirstMono {
			t.Fatalf("%s stands before %s", s.Seen[i-1].ID, s.Seen[i].ID)
		}
	}
}

func TestOdometryReplacesDeadReckoning(t *testing.T) {
	w := newWorld(t, furnished()...)
	w.run(10)
	before, _ := nearest(w.m.Snapshot(), w.things[0].box.Center)
	offset := Pose{10, -5, 1}
	feed := func() {
		o := Odometry{
			Pose: offset.Compose(w.robot), Mono: w.mono + 150*time.Millisecond,
			Cov: [9]float64{1e-4, 0, 0, 0, 1e-4, 0, 0, 0, 1e-5},
		}
		if err := w.m.SetOdometry(o); err != nil {
			t.Fatal(err)
		}
	}
	for range 40 {
		feed()
		w.robot.Yaw += 0.03
		w.observe()
	}
	s := w.m.Snapshot()
	if s.PoseSource != PoseOdometry {
		t.Fatalf("pose source %s", s.PoseSource)
	}
	want := offset.Apply(w.things[0].box.Center)
	after, d := nearest(s, want)
	if d > 0.25 || after.ID != before.ID {
		t.Fatalf("%s at %v, was %s; want it at %v", after.ID, after.Box.Center, before.ID, want)
	}
}

func TestLostOdometryIsReplacedByEgomotion(t *testing.T) {
	w := newWorld(t, furnished()...)
	if err := w.m.SetOdometry(Odometry{Mono: w.mono + 200*time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	w.observe()
	if s := w.m.Snapshot(); s.PoseSource != PoseOdometry {
		t.Fatalf("pose source %s", s.PoseSource)
	}
	w.turn()
	s := w.m.Snapshot()
	if s.PoseSource != PoseLandmarks {
		t.Fatalf("pose source %s", s.PoseSource)
	}
	w.expect(s)
	w.noEgo = true
	w.observe()
	if s := w.m.Snapshot(); s.PoseSource != PoseLandmarks { // what stands still tells the way, too
		t.Fatalf("pose source %s", s.PoseSource)
	}
	w.things = nil
	w.observe()
	if s := w.m.Snapshot(); s.PoseSource != PoseNone {
		t.Fatalf("pose source %s", s.PoseSource)
	}
}

func TestSnapshotsDuringObservation(t *testing.T) {
	w := newWorld(t, furnished()...)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 3 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				s := w.m.Snapshot()
				for _, o := range s.Seen {
					if o.ID == "" {
						t.Error("remembered without an id")
						return
					}
				}
			}
		})
	}
	w.turn()
	close(stop)
	wg.Wait()
}

func TestSnapshotDoesNotChange(t *testing.T) {
	w := newWorld(t, furnished()...)
	w.run(10)
	s := w.m.Snapshot()
	before := fmt.Sprintf("%+v", *s)
	w.turn()
	if after := fmt.Sprintf("%+v", *s); after != before {
		t.Fatal("an old snapshot changed")
	}
}

func TestFreeSpace(t *testing.T) {
	w := newWorld(t, thing{0, 0, Box{Vec3{2, 0, .5}, Vec3{.6, .6, 1}, 0}})
	w.run(3)
	free := w.m.Snapshot().Free
	ahead := free[SectorOf(0)]
	if !ahead.Known || math.Abs(ahead.Free-1.7) > 0.4 {
		t.Errorf("ahead: %+v, want about 1.7 m", ahead)
	}
	if free[SectorOf(math.Pi)].Known {
		t.Error("behind must be unknown")
	}
	beside := free[SectorOf(0.5)]
	if !beside.Known || beside.Free < 2.5 {
		t.Errorf("beside: %+v, want farther than the chair", beside)
	}
}

func TestRoomIsAveragedByCertainty(t *testing.T) {
	var r roomEstimate
	r.add(Room{Length: 5, Width: 4, Height: 2.5, Area: 20, LogVar: 0.01})
	r.add(Room{Length: 10, Width: 8, Height: 5, Area: 80, LogVar: 100})
	var partly roomEstimate
	if e := partly.estimate(); e != (RoomEstimate{}) {
		t.Errorf("nothing is known, and yet %+v", e)
	}
	partly.add(Room{Length: 5, Width: 4, Area: 20, LogVar: 0.01})
	partly.add(Room{Length: 5, Area: 20, LogVar: 0.01}) // the width is not known this time, the height never
	p := partly.estimate()
	// Two views of one room err alike: together they are hardly more certain than one.
	if math.Abs(p.LengthVar-roomShare*0.02) > 1e-9 || p.WidthVar != 0.02 || p.AreaVar != p.LengthVar || p.HeightVar != 0 {
		t.Errorf("variances of %+v", p)
	}
	e := r.estimate()
	if math.Abs(e.Area-20) > 0.1 || math.Abs(e.Length-5) > 0.1 {
		t.Errorf("estimate %+v", e)
	}
	for range 10000 {
		r.add(Room{Length: 6, Width: 5, Height: 2.5, Area: 30, LogVar: 0.01})
	}
	if e := r.estimate(); math.Abs(e.Area-30) > 0.5 || e.AreaVar < 1/maxRoomWeight*0.99 {
		t.Errorf("a new room must replace the old one: %+v", e)
	}
}

func TestConfigNamesEveryProblem(t *testing.T) {
	_, err := New(Config{})
	if err == nil {
		t.Fatal("an empty configuration was accepted")
	}
	t.Log(err)
}
