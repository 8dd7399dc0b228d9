package scene

import (
	"math"
	"testing"
	"time"
)

// hinter is a robot in an empty memory that sees nothing but hints of one label.
type hinter struct {
	t    *testing.T
	m    *Memory
	mono time.Duration
	pose Pose
}

func newHinter(t *testing.T) *hinter {
	t.Helper()
	m, err := New(DefaultConfig([]string{"a", "b"}, nil))
	if err != nil {
		t.Fatal(err)
	}
	return &hinter{t: t, m: m}
}

// look observes, from the robot's pose, hints of the first label; with a depth the camera sees that far everywhere.
func (h *hinter) look(depth float32, hints ...Detection) *Snapshot {
	h.t.Helper()
	h.mono += 500 * time.Millisecond
	o := &Observation{Mono: h.mono, Consistency: 1, Hints: hints, View: View{
		Position: Vec3{Z: 0.5}, HFOV: 1.4, VFOV: 1.1, Cols: 1, Rows: 1, Depth: []float32{depth},
	}}
	if err := h.m.SetOdometry(Odometry{Pose: h.pose, Mono: h.mono}); err != nil {
		h.t.Fatal(err)
	}
	if err := h.m.Observe(o); err != nil {
		h.t.Fatal(err)
	}
	return h.m.Snapshot()
}

func hintAt(x, y, score float64) Detection {
	return Detection{
		Score: score, Box: Box{Center: Vec3{x, y, 0.5}, Size: Vec3{0.5, 0.5, 1}},
		CenterVar: Vec3{0.01, 0.01, 0.01}, SizeVar: Vec3{0.01, 0.01, 0.01}, YawVar: 0.1,
	}
}

func (h *hinter) only(s *Snapshot) *Object {
	h.t.Helper()
	if len(s.Glimpses) != 1 || len(s.Seen) != 0 {
		h.t.Fatalf("%d glimpses, %d things", len(s.Glimpses), len(s.Seen))
	}
	return &s.Glimpses[0]
}

func TestGlimpseIsTheBestHint(t *testing.T) {
	h := newHinter(t)
	h.look(1, hintAt(3, 1, 0.2))
	h.look(1, hintAt(3, -1, 0.1)) // worse, and elsewhere
	g := h.only(h.look(1))
	if math.Abs(g.Existence-0.2) > 1e-9 || g.Box.Center != (Vec3{3, 1, 0.5}) || g.ID != "" || g.LabelProbs[0] != 1 {
		t.Errorf("glimpse %+v", g)
	}
	g = h.only(h.look(1, hintAt(3.1, 1, 0.4)))
	if g.Existence < 0.39 || g.Box.Center.X != 3.1 || g.FirstMono != 500*time.Millisecond {
		t.Errorf("a better look at the same place: %+v", g)
	}
	g = h.only(h.look(1, hintAt(1, -2, 0.6)))
	if g.FirstMono != h.mono || g.Box.Center.Y != -2 {
		t.Errorf("a better look elsewhere: %+v", g)
	}
}

func TestGlimpseStaysWhereItIsInMap(t *testing.T) {
	h := newHinter(t)
	before := *h.only(h.look(1, hintAt(3, 0, 0.2)))
	h.pose = Pose{X: 1, Y: 1, Yaw: math.Pi / 2}
	h.mono += time.Second
	g := h.only(h.look(1))
	if g.Box.Center != before.Box.Center || g.CenterCov[0] <= before.CenterCov[0] {
		t.Errorf("the robot went on: %+v, before %+v", g, before)
	}
	h.m.Clear()
	if s := h.m.Snapshot(); len(s.Glimpses) != 0 {
		t.Errorf("a cleared memory tells of %+v", s.Glimpses)
	}
}

func TestGlimpseFadesWhereNothingIs(t *testing.T) {
	h := newHinter(t)
	h.look(3, hintAt(3, 0, 0.5))
	kept := h.only(h.look(1)).Existence // something nearer hides the place
	if math.Abs(kept-0.5) > 0.01 {
		t.Errorf("what is hidden faded to %g", kept)
	}
	for range 5 {
		h.look(8)
	}
	if left := h.only(h.look(8)).Existence; left > 0.05 {
		t.Errorf("the camera looked through its place six times, and the score is %g", left)
	}
}
