package main

import (
	"context"
	"encoding/json"
	"errors"
	"hash/fnv"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/camera/room"
	"github.com/vega-edge/vegad/runtime/daemon"
	"github.com/vega-edge/vegad/runtime/scene"
)

func digests(t *testing.T, f film) (sums []uint64, truth *room.Truth) {
	t.Helper()
	truth, err := f.render(t.Context(), func(frame *camera.Frame) error {
		if int(frame.Seq) != len(sums)+1 {
			t.Errorf("frame %d comes after %d others", frame.Seq, len(sums))
		}
		h := fnv.New64a()
		_, _ = h.Write(frame.Pix)
		sums = append(sums, h.Sum64())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums, truth
}

// TestFilmDoesNotDependOnWorkers compares with the room's own renderer, picture by picture.
func TestFilmDoesNotDependOnWorkers(t *testing.T) {
	f := film{Seed: 5, Clip: 2, Width: 64, Height: 48, FPS: 15, Frames: 11}
	m := room.Generate(f.Seed)
	draw := room.NewRenderer(f.Width, f.Height, room.DefaultHFOV)
	sensor, wantTruth := m.NewSensor(f.Clip), m.NewTruth(f.Clip)
	wantTruth.Width, wantTruth.Height, wantTruth.HFOV, wantTruth.FPS = f.Width, f.Height, room.DefaultHFOV, f.FPS
	pic := draw.NewPicture()
	var want []uint64
	for _, pose := range m.Drive(f.Clip, f.Frames, 1/f.FPS) {
		draw.Render(m, pose, sensor, pic)
		wantTruth.Add(pose, pic)
		h := fnv.New64a()
		_, _ = h.Write(pic.RGB)
		want = append(want, h.Sum64())
	}
	for _, workers := range []int{1, 2, 3, 20} {
		f.Workers = workers
		got, truth := digests(t, f)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d workers:\n%s", workers, diff)
		}
		if diff := cmp.Diff(wantTruth, truth); diff != "" {
			t.Errorf("%d workers:\n%s", workers, diff)
		}
	}
}

func TestFilmStops(t *testing.T) {
	f := film{Seed: 5, Width: 64, Height: 48, FPS: 15, Frames: 1000}
	full := errors.New("the disk is full")
	written := 0
	_, err := f.render(t.Context(), func(*camera.Frame) error {
		written++
		if written == 3 {
			return full
		}
		return nil
	})
	if !errors.Is(err, full) || written != 3 {
		t.Errorf("%v after %d pictures", err, written)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err = f.render(ctx, func(*camera.Frame) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestRoomRender(t *testing.T) {
	dir := t.TempDir()
	clip, truthFile := filepath.Join(dir, "clip.mp4"), filepath.Join(dir, "truth.json")
	got := vegad(t, "room", "render", "--seed", "9", "--out", clip, "--truth", truthFile, "--seconds", "1",
		"--width", "96", "--height", "64", "--fps", "10")
	if got.code != exitDone {
		t.Fatalf("%+v", got)
	}
	wantContains(t, "stdout", got.out, "10 pictures of 96x64")
	wantContains(t, "stderr", got.err, "1 of 10 pictures")
	data, err := os.ReadFile(truthFile)
	if err != nil {
		t.Fatal(err)
	}
	var truth room.Truth
	if err := json.Unmarshal(data, &truth); err != nil {
		t.Fatal(err)
	}
	if truth.Seed != 9 || truth.FPS != 10 || truth.Width != 96 || len(truth.Frames) != 10 || len(truth.Objects) == 0 {
		t.Errorf("%+v", truth)
	}
	if n := countFrames(t, "file:"+clip+"?pace=off"); n != 10 {
		t.Errorf("the film has %d pictures", n)
	}
	bad := vegad(t, "room", "render", "--out", filepath.Join(dir, "no", "clip.mp4"), "--seconds", "1")
	if bad.code != exitFailed {
		t.Errorf("%+v", bad)
	}
}

func countFrames(t *testing.T, text string) int {
	t.Helper()
	uri, err := camera.ParseURI(text)
	if err != nil {
		t.Fatal(err)
	}
	source, err := daemon.OpenCamera(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = source.Close() }()
	for n := 0; ; n++ {
		frame, err := source.Read(t.Context())
		if errors.Is(err, io.EOF) {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		frame.Release()
	}
}

func TestRoomDescribe(t *testing.T) {
	wantContains(t, "stdout", vegad(t, "room", "describe", "--seed", "7").out, "room 7: 5.13 x 4.16", "bed      red")
}

func TestProbe(t *testing.T) {
	var p probed
	got := vegad(t, "cameras", "probe", "room:?seed=3&width=64&height=48&fps=100&hfov=50", "--json")
	if err := json.Unmarshal([]byte(got.out), &p); err != nil || got.code != exitDone {
		t.Fatalf("%v: %+v", err, got)
	}
	if p.Frames != probeFrames || p.WidthPx != 64 || p.HeightPx != 48 || !p.Calibrated || math.Abs(p.HFOVDeg-50) > 1e-6 {
		t.Errorf("%+v", p)
	}
	if p.FPS < 20 || p.FPS > 200 {
		t.Errorf("%g pictures a second", p.FPS)
	}

	clip := filepath.Join(t.TempDir(), "clip.mp4")
	f := film{Seed: 1, Width: 64, Height: 48, FPS: 20, Frames: 4}
	if _, err := f.write(t.Context(), clip, func(int) {}); err != nil {
		t.Fatal(err)
	}
	wantContains(t, "a short film", vegad(t, "cameras", "probe", clip).out, "4 of 64x48, 20.0 a second",
		"assumed 60° wide")

	settings := writeFile(t, "vegad.yaml", "cameras:\n  - name: film\n    uri: "+clip+
		"\n    calibration: {width: 64, height: 48, fx: 32, fy: 32, cx: 31.5, cy: 23.5}\n")
	wantContains(t, "a known film", vegad(t, "cameras", "probe", "film", "-c", settings).out, "calibrated, 90° wide")

	missing := vegad(t, "cameras", "probe", "/nonexistent/walk.mp4")
	if missing.code != exitFailed {
		t.Errorf("%+v", missing)
	}
	wantContains(t, "stderr", missing.err, "/nonexistent/walk.mp4")
}

func TestWheels(t *testing.T) {
	truth := tinyFilm(t, 1_000_005)
	out := wheels(truth)
	if out[0].pose != (scene.Pose{}) {
		t.Errorf("it begins at %+v", out[0].pose)
	}
	origin := poseOf(truth.Frames[0]).Inverse()
	driven, worst := 0.0, 0.0
	for i, o := range out {
		if i > 0 {
			a, b := truth.Frames[i-1], truth.Frames[i]
			driven += math.Hypot(b.X-a.X, b.Y-a.Y)
		}
		want := origin.Compose(poseOf(truth.Frames[i]))
		off := math.Hypot(want.X-o.pose.X, want.Y-o.pose.Y)
		worst = max(worst, off)
		if sigma := math.Sqrt(o.cov[0]); off > 4*sigma {
			t.Errorf("frame %d is off by %.3f m and claims a standard deviation of %.3f m", i, off, sigma)
		}
	}
	if driven < 0.2 || worst < 1e-4 || worst > 0.05 {
		t.Errorf("off by %.3f m at most on a way of %.2f m", worst, driven)
	}
	last := out[len(out)-1]
	pose := last.message(time.Unix(9, 0))
	if got := pose.Planar(); math.Abs(scene.WrapAngle(got.Yaw-last.pose.Yaw)) > 1e-9 {
		t.Errorf("%+v", got)
	}
	if cov, known := pose.PlanarCovariance(); !known || cov[0] != last.cov[0] || cov[8] != last.cov[2] {
		t.Errorf("%v", cov)
	}
}

func TestFilmClock(t *testing.T) {
	c := newFilmClock()
	begin := time.Date(2026, 1, 2, 3, 4, 5, 678_900_000, time.UTC)
	c.tick(4, begin.Add(200*time.Millisecond)) // frames 1 to 3 were skipped
	<-c.started
	c.tick(5, begin.Add(266_666_667))
	if got := c.start(15); got.Sub(begin).Abs() > time.Microsecond {
		t.Errorf("it began at %v", got)
	}
	for instant, want := range map[time.Duration]int{
		200 * time.Millisecond: 3, 199 * time.Millisecond: 3, 266 * time.Millisecond: 4, 333 * time.Millisecond: 5, 0: 0,
	} {
		if got, known := c.at(begin.Add(instant).Truncate(time.Millisecond), 15); !known || got != want {
			t.Errorf("%v: frame %d, %v, want %d", instant, got, known, want)
		}
	}
	if _, known := c.at(begin.Add(time.Minute), 15); known {
		t.Error("a frame of the future is known")
	}
}
