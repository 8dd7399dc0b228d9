package scene

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// twin lets a second memory see what the world's does.
func (w *world) twin(m *Memory, steps int, step func(i int)) {
	w.t.Helper()
	first := w.m
	for i := range steps {
		before := *w
		for _, memory := range []*Memory{first, m} {
			*w = before
			w.m, w.rng = memory, rand.New(rand.NewPCG(uint64(i), 5))
			step(i)
		}
		if diff := cmp.Diff(first.Snapshot(), m.Snapshot()); diff != "" {
			w.t.Fatalf("step %d after the checkpoint (-first +resumed):\n%s", i, diff)
		}
	}
	w.m = first
}

func TestResumedMemoryGoesOnExactly(t *testing.T) {
	for name, prepare := range map[string]func(*world){
		"at once":        func(*world) {},
		"landmarks":      func(w *world) { w.turn() },
		"odometry":       func(w *world) { w.odometry = true; w.turn() },
		"things go":      func(w *world) { w.turn(); w.things = w.things[2:]; w.turn() },
		"things moved":   func(w *world) { w.turn(); w.things[0].box.Center.X += 0.8; w.run(9) },
		"without motion": func(w *world) { w.noEgo = true; w.turn() },
		"emptied":        func(w *world) { w.turn(); w.m.Clear(); w.run(2) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, furnished()...)
			w.missRate, w.falseRate, w.hints = 0.2, 0.3, true
			prepare(w)
			m := fresh(t)
			if err := m.Resume(w.m.Checkpoint()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(w.m.Snapshot(), m.Snapshot()); diff != "" {
				t.Fatalf("at the checkpoint (-first +resumed):\n%s", diff)
			}
			w.twin(m, 80, func(i int) {
				w.robot.Yaw = WrapAngle(w.robot.Yaw + 0.05)
				w.robot.X += 0.005
				w.observe()
				if i%7 == 3 {
					w.feed(w.mono - 300*time.Millisecond) // a late pose moves what was placed before the checkpoint too
				}
			})
		})
	}
}

// TestCheckpointHoldsEveryField fails when a field is added that checkpoint.go does not know.
func TestCheckpointHoldsEveryField(t *testing.T) {
	for _, known := range []struct {
		of     reflect.Type
		fields int
	}{
		{reflect.TypeFor[Memory](), 50},
		{reflect.TypeFor[track](), 29},
		{reflect.TypeFor[frameState](), 7},
		{reflect.TypeFor[Stats](), 10},
		{reflect.TypeFor[ground](), 4},
		{reflect.TypeFor[cell](), 4},
		{reflect.TypeFor[coverage](), 2},
		{reflect.TypeFor[roomEstimate](), 3},
		{reflect.TypeFor[steps](), 3},
		{reflect.TypeFor[part](), 4},
		{reflect.TypeFor[measurement](), 9},
		{reflect.TypeFor[Detection](), 8},
		{reflect.TypeFor[Odometry](), 3},
		{reflect.TypeFor[arrival](), 2},
		{reflect.TypeFor[wayScale](), 2},
		{reflect.TypeFor[Sector](), 3},
		{reflect.TypeFor[lens](), 4},
		{reflect.TypeFor[cruise](), 8},
		{reflect.TypeFor[Object](), 19},
	} {
		if n := known.of.NumField(); n != known.fields {
			t.Errorf("%s has %d fields, checkpoint.go knows %d: visit the new one there", known.of, n, known.fields)
		}
	}
}

func TestBadCheckpointChangesNothing(t *testing.T) {
	w := newWorld(t, furnished()...)
	w.turn()
	good := w.m.Checkpoint()
	before := w.m.Snapshot()
	flipped := append([]byte{}, good...)
	flipped[len(flipped)/2] ^= 1
	other, err := New(DefaultConfig([]string{"zebra"}, nil))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"empty": nil, "short": good[:100], "flipped": flipped, "of other labels": other.Checkpoint(),
	} {
		if err := w.m.Resume(data); !errors.Is(err, ErrRejected) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if diff := cmp.Diff(before, w.m.Snapshot()); diff != "" {
		t.Errorf("a bad checkpoint changed the memory:\n%s", diff)
	}
}
