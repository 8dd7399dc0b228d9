package daemon_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vega-edge/vegad/models/modeltest"
	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/daemon"
	"github.com/vega-edge/vegad/runtime/link/linktest"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

// fails runs a daemon that must end by itself and returns its error.
func fails(t *testing.T, cfg config.Config) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := daemon.Run(ctx, daemon.Options{
		Config: cfg, Logger: slog.New(slog.DiscardHandler),
		OnReady: func(daemon.Info) { t.Error("a broken robot became ready") },
	})
	if err == nil {
		t.Error("a broken robot ended well")
		return ""
	}
	return err.Error()
}

// TestWhatCannotBeRepairedEndsTheDaemon also sees that nothing is left behind: the port of the broker is free again.
func TestWhatCannotBeRepairedEndsTheDaemon(t *testing.T) {
	port := linktest.FreePort(t)
	folder := t.TempDir()
	noFilm := filepath.Join(folder, "no.mp4")
	text := filepath.Join(folder, "text.mp4")
	if err := os.WriteFile(text, []byte("this is no film at all"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*config.Config)
		want   []string
	}{
		"missing film": {
			func(c *config.Config) { c.Cameras[0].URI = noFilm },
			[]string{"camera front", noFilm, "no such file"},
		},
		"no film": {
			func(c *config.Config) { c.Cameras[0].URI = text },
			[]string{"camera front", text, "no film that this OpenCV can decode"},
		},
		"unknown parameter of a room": {
			func(c *config.Config) { c.Cameras[0].URI = "room:?seed=7&colour=red" },
			[]string{"camera front", "colour", "a room takes"},
		},
		"recording": {
			func(c *config.Config) { c.Cameras[0].URI = "replay:" + folder },
			[]string{"camera front", "no recording in it"},
		},
		"film that loops without a pace": {
			func(c *config.Config) { c.Cameras[0].URI = noFilm + "?loop=1&pace=off" },
			[]string{"camera front", noFilm, "pace=off"},
		},
		"one of two films without a pace": {
			func(c *config.Config) {
				second := c.Cameras[0]
				second.Name, second.URI = "rear", noFilm+"?pace=off"
				c.Cameras = append(c.Cameras, second)
			},
			[]string{"camera rear", "pace=off", "one camera"},
		},
		"missing bundle": {
			func(c *config.Config) { c.Bundle = "nosuch" },
			[]string{"nosuch", "models/bundles"},
		},
		"wrong digest": {
			func(c *config.Config) { spoil(t, filepath.Join(c.Bundle, "fp32", "video_stem.onnx")) },
			[]string{"bundle", "fp32/video_stem.onnx", "sha256"},
		},
		"corrupt manifest": {
			func(c *config.Config) { spoil(t, filepath.Join(c.Bundle, "manifest.json")) },
			[]string{"bundle", "manifest.json"},
		},
		"no ONNX in a model": {
			func(c *config.Config) { modeltest.Replace(t, c.Bundle, "fp32/spatial_head.onnx", []byte("nonsense")) },
			[]string{"bundle", "spatial_head"},
		},
		"fewer outputs than are read": {
			func(c *config.Config) { c.Bundle = modeltest.Write(t, modeltest.Default()) },
			[]string{"spatial_head", "this version reads"},
		},
		"certificate that is none": {
			func(c *config.Config) { c.Broker.URL, c.Broker.CAFile = "mqtts://127.0.0.1:1", config.Path(text) },
			[]string{"broker.caFile", "no certificate"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := settings(t, small)
			cfg.Broker.URL = "embedded:" + port
			c.change(&cfg)
			got := fails(t, cfg)
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("%s\ndoes not say %q", got, want)
				}
			}
			l, err := net.Listen("tcp", "127.0.0.1:"+port)
			if err != nil {
				t.Fatalf("the broker's port is still taken: %v", err)
			}
			_ = l.Close()
		})
	}
}

// spoil changes one byte in the middle of a file.
func spoil(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 0x80
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestPortIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // of a test
	_, port, _ := net.SplitHostPort(l.Addr().String())
	cfg := settings(t, small)
	cfg.Broker.URL = "embedded:" + port
	if got := fails(t, cfg); !strings.Contains(got, "is taken by") || !strings.Contains(got, port) {
		t.Error(got)
	}
}

// A camera that is not there is looked for again and again; meanwhile the daemon says so and answers that it has seen
// nothing.
func TestCameraThatIsNotThere(t *testing.T) {
	for uri, want := range map[string]string{
		"/dev/video63": "/dev/video63",
		"rtsp://me:secret@127.0.0.1:" + linktest.FreePort(t) + "/s": "refused",
	} {
		t.Run(want, func(t *testing.T) { absent(t, uri, want) })
	}
}

// listening waits for the embedded broker.
func listening(t *testing.T, port string) {
	t.Helper()
	eventually(t, "the broker", func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

func absent(t *testing.T, uri, want string) {
	cfg := settings(t, uri)
	port := linktest.FreePort(t)
	cfg.Broker.URL = "embedded:" + port
	launch(t, cfg)
	listening(t, port)
	g := join(t, "mqtt://127.0.0.1:"+port)
	s := g.awaitState(func(s payload.State) bool { return s.Cameras[0].State == "lost" })
	if s.Health != payload.HealthStarting || !strings.Contains(s.Cameras[0].LastError, want) {
		t.Errorf("%s: health %s, error %q", uri, s.Health, s.Cameras[0].LastError)
	}
	if len(s.Errors) == 0 || s.Errors[0].ErrorType != "camera" || s.Errors[0].ErrorHint == "" {
		t.Errorf("%s: errors %+v", uri, s.Errors)
	}
	if text, _ := json.Marshal(s); strings.Contains(string(text), "secret") {
		t.Errorf("the password is told: %s", text)
	}
	for _, scope := range []string{"now", "seen"} {
		a := g.ask(`"question":"how many balls are there?","scope":"` + scope + `"`)
		if a.Status != payload.Abstained || !strings.Contains(a.Reason, "no_observation") {
			t.Errorf("%s %s: %s, %q", uri, scope, a.Status, a.Reason)
		}
	}
}

// rawBytes is the size of one raw picture.
const rawBytes = 64 * 48 * 3

// moving is n pictures, each unlike the others.
func moving(n int) []byte {
	dice := rand.New(rand.NewPCG(7, uint64(n)))
	pictures := make([]byte, n*rawBytes)
	for i := range pictures {
		pictures[i] = byte(64 + dice.IntN(128))
	}
	return pictures
}

// vanishing is a camera whose pictures come from a file of raw frames that can be taken away.
func vanishing(t *testing.T, seconds int) (uri, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "frames.raw")
	if err := os.WriteFile(file, moving(15*seconds), 0o600); err != nil {
		t.Fatal(err)
	}
	uri = "gst:filesrc location=" + file + " ! rawvideoparse width=64 height=48 format=bgr framerate=15/1 ! " +
		"identity sync=true ! videoconvert ! video/x-raw,format=BGR ! appsink drop=true max-buffers=1 sync=false"
	return uri, file
}

func TestCameraThatVanishesAndComesBack(t *testing.T) {
	uri, file := vanishing(t, 1)
	cfg := settings(t, uri)
	source, err := daemon.OpenCamera(t.Context(), mustParse(t, uri))
	if err != nil {
		if os.Getenv("VEGAD_REQUIRE_RTSP") != "" {
			t.Fatal(err)
		}
		t.Skipf("GStreamer's plug-ins seem to be missing: install gstreamer1.0-plugins-base: %v", err)
	}
	_ = source.Close()
	cfg.Limits.MaxAskPerSecond = 10_000 // it is asked until it answers as it should
	cfg.Limits.MaxAskPerSecondPerClient = 10_000
	r := start(t, cfg)
	g := join(t, r.info.Broker)
	if err := os.Rename(file, file+".away"); err != nil { // the next opening fails
		t.Fatal(err)
	}
	s := g.awaitState(func(s payload.State) bool { return s.Cameras[0].State == "lost" })
	if s.Health != payload.HealthDegraded || s.Cameras[0].LastError == "" || s.Errors[0].ErrorType != "camera" {
		t.Errorf("%+v", s)
	}
	eventually(t, "a stale present", func() bool {
		a := g.ask(`"question":"how many balls are there?","scope":"now"`)
		return a.Status == payload.Abstained && strings.Contains(a.Reason, "stale")
	})
	a := g.ask(`"question":"how many balls are there?","scope":"seen"`)
	if a.Status != payload.Answered || a.AgeMs < 1000 {
		t.Errorf("memory does not answer: %s %s, age %g ms", a.Status, a.Reason, a.AgeMs)
	}
	before := r.seen()
	if err := os.Rename(file+".away", file); err != nil {
		t.Fatal(err)
	}
	eventually(t, "new pictures", func() bool { return r.seen() > before })
	eventually(t, "a present again", func() bool {
		return g.ask(`"question":"how many balls are there?","scope":"now"`).Status == payload.Answered
	})
	select {
	case <-r.done:
		t.Errorf("the daemon ended: %v", r.err)
	default:
	}
	if spent := r.stop(); spent > 2*time.Second {
		t.Errorf("stopping took %v", spent)
	}
}
