//go:build cgo

package gocv

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	cv "gocv.io/x/gocv"

	"github.com/vega-edge/vegad/camera"
)

// device is a native capture in software.
type device struct {
	kind   cv.MatType
	block  chan struct{} // a Read waits for it when it is set
	inside chan struct{} // told when a Read waits
	busy   atomic.Bool
	closes atomic.Int64
	t      *testing.T
}

func (d *device) Read(m *cv.Mat) bool {
	d.busy.Store(true)
	defer d.busy.Store(false)
	if d.block != nil {
		d.inside <- struct{}{}
		<-d.block
	}
	if m.Empty() {
		made := cv.NewMatWithSize(2, 4, d.kind)
		defer made.Close() //nolint:errcheck // cannot fail
		made.SetTo(cv.NewScalar(10, 20, 30, 0))
		made.CopyTo(m) //nolint:errcheck // of the same size
	}
	return true
}

func (d *device) Get(cv.VideoCaptureProperties) float64 { return 0 }

func (d *device) Close() error {
	if d.busy.Load() {
		d.t.Error("the native capture was closed while it was read")
	}
	d.closes.Add(1)
	return nil
}

func TestSourceClosesSafelyWhileReading(t *testing.T) {
	d := &device{t: t, kind: cv.MatTypeCV8UC3, block: make(chan struct{}), inside: make(chan struct{})}
	s := newSource(mustParse(t, "/dev/video0"), d)
	done := make(chan error)
	go func() {
		f, err := s.Read(context.Background())
		f.Release()
		done <- err
	}()
	<-d.inside
	if err := s.Close(); err != nil { // returns at once, although the driver hangs
		t.Fatal(err)
	}
	if d.closes.Load() != 0 {
		t.Error("closed too early")
	}
	close(d.block)
	if err := <-done; err != nil && !errors.Is(err, errClosed) {
		t.Errorf("the read that was under way: %v", err)
	}
	if d.closes.Load() != 1 {
		t.Errorf("the native capture was closed %d times, want once by the reader", d.closes.Load())
	}
	if err := s.Close(); err != nil || d.closes.Load() != 1 {
		t.Errorf("closing again: %v, %d", err, d.closes.Load())
	}
	if _, err := s.Read(t.Context()); !errors.Is(err, errClosed) {
		t.Errorf("reading a closed camera: %v", err)
	}
}

func TestSourceTakesGreyAndRefusesTheRest(t *testing.T) {
	for kind, want := range map[cv.MatType]string{
		cv.MatTypeCV8UC3: "", cv.MatTypeCV8UC1: "", cv.MatTypeCV8UC4: "OpenCV type", cv.MatTypeCV16UC1: "OpenCV type",
	} {
		s := newSource(mustParse(t, "/dev/video0"), &device{t: t, kind: kind})
		f, err := s.Read(t.Context())
		switch {
		case want != "":
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v: %v", kind, err)
			}
		case err != nil:
			t.Errorf("%v: %v", kind, err)
		case f.Width != 4 || f.Height != 2 || f.Pix[0] != 10:
			t.Errorf("%v became %dx%d of %d", kind, f.Width, f.Height, f.Pix[0])
		}
		f.Release()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestSourceHonoursItsContext(t *testing.T) {
	s := newSource(mustParse(t, "/dev/video0"), &device{t: t, kind: cv.MatTypeCV8UC3})
	defer s.Close() //nolint:errcheck // a fake
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Read(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("read: %v", err)
	}
}

func TestSourceAllocatesNothing(t *testing.T) {
	s, err := Open(t.Context(), camera.URI{Kind: camera.KindFile, Path: sample(t, "vtest.avi")}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // read only
	view, err := camera.NewView(camera.Canonical{Width: 160, Height: 120, HFOV: 1.15},
		camera.AssumedCalibration(768, 576, 1.2), camera.Mount{})
	if err != nil {
		t.Fatal(err)
	}
	dst := make([]float32, 3*160*120)
	look := func() {
		f, err := s.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := view.Apply(dst, f); err != nil {
			t.Fatal(err)
		}
		f.Release()
	}
	look()
	if n := testing.AllocsPerRun(200, look); n != 0 {
		t.Errorf("%g allocations a picture from the film to the view, want none", n)
	}
}

func TestOpenRefuses(t *testing.T) {
	short, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for uri, want := range map[string]string{
		"none.mp4":                      "no such file",
		"testdata/":                     "replay:",
		"/dev/video77":                  "does not exist here",
		"csi:0":                         "nvarguscamerasrc",
		"rtsp://u:secret@127.0.0.1:1/x": "connection refused",
		"replay:somewhere":              "no camera of kind",
		"gst:nosuchelement ! appsink":   "does not start",
	} {
		s, err := Open(short, mustParse(t, uri), Options{Root: sysfs()})
		if err == nil {
			_ = s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q", uri, err, want)
		}
	}
}
