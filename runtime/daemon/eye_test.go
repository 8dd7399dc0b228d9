package daemon_test

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

// twoCameras is a robot that looks ahead and behind.
func twoCameras(t *testing.T, front, rear string) config.Config {
	t.Helper()
	cfg := settings(t, front)
	second := cfg.Cameras[0]
	second.Name, second.URI = "rear", rear
	cfg.Cameras = append(cfg.Cameras, second)
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// otherView is another simulated camera of the same room.
const otherView = "room:?seed=7&clip=1&width=64&height=48&fps=15"

func TestTwoCamerasAreWatched(t *testing.T) {
	r := start(t, twoCameras(t, small, otherView))
	g := join(t, r.info.Broker)
	eventually(t, "pictures of both", func() bool { return r.seenBy("front") > 10 && r.seenBy("rear") > 10 })
	s := g.awaitState(func(s payload.State) bool { return s.Cameras[0].FPS > 0 && s.Cameras[1].FPS > 0 })
	for i, name := range []string{"front", "rear"} {
		if c := s.Cameras[i]; c.Name != name || c.State != "running" {
			t.Errorf("camera %d: %+v", i, c)
		}
	}
	if a := g.ask(`"question":"how many balls are there?","scope":"now"`); a.Status != payload.Answered || a.Gate == nil {
		t.Errorf("%s %s", a.Status, a.Reason)
	}
	var sheet payload.Factsheet
	if err := json.Unmarshal(join2(t, r.info.Broker, "factsheet").await("factsheet", "").Payload(), &sheet); err != nil {
		t.Fatal(err)
	}
	if len(sheet.Cameras) != 2 || sheet.Cameras[1].Name != "rear" {
		t.Errorf("the factsheet lists %+v", sheet.Cameras)
	}
}

// One camera that was never there neither delays the start nor touches the other.
func TestOneOfTwoCamerasIsMissing(t *testing.T) {
	r := start(t, twoCameras(t, "/dev/video63", small))
	g := join(t, r.info.Broker)
	s := g.awaitState(func(s payload.State) bool { return s.Cameras[0].State == "lost" && s.Cameras[1].FPS > 0 })
	if s.Health != payload.HealthDegraded || s.Cameras[1].State != "running" {
		t.Errorf("health %s, cameras %+v", s.Health, s.Cameras)
	}
	told := 0
	for _, e := range s.Errors {
		if e.ErrorType == "camera" && e.ErrorReferences[0].ReferenceValue == "front" {
			told++
		}
	}
	if told != 1 {
		t.Errorf("errors %+v", s.Errors)
	}
	before := r.seenBy("rear")
	if a := g.ask(`"question":"how many balls are there?","scope":"now"`); a.Status != payload.Answered {
		t.Errorf("%s %s", a.Status, a.Reason)
	}
	eventually(t, "more pictures", func() bool { return r.seenBy("rear") > before+15 })
}

// A film that ends, and one that cannot be opened, leave the other camera alone; the daemon ends with the last.
func TestOneOfTwoFilmsEnds(t *testing.T) {
	const pictures = 45
	short := render(t, 15)
	for name, front := range map[string]string{"ends": short, "cannot be opened": filepath.Join(t.TempDir(), "no.mp4")} {
		t.Run(name, func(t *testing.T) {
			r := launch(t, twoCameras(t, front, render(t, pictures)))
			eventually(t, "the end of the other film", func() bool {
				select {
				case <-r.done:
					return true
				default:
					return false
				}
			})
			if got := r.seenBy("rear"); got < pictures/2 {
				t.Errorf("%d of %d pictures of the other film were watched", got, pictures)
			}
			if failed := front != short; failed != (r.err != nil) || failed != r.journal.tells("camera is given up", "front") {
				t.Errorf("it ended with: %v", r.err)
			}
		})
	}
}
