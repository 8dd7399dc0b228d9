package scene

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// state describes everything that an observation could change.
func state(m *Memory) string {
	s := *m.Snapshot() // a copy: snapshots are shared
	s.Stats.RejectedObservations, s.Stats.RejectedPoses = 0, 0
	return fmt.Sprintf("%+v", s)
}

// spoilers are the ways to break one number of an observation.
func spoilers() map[string]func(*Observation, float64) {
	return map[string]func(*Observation, float64){
		"centre":      func(o *Observation, x float64) { o.Detections[0].Box.Center.Y = x },
		"size":        func(o *Observation, x float64) { o.Detections[0].Box.Size.Z = x },
		"yaw":         func(o *Observation, x float64) { o.Detections[0].Box.Yaw = x },
		"score":       func(o *Observation, x float64) { o.Detections[0].Score = x },
		"centre var":  func(o *Observation, x float64) { o.Detections[0].CenterVar.X = x },
		"size var":    func(o *Observation, x float64) { o.Detections[0].SizeVar.Y = x },
		"yaw var":     func(o *Observation, x float64) { o.Detections[0].YawVar = x },
		"colour":      func(o *Observation, x float64) { o.Detections[0].Colors[1] = float32(x) },
		"embedding":   func(o *Observation, x float64) { o.Detections[0].Embedding = []float32{float32(x)} },
		"ego":         func(o *Observation, x float64) { o.HasEgo, o.Ego.X = true, x },
		"ego var":     func(o *Observation, x float64) { o.HasEgo, o.Ego.VarYaw = true, x },
		"camera":      func(o *Observation, x float64) { o.View.Position.Z = x },
		"fov":         func(o *Observation, x float64) { o.View.HFOV = x },
		"depth":       func(o *Observation, x float64) { o.View.Depth[3] = float32(x) },
		"depth sigma": func(o *Observation, x float64) { o.View.DepthSigma[3] = float32(x) },
		"room":        func(o *Observation, x float64) { o.Room.Area = x },
		"room var":    func(o *Observation, x float64) { o.Room.LogVar = x },
		"consistency": func(o *Observation, x float64) { o.Consistency = x },
	}
}

func goodObservation(w *world) *Observation {
	v := w.view()
	e := newEye(&v, w.robot)
	w.render(&v, &e)
	return &Observation{
		Seq: w.seq + 1, Mono: w.mono + time.Millisecond, View: v, Consistency: 1,
		Detections: []Detection{w.detect(w.things[0])},
	}
}

func TestMalformedObservationChangesNothing(t *testing.T) {
	w := newWorld(t, furnished()...)
	w.run(10)
	before := state(w.m)
	rejected := uint64(0)
	reject := func(name string, o *Observation) {
		t.Helper()
		rejected++
		if err := w.m.Observe(o); !errors.Is(err, ErrRejected) {
			t.Errorf("%s: error %v", name, err)
		}
		if state(w.m) != before {
			t.Fatalf("%s: memory changed", name)
		}
	}
	for name, spoil := range spoilers() {
		for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), -1e9} {
			o := goodObservation(w)
			spoil(o, x)
			reject(fmt.Sprintf("%s = %g", name, x), o)
		}
	}
	for name, spoil := range map[string]func(*Observation){
		"label":        func(o *Observation) { o.Detections[0].Label = len(worldLabels) },
		"colour count": func(o *Observation) { o.Detections[0].Colors = []float32{1} },
		"depth count":  func(o *Observation) { o.View.Cols++ },
		"old":          func(o *Observation) { o.Mono = w.mono },
		"flood":        func(o *Observation) { o.Detections = make([]Detection, 1000) },
		"zero size":    func(o *Observation) { o.Detections[0].Box.Size.X = 0 },
	} {
		o := goodObservation(w)
		spoil(o)
		reject(name, o)
	}
	if got := w.m.Snapshot().Stats.RejectedObservations; got != rejected {
		t.Errorf("%d rejections counted, %d made", got, rejected)
	}
	if err := w.m.Observe(goodObservation(w)); err != nil {
		t.Errorf("a good observation afterwards: %v", err)
	}
}

func TestMalformedOdometryChangesNothing(t *testing.T) {
	w := newWorld(t, furnished()...)
	for _, o := range []Odometry{
		{Pose: Pose{X: math.NaN()}},
		{Pose: Pose{Yaw: math.Inf(1)}},
		{Cov: [9]float64{-1}},
		{Cov: [9]float64{0, math.NaN()}},
		{Mono: -1},
	} {
		if err := w.m.SetOdometry(o); !errors.Is(err, ErrRejected) {
			t.Errorf("%+v: error %v", o, err)
		}
	}
	w.run(3)
	s := w.m.Snapshot()
	if s.PoseSource == PoseOdometry || s.Stats.RejectedPoses != 5 {
		t.Errorf("source %s, stats %+v", s.PoseSource, s.Stats)
	}
}

// sane checks what must hold for any memory.
func sane(s *Snapshot) error {
	ids := map[string]bool{}
	for _, o := range s.Seen {
		c, z := o.Box.Center, o.Box.Size
		if !within(2e7, c.X, c.Y, c.Z, z.X, z.Y, z.Z, o.Box.Yaw, o.Existence) || min(z.X, z.Y, z.Z) <= 0 {
			return fmt.Errorf("object %s: %+v", o.ID, o.Box)
		}
		if o.CenterCov[0] < 0 || o.CenterCov[4] < 0 || o.CenterCov[8] < 0 || !finite(trace(o.CenterCov)) {
			return fmt.Errorf("object %s: covariance %v", o.ID, o.CenterCov)
		}
		if o.ID == "" || ids[o.ID] {
			return fmt.Errorf("id %q is missing or used twice", o.ID)
		}
		ids[o.ID] = true
	}
	return nil
}

func TestAnyAcceptedObservationLeavesASaneMemory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, err := New(DefaultConfig(worldLabels, worldColors))
		if err != nil {
			t.Fatal(err)
		}
		for i := range rapid.IntRange(1, 12).Draw(t, "observations") {
			o := &Observation{Seq: uint64(i), Mono: time.Duration(i+1) * time.Second, Consistency: 1}
			for range rapid.IntRange(0, 6).Draw(t, "detections") {
				o.Detections = append(o.Detections, Detection{
					Label: rapid.IntRange(-1, 8).Draw(t, "label"),
					Score: rapid.Float64Range(-0.1, 1.1).Draw(t, "score"),
					Box:   drawBox(t, "box"), CenterVar: Vec3{rapid.Float64Range(0, 3).Draw(t, "var"), 0, 0},
				})
			}
			if rapid.Bool().Draw(t, "ego") {
				p := drawPose(t, "ego")
				o.HasEgo, o.Ego = true, Motion{p.X, p.Y, p.Yaw, 0.1, 0.1, 0.1}
			}
			before := state(m)
			if err := m.Observe(o); err != nil && state(m) != before {
				t.Fatal("a rejected observation changed memory")
			}
			if err := sane(m.Snapshot()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzObserve(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, 200))
	f.Fuzz(func(t *testing.T, data []byte) {
		next := func() float64 {
			if len(data) < 8 {
				return 0.5
			}
			x := math.Float64frombits(binary.LittleEndian.Uint64(data))
			data = data[8:]
			return x
		}
		m, err := New(DefaultConfig(worldLabels, worldColors))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 4 {
			d := Detection{
				Score: next(), Box: Box{Vec3{next(), next(), next()}, Vec3{next(), next(), next()}, next()},
				CenterVar: Vec3{next(), next(), next()}, SizeVar: Vec3{next(), next(), next()}, YawVar: next(),
			}
			o := &Observation{
				Mono: time.Duration(i + 1), Consistency: 1, Detections: []Detection{d},
				Ego: Motion{next(), next(), next(), next(), next(), next()}, HasEgo: true,
				View: View{HFOV: next(), VFOV: next(), Yaw: next(), Pitch: next()},
			}
			before := state(m)
			if err := m.Observe(o); err != nil && state(m) != before {
				t.Fatal("a rejected observation changed memory")
			}
			if err := sane(m.Snapshot()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestAnyOddPoseLeavesASaneMemory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, err := New(DefaultConfig(worldLabels, worldColors))
		if err != nil {
			t.Fatal(err)
		}
		number := rapid.OneOf(
			rapid.Float64Range(-3, 3), rapid.Float64(), rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), 1e7, -1e7}))
		for i := range rapid.IntRange(1, 10).Draw(t, "observations") {
			for range rapid.IntRange(0, 4).Draw(t, "poses") {
				o := Odometry{
					Pose: Pose{number.Draw(t, "x"), number.Draw(t, "y"), number.Draw(t, "yaw")},
					Mono: time.Duration(rapid.IntRange(-1, 15).Draw(t, "time")) * 200 * time.Millisecond,
				}
				o.Cov[0], o.Cov[4], o.Cov[8] = number.Draw(t, "vx"), number.Draw(t, "vy"), number.Draw(t, "vyaw")
				before := state(m)
				if err := m.SetOdometry(o); err != nil {
					if !errors.Is(err, ErrRejected) || state(m) != before {
						t.Fatalf("error %v, memory changed: %v", err, state(m) != before)
					}
				}
			}
			obs := &Observation{
				Mono: time.Duration(i+1) * 300 * time.Millisecond, Consistency: 1, HasEgo: i%2 == 0,
				Ego: Motion{X: 0.1, VarX: 1e-3, VarY: 1e-3, VarYaw: 1e-3},
				Detections: []Detection{
					detected(0, 0.9, 2, 0.5, cubeOf(.5)), detected(3, 0.9, 3, -0.5, cubeOf(.9)),
				},
			}
			if err := m.Observe(obs); err != nil {
				t.Fatal(err)
			}
			s := m.Snapshot()
			if err := sane(s); err != nil {
				t.Fatal(err)
			}
			if !within(2e7, s.Robot.X, s.Robot.Y, s.Robot.Yaw) || !goodCov(s.RobotCov) {
				t.Fatalf("robot at %v, covariance %v", s.Robot, s.RobotCov)
			}
		}
	})
}

func FuzzSetOdometry(f *testing.F) {
	f.Add(0.0, 0.0, 0.0, 0.01, int64(time.Second))
	f.Add(1e7, -1e7, 3.0, 1e6, int64(0))
	f.Add(math.NaN(), math.Inf(1), 0.0, -1.0, int64(-1))
	f.Fuzz(func(t *testing.T, x, y, yaw, variance float64, mono int64) {
		m, obs := crowd(t, 5, 5)
		o := Odometry{Pose: Pose{x, y, yaw}, Mono: time.Duration(mono)}
		o.Cov[0], o.Cov[4], o.Cov[8] = variance, variance, variance
		before := state(m)
		if err := m.SetOdometry(o); err != nil && (!errors.Is(err, ErrRejected) || state(m) != before) {
			t.Fatalf("error %v", err)
		}
		obs.Mono += time.Second
		if err := m.Observe(obs); err != nil {
			t.Fatal(err)
		}
		if err := sane(m.Snapshot()); err != nil {
			t.Fatal(err)
		}
	})
}
