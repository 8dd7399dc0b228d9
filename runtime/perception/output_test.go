package perception_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/runtime/perception"
	"github.com/vega-edge/vegad/runtime/scene"
)

func TestDepthAndView(t *testing.T) {
	n := newNetwork()
	for i := range cells {
		n.cell("depth", i, math.Log(1+float64(i)/100), math.Log(0.04))
	}
	n.cell("depth", 3, math.NaN(), 0)
	n.cell("depth", 4, 1, math.Inf(1))
	n.cell("depth", 5, math.Inf(1), 0)
	cfg := config(n)
	cfg.Manifest.Decode.VarianceScale.Depth = 2.25
	cfg.Mount = camera.Mount{X: 0.1, Y: 0.2, Height: 0.9, Yaw: 0.3, Pitch: 0.4}
	v := see(t, cfg).View
	for i := range cells {
		far, sigma := 1+float64(i)/100, 0.2*1.5
		if i >= 3 && i <= 5 {
			far, sigma = 0, 0 // unknown
		}
		near(t, fmt.Sprint("depth ", i), float64(v.Depth[i]), far, 1e-5)
		near(t, fmt.Sprint("sigma ", i), float64(v.DepthSigma[i]), sigma, 1e-6)
	}
	if v.Position != (scene.Vec3{X: 0.1, Y: 0.2, Z: 0.9}) || v.Yaw != 0.3 || v.Pitch != 0.4 ||
		v.Cols != cols || v.Rows != rows {
		t.Errorf("view %+v", v)
	}
	near(t, "horizontal field", v.HFOV, hfov, 1e-12)
	near(t, "vertical field", v.VFOV, 2*math.Atan(60/focal), 1e-12)
}

func TestRoom(t *testing.T) {
	n := newNetwork()
	cfg := config(n)
	cfg.Manifest.Decode.VarianceScale.Room = 3
	p := newPipeline(t, cfg)
	feed(t, p, picture(1, time.Second))
	write := func(values ...float64) scene.Room {
		for i, v := range values {
			n.head.out["room"][i] = float32(v)
		}
		return observe(t, p, perception.Observe).Room
	}
	r := write(math.Log(3), math.Log(5), math.Log(2.5), math.Log(15), 0, 0, 0, math.Log(0.04))
	near(t, "length", r.Length, 5, 1e-5) // never shorter than the width
	near(t, "width", r.Width, 3, 1e-5)
	near(t, "height", r.Height, 2.5, 1e-5)
	near(t, "area", r.Area, 15, 1e-4)
	near(t, "variance", r.LogVar, 0.12, 1e-6)
	for i := range 8 {
		for _, bad := range []float64{math.NaN(), math.Inf(1), 400} {
			values := make([]float64, 8)
			want := scene.Room{}
			if i >= 4 && i < 7 { // these variances are not read
				want = write(values...)
			}
			values[i] = bad
			if got := write(values...); got != want {
				t.Errorf("value %d of %g: %+v", i, bad, got)
			}
		}
	}
}

// Whatever the head says, memory takes the observation, and what is well-formed in it stays.
func TestGarbageNeverReachesMemory(t *testing.T) {
	n := newNetwork()
	n.thing(0, 45, 3, 3)  // this one stays
	n.thing(1, 150, 2, 4) // this one may be spoilt
	p := newPipeline(t, config(n))
	at := time.Second
	for _, field := range slices.Sorted(maps.Keys(n.head.out)) {
		values := n.head.out[field]
		for i := min(150, len(values)-1); i >= 0 && i < len(values); i = next(i, len(values)) {
			good := values[i]
			for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e30, -1e30, 300} {
				values[i] = float32(bad)
				remember(t, p, &at, fmt.Sprintf("%s %d %g", field, i, bad))
			}
			values[i] = good
		}
	}
}

// next is the spoilt cell's place in the next channel of a field, or the value before of a row.
func next(i, length int) int {
	if length >= cells {
		return i + cells
	}
	return i - 1
}

// remember observes two frames and puts both observations into a new memory, which must take them.
func remember(t *testing.T, p *perception.Pipeline, at *time.Duration, what string) {
	t.Helper()
	memory, err := scene.New(scene.DefaultConfig(manifest().Labels, manifest().Colors))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		*at += stride
		feed(t, p, picture(1, *at))
		err := p.Observe(t.Context(), perception.Observe, func(o *scene.Observation) bool {
			if err := memory.Observe(o); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			if !(o.GateMean >= 0 && o.GateMean <= 1 && o.GateShift == 0) {
				t.Errorf("%s: gate %g, shift %g", what, o.GateMean, o.GateShift)
			}
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	snap := memory.Snapshot()
	if !slices.ContainsFunc(snap.Seen, func(o scene.Object) bool { return o.Label == "ball" }) {
		t.Errorf("%s: the ball that was well seen is not remembered", what)
	}
	for _, v := range []float64{snap.Robot.X, snap.Robot.Y, snap.Robot.Yaw, snap.Room.Area} {
		if !(math.Abs(v) <= 1e5) {
			t.Errorf("%s: pose %+v, area %g", what, snap.Robot, snap.Room.Area)
		}
	}
}
