package perception_test

import (
	"sync"
	"testing"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/runtime/perception"
	"github.com/vega-edge/vegad/runtime/scene"
)

// pair is two cameras, one of which looks down, in front of the same graphs.
func pair(t *testing.T, n *network) (level, steep *perception.Pipeline) {
	t.Helper()
	cfg := config(n)
	cfg.Shared = &perception.Shared{}
	level = newPipeline(t, cfg)
	cfg.Camera, cfg.Mount = "down", camera.Mount{Height: 1, Pitch: 0.5}
	return level, newPipeline(t, cfg)
}

// TestCamerasShareGraphs: each observation rests on its own camera's features and rays, whoever ran the graphs before.
func TestCamerasShareGraphs(t *testing.T) {
	n := newNetwork()
	n.stem.run = func(f *fake) error { fill(f.out["geometry"], f.in["image"][0]); return nil }
	n.mixer.run = func(f *fake) error { fill(f.out["generative"], f.in["ring"][0]); return nil }
	var rays, tokens float32
	n.head.run = func(f *fake) error {
		rays, tokens = f.in["rays"][cells/2], f.in["generative"][0]
		fill(f.out["gate"], tokens)
		return nil
	}
	level, steep := pair(t, n)
	dark, bright := picture(1, time.Second), picture(1, time.Second)
	for i := range bright.Pix {
		bright.Pix[i] = 255
	}
	feed(t, level, dark)
	feed(t, steep, bright)
	if o := observe(t, level, perception.Observe); o.Camera != "front" || tokens != 0 {
		t.Errorf("camera %s saw %g", o.Camera, tokens)
	}
	ahead := rays
	if o := observe(t, steep, perception.Observe); o.Camera != "down" || tokens != 1 {
		t.Errorf("camera %s saw %g", o.Camera, tokens)
	}
	if rays == ahead {
		t.Errorf("both look along %g", rays)
	}
	if observe(t, level, perception.Observe); rays != ahead {
		t.Errorf("the first camera now looks along %g, before %g", rays, ahead)
	}
	if m, err := steep.Map(perception.GateStream, nil); err != nil || m.Values[0] != 1 {
		t.Errorf("the gate of the second camera is %v: %v", m.Values[:1], err)
	}
	if m, err := level.Map(perception.GateStream, nil); err != nil || m.Values[0] != 0 {
		t.Errorf("the gate of the first camera is %v: %v", m.Values[:1], err)
	}
}

// TestCamerasTakeTurns is for the race detector: two cameras are watched and asked at once.
func TestCamerasTakeTurns(t *testing.T) {
	level, steep := pair(t, newNetwork())
	var group sync.WaitGroup
	for _, p := range []*perception.Pipeline{level, steep} {
		group.Go(func() {
			for i := range 20 {
				feed(t, p, picture(uint64(i)+1, time.Duration(i+1)*time.Second))
				err := p.Observe(t.Context(), perception.Measure, func(*scene.Observation) bool { return true })
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}
