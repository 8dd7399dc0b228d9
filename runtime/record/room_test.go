package record

import (
	"context"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/link/linktest"
)

func TestFreeTellsOfADisk(t *testing.T) {
	dir := t.TempDir()
	here, err := free(dir)
	if err != nil || here <= 0 {
		t.Fatalf("%d bytes free, %v", here, err)
	}
	below, err := free(filepath.Join(dir, "not", "made", "yet"))
	if err != nil || below < here/2 {
		t.Errorf("%d bytes free where a folder will be, %v", below, err)
	}
}

// TestNearlyFullDisk has a ring of segments give way first; then the recording pauses, says so, and goes on.
func TestNearlyFullDisk(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.Segment, cfg.MinFree = time.Nanosecond, 1000
	r := New(cfg)
	var others atomic.Int64 // what others leave on the disk, of 100 000 bytes
	others.Store(100_000)
	r.free = func(dir string) (int64, error) {
		all, err := listSegments(dir)
		left := others.Load()
		for _, s := range all {
			left -= s.size
		}
		return left, err
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	seq := uint64(0)
	feed := func() {
		seq++
		f := picture(seq, 32, 24)
		put(t, r, f)
		r.Checkpoint(f.Mono, &Checkpoint{Seq: seq})
	}
	for range 10 {
		feed()
	}
	linktest.Within(t, patience, "ten segments", func() bool { return len(names(t, cfg.Dir)) >= 10 })
	before := names(t, cfg.Dir)
	others.Store(3000) // room for a segment or two
	linktest.Within(t, patience, "the ring to shrink", func() bool {
		left, err := r.free(cfg.Dir)
		return err == nil && left >= cfg.MinFree && len(names(t, cfg.Dir)) < len(before)
	})
	others.Store(0)
	paused := func() bool { return strings.Contains(r.Status().Failure, "recording pauses") }
	linktest.Within(t, patience, "the pause", paused)
	r.Put(ForgetKind, 0, nil)
	linktest.Within(t, patience, "what is dropped", func() bool { return r.Status().Dropped > 0 })
	others.Store(1 << 30)
	linktest.Within(t, patience, "an end of the pause", func() bool { return r.Status().Failure == "" })
	stored := r.Status().Bytes
	linktest.Within(t, patience, "new bytes", func() bool { feed(); return r.Status().Bytes > stored })
}
