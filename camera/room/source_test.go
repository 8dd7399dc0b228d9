package room_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vega-edge/vegad/camera/room"
)

func TestSourceEndsAndCloses(t *testing.T) {
	s, err := room.Open(room.SourceConfig{Seed: 3, Width: 64, Height: 48, Frames: 3, Unpaced: true})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		f, err := s.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if f.Seq != uint64(i+1) || f.Width != 64 || f.Height != 48 || f.Wall.IsZero() {
			t.Errorf("frame %d: %d %dx%d %v", i, f.Seq, f.Width, f.Height, f.Wall)
		}
		f.Release()
	}
	if _, err := s.Read(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("after the last frame: %v", err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	if _, err := s.Read(t.Context()); !errors.Is(err, room.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestSourceKeepsPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := room.Open(room.SourceConfig{Seed: 3, Width: 32, Height: 24, FPS: 10})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		for range 11 {
			f, err := s.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			f.Release()
		}
		if d := time.Since(begin); d != time.Second {
			t.Errorf("eleven frames at 10 fps took %v", d)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Read(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled read: %v", err)
		}
	})
}

func TestSourceRefusesNonsense(t *testing.T) {
	for want, cfg := range map[string]room.SourceConfig{
		"size":          {Width: 4, Height: 4},
		"fps":           {FPS: 1000},
		"field of view": {HFOV: 4},
	} {
		if _, err := room.Open(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

func TestSourceDoesNotAllocate(t *testing.T) {
	s, err := room.Open(room.SourceConfig{Seed: 5, Width: 64, Height: 48, Unpaced: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	read := func() {
		f, err := s.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		f.Release()
	}
	for range 40 {
		read()
	}
	if n := testing.AllocsPerRun(20, read); n > 0.5 {
		t.Errorf("%.1f allocations a frame", n)
	}
}
