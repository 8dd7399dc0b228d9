package daemon_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/daemon"
	"github.com/vega-edge/vegad/runtime/link/linktest"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

// warmJetson writes the files of a Jetson whose chip has the given temperature, in millidegrees.
func warmJetson(t *testing.T, millidegrees string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"sys/class/thermal/thermal_zone0/type":              "tj-thermal",
		"sys/class/thermal/thermal_zone0/temp":              millidegrees,
		"sys/class/thermal/thermal_zone0/trip_point_0_type": "passive",
		"sys/class/thermal/thermal_zone0/trip_point_0_temp": "99000",
		"sys/devices/platform/gpu.0/load":                   "250",
		"var/lib/nvpmodel/status":                           "pmode:0003",
		"proc/meminfo":                                      "MemTotal: 8000 kB\nMemAvailable: 3000 kB\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestAHotRobotDoesLessAndSaysSo(t *testing.T) {
	cfg := settings(t, small)
	cfg.Stats.Every = time.Second
	root := warmJetson(t, "60000")
	r := launchOn(t, cfg, root)
	g := join(t, r.info.Broker)
	s := g.awaitState(func(s payload.State) bool { return s.Device != nil && s.Health == payload.HealthOK })
	if s.Step != payload.StepFull || s.StepReason != "" || *s.Device.HeadroomK != 39 || *s.Device.GPULoad != 0.25 ||
		s.Device.PowerMode != "mode 3" || s.Device.PowerW != nil || s.Device.Memory.AvailableBytes != 3000<<10 {
		t.Errorf("%+v, %+v", s, s.Device)
	}
	if a := g.ask(`"question":"how many balls are there?"`); a.Step != payload.StepFull {
		t.Errorf("step %q in an answer", a.Step)
	}
	hot := filepath.Join(root, "sys/class/thermal/thermal_zone0/temp")
	if err := os.WriteFile(hot, []byte("97000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s = g.awaitState(func(s payload.State) bool { return s.Step == payload.StepQuestionsOnly })
	if s.Health != payload.HealthDegraded || !strings.Contains(s.StepReason, "tj is 2 K below") {
		t.Errorf("health %s, reason %q", s.Health, s.StepReason)
	}
	if len(s.Errors) == 0 || s.Errors[0].ErrorType != "load" || s.Errors[0].ErrorHint == "" {
		t.Errorf("%+v", s.Errors)
	}
	before, began := r.seen(), time.Now()
	eventually(t, "three pictures more", func() bool { return r.seen() >= before+3 })
	if took := time.Since(began); took < 1900*time.Millisecond {
		t.Errorf("three pictures in %v while only questions are answered", took)
	}
	if a := g.ask(`"question":"how many balls are there?"`); a.Step != payload.StepQuestionsOnly ||
		a.Status != payload.Answered || a.AgeMs > 5000 {
		t.Errorf("step %q, %s %s, age %g ms", a.Step, a.Status, a.Reason, a.AgeMs)
	}
	g.await("stats", `"step":"questionsOnly","stepChanges":0`) // one comes after the one that counts the change
}

// launchOn is start on another machine.
func launchOn(t *testing.T, cfg config.Config, root string) *robot {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	r := &robot{
		t: t, journal: &journal{}, ready: make(chan daemon.Info, 2), done: make(chan struct{}), cancel: cancel,
	}
	go func() {
		defer close(r.done)
		r.err = daemon.Run(ctx, daemon.Options{
			Config: cfg, Version: "test", Logger: slog.New(r.journal), Root: os.DirFS(root),
			OnReady: func(i daemon.Info) { r.ready <- i }, OnFrame: r.note,
		})
	}()
	t.Cleanup(func() {
		cancel()
		<-r.done
	})
	select {
	case r.info = <-r.ready:
	case <-r.done:
		t.Fatalf("the daemon ended: %v", r.err)
	case <-time.After(patience):
		t.Fatal("the daemon does not become ready")
	}
	return r
}

// TestCameraThatFreezes shows a second of moving pictures and then a still; opening the camera again begins anew.
func TestCameraThatFreezes(t *testing.T) {
	uri, file := vanishing(t, 1)
	still := bytes.Repeat(moving(1), 15*60)
	if err := os.WriteFile(file, append(moving(15), still...), 0o600); err != nil {
		t.Fatal(err)
	}
	r, g := supervised(t, uri)
	s := g.awaitState(func(s payload.State) bool { return s.Cameras[0].State == "frozen" })
	if s.Health != payload.HealthDegraded || s.Errors[0].ErrorType != "camera" ||
		!strings.Contains(s.Errors[0].ErrorDescription, "same picture") || s.Cameras[0].Faults.Frozen == 0 {
		t.Errorf("%+v", s)
	}
	if c := s.Cameras[0]; c.Withheld < 15 {
		t.Errorf("only %d repetitions were withheld in the two seconds before", c.Withheld)
	}
	s = g.awaitState(func(s payload.State) bool { return s.Cameras[0].State == "running" && s.Cameras[0].Reconnects > 0 })
	if s.Cameras[0].Faults.Lost != 0 {
		t.Errorf("%+v", s.Cameras[0])
	}
	select {
	case <-r.done:
		t.Errorf("the daemon ended: %v", r.err)
	default:
	}
}

// TestCameraThatGoesBlack sees for a second and then wears a cap for half a minute: it stays open, and memory learns
// nothing from the dark.
func TestCameraThatGoesBlack(t *testing.T) {
	uri, file := vanishing(t, 1)
	dark := moving(15 * 30)
	for i := range dark {
		dark[i] = (dark[i] - 64) / 16
	}
	if err := os.WriteFile(file, append(moving(15), dark...), 0o600); err != nil {
		t.Fatal(err)
	}
	r, g := supervised(t, uri)
	s := g.awaitState(func(s payload.State) bool { return s.Cameras[0].State == "black" })
	if s.Health != payload.HealthDegraded || s.Cameras[0].Faults.Black != 1 || s.Cameras[0].FPS < 5 ||
		!strings.Contains(s.Errors[0].ErrorHint, "lens") {
		t.Errorf("%+v", s)
	}
	before := r.seen()
	a := g.ask(`"question":"how many balls are there?","scope":"seen"`)
	eventually(t, "a stale present", func() bool {
		b := g.ask(`"question":"how many balls are there?","scope":"now"`)
		return b.Status == payload.Abstained && strings.Contains(b.Reason, "stale")
	})
	b := g.ask(`"question":"how many balls are there?","scope":"seen"`)
	if r.seen() != before || !b.CaptureTime.Equal(a.CaptureTime.Time) {
		t.Errorf("memory looked at %d black pictures; the newest it knows was taken at %s, then %s",
			r.seen()-before, a.CaptureTime, b.CaptureTime)
	}
}

func supervised(t *testing.T, uri string) (*robot, *guest) {
	t.Helper()
	source, err := daemon.OpenCamera(t.Context(), mustParse(t, uri))
	if err != nil {
		if os.Getenv("VEGAD_REQUIRE_RTSP") != "" {
			t.Fatal(err)
		}
		t.Skipf("GStreamer's plug-ins seem to be missing: install gstreamer1.0-plugins-base: %v", err)
	}
	_ = source.Close()
	cfg := settings(t, uri)
	cfg.Limits.MaxAskPerSecond, cfg.Limits.MaxAskPerSecondPerClient = 10_000, 10_000
	r := start(t, cfg)
	return r, join(t, r.info.Broker)
}

// TestCameraOfAnotherSize needs a calibration that its pictures do not fit: it is tried again, and the daemon lives.
func TestCameraOfAnotherSize(t *testing.T) {
	cfg := settings(t, small)
	cfg.Cameras[0].Calibration = &config.Calibration{
		Width: 640, Height: 360, Fx: 500, Fy: 500, Cx: 320, Cy: 180, Distortion: config.Distortion{Model: "none"},
	}
	port := linktest.FreePort(t)
	cfg.Broker.URL = "embedded:" + port
	r := launch(t, cfg)
	listening(t, port)
	g := join(t, "mqtt://127.0.0.1:"+port)
	s := g.awaitState(func(s payload.State) bool { return s.Cameras[0].State == "wrongSize" })
	if s.Cameras[0].Faults.WrongSize == 0 || !strings.Contains(s.Errors[0].ErrorHint, "calibrat") {
		t.Errorf("%+v", s)
	}
	select {
	case <-r.done:
		t.Errorf("the daemon ended: %v", r.err)
	default:
	}
}
