package scene

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// drive moves the robot along a curve, observes, and hands each pose to deliver.
func (w *world) drive(n int, deliver func(i int)) {
	w.t.Helper()
	for i := range n {
		w.robot = w.robot.Compose(Pose{X: 0.03, Yaw: 0.05})
		w.mono += 200 * time.Millisecond
		deliver(i)
		w.mono -= 200 * time.Millisecond
		w.observe()
	}
}

// worst returns how far the remembered things are off in the odometry's frame.
func (w *world) worst(s *Snapshot) float64 {
	sum := 0.0
	for _, o := range s.Seen {
		least := math.Inf(1)
		for _, th := range w.things {
			least = min(least, w.offset.Apply(th.box.Center).Sub(o.Box.Center).Norm())
		}
		sum = max(sum, least)
	}
	return sum
}

func TestLatePosesAreAppliedToWhatWasSeen(t *testing.T) {
	for name, late := range map[string]int{"in time": 0, "one late": 1, "four late": 4, "ten late": 10} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, furnished()...)
			w.m.cfg.MinLandmarks = 0 // only poses shall help
			w.offset = Pose{3, -2, 0.8}
			var waiting []Odometry
			w.drive(100, func(int) {
				waiting = append(waiting, Odometry{Pose: w.offset.Compose(w.robot), Mono: w.mono})
				if len(waiting) > late {
					if err := w.m.SetOdometry(waiting[0]); err != nil {
						t.Fatal(err)
					}
					waiting = waiting[1:]
				}
			})
			s := w.m.Snapshot()
			w.expectVisible(s)
			off := w.worst(s)
			robot := w.offset.Compose(w.robot)
			lost := math.Hypot(robot.X-s.Robot.X, robot.Y-s.Robot.Y)
			t.Logf("things up to %.2f m off, robot %.2f m", off, lost)
			if off > 0.2 || lost > 0.15 {
				t.Errorf("things up to %.2f m off, robot %.2f m", off, lost)
			}
			if len(s.Now) > 0 {
				p := s.Robot.Inverse().Apply(s.Now[0].Box.Center)
				if d := p.Sub(w.m.meas[0].det.Box.Center).Norm(); d > 1e-9 {
					t.Errorf("what is seen now does not stand where the robot sees it: %g m", d)
				}
			}
		})
	}
}

func TestGapInOdometryIsBridged(t *testing.T) {
	w := newWorld(t, furnished()...)
	w.m.cfg.MinLandmarks = 0
	w.drive(100, func(i int) {
		if i < 30 || i >= 50 { // four seconds without
			w.feed(w.mono)
		}
	})
	s := w.m.Snapshot()
	if off := w.worst(s); off > 0.2 {
		t.Errorf("things up to %.2f m off", off)
	}
	w.expectVisible(s)
}

func TestAnyOrderOfPosesEndsTheSame(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		seed := rapid.Uint64().Draw(rt, "seed")
		w := newWorld(t, furnished()...)
		w.m.cfg.MinLandmarks = 0
		rng := rand.New(rand.NewPCG(seed, 1))
		var waiting []Odometry
		send := func(k int) {
			if err := w.m.SetOdometry(waiting[k]); err != nil {
				rt.Fatal(err)
			}
			waiting = append(waiting[:k], waiting[k+1:]...)
		}
		w.drive(25, func(int) {
			waiting = append(waiting, Odometry{Pose: w.robot, Mono: w.mono})
			for len(waiting) > 0 && rng.Float64() < 0.6 {
				send(rng.IntN(len(waiting)))
			}
		})
		for len(waiting) > 0 {
			send(rng.IntN(len(waiting)))
		}
		s := w.m.Snapshot()
		if d := math.Hypot(s.Robot.X-w.robot.X, s.Robot.Y-w.robot.Y); d > 1e-6 || s.PoseSource != PoseOdometry {
			rt.Fatalf("robot %g m off, source %s", d, s.PoseSource)
		}
		if off := w.worst(s); off > 0.25 {
			rt.Fatalf("things up to %.2f m off", off)
		}
	})
}
