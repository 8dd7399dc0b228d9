package scene

import (
	"errors"
	"maps"
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// convoy is a robot with several cameras that drives in a circle and sees a post with each.
type convoy struct {
	t    *testing.T
	m    *Memory
	mono time.Duration
	last map[string]time.Duration
}

func newConvoy(t *testing.T) *convoy {
	t.Helper()
	m, err := New(DefaultConfig([]string{"post", "box"}, nil))
	if err != nil {
		t.Fatal(err)
	}
	return &convoy{t: t, m: m, last: map[string]time.Duration{}}
}

// at is where the robot is: it goes 0.5 m/s and turns 0.2 rad/s.
func at(mono time.Duration) Pose {
	turn := 0.2 * mono.Seconds()
	return Pose{X: 2.5 * math.Sin(turn), Y: 2.5 * (1 - math.Cos(turn)), Yaw: turn}
}

// see observes nothing but the robot's own motion, if the camera tells it.
func (c *convoy) see(camera string, tells bool, detections ...Detection) error {
	o := &Observation{Mono: c.mono, Camera: camera, Consistency: 1, Detections: detections}
	before, known := c.last[camera]
	if o.HasEgo = known && tells; o.HasEgo {
		step := at(before).Inverse().Compose(at(c.mono))
		o.Ego = Motion{X: step.X, Y: step.Y, Yaw: step.Yaw, VarX: 1e-5, VarY: 1e-5, VarYaw: 1e-6}
	}
	err := c.m.Observe(o)
	if err == nil {
		c.last[camera] = c.mono
	}
	return err
}

func (c *convoy) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// off is how far the robot is from where it believes to be, in metres and radians.
func (c *convoy) off() (float64, float64) {
	d := at(c.mono).Inverse().Compose(c.m.Snapshot().Robot)
	return math.Hypot(d.X, d.Y), math.Abs(d.Yaw)
}

func TestSeveralCamerasTellOneMotion(t *testing.T) {
	for name, tells := range map[string][3]bool{
		"one tells it": {true, false, false}, "two tell it": {true, true, false}, "all tell it": {true, true, true},
	} {
		c := newConvoy(t)
		for range 50 {
			for i, camera := range []string{"front", "left", "back"} {
				c.must(c.see(camera, tells[i]))
				c.mono += time.Duration(40+30*i) * time.Millisecond
			}
		}
		c.must(c.see("front", true))
		if far, turned := c.off(); far > 0.05 || turned > 0.01 {
			t.Errorf("%s: after %.1f m the robot is off by %.3f m and %.3f rad", name, 0.5*c.mono.Seconds(), far, turned)
		}
		if s := c.m.Snapshot(); s.PoseSource != PoseEgomotion {
			t.Errorf("%s: the pose rests on %s", name, s.PoseSource)
		}
	}
}

func TestACameraThatTellsNoMotionMakesNothingUncertain(t *testing.T) {
	c := newConvoy(t)
	alone := newConvoy(t)
	for range 20 {
		c.must(c.see("front", true))
		alone.must(alone.see("front", true))
		c.mono, alone.mono = c.mono+100*time.Millisecond, alone.mono+200*time.Millisecond
		c.must(c.see("back", false))
		c.mono += 100 * time.Millisecond
	}
	with, without := c.m.Snapshot().RobotCov, alone.m.Snapshot().RobotCov
	if with[0]+with[4] > 3*(without[0]+without[4])+0.01 {
		t.Errorf("variances %g and %g m², with one camera %g and %g", with[0], with[4], without[0], without[4])
	}
}

// TestNobodyCoastsForEver: the camera that tells the motion is lost, and two others that tell none see on.
func TestNobodyCoastsForEver(t *testing.T) {
	c := newConvoy(t)
	for range 10 {
		c.must(c.see("front", true))
		c.mono += 200 * time.Millisecond
	}
	lost := c.m.Snapshot().Robot
	for range 20 {
		for _, camera := range []string{"left", "back"} {
			c.must(c.see(camera, false))
			c.mono += 100 * time.Millisecond
		}
	}
	on := lost.Inverse().Compose(c.m.Snapshot().Robot)
	if far := math.Hypot(on.X, on.Y); far > 0.5*lateView.Seconds()+0.01 {
		t.Errorf("nothing tells a motion for four seconds, and the robot went on by %.2f m", far)
	}
}

func post(y float64) Detection {
	return Detection{
		Score: 0.9, Box: Box{Center: Vec3{2, y, 0.5}, Size: Vec3{0.3, 0.3, 1}},
		CenterVar: Vec3{1e-3, 1e-3, 1e-3}, SizeVar: Vec3{1e-3, 1e-3, 1e-3}, YawVar: 0.1,
	}
}

func TestWhatAllCamerasShowIsNow(t *testing.T) {
	c := newConvoy(t)
	still := func(camera string, detections ...Detection) *Snapshot {
		c.must(c.m.SetOdometry(Odometry{Mono: c.mono}))
		c.must(c.see(camera, false, detections...))
		c.mono += 100 * time.Millisecond
		return c.m.Snapshot()
	}
	still("front", post(0))
	if s := still("left", post(3)); len(s.Now) != 2 || s.Now[0].Box.Center.Y != 3 || s.Camera != "left" {
		t.Errorf("now: %+v", s.Now)
	}
	if s := still("front", post(0), post(3)); len(s.Now) != 2 {
		t.Errorf("what both show is one thing: %+v", s.Now)
	}
	c.mono += 2 * time.Second
	if s := still("front", post(0)); len(s.Now) != 1 {
		t.Errorf("the left camera has not been seen for two seconds: %+v", s.Now)
	}
	still("left", post(3))
	c.m.Clear()
	if s := c.m.Snapshot(); len(s.Now) != 0 {
		t.Errorf("a cleared memory shows %+v", s.Now)
	}
}

func TestCamerasNeedNotBeInStep(t *testing.T) {
	c := newConvoy(t)
	c.mono = time.Second
	c.must(c.see("front", false))
	c.mono -= 100 * time.Millisecond
	c.must(c.see("left", false)) // its networks took longer
	if s := c.m.Snapshot(); s.Camera != "left" || s.Mono < time.Second {
		t.Errorf("%s at %s", s.Camera, s.Mono)
	}
	for what, refuse := range map[string]func() error{
		"the same picture again":      func() error { return c.see("left", false) },
		"one too old for any":         func() error { c.mono = 700 * time.Millisecond; return c.see("back", false) },
		"the newest camera, backward": func() error { c.mono = 850 * time.Millisecond; return c.see("left", false) },
	} {
		if err := refuse(); !errors.Is(err, ErrRejected) {
			t.Errorf("%s: %v", what, err)
		}
	}
	c.mono = 2 * time.Second
	for i := range maxCameras - 2 {
		c.mono += time.Millisecond
		c.must(c.see("extra"+strconv.Itoa(i), false))
	}
	c.mono += time.Millisecond
	if err := c.see("one too many", false); !errors.Is(err, ErrRejected) {
		t.Errorf("camera %d: %v", maxCameras+1, err)
	}
	c.must(c.see("front", false))
}

func TestCheckpointHoldsAllCameras(t *testing.T) {
	c := newConvoy(t)
	drive := func(c *convoy) {
		c.must(c.see("front", true, post(0)))
		c.mono += 70 * time.Millisecond
		c.must(c.see("left", false, post(3)))
		c.mono += 60 * time.Millisecond
	}
	for range 3 {
		drive(c)
	}
	other := newConvoy(t)
	other.must(other.see("front", false, post(1)))
	if len(other.m.Snapshot().Now) != 1 {
		t.Fatal("nothing is to be replaced")
	}
	c.must(other.m.Resume(c.m.Checkpoint()))
	other.mono, other.last = c.mono, maps.Clone(c.last)
	for i := range 4 {
		if diff := cmp.Diff(c.m.Snapshot(), other.m.Snapshot()); diff != "" {
			t.Fatalf("after %d rounds (-first +resumed):\n%s", i, diff)
		}
		drive(c)
		drive(other)
	}
}
