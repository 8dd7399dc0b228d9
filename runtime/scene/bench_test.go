package scene

import (
	"math/rand/v2"
	"testing"
	"time"
)

// crowd returns a memory of n things and an observation that shows the first of them.
func crowd(tb testing.TB, n, shown int) (*Memory, *Observation) {
	tb.Helper()
	m, err := New(DefaultConfig(worldLabels, worldColors))
	if err != nil {
		tb.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(3, 5))
	all := make([]Detection, n)
	for i := range all {
		all[i] = Detection{
			Label: i % len(worldLabels), Score: 0.9,
			Box:       Box{Vec3{float64(i % 20), float64(i / 20), .4}, Vec3{.4, .4, .8}, rng.Float64()},
			CenterVar: Vec3{1e-4, 1e-4, 1e-4}, Colors: []float32{1, 0, 0}, Embedding: []float32{1, 0, 0, 0},
		}
	}
	obs := &Observation{
		HasEgo: true, Consistency: 1,
		View: View{Position: Vec3{0, 0, 1}, HFOV: 1.4, VFOV: 1, Cols: 20, Rows: 15},
	}
	obs.View.Depth = make([]float32, 300)
	for i := range obs.View.Depth {
		obs.View.Depth[i] = 4
	}
	for i := 0; i < n; i += 100 {
		obs.Mono += time.Second
		obs.Detections = all[i:min(i+100, n)]
		if err := m.Observe(obs); err != nil {
			tb.Fatal(err)
		}
	}
	obs.Detections = all[:shown]
	return m, obs
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	m, obs := crowd(t, 60, 20)
	allocs := testing.AllocsPerRun(50, func() {
		obs.Mono += 200 * time.Millisecond
		if err := m.Observe(obs); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Fatalf("%g allocations an observation", allocs)
	}
}

func BenchmarkObserve200Objects30Detections(b *testing.B) {
	m, obs := crowd(b, 200, 30)
	b.ReportAllocs()
	for b.Loop() {
		obs.Mono += 200 * time.Millisecond
		if err := m.Observe(obs); err != nil {
			b.Fatal(err)
		}
	}
}

// Without any measured motion the robot is searched for among its things each time.
func BenchmarkObserve200Objects30DetectionsBlind(b *testing.B) {
	m, obs := crowd(b, 200, 30)
	obs.HasEgo = false
	b.ReportAllocs()
	for b.Loop() {
		obs.Mono += 200 * time.Millisecond
		if err := m.Observe(obs); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSnapshot200Objects(b *testing.B) {
	m, _ := crowd(b, 200, 30)
	b.ReportAllocs()
	for b.Loop() {
		m.changed()
		m.Snapshot()
	}
}

// Those who ask between two observations share one snapshot; every change makes a new one.
func TestSnapshotIsSharedUntilSomethingChanges(t *testing.T) {
	m, obs := crowd(t, 60, 20)
	first := m.Snapshot()
	if m.Snapshot() != first {
		t.Error("nothing has changed, and there is another snapshot")
	}
	for name, change := range map[string]func(){
		"an observation": func() {
			obs.Mono += 200 * time.Millisecond
			if err := m.Observe(obs); err != nil {
				t.Fatal(err)
			}
		},
		"a refused observation": func() { _ = m.Observe(obs) }, // it is counted
		"a pose": func() {
			if err := m.SetOdometry(Odometry{Mono: obs.Mono}); err != nil {
				t.Fatal(err)
			}
		},
		"forgetting": func() { m.Clear() },
	} {
		before := m.Snapshot()
		change()
		if m.Snapshot() == before {
			t.Errorf("%s changes nothing", name)
		}
	}
	if len(first.Seen) != 60 {
		t.Errorf("an old snapshot has changed: %d things", len(first.Seen))
	}
}

// A snapshot allocates as often for many things as for few.
func TestSnapshotAllocations(t *testing.T) {
	for _, n := range []int{60, 200} {
		m, _ := crowd(t, n, 20)
		m.Snapshot() // the ids are written once
		allocs := testing.AllocsPerRun(20, func() {
			m.changed()
			m.Snapshot()
		})
		if allocs > 4 {
			t.Errorf("a snapshot of %d things allocates %g times", n, allocs)
		}
	}
}
