package daemon_test

import (
	"errors"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/camera/gocv"
	"github.com/vega-edge/vegad/camera/room"
)

func mustParse(t *testing.T, uri string) camera.URI {
	t.Helper()
	u, err := camera.ParseURI(uri)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// render writes a film of so many pictures, 15 a second.
func render(t *testing.T, pictures int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "walk.mp4")
	w, err := gocv.NewWriter(path, 15, 64, 48)
	if err != nil {
		t.Fatal(err)
	}
	s, err := room.Open(room.SourceConfig{Seed: 7, Width: 64, Height: 48, Frames: pictures, Unpaced: true})
	if err != nil {
		t.Fatal(err)
	}
	for {
		f, err := s.Read(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(f); err != nil {
			t.Fatal(err)
		}
		f.Release()
	}
	if err := errors.Join(w.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFilmIsWatchedToItsEnd(t *testing.T) {
	const pictures = 90
	r := launch(t, settings(t, render(t, pictures)+"?pace=off"))
	select {
	case <-r.done:
	case <-time.After(patience):
		t.Fatal("the film does not end")
	}
	if r.err != nil {
		t.Fatal(r.err)
	}
	if len(r.frames) != pictures {
		t.Errorf("%d of %d pictures were encoded", len(r.frames), pictures)
	}
	for i, seq := range r.frames {
		if seq != uint64(i+1) {
			t.Fatalf("picture %d has the sequence %d", i+1, seq)
		}
	}
	if len(r.ready) != 1 {
		t.Errorf("OnReady was called %d times", len(r.ready))
	}
}

func TestFilmLoops(t *testing.T) {
	const pictures = 15
	r := start(t, settings(t, render(t, pictures)+"?loop=1"))
	g := join(t, r.info.Broker)
	eventually(t, "the third showing", func() bool { return r.seen() > 2*pictures })
	if a := g.ask(`"question":"how many balls are there?","scope":"now"`); a.Status != "answered" {
		t.Errorf("after a new start of the film: %s %s", a.Status, a.Reason)
	}
}
