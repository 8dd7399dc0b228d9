package scene

import (
	"errors"
	"math"
	"testing"
	"time"
)

func TestOdometryJumpWithVisionKeepsTheThings(t *testing.T) {
	w := newWorld(t, furnished()...)
	w.odometry = true
	w.turn()
	before := w.m.Snapshot()
	w.offset = Pose{30, -12, 2.5} // the localiser starts anew
	w.run(5)
	s := w.m.Snapshot()
	if s.Epoch != before.Epoch+1 {
		t.Fatalf("epoch %d, was %d", s.Epoch, before.Epoch)
	}
	w.expect(s)
	for i, th := range w.things {
		want := w.offset.Apply(th.box.Center)
		o, d := nearest(s, want)
		old, _ := nearest(before, th.box.Center)
		if d > 0.25 || o.ID != old.ID {
			t.Errorf("thing %d: %s is %.2f m off, was %s", i, o.ID, d, old.ID)
		}
	}
	w.turn()
	w.expect(w.m.Snapshot())
}

func TestOdometryJumpWithoutVisionDropsTheThings(t *testing.T) {
	w := newWorld(t, furnished()...)
	w.odometry = true
	w.turn()
	before := w.m.Snapshot()
	w.offset, w.noEgo, w.things = Pose{30, -12, 2.5}, true, nil
	w.run(3)
	s := w.m.Snapshot()
	if s.Epoch != before.Epoch+1 || len(s.Seen) != 0 || s.Stats.Dropped != uint64(len(before.Seen)) {
		t.Fatalf("epoch %d, %d things, stats %+v", s.Epoch, len(s.Seen), s.Stats)
	}
}

func TestStrayPoseIsNoJump(t *testing.T) {
	w := newWorld(t, furnished()...)
	w.odometry = true
	w.run(10)
	before := w.m.Snapshot()
	for i := range 5 {
		w.offset = Pose{float64(10 * (i + 1)), 0, 0}
		w.feed(w.mono + 100*time.Millisecond)
		w.offset = Pose{}
		w.run(3)
	}
	s := w.m.Snapshot()
	if s.Epoch != before.Epoch || math.Hypot(s.Robot.X, s.Robot.Y) > 0.01 {
		t.Fatalf("epoch %d, robot at %v", s.Epoch, s.Robot)
	}
	w.expectVisible(s)
}

// expectVisible is expect for what a robot that only looks ahead can have seen.
func (w *world) expectVisible(s *Snapshot) {
	w.t.Helper()
	for _, o := range s.Now {
		if o.ID == "" {
			w.t.Errorf("%s is seen and not remembered", o.Label)
		}
	}
	if len(s.Seen) == 0 {
		w.t.Error("nothing is remembered")
	}
}

func TestLatePoseThatDoesNotFitIsRejected(t *testing.T) {
	w := newWorld(t, furnished()...)
	w.odometry = true
	w.run(10)
	before := state(w.m)
	err := w.m.SetOdometry(Odometry{Pose: Pose{X: 8}, Mono: w.mono - 300*time.Millisecond})
	if !errors.Is(err, ErrRejected) || state(w.m) != before {
		t.Fatalf("error %v", err)
	}
	if n := w.m.Snapshot().Stats.RejectedPoses; n != 1 {
		t.Errorf("%d rejections counted", n)
	}
}

func TestFirstOdometryBeginsAnEpoch(t *testing.T) {
	w := newWorld(t, furnished()...)
	w.run(3)
	w.odometry, w.offset = true, Pose{5, 5, 1}
	w.run(3)
	if e := w.m.Snapshot().Epoch; e != 2 {
		t.Errorf("epoch %d", e)
	}
	w.run(20)
	if e := w.m.Snapshot().Epoch; e != 2 {
		t.Errorf("epoch %d later", e)
	}
}

func TestLongBlindGap(t *testing.T) {
	for name, carried := range map[string]bool{"stayed": false, "carried": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, furnished()...)
			w.turn()
			before := w.m.Snapshot()
			w.noEgo = true
			w.mono += 5 * time.Minute
			if carried {
				w.things = []thing{{7, 0, Box{Vec3{2, 0.3, 0.2}, cubeOf(0.4), 0}}}
			}
			w.run(3)
			s := w.m.Snapshot()
			if carried && (s.Epoch != before.Epoch+1 || len(s.Seen) != 1) {
				t.Errorf("carried: epoch %d, %d things", s.Epoch, len(s.Seen))
			}
			if !carried && (s.Epoch != before.Epoch || s.PoseSource != PoseLandmarks) {
				t.Errorf("stayed: epoch %d, source %s", s.Epoch, s.PoseSource)
			}
		})
	}
}

func TestClearBeginsAnEpoch(t *testing.T) {
	w := newWorld(t, furnished()...)
	w.run(10)
	before := w.m.Snapshot()
	w.m.Clear()
	s := w.m.Snapshot()
	if s.Epoch != before.Epoch+1 || len(s.Seen) != 0 || len(s.Now) != 0 || s.Room.Area != 0 {
		t.Fatalf("after clearing: %+v", s)
	}
	w.run(3)
	for _, o := range w.m.Snapshot().Seen {
		for _, old := range before.Seen {
			if o.ID == old.ID && !o.FirstWall.Before(s.Wall) {
				t.Errorf("id %s is used again", o.ID)
			}
		}
	}
}

func TestImpossibleEgomotionIsIgnored(t *testing.T) {
	w := newWorld(t, furnished()...)
	w.run(10)
	obs := goodObservation(w)
	obs.HasEgo, obs.Ego = true, Motion{X: 40, VarX: 1e-4, VarY: 1e-4, VarYaw: 1e-4}
	if err := w.m.Observe(obs); err != nil {
		t.Fatal(err)
	}
	if s := w.m.Snapshot(); math.Hypot(s.Robot.X, s.Robot.Y) > 1 {
		t.Errorf("robot at %v", s.Robot)
	}
}
