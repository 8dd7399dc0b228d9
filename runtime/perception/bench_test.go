package perception_test

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/engine/enginetest"
	"github.com/vega-edge/vegad/runtime/perception"
	"github.com/vega-edge/vegad/runtime/scene"
)

// nano opens the shipped bundle in int8, with so many threads for each network.
func nano(b *testing.B, rt *engine.Runtime, threads int) (*models.Bundle, *engine.Engine) {
	b.Helper()
	bundle, err := models.Open(filepath.Join("..", "..", "models", "bundles", "nano"))
	if err != nil {
		b.Fatal(err)
	}
	e, err := engine.Open(b.Context(), rt, bundle, engine.Options{
		Provider: engine.CPU, Precision: models.INT8, Threads: threads, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := e.Close(); err != nil {
			b.Error(err)
		}
	})
	return bundle, e
}

// cpuTime is what this process has used of the processors, which tells a cost on a busy machine too.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// BenchmarkEncoders compares the ways to run both encoders of a frame on two cores: one after the other, each on both
// cores, or side by side on one core each. The engine gives each encoder half of the threads.
func BenchmarkEncoders(b *testing.B) {
	rt := enginetest.Open(b)
	for _, threads := range []int{1, 2} {
		_, e := nano(b, rt, 2*threads)
		stem, semantic := e.Graph(models.VideoStem), e.Graph(models.SemanticEncoder)
		both := map[string]func() error{
			"inTurn": func() error { return errors.Join(stem.Run(b.Context()), semantic.Run(b.Context())) },
			"sideBySide": func() error {
				done := make(chan error)
				go func() { done <- semantic.Run(b.Context()) }()
				return errors.Join(stem.Run(b.Context()), <-done)
			},
		}
		for _, name := range []string{"inTurn", "sideBySide"} {
			b.Run(fmt.Sprintf("%s,threads=%d", name, threads), func(b *testing.B) {
				began := cpuTime(b)
				for b.Loop() {
					if err := both[name](); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(cpuTime(b)-began)/float64(b.N), "cpu-ns/op")
			})
		}
	}
}

// BenchmarkFrame is the whole way of a picture of 640x480 to an observation.
func BenchmarkFrame(b *testing.B) {
	bundle, e := nano(b, enginetest.Open(b), 2)
	cal := camera.AssumedCalibration(640, 480, 1.2)
	cal.Assumed = false
	p := newPipeline(b, perception.Config{
		Manifest: &bundle.Manifest, Graph: func(name string) perception.Graph { return e.Graph(name) },
		Camera: "front", Calibration: cal, Mount: camera.Mount{Height: 1, Pitch: 0.17},
	})
	f := camera.NewFrame(640, 480, camera.BGR8, nil)
	for i := range f.Pix {
		f.Pix[i] = byte(i * i % 251)
	}
	at := time.Second
	var spent perception.Timing
	for b.Loop() {
		at += 66 * time.Millisecond
		f.Seq++
		f.Stamp(at)
		feed(b, p, f)
		if err := p.Observe(b.Context(), perception.Observe, func(*scene.Observation) bool { return true }); err != nil {
			b.Fatal(err)
		}
		t := p.Timing()
		spent.View += t.View
		spent.Encoders += t.Encoders
		spent.Mixer += t.Mixer
		spent.Head += t.Head
		spent.Decode += t.Decode
	}
	for name, d := range map[string]time.Duration{
		"view": spent.View, "encoders": spent.Encoders, "mixer": spent.Mixer, "head": spent.Head, "decode": spent.Decode,
	} {
		b.ReportMetric(float64(d.Microseconds())/float64(b.N), name+"-µs")
	}
}
