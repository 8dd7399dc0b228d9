package fleet_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/fleet"
	"github.com/vega-edge/vegad/runtime/fleet/sim"
)

const (
	large     = 10_000
	maxMemory = 500 << 20
	// A reader's next picture must come at once: of a second's worth of messages and one snapshot in order.
	maxUpdate = 100 * time.Millisecond
)

// told is what so many robots say: what they begin with, one more state, and statistics.
func told(tb testing.TB, robots int) []sim.Message {
	tb.Helper()
	now := time.Now()
	var all []sim.Message
	for n := range robots {
		f := sim.NewFeed(sim.NewRobot(1, n, 0.2), "")
		hello, err1 := f.Hello(now)
		_, _ = f.Answer()
		state, err2 := f.State(now, time.Minute)
		stats, err3 := f.Stats(now, time.Minute)
		if err1 != nil || err2 != nil || err3 != nil {
			tb.Fatal(err1, err2, err3)
		}
		all = append(append(append(all, hello...), state...), stats...)
	}
	return all
}

func take(tb testing.TB, r *fleet.Registry, messages []sim.Message) {
	tb.Helper()
	for _, m := range messages {
		if err := r.Take(m.Topic, m.Payload, false); err != nil {
			tb.Fatalf("%s: %v", m.Topic, err)
		}
	}
}

// heap is what is in use after everything unused is gone.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestTenThousandRobots holds what keeping them costs: a second of ten thousand robots is 333 states, 167 statistics
// and a picture.
func TestTenThousandRobots(t *testing.T) {
	robots := large
	if raceDetector {
		robots = large / 20
	}
	messages := told(t, robots)
	before := heap()
	r := fleet.New(fleet.Config{})
	take(t, r, messages)
	picture := r.Snapshot(fleet.ByTrouble)
	used := heap() - before
	t.Logf("%d robots and one picture of them: %.1f MiB", len(picture), float64(used)/(1<<20))
	if len(picture) != robots || used > maxMemory {
		t.Errorf("%d robots take %d bytes", len(picture), used)
	}
	runtime.KeepAlive(r)
	best := time.Hour
	for i := 0; i < 30 && (i < 5 || best > maxUpdate); i++ { // the quietest, since the machine has other work
		begun := time.Now()
		take(t, r, messages[:500])
		_ = r.Snapshot(fleet.ByTrouble)
		best = min(best, time.Since(begun))
	}
	t.Logf("500 messages and a picture: %v", best.Round(10*time.Microsecond))
	if best > maxUpdate && !raceDetector {
		t.Errorf("an update takes %v", best)
	}
}

func BenchmarkTake(b *testing.B) {
	messages := told(b, 1000)
	r := fleet.New(fleet.Config{})
	take(b, r, messages)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		m := messages[i%len(messages)]
		if err := r.Take(m.Topic, m.Payload, false); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSnapshot(b *testing.B) {
	for _, robots := range []int{100, 1000, large} {
		b.Run(fmt.Sprint(robots), func(b *testing.B) {
			r := fleet.New(fleet.Config{})
			take(b, r, told(b, robots))
			b.ReportAllocs()
			for b.Loop() {
				_ = r.Snapshot(fleet.ByTrouble)
			}
		})
	}
}
