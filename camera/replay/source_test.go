package replay_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/camera/replay"
	"github.com/vega-edge/vegad/camera/room"
	"github.com/vega-edge/vegad/runtime/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const frames = 8

// recording records a walk whose pictures are this far apart, and returns its folder and the pictures.
func recording(t *testing.T, gaps ...time.Duration) (string, []*camera.Frame) {
	t.Helper()
	dir := t.TempDir()
	r := record.New(record.Config{
		Dir: dir, Always: true, Logger: slog.New(slog.DiscardHandler),
		Head: func() record.Head { return record.Head{Bundle: "toy 1"} },
	})
	s, err := room.Open(room.SourceConfig{Seed: 3, Width: 64, Height: 48, Unpaced: true})
	if err != nil {
		t.Fatal(err)
	}
	mono := 5 * time.Second
	var out []*camera.Frame
	for i := range frames {
		f, err := s.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		f.Stamp(mono)
		mono += gaps[i%len(gaps)]
		r.Picture(f)
		out = append(out, f)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := errors.Join(r.Run(ctx), s.Close()); err != nil {
		t.Fatal(err)
	}
	return dir, out
}

func TestPicturesComeAgainAtTheirTimes(t *testing.T) {
	for name, paced := range map[string]bool{"paced": true, "unpaced": false} {
		t.Run(name, func(t *testing.T) {
			dir, want := recording(t, 30*time.Millisecond, 70*time.Millisecond)
			s, err := replay.Open(dir, paced)
			if err != nil {
				t.Fatal(err)
			}
			begun := camera.Now()
			var first time.Duration
			for i, w := range want {
				f, err := s.Read(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if f.Seq != w.Seq || f.Format != w.Format || !bytes.Equal(f.Pix, w.Pix) {
					t.Fatalf("picture %d is another", i)
				}
				if i == 0 {
					first = f.Mono
				}
				// A machine that stalls makes the rest of a paced recording late, and never early.
				if got, want := f.Mono-first, w.Mono-want[0].Mono; got < want || !paced && got != want {
					t.Errorf("picture %d comes %v after the first, want %v", i, got, want)
				}
				if paced && camera.Now() < f.Mono {
					t.Errorf("picture %d comes before its time", i)
				}
				f.Release()
			}
			if _, err := s.Read(t.Context()); !errors.Is(err, io.EOF) {
				t.Errorf("at the end: %v", err)
			}
			if took := camera.Now() - begun; paced && took < want[frames-1].Mono-want[0].Mono {
				t.Errorf("a paced recording took %v", took)
			}
			if err := errors.Join(s.Close(), s.Close()); err != nil {
				t.Error(err)
			}
			if _, err := s.Read(t.Context()); !errors.Is(err, replay.ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
		})
	}
}

func TestHolesAreNotWaitedFor(t *testing.T) {
	dir, _ := recording(t, time.Hour)
	s, err := replay.Open(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	var last time.Duration
	for i := range frames {
		f, err := s.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if i > 0 && f.Mono-last != 2*time.Second {
			t.Errorf("picture %d comes %v after the one before", i, f.Mono-last)
		}
		last = f.Mono
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestCloseWakesTheReader(t *testing.T) {
	dir, _ := recording(t, 1900*time.Millisecond)
	s, err := replay.Open(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := s.Read(context.Background())
		done <- err
	}()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, replay.ErrClosed) {
		t.Error(err)
	}
}

func TestHead(t *testing.T) {
	dir, _ := recording(t, time.Millisecond)
	head, err := replay.Head(dir)
	if err != nil || head.Bundle != "toy 1" {
		t.Error(head, err)
	}
	empty := filepath.Join(t.TempDir(), "x.vrec")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := replay.Head(empty); err == nil {
		t.Error("an empty file has a head")
	}
	if _, err := replay.Open(filepath.Join(t.TempDir(), "none"), true); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
