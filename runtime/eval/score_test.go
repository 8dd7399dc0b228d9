package eval

import (
	"math"
	"testing"

	"github.com/vega-edge/vegad/runtime/scene"
)

func box(x, y, z, size float64) scene.Box {
	return scene.Box{Center: scene.Vec3{X: x, Y: y, Z: z}, Size: scene.Vec3{X: size, Y: size, Z: size}}
}

// lounge has one thing of label 0, two of label 1 and none of label 2; the robot went one metre ahead.
func lounge() *clip {
	return &clip{
		labels: 3,
		poses:  []scene.Pose{{X: 1, Y: 1, Yaw: math.Pi / 2}, {X: 1, Y: 2, Yaw: math.Pi / 2}},
		things: []thing{{0, box(3, 4, 0.5, 1)}, {1, box(2, 0, 0.5, 1)}, {1, box(2, -2, 0.5, 1)}},
		depth:  []float32{1, 2, 4},
	}
}

// perfect knows everything.
func perfect(c *clip) *answers {
	b := c.things[0].box
	d, w := b.FootprintDistance(0, 0), math.Atan2(4, 3)
	return &answers{
		labels: []saying{
			{
				box: &b, leaning: &b, remembered: &b, distance: &measured{d, d - 0.1, d + 0.1},
				bearing: &measured{w, w - 0.1, w + 0.1}, count: 1, countGiven: 1, exists: true,
			},
			{count: 2, countGiven: 2, exists: true},
			{reasons: []string{"not_seen"}},
		},
		things: c.things, depth: c.depth,
		steps: []step{{0, 1, scene.Motion{X: 1}}},
	}
}

// figuresOf are the figures of one room.
func figuresOf(c *clip, a *answers) Variant { return summarise([]*tally{c.compare(a)}) }

func wantFigure(t *testing.T, v Variant, group, name string, want float64) {
	t.Helper()
	got, ok := v.Figures[group][name]
	if !ok || math.Abs(got-want) > 1e-4 {
		t.Errorf("%s.%s = %v (there: %v), want %v", group, name, got, ok, want)
	}
}

func TestPerfectAnswersScoreFull(t *testing.T) {
	c := lounge()
	v := figuresOf(c, perfect(c))
	for f, n := range namings() {
		if n.group == "gate" || figure(f) == consistent { // tells of the networks, not of right and wrong
			continue
		}
		want := 100.
		switch figure(f) {
		case locateAbstained, abstained, countOff, distanceOff, distanceRel, directionOff, depthAbsRel, egoMove, egoTurn:
			want = 0
		}
		wantFigure(t, v, n.group, n.name, want)
	}
	if len(v.Reasons) > 0 {
		t.Errorf("reasons %v: an abstention about what is not there is no fault", v.Reasons)
	}
	if n := v.Samples["locate"]["acc25"]; n != 1 {
		t.Errorf("%d things were located, want the unique one only", n)
	}
}

func TestAbstentionsCountAsMisses(t *testing.T) {
	c := lounge()
	a := perfect(c)
	a.labels[0] = saying{leaning: a.labels[0].box, reasons: []string{"too_uncertain", "not_seen", "not_seen"}}
	v := figuresOf(c, a)
	wantFigure(t, v, "locate", "acc25", 0)
	wantFigure(t, v, "locate", "near50cm", 0)
	wantFigure(t, v, "locate", "abstained", 100)
	wantFigure(t, v, "locate_forced", "acc25", 100)
	wantFigure(t, v, "vsi", "abs_distance", 0)
	wantFigure(t, v, "calibration", "abstained", 100)
	wantFigure(t, v, "vsi", "count", 50)
	wantFigure(t, v, "count", "exact", 50)
	wantFigure(t, v, "count", "mae", 0.5)
	wantFigure(t, v, "exists", "accuracy", 200./3)
	if v.Reasons["not_seen"] != 2 || v.Reasons["too_uncertain"] != 1 {
		t.Errorf("reasons %v", v.Reasons)
	}
	if _, ok := v.Figures["distance"]["median_m"]; ok {
		t.Error("a distance error without a distance")
	}
}

func TestErrorsAreMeasured(t *testing.T) {
	c := lounge()
	a := perfect(c)
	s := &a.labels[0]
	off := box(3, 4.3, 0.5, 1) // IoU 0.7/1.3
	s.box, s.remembered = &off, nil
	d := c.things[0].box.FootprintDistance(0, 0)
	*s.distance = measured{d * 1.2, d * 1.1, d * 1.3}
	w := math.Atan2(4, 3)
	*s.bearing = measured{w + 2*math.Pi - 0.05, w + 2*math.Pi - 0.1, w + 2*math.Pi} // the same turned once around
	s.count = 3
	a.things = c.things[:2]
	a.depth = []float32{1.1, 2.2, 4.4}
	a.steps = []step{{0, 1, scene.Motion{X: 0.8, Yaw: math.Pi / 180}}}
	v := figuresOf(c, a)
	wantFigure(t, v, "locate", "acc50", 100)
	wantFigure(t, v, "locate_seen", "acc25", 0)
	wantFigure(t, v, "distance", "median_rel", 20)
	wantFigure(t, v, "distance", "median_m", 0.2*d)
	wantFigure(t, v, "distance", "coverage95", 0)
	wantFigure(t, v, "direction", "median_deg", 0.05*180/math.Pi)
	wantFigure(t, v, "direction", "coverage95", 100)
	wantFigure(t, v, "calibration", "coverage95", 50)
	wantFigure(t, v, "count", "mae", 1)
	wantFigure(t, v, "locate_all", "f1_25", 80)
	wantFigure(t, v, "depth", "abs_rel", 10)
	wantFigure(t, v, "ego", "trans_err_ratio", 0.2)
	wantFigure(t, v, "ego", "rot_err_deg", 1)
}

func TestRoomWithoutThingsSaysNothingAboutFinding(t *testing.T) {
	c := &clip{labels: 1, depth: []float32{1}}
	v := figuresOf(c, &answers{labels: []saying{{exists: true, count: 1}}, things: []thing{cube(0, 0)}, depth: c.depth})
	if f, ok := v.Figures["locate_all"]; ok {
		t.Errorf("locate_all %v", f)
	}
	wantFigure(t, v, "exists", "accuracy", 0)
	wantFigure(t, v, "count", "exact", 0)
}
