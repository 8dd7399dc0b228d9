package scene

import (
	"math/rand/v2"
	"testing"
	"time"
)

// still feeds observations to a memory whose robot does not move.
type still struct {
	t    *testing.T
	m    *Memory
	mono time.Duration
}

func newStill(t *testing.T) *still {
	t.Helper()
	return &still{t: t, m: fresh(t)}
}

func (s *still) observe(d ...Detection) *Snapshot {
	s.t.Helper()
	s.mono += 500 * time.Millisecond
	obs := &Observation{
		Mono: s.mono, Wall: time.Unix(0, int64(s.mono)), Consistency: 1, HasEgo: true, Detections: d,
		View: View{Position: Vec3{0, 0, 1}, Pitch: 0.1, HFOV: 1.4, VFOV: 1.2, Cols: 8, Rows: 6},
	}
	w := &world{things: nil, half: 4, rng: rand.New(rand.NewPCG(1, 1))}
	for _, x := range d {
		w.things = append(w.things, thing{box: x.Box})
	}
	e := newEye(&obs.View, Pose{})
	w.render(&obs.View, &e)
	if err := s.m.Observe(obs); err != nil {
		s.t.Fatal(err)
	}
	return s.m.Snapshot()
}

func detected(label int, score, x, y float64, size Vec3) Detection {
	return Detection{
		Label: label, Score: score, Box: Box{Vec3{x, y, size.Z / 2}, size, 0}, CenterVar: Vec3{4e-4, 4e-4, 4e-4},
		SizeVar: Vec3{1e-3, 1e-3, 1e-3}, YawVar: 0.01, Colors: []float32{0.8, 0.1, 0.1},
	}
}

func TestTwoLabelsForOnePlaceAreOneThing(t *testing.T) {
	s := newStill(t)
	chair := detected(0, 0.7, 2, 0, Vec3{.5, .5, .9})
	stool := detected(1, 0.6, 2.05, 0.05, Vec3{.45, .45, .7})
	for range 5 {
		s.observe(chair, stool)
	}
	snap := s.observe(stool, chair) // the order does not matter
	if len(snap.Seen) != 1 || len(snap.Now) != 1 {
		t.Fatalf("%d things seen, %d now", len(snap.Seen), len(snap.Now))
	}
	for _, o := range []Object{snap.Seen[0], snap.Now[0]} {
		if o.Label != "chair" || o.LabelProbs[1] < 0.05 || o.LabelProbs[0]+o.LabelProbs[1] < 0.99 {
			t.Errorf("it is a %s, labels %.3f", o.Label, o.LabelProbs)
		}
	}
}

func TestLabelsThatTakeTurnsAreOneThing(t *testing.T) {
	s := newStill(t)
	rng := rand.New(rand.NewPCG(2, 3))
	var snap *Snapshot
	for i := range 30 {
		x, y := 2+0.04*rng.NormFloat64(), 0.04*rng.NormFloat64()
		if i%3 == 2 {
			snap = s.observe(detected(1, 0.6, x, y, Vec3{.45, .45, .7}))
		} else {
			snap = s.observe(detected(0, 0.6, x, y, Vec3{.5, .5, .9}))
		}
	}
	if len(snap.Seen) != 1 || snap.Seen[0].Label != "chair" {
		t.Fatalf("remembered: %+v", snap.Seen)
	}
}

// Two like things side by side stay two, also when only one of them is detected for a while.
func TestNeighboursAreNotMerged(t *testing.T) {
	s := newStill(t)
	size := Vec3{.5, .5, .9}
	left, right := detected(0, 0.9, 2, 0.28, size), detected(0, 0.9, 2, -0.28, size)
	s.observe(left, right)
	s.observe(left, right)
	var snap *Snapshot
	rng := rand.New(rand.NewPCG(4, 5))
	for i := range 60 {
		l, r := left, right
		l.Box.Center.Y += 0.12 * (rng.Float64() - 0.7) // toward each other
		r.Box.Center.Y += 0.12 * (rng.Float64() - 0.3)
		switch i % 3 {
		case 0:
			snap = s.observe(l)
		case 1:
			snap = s.observe(r)
		default:
			snap = s.observe(l, r)
		}
	}
	if len(snap.Seen) != 2 {
		t.Fatalf("%d things remembered, stats %+v", len(snap.Seen), snap.Stats)
	}
}

func TestOneThatWasTwoIsSplit(t *testing.T) {
	s := newStill(t)
	for range 10 { // from afar two cabinets look like one
		s.observe(detected(6, 0.8, 3, 0, Vec3{.5, 1.6, 1.2}))
	}
	var snap *Snapshot
	half := Vec3{.5, .8, 1.2}
	for range 6 {
		snap = s.observe(detected(6, 0.8, 3, 0.4, half), detected(6, 0.8, 3, -0.4, half))
	}
	if len(snap.Seen) != 2 || snap.Stats.Split != 1 {
		for _, o := range snap.Seen {
			t.Logf("%s %v", o.ID, o.Box)
		}
		t.Fatalf("%d things remembered, stats %+v", len(snap.Seen), snap.Stats)
	}
	for _, o := range snap.Seen {
		if o.Box.Size.Y > 1 || o.FirstMono != 500*time.Millisecond {
			t.Errorf("%s is %.2f m wide and first seen at %s", o.ID, o.Box.Size.Y, o.FirstMono)
		}
	}
	if snap.Seen[0].ID != "o1" && snap.Seen[1].ID != "o1" {
		t.Error("neither keeps the identity")
	}
}

func TestWideThingThatSometimesShowsAPartIsNotSplit(t *testing.T) {
	s := newStill(t)
	whole, part := detected(3, 0.8, 3, 0, Vec3{.9, 2, .8}), detected(3, 0.6, 3, 0.5, Vec3{.9, .9, .8})
	var snap *Snapshot
	for i := range 20 {
		if i%4 == 3 {
			snap = s.observe(part)
		} else {
			snap = s.observe(whole)
		}
	}
	if len(snap.Seen) != 1 || snap.Stats.Split != 0 || snap.Seen[0].Box.Size.Y < 1.5 {
		t.Fatalf("remembered: %+v", snap.Seen)
	}
}

func TestMovedThingKeepsItsIdentity(t *testing.T) {
	for name, emptyFirst := range map[string]bool{"place empty, then found": true, "found, then place empty": false} {
		t.Run(name, func(t *testing.T) {
			s := newStill(t)
			box, other := detected(4, 0.8, 2, 1, cubeOf(.5)), detected(6, 0.8, 3, -1.5, Vec3{.6, 1, 1.8})
			var snap *Snapshot
			for range 6 {
				snap = s.observe(box, other)
			}
			id, first := snap.Seen[0].ID, snap.Seen[0].FirstMono
			moved := box
			moved.Box.Center = Vec3{2.5, -0.4, 0.25}
			moved.Box.Yaw = 0.7
			if emptyFirst {
				for range 20 {
					snap = s.observe(other)
				}
				if len(snap.Seen) != 1 || snap.Stats.Forgotten != 1 {
					t.Fatalf("%d things while it is away", len(snap.Seen))
				}
			}
			for range 20 {
				snap = s.observe(moved, other)
			}
			if len(snap.Seen) != 2 {
				t.Fatalf("%d things remembered", len(snap.Seen))
			}
			o, d := nearest(snap, moved.Box.Center)
			if o.ID != id || o.FirstMono != first || !o.Moved() || d > 0.05 {
				t.Errorf("%s, first seen at %s, moved %v, %.2f m off; it was %s", o.ID, o.FirstMono, o.Moved(), d, id)
			}
			if o.MovedFrom.Sub(box.Box.Center).Norm() > 0.05 || snap.Stats.Moved != 1 {
				t.Errorf("moved from %v, stats %+v", o.MovedFrom, snap.Stats)
			}
			if still, _ := nearest(snap, other.Box.Center); still.Moved() {
				t.Error("what stands still has moved")
			}
		})
	}
}

func TestOtherThingElsewhereIsNotTheOneThatIsGone(t *testing.T) {
	for name, d := range map[string]Detection{
		"label": detected(0, 0.8, 2.5, -0.4, cubeOf(.5)),
		"size":  detected(4, 0.8, 2.5, -0.4, cubeOf(1.2)),
		"embedding": func() Detection {
			d := detected(4, 0.8, 2.5, -0.4, cubeOf(.5))
			d.Embedding = []float32{-1, 0}
			return d
		}(),
		"colour": func() Detection {
			d := detected(4, 0.8, 2.5, -0.4, cubeOf(.5))
			d.Colors = []float32{0, 0, 1}
			return d
		}(),
	} {
		s := newStill(t)
		gone := detected(4, 0.8, 2, 1, cubeOf(.5))
		gone.Embedding, gone.Colors = []float32{1, 0}, []float32{1, 0, 0}
		for range 6 {
			s.observe(gone)
		}
		for range 20 {
			s.observe()
		}
		var snap *Snapshot
		for range 6 {
			snap = s.observe(d)
		}
		if len(snap.Seen) != 1 || snap.Seen[0].ID == "o1" || snap.Seen[0].Moved() {
			t.Errorf("%s: %+v", name, snap.Seen)
		}
	}
}

// With two candidates nobody knows which one it is, so it is a new thing.
func TestAmbiguousMoveIsANewThing(t *testing.T) {
	s := newStill(t)
	for range 6 {
		s.observe(detected(4, 0.8, 2, 1, cubeOf(.5)), detected(4, 0.8, 2, -1, cubeOf(.5)))
	}
	for range 20 {
		s.observe()
	}
	var snap *Snapshot
	for range 6 {
		snap = s.observe(detected(4, 0.8, 3, 0, cubeOf(.5)))
	}
	if len(snap.Seen) != 1 || snap.Seen[0].ID != "o3" || snap.Seen[0].Moved() {
		t.Errorf("%+v", snap.Seen)
	}
}

func TestThingThatComesBackToItsPlaceHasNotMoved(t *testing.T) {
	s := newStill(t)
	box := detected(4, 0.8, 2, 1, cubeOf(.5))
	for range 6 {
		s.observe(box)
	}
	for range 20 {
		s.observe()
	}
	var snap *Snapshot
	for range 3 {
		snap = s.observe(box)
	}
	if len(snap.Seen) != 1 || snap.Seen[0].ID != "o1" || snap.Seen[0].Moved() || snap.Stats.Moved != 0 {
		t.Errorf("%+v, stats %+v", snap.Seen, snap.Stats)
	}
}
