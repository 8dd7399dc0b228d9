package perception_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/runtime/perception"
	"github.com/vega-edge/vegad/runtime/scene"
)

func TestObserveBeforeTheFirstFrame(t *testing.T) {
	p := newPipeline(t, config(newNetwork()))
	err := p.Observe(t.Context(), perception.Observe, func(*scene.Observation) bool {
		t.Error("an observation of nothing")
		return true
	})
	if !errors.Is(err, perception.ErrNoFrame) {
		t.Errorf("%v", err)
	}
}

func TestUnknownFamily(t *testing.T) {
	n := newNetwork()
	p := newPipeline(t, config(n))
	feed(t, p, picture(1, time.Second))
	err := p.Observe(t.Context(), "guess", func(*scene.Observation) bool { return true })
	if err == nil || !strings.Contains(err.Error(), `"guess"`) || !strings.Contains(err.Error(), "describe") {
		t.Errorf("%v", err)
	}
	if n.head.runs != 0 {
		t.Error("the head ran for a family that it does not know")
	}
}

// fits changes one size of the fakes and returns what New says.
func fits(change func(*network, *perception.Config)) error {
	n := newNetwork()
	cfg := config(n)
	change(n, &cfg)
	_, err := perception.New(cfg)
	return err
}

func TestNewRefuses(t *testing.T) {
	short := func(tensors map[string][]float32, name string) { tensors[name] = tensors[name][:len(tensors[name])/2] }
	for want, change := range map[string]func(*network, *perception.Config){
		"spatial_head of this bundle wants more": func(n *network, _ *perception.Config) {
			n.head.in["semantic"] = make([]float32, clip*semantic*cells)
		},
		"in box, this version reads 3000":        func(n *network, _ *perception.Config) { short(n.head.out, "box") },
		"in box_logvar, this version reads 1200": func(n *network, _ *perception.Config) { short(n.head.out, "box_logvar") },
		"in depth, this version reads 600":       func(n *network, _ *perception.Config) { short(n.head.out, "depth") },
		"in ego, this version reads 6":           func(n *network, _ *perception.Config) { short(n.head.out, "ego") },
		"in room, this version reads 8":          func(n *network, _ *perception.Config) { short(n.head.out, "room") },
		"in rays, this version reads 1200":       func(n *network, _ *perception.Config) { short(n.head.in, "rays") },
		"preparing camera front: camera pitch":   func(_ *network, c *perception.Config) { c.Mount.Pitch = 2 },
		"preparing camera front: focal lengths":  func(_ *network, c *perception.Config) { c.Calibration.Fx = 0 },
	} {
		if err := fits(change); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if err := fits(func(*network, *perception.Config) {}); err != nil {
		t.Error(err)
	}
}

// A camera may start over with another size of the same shape: the view is made anew, and what the old one gave is
// forgotten, for its tokens lie elsewhere.
func TestCameraChangesItsSize(t *testing.T) {
	n := newNetwork()
	numbered(n)
	p := newPipeline(t, config(n))
	feed(t, p, picture(1, time.Second))
	first := n.head.in["rays"][0]
	n.head.in["rays"][0] = 0
	large := camera.NewFrame(128, 96, camera.BGR8, nil)
	fill8(large.Pix, 255)
	large.Seq = 2
	large.Stamp(time.Second + stride)
	feed(t, p, large)
	if got := n.head.in["rays"][0]; got != first {
		t.Errorf("rays were not written for the new view: %g, want %g", got, first)
	}
	near(t, "white at the middle", float64(n.stem.in["image"][60*160+80]), 1, 1e-3)
	near(t, "for both encoders", float64(n.semantic.in["image"][60*160+80]), 1, 1e-3)
	o := observe(t, p, perception.Observe)
	if got, _ := chosen(t, n); got != [clip]int{2, 2, 2, 2} || o.Seq != 2 {
		t.Errorf("after the change the clip is %v, frame %d", got, o.Seq)
	}

	wide := camera.NewFrame(128, 48, camera.RGB8, nil) // another shape: the calibration cannot fit
	err := p.Frame(t.Context(), wide)
	if err == nil || !strings.Contains(err.Error(), "aspect ratio") {
		t.Errorf("%v", err)
	}
	feed(t, p, picture(3, time.Second+2*stride)) // and back
	if o := observe(t, p, perception.Observe); o.Seq != 3 {
		t.Errorf("frame %d", o.Seq)
	}
}

func fill8(v []byte, x byte) {
	for i := range v {
		v[i] = x
	}
}

func TestCalibrated(t *testing.T) {
	cfg := config(newNetwork())
	if !newPipeline(t, cfg).Calibrated() {
		t.Error("a measured calibration counts as assumed")
	}
	cfg.Calibration.Assumed = true
	if newPipeline(t, cfg).Calibrated() {
		t.Error("an assumed calibration counts as measured")
	}
	cfg.Calibration = camera.Calibration{}
	if newPipeline(t, cfg).Calibrated() {
		t.Error("no calibration counts as measured")
	}
}

func TestErrorsOfTheGraphs(t *testing.T) {
	broken := errors.New("out of memory")
	n := newNetwork()
	p := newPipeline(t, config(n))
	feed(t, p, picture(1, time.Second))
	for name, f := range map[string]*fake{
		"video_stem": n.stem, "semantic_encoder": n.semantic, "video_mixer": n.mixer, "spatial_head": n.head,
	} {
		f.run = func(*fake) error { return broken }
		err := p.Frame(t.Context(), picture(2, 2*time.Second))
		if err == nil {
			err = p.Observe(t.Context(), perception.Observe, func(*scene.Observation) bool {
				t.Errorf("%s failed and is observed", name)
				return true
			})
		}
		if !errors.Is(err, broken) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		f.run = nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Frame(ctx, picture(3, 3*time.Second)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// motion writes what the head says of the camera's motion over its last stride.
func (n *network) motion(values ...float64) {
	for i, v := range values {
		n.head.out["ego"][i] = float32(v)
	}
}

// planar moves points of the floor: a test's own rigid motion as a 2x3 matrix.
type planar [6]float64

func at(x, y, yaw float64) planar {
	s, c := math.Sincos(yaw)
	return planar{c, -s, x, s, c, y}
}

func (a planar) times(b planar) planar {
	return planar{
		a[0]*b[0] + a[1]*b[3], a[0]*b[1] + a[1]*b[4], a[0]*b[2] + a[1]*b[5] + a[2],
		a[3]*b[0] + a[4]*b[3], a[3]*b[1] + a[4]*b[4], a[3]*b[2] + a[4]*b[5] + a[5],
	}
}

func (a planar) inverse() planar {
	return planar{a[0], a[3], -a[0]*a[2] - a[3]*a[5], a[1], a[4], -a[1]*a[2] - a[4]*a[5]}
}

func TestEgoOfAnOffCentreCamera(t *testing.T) {
	for _, mount := range []camera.Mount{
		{Height: 1},
		{X: 0.4, Y: -0.2, Height: 1},
		{X: -0.3, Y: 0.5, Height: 1, Yaw: 2.1, Pitch: 0.3},
	} {
		n := newNetwork()
		n.motion(0.12, -0.05, 0.3, math.Log(0.01), math.Log(0.04), math.Log(0.09))
		cfg := config(n)
		cfg.Mount = mount
		cfg.Manifest.Decode.VarianceScale.Ego = 2
		p := newPipeline(t, cfg)
		for i := range 2 {
			feed(t, p, picture(uint64(i+1), time.Second+time.Duration(i)*stride))
			o := observe(t, p, perception.Observe)
			if o.HasEgo != (i == 1) {
				t.Fatalf("observation %d knows a motion: %v", i, o.HasEgo)
			}
			if i == 0 {
				continue
			}
			m := at(mount.X, mount.Y, mount.Yaw)
			want := m.times(at(0.12, -0.05, 0.3)).times(m.inverse())
			near(t, "x", o.Ego.X, want[2], 1e-6)
			near(t, "y", o.Ego.Y, want[5], 1e-6)
			near(t, "yaw", o.Ego.Yaw, math.Atan2(want[3], want[0]), 1e-6)
			// Numerically: how the robot's motion depends on the camera's, times its variances.
			wantVar := [2]float64{}
			for k, v := range []float64{0.02, 0.08, 0.18} {
				step := [3]float64{0.12, -0.05, 0.3}
				step[k] += 1e-6
				moved := m.times(at(step[0], step[1], step[2])).times(m.inverse())
				dx, dy := (moved[2]-want[2])/1e-6, (moved[5]-want[5])/1e-6
				wantVar[0] += v * dx * dx
				wantVar[1] += v * dy * dy
			}
			near(t, "variance of x", o.Ego.VarX, wantVar[0], 1e-6)
			near(t, "variance of y", o.Ego.VarY, wantVar[1], 1e-6)
			near(t, "variance of yaw", o.Ego.VarYaw, 0.18, 1e-6)
		}
	}
}

// The head speaks of the last stride; the robot's motion is wanted since the last observation that was kept.
func TestEgoCountsFromTheLastKeptObservation(t *testing.T) {
	n := newNetwork()
	n.motion(0.1, 0, 0, math.Log(0.01), math.Log(0.01), math.Log(0.01))
	p := newPipeline(t, config(n))
	var got []scene.Observation
	look := func(keep bool) {
		err := p.Observe(t.Context(), perception.Observe, func(o *scene.Observation) bool {
			got = append(got, *o)
			return keep
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	feed(t, p, picture(1, time.Second))
	look(true)
	feed(t, p, picture(2, time.Second+stride))
	look(false) // a stride after the first
	look(true)  // still a stride
	look(true)  // the same frame again: no time has passed
	feed(t, p, picture(3, time.Second+stride*7/5))
	look(true) // 0.4 strides after frame 2; the head spoke of 1.4 strides, from frame 1 on
	feed(t, p, picture(4, time.Minute))
	look(true) // after a gap nobody knows
	share := 0.4 / 1.4
	want := []struct {
		has  bool
		x, v float64
	}{{}, {true, 0.1, 0.01}, {true, 0.1, 0.01}, {}, {true, 0.1 * share, 0.01 * share * share}, {}}
	for i, w := range want {
		if got[i].HasEgo != w.has {
			t.Errorf("observation %d knows a motion: %v", i, got[i].HasEgo)
		}
		near(t, fmt.Sprint("x of ", i), got[i].Ego.X, w.x, 1e-6)
		near(t, fmt.Sprint("variance of ", i), got[i].Ego.VarX, w.v, 1e-6)
	}
}

func TestEgoThatIsNoNumber(t *testing.T) {
	n := newNetwork()
	n.motion(math.NaN(), 0, 0, 0, 0, 0)
	p := newPipeline(t, config(n))
	for i := range 2 {
		feed(t, p, picture(uint64(i+1), time.Second+time.Duration(i)*stride))
		if o := observe(t, p, perception.Observe); o.HasEgo {
			t.Errorf("observation %d knows the motion %+v", i, o.Ego)
		}
	}
}

func TestGateShift(t *testing.T) {
	n := newNetwork()
	n.head.run = func(f *fake) error {
		fill(f.out["gate"], 0.5+0.1*f.in["context"][3]) // of measure
		f.out["gate"][0] = float32(math.NaN())
		return nil
	}
	p := newPipeline(t, config(n))
	feed(t, p, picture(1, time.Second))
	o := observe(t, p, perception.Observe)
	near(t, "mean at rest", o.GateMean, 0.5, 1e-6)
	near(t, "shift at rest", o.GateShift, 0, 0)
	o = observe(t, p, perception.Measure)
	near(t, "mean of a measurement", o.GateMean, 0.6, 1e-6)
	near(t, "shift of a measurement", o.GateShift, 0.1, 1e-6)
}

func TestIdentityOfAnObservation(t *testing.T) {
	p := newPipeline(t, config(newNetwork()))
	f := picture(42, 7*time.Second)
	feed(t, p, f)
	f.Release()
	o := observe(t, p, perception.Observe)
	if o.Seq != 42 || o.Mono != 7*time.Second || !o.Wall.Equal(f.Wall) || o.Camera != "front" || o.Consistency != 1 {
		t.Errorf("%+v", o)
	}
	if spent := p.Timing(); spent.View <= 0 || spent.Decode <= 0 {
		t.Errorf("%+v", spent)
	}
}
