package record

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/link/linktest"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	all, err := listSegments(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, s := range all {
		out = append(out, filepath.Base(s.path))
	}
	return out
}

// written makes a segment of a size and an age.
func written(t *testing.T, dir, name string, size int, age time.Duration) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := errors.Join(
		os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, make([]byte, size), 0o600),
		os.Chtimes(path, time.Time{}, time.Now().Add(-age)),
	); err != nil {
		t.Fatal(err)
	}
}

func TestLimits(t *testing.T) {
	type file struct {
		name string
		size int
		age  time.Duration
	}
	for name, c := range map[string]struct {
		files []file
		open  string
		left  string
	}{
		"within": {[]file{{"a/000001.vrec", 400, 0}, {"a/000002.vrec", 600, 0}}, "", "000001.vrec 000002.vrec"},
		"size":   {[]file{{"a/000001.vrec", 401, 0}, {"a/000002.vrec", 600, 0}}, "", "000002.vrec"},
		"oldest recording first": {
			[]file{{"b/000001.vrec", 600, 0}, {"a/000009.vrec", 600, 0}}, "", "000001.vrec",
		},
		"age":         {[]file{{"a/000001.vrec", 1, 2 * time.Hour}, {"a/000002.vrec", 1, 0}}, "", "000002.vrec"},
		"kept is old": {[]file{{"a/000001.kept.vrec", 1, 2 * time.Hour}}, "", "000001.kept.vrec"},
		"kept has a limit of its own": {
			[]file{
				{"a/000001.kept.vrec", 300, 0}, {"a/000002.kept.vrec", 300, 0}, {"a/000003.vrec", 900, 0},
			}, "", "000002.kept.vrec 000003.vrec",
		},
		"the open one stays": {[]file{{"a/000001.vrec", 5000, 0}}, "a/000001.vrec", "000001.vrec"},
		"nothing":            {nil, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, f := range c.files {
				written(t, dir, f.name, f.size, f.age)
			}
			_, err := prune(dir, filepath.Join(dir, c.open), limits{ring: 1000, kept: 500, age: time.Hour}, time.Now())
			if got := strings.Join(names(t, dir), " "); err != nil || got != c.left {
				t.Errorf("%q is left, want %q; %v", got, c.left, err)
			}
		})
	}
}

func TestForeignFilesStay(t *testing.T) {
	dir := t.TempDir()
	written(t, dir, "a/notes.txt", 10_000, 99*time.Hour)
	written(t, dir, "a/000001.vrec", 10, 99*time.Hour)
	if _, err := prune(dir, "", limits{age: time.Hour}, time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a", "notes.txt")); err != nil {
		t.Error(err)
	}
}

// TestRingStaysWithinItsSize records far more than the ring holds.
func TestRingStaysWithinItsSize(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.MaxBytes, cfg.Segment = 200_000, time.Hour // here checkpoints alone end segments
	r, stop := running(t, cfg)
	const segments = 150
	for seq := range uint64(segments) {
		f := picture(seq+1, 64, 48)
		put(t, r, f)
		r.Checkpoint(f.Mono, &Checkpoint{Seq: seq + 1})
	}
	linktest.Within(t, patience, "the limit", func() bool {
		s := r.Status()
		return s.Bytes > 2*cfg.MaxBytes && s.Stored > 0 && s.Stored <= cfg.MaxBytes
	})
	stop()
	all, damage := recorded(t, cfg.Dir)
	pictures := only(all, PictureKind)
	if n := len(pictures); n == 0 || n == segments || damage != (Damage{}) {
		t.Fatalf("%d pictures are left, %+v", n, damage)
	}
	if p, err := describe(pictures[len(pictures)-1]); err != nil || p.Seq != segments {
		t.Errorf("the newest picture is not the last: %v", err)
	}
}

// TestAroundAnEventIsKept lets an event happen in the middle of a ring that is much too small.
func TestAroundAnEventIsKept(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.MaxBytes, cfg.Segment, cfg.Before, cfg.After = 1, time.Hour, time.Second, 2*time.Second
	r, stop := running(t, cfg)
	for seq := range uint64(200) { // ten seconds of the frames' clock
		f := picture(seq+1, 32, 24)
		put(t, r, f)
		if seq%5 == 4 {
			r.Checkpoint(f.Mono, &Checkpoint{Seq: seq + 1})
		}
		if seq == 100 {
			r.Put(EventKind, f.Mono, Event{Event: json.RawMessage(`{}`)})
			r.Keep(f.Mono)
			linktest.Within(t, patience, "the event to be seen", func() bool { return r.keep.Load() == 0 })
		}
	}
	linktest.Within(t, patience, "an empty queue", func() bool { return len(r.queue) == 0 })
	linktest.Within(t, patience, "the ring to be emptied", func() bool {
		left := slices.DeleteFunc(names(t, cfg.Dir), func(name string) bool { return strings.HasSuffix(name, keptSuffix) })
		return len(left) <= 1 // the open one
	})
	stop()
	all, _ := recorded(t, cfg.Dir)
	there := map[uint64]bool{}
	for _, rec := range only(all, PictureKind) {
		p, err := describe(rec)
		if err != nil {
			t.Fatal(err)
		}
		there[p.Seq] = true
	}
	for seq := uint64(101 - 20); seq <= 101+40; seq++ {
		if !there[seq] {
			t.Errorf("picture %d, within a second before and two after the event, is gone", seq)
		}
	}
	if there[60] || there[180] || len(only(all, EventKind)) != 1 {
		t.Errorf("%d pictures are left, also of before and after", len(there))
	}
}

func TestButtonKeepsWhatItRecords(t *testing.T) {
	cfg := config(t.TempDir())
	cfg.Always, cfg.MaxBytes = false, 1
	r, stop := running(t, cfg)
	r.Picture(picture(1, 32, 24))
	if s := r.Status(); r.On() || s.Recording || s.Bytes != 0 {
		t.Fatalf("recording without being asked: %+v", s)
	}
	for round := range 2 {
		if s, err := r.Order(true); err != nil || !s.Recording || !r.On() {
			t.Fatalf("%+v %v", s, err)
		}
		r.Picture(picture(2, 32, 24))
		linktest.Within(t, patience, "bytes", func() bool { return r.Status().Bytes > 500 })
		if _, err := r.Order(false); err != nil || r.On() {
			t.Fatal(err)
		}
		linktest.Within(t, patience, "the end of the recording", func() bool {
			all, err := filepath.Glob(filepath.Join(cfg.Dir, "*", "*"+keptSuffix))
			return err == nil && len(all) == round+1
		})
	}
	stop()
	if _, err := (*Recorder)(nil).Order(true); err == nil {
		t.Error("a robot without a folder records")
	}
}

// TestDiskThatFails begins where nothing can be written: the recorder says so and goes on when it can.
func TestDiskThatFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r, stop := running(t, config(filepath.Join(dir, "recordings")))
	r.Put(ForgetKind, 1, nil)
	linktest.Within(t, patience, "the failure", func() bool { return r.Status().Failure != "" })
	if s := r.Status(); s.Dropped != 1 {
		t.Errorf("%+v", s)
	}
	stop()
}
