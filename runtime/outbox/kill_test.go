package outbox

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/link/linktest"
)

// childVariable names the folder when the test binary runs as the process that is killed.
const childVariable = "VEGAD_OUTBOX_CHILD"

// child puts messages as fast as it can, and tells after every Flush how far it has come. It also confirms some, so
// that a kill hits removals and compactions as well.
func child(dir string) error {
	b, err := Open(Config{Dir: dir, Logger: discard(), MaxBytes: 1 << 30, CommitDelay: time.Millisecond})
	if err != nil {
		return err
	}
	b.Rewind()
	fmt.Println("open", b.BootID())
	for n := 1; ; n++ {
		class := []Class{Answers, Events}[n%2]
		seq, err := b.Put(Message{Class: class, Topic: "t", Payload: make([]byte, rand.N(2000))})
		if err != nil {
			return err
		}
		if n%(1+rand.N(20)) != 0 {
			continue
		}
		if err := b.Flush(context.Background()); err != nil {
			return err
		}
		fmt.Println("stored", seq)
		if r, ok := b.Next(true); ok && rand.N(2) == 0 {
			b.Done(r)
			fmt.Println("done", r.BootID, r.Seq)
		}
	}
}

// TestKilledAtAnyMoment kills the writing process again and again over one file: everything that Flush has told to be
// stored and nobody confirmed must be there, once, whole and in order.
func TestKilledAtAnyMoment(t *testing.T) {
	dir := t.TempDir()
	stored := map[string]uint64{} // by bootId, how far the child told
	done := map[string]bool{}
	var boots []string
	rounds := 10 * faults()
	for range rounds {
		boot, upTo := killOne(t, dir, done)
		if boot != "" {
			boots = append(boots, boot)
			stored[boot] = upTo
		}
	}
	b := open(t, Config{Dir: dir, MaxBytes: 1 << 30})
	seen := map[string]bool{}
	last := map[Class]uint64{}
	for _, r := range drain(b) {
		name := fmt.Sprint(r.BootID, " ", r.Seq)
		if seen[name] || r.order <= last[r.Class] {
			t.Fatalf("%s comes twice or out of order", name)
		}
		seen[name], last[r.Class] = true, r.order
	}
	total, lost := 0, 0
	for _, boot := range boots {
		for seq := uint64(1); seq <= stored[boot]; seq++ {
			total++
			if name := fmt.Sprint(boot, " ", seq); !seen[name] && !done[name] {
				lost++
			}
		}
	}
	s := b.Stats()
	if lost > 0 || s.Damaged > 0 || total == 0 {
		t.Errorf("%d of %d messages that were stored are lost, %d damaged", lost, total, s.Damaged)
	}
	t.Logf("%d kills, %d messages told stored, %d confirmed, %d found, 0 lost", rounds, total, len(done), len(seen))
}

// killOne runs the child until a random moment and returns how far it has told to be.
func killOne(t *testing.T, dir string, done map[string]bool) (boot string, stored uint64) {
	t.Helper()
	c := linktest.Child{
		Env:       []string{childVariable + "=" + dir},
		KillAfter: time.Duration(20+rand.N(250)) * time.Millisecond,
		Line: func(text string) {
			var name string
			var seq uint64
			if n, _ := fmt.Sscanf(text, "stored %d", &seq); n == 1 {
				stored = seq
			} else if n, _ := fmt.Sscanf(text, "done %s %d", &name, &seq); n == 2 {
				done[fmt.Sprint(name, " ", seq)] = true
			} else if n, _ := fmt.Sscanf(text, "open %s", &name); n == 1 {
				boot = name
			}
		},
	}
	if err := c.Run(t); err != nil {
		t.Fatal(err)
	}
	return boot, stored
}
