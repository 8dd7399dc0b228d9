//go:build cgo

package gocv

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vega-edge/vegad/camera"
)

// sample finds a film of the Debian package opencv-doc.
func sample(t testing.TB, name string) string {
	t.Helper()
	for _, folder := range []string{
		"/usr/share/doc/opencv-doc/examples/data", "/usr/share/doc/opencv-doc/examples/samples/data",
	} {
		path := filepath.Join(folder, name)
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	t.Skipf("%s is missing: install the package opencv-doc", name)
	return ""
}

// play runs a film through a Capture, as the daemon does.
func play(t *testing.T, uri camera.URI, see func(*camera.Frame)) (camera.CaptureStats, error) {
	t.Helper()
	c := camera.NewCapture(camera.CaptureConfig{
		Open:   func(ctx context.Context) (camera.Source, error) { return Open(ctx, uri, Options{}) },
		Logger: slog.New(slog.DiscardHandler), Policy: camera.Every, MaxFailures: 1,
	})
	done := make(chan error, 1)
	go func() { done <- c.Run(t.Context()) }()
	for {
		f, err := c.Next(t.Context())
		if err != nil {
			break
		}
		see(f)
		f.Release()
	}
	return c.Stats(), <-done
}

func TestFilmsRunFromStartToEnd(t *testing.T) {
	for name, want := range map[string]struct {
		frames        uint64
		width, height int
		seconds       float64
	}{
		"vtest.avi": {795, 768, 576, 79.4},
		"tree.avi":  {68, 320, 240, 29.5335}, // most of its 444 slots repeat the picture before
	} {
		uri := camera.URI{Kind: camera.KindFile, Path: sample(t, name)}
		var seen uint64
		var first, last time.Duration
		stats, err := play(t, uri, func(f *camera.Frame) {
			if seen++; seen == 1 {
				first = f.Mono
			}
			if f.Seq != seen || f.Width != want.width || f.Height != want.height || f.Mono < last {
				t.Fatalf("%s: picture %d has sequence %d, size %dx%d, time %v after %v",
					name, seen, f.Seq, f.Width, f.Height, f.Mono, last)
			}
			last = f.Mono
		})
		if err != nil || seen != want.frames || stats.Frames != seen || stats.Skipped+stats.Errors+stats.Stalls != 0 {
			t.Errorf("%s: %d pictures, %+v, %v", name, seen, stats, err)
		}
		if got := (last - first).Seconds(); math.Abs(got-want.seconds) > 0.01 {
			t.Errorf("%s: lasts %.4f s, want %.4f", name, got, want.seconds)
		}
	}
}

func TestFilmIsPaced(t *testing.T) {
	s, err := Open(t.Context(), mustParse(t, sample(t, "vtest.avi")), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // read only
	for range 5 {
		f, err := s.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if age := camera.Now() - f.Mono; age < 0 {
			t.Errorf("a picture came %v before it was due", -age)
		}
		f.Release()
	}
}

func TestDamagedFilms(t *testing.T) {
	film, err := os.ReadFile(sample(t, "vtest.avi"))
	if err != nil {
		t.Fatal(err)
	}
	var noise []byte
	for sum := sha256.Sum256(nil); len(noise) < 100_000; sum = sha256.Sum256(sum[:]) {
		noise = append(noise, sum[:]...)
	}
	folder := t.TempDir()
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"noise.mp4": {noise, "no film that this OpenCV can decode"},
		"empty.mp4": {nil, "the file is empty"},
		"cut.avi":   {film[:len(film)/2], "it ends after 39"},
	} {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, c.data, 0o600); err != nil {
			t.Fatal(err)
		}
		stats, err := play(t, camera.URI{Kind: camera.KindFile, Path: path}, func(*camera.Frame) {})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(stats.LastError, c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
		if name == "cut.avi" && (!errors.Is(err, camera.ErrTruncated) || stats.Frames < 390) {
			t.Errorf("cut film: %v after %d pictures", err, stats.Frames)
		}
	}
}

func TestGStreamerPipeline(t *testing.T) {
	uri := mustParse(t, "gst:videotestsrc num-buffers=40 pattern=blue ! video/x-raw,format=BGR,width=320,height=240,"+
		"framerate=30/1 ! appsink")
	s, err := Open(t.Context(), uri, Options{})
	if err != nil {
		if _, e := os.Stat("/usr/bin/gst-inspect-1.0"); e != nil && os.Getenv("VEGAD_REQUIRE_RTSP") == "" {
			t.Skipf("GStreamer's plug-ins seem to be missing: install gstreamer1.0-plugins-base: %v", err)
		}
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // read only
	for i := range 40 {
		f, err := s.Read(t.Context())
		if err != nil {
			t.Fatalf("picture %d: %v", i, err)
		}
		if f.Width != 320 || f.Pix[0] < 200 || f.Pix[1] > 50 {
			t.Fatalf("picture %d: %dx%d begins with %v, want blue", i, f.Width, f.Height, f.Pix[:3])
		}
		f.Release()
	}
	if _, err := s.Read(t.Context()); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a pipeline that ends is a lost camera, got %v", err)
	}
}

func TestWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made.mp4")
	w, err := NewWriter(path, 15, 160, 120)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 60 {
		f := camera.NewFrame(160, 120, camera.Format(i%2), nil) // both byte orders
		for p := 0; p < len(f.Pix); p += 3 {
			f.Pix[p+(i%2)*2], f.Pix[p+1], f.Pix[p+2-(i%2)*2] = 40, 90, 200
		}
		if err := w.Write(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Write(camera.NewFrame(80, 60, camera.BGR8, nil)); err == nil {
		t.Error("a picture of another size was accepted")
	}
	if err := errors.Join(w.Close(), w.Close()); err != nil {
		t.Fatal(err)
	}
	if err := w.Write(camera.NewFrame(160, 120, camera.BGR8, nil)); err == nil {
		t.Error("a closed film was written")
	}
	var sum [3]float64
	stats, err := play(t, camera.URI{Kind: camera.KindFile, Path: path}, func(f *camera.Frame) {
		for p, v := range f.Pix {
			sum[p%3] += float64(v) / (160 * 120 * 60)
		}
	})
	if err != nil || stats.Frames != 60 {
		t.Errorf("%d of 60 pictures came back with %s: %v", stats.Frames, w.Codec(), err)
	}
	for i, want := range [3]float64{40, 90, 200} {
		if math.Abs(sum[i]-want) > 5 {
			t.Errorf("mean colour %v, want (40, 90, 200)", sum)
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	folder := t.TempDir()
	for name, create := range map[string]func() (*Writer, error){
		"odd":    func() (*Writer, error) { return NewWriter(filepath.Join(folder, "a.mp4"), 15, 161, 120) },
		"rate":   func() (*Writer, error) { return NewWriter(filepath.Join(folder, "b.mp4"), 0, 160, 120) },
		"folder": func() (*Writer, error) { return NewWriter(filepath.Join(folder, "none", "c.mp4"), 15, 160, 120) },
	} {
		if _, err := create(); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
