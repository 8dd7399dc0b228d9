package daemon_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/camera/gocv"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

// stillFilm shows one picture for so many seconds, fifteen times each.
func stillFilm(t *testing.T, seconds int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "still.mp4")
	w, err := gocv.NewWriter(path, 15, 320, 240)
	if err != nil {
		t.Fatal(err)
	}
	f := camera.NewFrame(320, 240, camera.BGR8, nil)
	for i := range f.Pix {
		f.Pix[i] = byte(i / 7 * i % 200)
	}
	for range 15 * seconds {
		if err := w.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// A robot before which nothing happens: few pictures pass the networks, and a question is still answered for now.
func TestTheDaemonRests(t *testing.T) {
	const seconds = 8
	r := start(t, settings(t, stillFilm(t, seconds)))
	g := join(t, r.info.Broker)
	eventually(t, "the rest", func() bool {
		seen := r.seen()
		<-time.After(500 * time.Millisecond)
		return r.seen() <= seen+1
	})
	a := g.ask(`"question":"how many chairs are there?","scope":"now"`)
	if a.Status == payload.Answered && a.AgeMs > 500 {
		t.Errorf("while it rests, an answer is %g ms old", a.AgeMs)
	}
	if a.Status == payload.Refused || a.CaptureTime.IsZero() {
		t.Errorf("%+v", a)
	}
	<-r.done
	if n := r.seen(); n < 10 || n > 15*seconds*2/3 {
		t.Errorf("%d of %d pictures have passed the networks", n, 15*seconds)
	}
	if r.err != nil {
		t.Error(r.err)
	}
}
