package record

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/runtime/link/linktest"
	"github.com/vega-edge/vegad/runtime/scene"
)

const patience = 20 * time.Second

func config(dir string) Config {
	return Config{
		Dir: dir, Always: true, Logger: slog.New(slog.DiscardHandler),
		Head: func() Head { return Head{Version: "test", Bundle: "toy 1"} },
	}
}

// running starts a recorder and returns how to end it.
func running(t *testing.T, cfg Config) (*Recorder, func()) {
	t.Helper()
	r := New(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	var ended bool
	stop := func() {
		if ended {
			return
		}
		ended = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return r, stop
}

// picture draws a frame that no other number has.
func picture(seq uint64, width, height int) *camera.Frame {
	f := camera.NewFrame(width, height, camera.BGR8, nil)
	rng := rand.New(rand.NewPCG(seq, 1))
	for i := range f.Pix {
		f.Pix[i] = byte(i/7) + byte(rng.IntN(8))
	}
	f.Seq = seq
	f.Stamp(time.Duration(seq) * 50 * time.Millisecond)
	return f
}

// put hands over a picture, and waits for a free place as only a test may.
func put(t *testing.T, r *Recorder, f *camera.Frame) {
	t.Helper()
	lost := r.Status().Dropped
	r.Picture(f)
	for r.Status().Dropped > lost {
		lost = r.Status().Dropped
		linktest.Within(t, patience, "a free place for a picture", func() bool { return len(r.frames) > 0 })
		r.Picture(f)
	}
}

// recorded reads everything back.
func recorded(t *testing.T, path string) ([]Record, Damage) {
	t.Helper()
	r, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []Record
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, rec)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return out, r.Damage()
}

func only(all []Record, kind Kind) []Record {
	var out []Record
	for _, r := range all {
		if r.Kind == kind {
			out = append(out, r)
		}
	}
	return out
}

func unpacker(t testing.TB) *Unpacker {
	t.Helper()
	u, err := NewUnpacker()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(u.Close)
	return u
}

func TestWhatIsRecordedComesBack(t *testing.T) {
	for name, lossy := range map[string]bool{"lossless": false, "lossy": true} {
		t.Run(name, func(t *testing.T) {
			cfg := config(t.TempDir())
			cfg.Lossy = lossy
			r, stop := running(t, cfg)
			memory := bytes.Repeat([]byte("memory"), 1000)
			r.Checkpoint(0, &Checkpoint{Seq: 7, Ring: []uint64{5, 6, 7}, Rest: 0.25, Memory: memory})
			frame := picture(8, 65, 33)
			put(t, r, frame)
			pose := NewPose(scene.Odometry{Pose: scene.Pose{X: 1, Y: -2, Yaw: 0.5}, Mono: 99})
			r.Put(PoseKind, 5, pose)
			r.Put(ForgetKind, 6, nil)
			stop()

			all, damage := recorded(t, cfg.Dir)
			if damage != (Damage{}) {
				t.Errorf("%+v", damage)
			}
			var kinds []string
			for i, rec := range all {
				kinds = append(kinds, rec.Kind.String())
				if rec.Number != uint64(i+1) {
					t.Errorf("record %d has the number %d", i+1, rec.Number)
				}
			}
			if got := strings.Join(kinds, " "); got != "head checkpoint picture pose forget" {
				t.Fatal(got)
			}
			u := unpacker(t)
			c, err := u.Checkpoint(all[1])
			if diff := cmp.Diff(&Checkpoint{Seq: 7, Ring: []uint64{5, 6, 7}, Rest: 0.25, Memory: memory}, c); diff != "" {
				t.Error(err, diff)
			}
			p, err := u.Picture(all[2])
			if err != nil {
				t.Fatal(err)
			}
			if p.Seq != 8 || p.Mono != frame.Mono || !p.Wall.Equal(frame.Wall) || p.Width != 65 || p.Height != 33 ||
				p.Lossless == lossy || len(p.Pix) != len(frame.Pix) {
				t.Errorf("the picture came back as %d %v %v %dx%d", p.Seq, p.Mono, p.Wall, p.Width, p.Height)
			}
			if !lossy && !bytes.Equal(p.Pix, frame.Pix) {
				t.Error("the pixels are others")
			}
			back, err := Message[Pose](all[3])
			if err != nil || back != pose || back.Odometry().Mono != 99 {
				t.Error(back, err)
			}
			head, err := Message[Head](all[0])
			if err != nil || head.Bundle != "toy 1" || head.Started.IsZero() {
				t.Error(head, err)
			}
		})
	}
}

// child records pictures without end, twenty a second of its own clock, and tells of each.
func child(dir string) error {
	r := New(config(dir))
	done := make(chan error, 1)
	go func() { done <- r.Run(context.Background()) }()
	tick := time.NewTicker(5 * time.Millisecond)
	for seq := uint64(1); ; seq++ {
		select {
		case err := <-done:
			return err
		case <-tick.C:
		}
		f := picture(seq, 160, 120)
		f.Stamp(camera.Now())
		r.Picture(f)
		if r.Due() {
			r.Checkpoint(f.Mono, &Checkpoint{Seq: seq, Memory: make([]byte, 5000)})
		}
		if n := r.Status().Dropped; n == 0 {
			fmt.Println("picture", seq, int64(f.Mono))
		}
	}
}

// TestKilledWhileRecording kills the recording process at any moment: what it had handed over a second before is there,
// whole and in order, and the recording opens.
func TestKilledWhileRecording(t *testing.T) {
	total, worst := 0, time.Duration(0)
	for range 8 {
		dir := t.TempDir()
		var seq uint64
		var mono int64
		c := linktest.Child{
			Env: []string{childVariable + "=" + dir}, KillAfter: time.Duration(30+rand.N(900)) * time.Millisecond,
			Line: func(text string) { _, _ = fmt.Sscanf(text, "picture %d %d", &seq, &mono) },
		}
		if err := c.Run(t); err != nil {
			t.Fatal(err)
		}
		if seq == 0 {
			t.Fatal("the child told of no picture")
		}
		all, damage := []Record(nil), Damage{}
		if _, err := Open(dir); !errors.Is(err, ErrNoSegments) { // it may be killed before the first byte
			all, damage = recorded(t, dir)
		}
		if damage.Places > 1 || damage.Places == 1 && !damage.Truncated {
			t.Errorf("damaged elsewhere than at the end: %+v", damage)
		}
		u := unpacker(t)
		pictures := only(all, PictureKind)
		before, gaps := uint64(0), len(only(all, GapKind))
		for i, rec := range pictures {
			p, err := u.Picture(rec)
			if err == nil && (p.Seq <= before || gaps == 0 && p.Seq != before+1) {
				t.Fatalf("picture %d follows picture %d", p.Seq, before)
			}
			if err != nil || !bytes.Equal(p.Pix, picture(p.Seq, 160, 120).Pix) {
				t.Fatalf("picture %d: %v", i+1, err)
			}
			before = p.Seq
		}
		last := time.Duration(0)
		if len(pictures) > 0 {
			last = pictures[len(pictures)-1].Mono
		}
		lost := time.Duration(mono) - last
		if lost > time.Second {
			t.Errorf("the last %v are lost", lost)
		}
		worst, total = max(worst, lost), total+len(pictures)
	}
	if total == 0 {
		t.Error("nothing was recorded at all")
	}
	t.Logf("8 kills, %d pictures found, at most the last %v lost", total, worst)
}

// segmentFile writes a recording of some pictures and returns its only file.
func segmentFile(t testing.TB) []byte {
	t.Helper()
	dir := t.TempDir()
	r := New(config(dir))
	r.Checkpoint(0, &Checkpoint{Memory: make([]byte, 100)})
	for seq := range uint64(6) {
		r.Picture(picture(seq+1, 32, 24))
		r.Put(FeaturesKind, time.Duration(seq), Features{Seq: seq + 1})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"+suffix))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func scanAll(t testing.TB, data []byte) ([]Record, Damage) {
	t.Helper()
	s := scanner{from: bytes.NewReader(data), size: int64(len(data))}
	var out []Record
	for {
		rec, err := s.next()
		if errors.Is(err, io.EOF) {
			return out, s.damage
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, rec)
	}
}

func TestTruncatedFileOpens(t *testing.T) {
	data := segmentFile(t)
	whole, _ := scanAll(t, data)
	ends := map[int]int{0: 0} // where a record ends, and how many have by then
	at := 0
	for i, rec := range whole {
		at += headerSize + len(rec.Data)
		ends[at] = i + 1
	}
	want, last := 0, 0
	for n := range len(data) + 1 {
		if count, ok := ends[n]; ok {
			want, last = count, n
		}
		got, damage := scanAll(t, data[:n])
		if len(got) != want || damage.Truncated != (n > last) {
			t.Fatalf("cut to %d bytes: %d records, want %d, %+v", n, len(got), want, damage)
		}
	}
}

func TestFlippedBitCostsOneRecord(t *testing.T) {
	data := segmentFile(t)
	whole, _ := scanAll(t, data)
	rng := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		bit := rng.IntN(8 * len(data))
		bad := bytes.Clone(data)
		bad[bit/8] ^= 1 << (bit % 8)
		got, damage := scanAll(t, bad)
		if len(got) != len(whole)-1 || damage.Places != 1 {
			t.Fatalf("bit %d: %d of %d records, %+v", bit, len(got), len(whole), damage)
		}
	}
}

func TestConcatenatedSegmentsAreOneRecording(t *testing.T) {
	data := segmentFile(t)
	path := filepath.Join(t.TempDir(), "one.vrec")
	if err := os.WriteFile(path, append(bytes.Clone(data), data...), 0o600); err != nil {
		t.Fatal(err)
	}
	all, damage := recorded(t, path)
	if len(only(all, HeadKind)) != 2 || len(only(all, PictureKind)) != 12 || damage != (Damage{}) {
		t.Errorf("%d records, %+v", len(all), damage)
	}
}

func TestNothingToOpen(t *testing.T) {
	if _, err := Open(t.TempDir()); !errors.Is(err, ErrNoSegments) {
		t.Error(err)
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// TestFullQueueDrops is a disk that takes nothing: whoever records must not wait, and the recording tells of its gap.
func TestFullQueueDrops(t *testing.T) {
	cfg := config(t.TempDir())
	r := New(cfg) // nobody writes yet
	r.Checkpoint(0, &Checkpoint{})
	for seq := range uint64(3 * mostFrames) {
		r.Picture(picture(seq+1, 32, 24))
	}
	for range 2 * queued {
		r.Put(EventKind, 0, Event{Event: json.RawMessage(`{}`)})
	}
	s := r.Status()
	if want := uint64(3*mostFrames + 2*queued + 1 - queued); s.Dropped != want {
		t.Fatalf("%d dropped, want %d", s.Dropped, want)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	linktest.Within(t, patience, "an empty queue", func() bool { return len(r.queue) == 0 && len(r.frames) == mostFrames })
	r.Put(ForgetKind, 1, nil)
	for range 5 { // a record that comes after a loss is preceded by its gap
		r.dropped.Add(1)
	}
	r.Put(ForgetKind, 2, nil)
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	all, _ := recorded(t, cfg.Dir)
	lost := uint64(0)
	for _, rec := range only(all, GapKind) {
		gap, err := Message[Gap](rec)
		if err != nil {
			t.Fatal(err)
		}
		lost += gap.Records
	}
	if lost != 5 || len(only(all, PictureKind)) != mostFrames {
		t.Errorf("gaps tell of %d lost records, %d pictures are there", lost, len(only(all, PictureKind)))
	}
}
