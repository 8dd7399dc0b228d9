package perception_test

import (
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/models/modeltest"
	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/engine/enginetest"
	"github.com/vega-edge/vegad/runtime/perception"
	"github.com/vega-edge/vegad/runtime/scene"
)

// realPipeline runs a small bundle with real graphs on the real ONNX Runtime.
func realPipeline(t testing.TB) *perception.Pipeline {
	t.Helper()
	spec := modeltest.Default()
	spec.Box, spec.BoxLogVar, spec.Rays, spec.Room = 10, 4, 4, 8
	spec.Precisions = []models.Precision{models.FP32}
	bundle, err := models.Open(modeltest.Write(t, spec))
	if err != nil {
		t.Fatal(err)
	}
	rt := enginetest.Open(t)
	e, err := engine.Open(t.Context(), rt, bundle, engine.Options{Threads: 1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return newPipeline(t, perception.Config{
		Manifest: &bundle.Manifest, Graph: func(name string) perception.Graph { return e.Graph(name) },
		Camera: "front", Calibration: calibrated(), Mount: camera.Mount{Height: 0.5, Pitch: 0.1},
	})
}

// pattern is a frame with something to see.
func pattern() *camera.Frame {
	f := picture(0, 0)
	for i := range f.Pix {
		f.Pix[i] = byte(i * i % 251)
	}
	return f
}

func TestNothingIsAllocatedPerFrame(t *testing.T) {
	p, f, at, seen := realPipeline(t), pattern(), time.Second, 0
	use := func(o *scene.Observation) bool {
		seen += len(o.Detections)
		return true
	}
	once := func() {
		at += 66 * time.Millisecond
		f.Seq++
		f.Stamp(at)
		if err := p.Frame(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		if err := p.Observe(t.Context(), perception.Observe, use); err != nil {
			t.Fatal(err)
		}
	}
	once()
	if n := testing.AllocsPerRun(100, once); n != 0 {
		t.Errorf("%g allocations a frame between capture and decoded observation", n)
	}
	if seen == 0 {
		t.Error("nothing was detected: the decoder was not tried")
	}
}

// One goroutine encodes while another asks; the race detector watches.
func TestFramesAndQuestionsAtOnce(t *testing.T) {
	p, f := realPipeline(t), pattern()
	feed(t, p, f)
	var tasks sync.WaitGroup
	tasks.Go(func() {
		for i := range 200 {
			f.Seq = uint64(i + 1)
			f.Stamp(time.Second + time.Duration(i)*10*time.Millisecond)
			if err := p.Frame(t.Context(), f); err != nil {
				t.Error(err)
			}
		}
	})
	for _, family := range []perception.Family{perception.Observe, perception.Count} {
		tasks.Go(func() {
			last := uint64(0)
			for range 100 {
				err := p.Observe(t.Context(), family, func(o *scene.Observation) bool {
					if o.Seq < last {
						t.Errorf("frame %d is observed after frame %d", o.Seq, last)
					}
					last = o.Seq
					return family == perception.Observe
				})
				if err != nil {
					t.Error(err)
				}
				_ = p.Timing()
			}
		})
	}
	tasks.Wait()
	if o := observe(t, p, perception.Observe); o.Seq != 200 {
		t.Errorf("the newest observation is of frame %d", o.Seq)
	}
}
