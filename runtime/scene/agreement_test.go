package scene

import (
	"math"
	"testing"
	"time"
)

// corner is what a robot that stands still sees of three things, all of them off metres aside.
func corner(off float64) []Detection {
	var out []Detection
	for i, at := range []Vec3{{3, 1, 0.5}, {3, -1, 0.5}, {2, 0, 0.4}} {
		at.Y += off
		out = append(out, Detection{
			Label: i, Score: 0.9, Box: Box{Center: at, Size: Vec3{0.5, 0.5, 1}},
			CenterVar: Vec3{0.002, 0.002, 0.002}, SizeVar: Vec3{0.001, 0.001, 0.001}, YawVar: 0.01,
		})
	}
	return out
}

// agreed watches the corner, then sees it with the change, and returns the consistency of that last look.
func agreed(t *testing.T, change func(*Observation)) *Snapshot {
	t.Helper()
	m, err := New(DefaultConfig([]string{"a", "b", "c"}, nil))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		o := &Observation{
			Mono: time.Duration(i+1) * 200 * time.Millisecond, Consistency: 1, Detections: corner(0), HasEgo: i > 0,
			Ego: Motion{VarX: 1e-4, VarY: 1e-4, VarYaw: 1e-4},
		}
		if err := m.SetOdometry(Odometry{Mono: o.Mono}); err != nil {
			t.Fatal(err)
		}
		if i == 4 {
			change(o)
		}
		if err := m.Observe(o); err != nil {
			t.Fatal(err)
		}
	}
	return m.Snapshot()
}

func TestAgreementWithMemory(t *testing.T) {
	if c := agreed(t, func(*Observation) {}).Consistency; c != 1 {
		t.Errorf("nothing changed, and the consistency is %g", c)
	}
	last := 1.0
	for _, off := range []float64{0.25, 0.33} {
		c := agreed(t, func(o *Observation) { o.Detections = corner(off) }).Consistency
		if c >= last {
			t.Errorf("all is seen %g m aside: consistency %g, after %g", off, c, last)
		}
		last = c
	}
	last = 1
	for _, turn := range []float64{0.1, 0.3} {
		c := agreed(t, func(o *Observation) { o.Ego.Yaw = turn }).Consistency
		if c >= last || c < leastAgreement {
			t.Errorf("the networks saw a turn of %g rad that was none: consistency %g, after %g", turn, c, last)
		}
		last = c
	}
	if c := agreed(t, func(o *Observation) { o.Consistency = 0.3 }).Consistency; c != 0.3 {
		t.Errorf("what perception found inconsistent is %g", c)
	}
}

func TestHintsAreToldButNotRemembered(t *testing.T) {
	hint := Detection{Label: 2, Score: 0.2, Box: Box{Center: Vec3{2, 0, 0.5}, Size: Vec3{1, 1, 1}}}
	s := agreed(t, func(o *Observation) { o.Detections, o.Hints = nil, []Detection{hint} })
	if len(s.Now) != 0 || len(s.Seen) != 3 || len(s.Hints) != 1 {
		t.Fatalf("%d now, %d seen, %d hints", len(s.Now), len(s.Seen), len(s.Hints))
	}
	h := s.Hints[0]
	if h.Label != "c" || h.Existence != 0.2 || h.ID != "" || h.Box.Center != hint.Box.Center || h.LabelProbs[2] != 1 {
		t.Errorf("hint %+v", h)
	}
	m, err := New(DefaultConfig([]string{"a"}, nil))
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]Detection{
		"two of one label": {{Score: 0.1, Box: hint.Box}, {Score: 0.1, Box: hint.Box}},
		"no number":        {{Score: math.NaN(), Box: hint.Box}},
	} {
		if m.Observe(&Observation{Mono: time.Second, Consistency: 1, Hints: bad}) == nil {
			t.Errorf("hints with %s are taken in", name)
		}
	}
	if !m.Snapshot().Empty() {
		t.Error("rejected hints left a trace")
	}
}

func TestVariancesOfThingsSeenOften(t *testing.T) {
	cfg := DefaultConfig([]string{"a"}, nil)
	if cfg.shared(1) != 1 || cfg.shared(0) != 1 {
		t.Error("what was seen once is as uncertain as that view says")
	}
	if a, b := cfg.shared(4), cfg.shared(1000); a <= 1 || b <= a || b > cfg.SharedError {
		t.Errorf("factors %g and %g", a, b)
	}
}
