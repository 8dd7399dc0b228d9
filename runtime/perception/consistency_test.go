package perception_test

import (
	"math"
	"testing"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/runtime/perception"
	"github.com/vega-edge/vegad/runtime/scene"
)

// level is a camera 0.8 m above the floor that looks a little down.
func level(n *network) perception.Config {
	cfg := config(n)
	cfg.Mount = camera.Mount{Height: 0.8, Pitch: 0.2}
	return cfg
}

// floor lets the head see nothing but the floor, as the view tells it, at stretch times its distance; walls stand at
// 4 m.
func (n *network) floor(stretch float64) {
	n.head.run = func(f *fake) error {
		rays := f.in["rays"]
		for i := range cells {
			far := 4.0
			if inv := float64(rays[3*cells+i]); inv > 0.25 {
				far = stretch / inv
			}
			f.out["depth"][i] = float32(math.Log(far))
			f.out["depth"][cells+i] = float32(2 * math.Log(0.1))
		}
		return nil
	}
}

func TestDepthThatFitsTheFloorAgrees(t *testing.T) {
	n := newNetwork()
	n.floor(1)
	near(t, "consistency", see(t, level(n)).Consistency, 1, 0)
	n.floor(0.7) // something stands everywhere before the floor
	near(t, "consistency of a heap", see(t, level(n)).Consistency, 1, 0)
}

func TestDepthBelowTheFloorDisagreesTheMoreTheDeeper(t *testing.T) {
	last := 1.0
	for _, stretch := range []float64{1.25, 1.6, 2.2} {
		n := newNetwork()
		n.floor(stretch)
		c := see(t, level(n)).Consistency
		if c >= last {
			t.Errorf("depth of %g times the floor's: consistency %g, after %g for less", stretch, c, last)
		}
		last = c
	}
	if last > 0.2 {
		t.Errorf("a floor more than twice too deep is still %g consistent", last)
	}
}

func TestUnknownHeightChecksNoFloor(t *testing.T) {
	n := newNetwork()
	n.floor(2)
	cfg := level(n)
	cfg.Mount.Height = 0
	near(t, "consistency", see(t, cfg).Consistency, 1, 0)
}

func TestBoxesAgainstFloorAndDepth(t *testing.T) {
	at := 7*cols + 10 // the middle of the picture
	for name, c := range map[string]struct {
		far     float64 // of the box
		depth   float64 // along its ray
		agrees  bool
		unknown bool
	}{
		"a box where the depth is":     {1.4, 1.2, true, false},
		"hidden by something nearer":   {1.4, 0.5, true, false},
		"seen right through":           {1.2, 6, false, false},
		"far below the floor":          {6, 6, false, false},
		"seen through, no depth known": {1.2, 0, true, true},
	} {
		n := newNetwork()
		n.thing(0, at, 3, c.far)
		for ch := range 4 {
			n.head.out["box_logvar"][ch*cells+at] = float32(2 * math.Log(0.05))
		}
		n.head.run = func(f *fake) error {
			for i := range cells {
				f.out["depth"][i], f.out["depth"][cells+i] = float32(math.Log(0.3)), float32(2*math.Log(0.1))
			}
			f.out["depth"][at] = float32(math.Log(c.depth))
			if c.unknown {
				f.out["depth"][at] = float32(math.NaN())
			}
			return nil
		}
		o := see(t, level(n))
		if len(o.Detections) != 1 {
			t.Fatalf("%s: %d detections", name, len(o.Detections))
		}
		if (o.Consistency == 1) != c.agrees {
			t.Errorf("%s: consistency %g; box %+v", name, o.Consistency, o.Detections[0].Box)
		}
	}
}

func TestHintsAreTheBestOfEachLabel(t *testing.T) {
	n := newNetwork()
	n.thing(0, 4*cols+3, 2, 2)   // found
	n.thing(0, 4*cols+12, -1, 2) // less likely
	n.thing(1, 7*cols+7, -2, 3)  // too weak to be found: 12 %
	n.head.out["heat"][2*cells+5] = -9
	o := see(t, config(n))
	if len(o.Detections) != 1 || len(o.Hints) != 2 {
		t.Fatalf("%d detections, %d hints", len(o.Detections), len(o.Hints))
	}
	if diff := o.Hints[0].Box.Center.Sub(o.Detections[0].Box.Center).Norm(); o.Hints[0].Label != 0 || diff > 1e-9 {
		t.Errorf("the best of label 0 is %+v", o.Hints[0])
	}
	h := o.Hints[1]
	near(t, "score", h.Score, 1/(1+math.Exp(2)), 1e-6)
	near(t, "distance", h.Box.Center.Sub(scene.Vec3{Z: 0}).Norm(), 3, 0.01)
	if h.Label != 1 || len(h.Embedding) != 0 {
		t.Errorf("hint %+v", h)
	}
}
