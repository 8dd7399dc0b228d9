//go:build cgo

package engine_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/models/modeltest"
	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/engine/enginetest"
)

// mediumSpec has the real view and a stem of about 100 million multiplications.
func mediumSpec() modeltest.Spec {
	s := modeltest.Default()
	s.Width, s.Height, s.Geometry, s.Semantic, s.SlowLayers = 160, 120, 64, 64, 80
	s.Precisions = []models.Precision{models.FP32}
	return s
}

// BenchmarkPaced runs all graphs once for each frame of a camera with 30 frames a second and reports the latency of
// a frame, the CPU time it costs, and the resident memory. It is what the choice of spinning and arena rests on; for
// the memory run one setting a process, such as -bench 'Paced/spin=false,arena=false'.
func BenchmarkPaced(b *testing.B) {
	rt := enginetest.Open(b)
	for _, spin := range []bool{false, true} {
		for _, arena := range []bool{false, true} {
			b.Run(fmt.Sprintf("spin=%v,arena=%v", spin, arena), func(b *testing.B) {
				o := cpuOptions(models.FP32)
				o.Tune(spin, arena)
				benchmarkPaced(b, openEngine(b, rt, mediumSpec(), o))
			})
		}
	}
}

func benchmarkPaced(b *testing.B, e *engine.Engine) {
	frames := time.NewTicker(time.Second / 30)
	defer frames.Stop()
	cpu, busy := cpuTime(b), time.Duration(0)
	for b.Loop() {
		start := <-frames.C
		for _, name := range models.GraphNames() {
			if err := e.Graph(name).Run(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
		busy += time.Since(start)
	}
	b.ReportMetric(float64(busy.Microseconds())/1e3/float64(b.N), "latency-ms")
	b.ReportMetric(float64((cpuTime(b)-cpu).Microseconds())/1e3/float64(b.N), "cpu-ms/frame")
	b.ReportMetric(residentMiB(b), "resident-MiB")
}

// BenchmarkRun is the cost of one small graph, which is mostly overhead.
func BenchmarkRun(b *testing.B) {
	g := openEngine(b, enginetest.Open(b), modeltest.Default(), cpuOptions(models.FP32)).Graph(models.VideoStem)
	b.ReportAllocs()
	for b.Loop() {
		if err := g.Run(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	rt := enginetest.Open(b)
	bundle := openBundle(b, modeltest.Write(b, mediumSpec()))
	for b.Loop() {
		e, err := engine.Open(b.Context(), rt, bundle, cpuOptions(models.FP32))
		if err != nil {
			b.Fatal(err)
		}
		if err := e.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func residentMiB(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		var kib float64
		if _, err := fmt.Sscanf(line, "VmRSS: %f kB", &kib); err == nil {
			return kib / 1024
		}
	}
	b.Fatal("no VmRSS")
	return 0
}
