package bench_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/camera/room"
	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/models/modeltest"
	"github.com/vega-edge/vegad/runtime/bench"
	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/engine/enginetest"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/perception"
	"github.com/vega-edge/vegad/runtime/scene"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// subject is a bundle of random weights that runs on the real ONNX Runtime, and a film of seven pictures.
func subject(t *testing.T, rt *engine.Runtime) bench.Config {
	t.Helper()
	spec := modeltest.Default()
	spec.Box, spec.BoxLogVar, spec.Rays, spec.Room = 10, 4, 4, 8
	spec.Precisions = []models.Precision{models.FP32}
	bundle, err := models.Open(modeltest.Write(t, spec))
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.Open(t.Context(), rt, bundle, engine.Options{Threads: 1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	film := room.SourceConfig{Seed: 7, Width: 64, Height: 48, Frames: 7, Unpaced: true}
	first, err := room.Open(film)
	if err != nil {
		t.Fatal(err)
	}
	courier, err := bench.OpenCourier(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := courier.Close(); err != nil {
			t.Error(err)
		}
	})
	m := &bundle.Manifest
	return bench.Config{
		Manifest: m, Graph: func(name string) perception.Graph { return e.Graph(name) },
		Open:        func(context.Context) (camera.Source, error) { return room.Open(film) },
		Calibration: first.Calibration(), Mount: first.Mount(), Memory: scene.DefaultConfig(m.Labels, m.Colors),
		Message: func(s *scene.Snapshot) payload.Scene { return payload.Scene{CaptureTime: payload.Time{Time: s.Wall}} },
		Courier: courier, Rounds: 3, Frames: 9, // more than the film has
	}
}

func TestEveryStageIsMeasured(t *testing.T) {
	rt := enginetest.Open(t)
	cfg := subject(t, rt)
	cfg.Work = map[string]bench.Work{bench.Head: {FLOPs: 1e6, Bytes: 2e6}}
	cfg.Peak = &bench.Peak{Type: "float32", GigaFLOPs: 10, CopyGigabytes: 5}
	rounds := 0
	cfg.Progress = func(int) { rounds++ }
	r, err := bench.Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if rounds != 5 { // one to warm up, three that count, one for the allocations
		t.Errorf("%d rounds", rounds)
	}
	for i, s := range r.Stages {
		if s.Name != bench.Stages()[i] || s.Count != 27 || s.P50Ms <= 0 || s.P50Ms > s.P95Ms || s.P95Ms > s.P99Ms ||
			s.SpreadRatio < 0 || s.PerSecond != 1000/s.P50Ms {
			t.Errorf("%+v", s)
		}
		if s.Name == bench.Head && (math.Abs(s.ArithmeticShare/s.PerSecond-1e-4) > 1e-9 ||
			math.Abs(s.MemoryShare/s.PerSecond-4e-4) > 1e-9) {
			t.Errorf("shares of the peak: %+v", s)
		}
	}
	for _, c := range r.Calls {
		if c.Name == "frame" && c.Allocations != 0 {
			t.Errorf("a frame allocates %g objects", c.Allocations)
		}
	}
	w := r.Whole
	if w.FramesPerSecond <= 0 || w.OtherShare <= 0 || w.OtherShare >= 1 || w.ResidentMiB <= 0 || w.CPUMsPerFrame <= 0 {
		t.Errorf("%+v", w)
	}
	for _, want := range []string{"p99 ms", "encoders", "observation", "resident", "10 GFLOP/s"} {
		if !strings.Contains(r.Table(), want) {
			t.Errorf("the table lacks %q:\n%s", want, r.Table())
		}
	}
}

func TestTheProbeFindsAPeak(t *testing.T) {
	rt := enginetest.Open(t)
	for precision, kind := range map[models.Precision]string{models.FP32: "float32", models.INT8: "int8"} {
		p, err := bench.Probe(t.Context(), rt, precision)
		if err != nil {
			t.Fatal(err)
		}
		if p.Type != kind || p.GigaFLOPs < 0.1 || p.GigaFLOPs > 1e6 || p.CopyGigabytes < 0.1 || p.CopyGigabytes > 1e4 {
			t.Errorf("%+v", p)
		}
	}
}

// broken is a film that cannot be read.
type broken struct{ err error }

func (b broken) Read(context.Context) (*camera.Frame, error) { return nil, b.err }
func (b broken) Close() error                                { return nil }

func TestWhatCannotBeMeasured(t *testing.T) {
	rt := enginetest.Open(t)
	good := subject(t, rt)
	for want, change := range map[string]func(*bench.Config){
		"at least three rounds": func(c *bench.Config) { c.Rounds = 2 },
		"maxObjects":            func(c *bench.Config) { c.Memory.MaxObjects = 0 },
		"no such film": func(c *bench.Config) {
			c.Open = func(context.Context) (camera.Source, error) { return nil, errors.New("no such film") }
		},
		"picture is damaged": func(c *bench.Config) {
			c.Open = func(context.Context) (camera.Source, error) { return broken{camera.ErrDamaged}, nil }
		},
		"EOF": func(c *bench.Config) { // a film without pictures must not be opened for ever
			c.Open = func(context.Context) (camera.Source, error) { return broken{io.EOF}, nil }
		},
	} {
		cfg := good
		change(&cfg)
		if _, err := bench.Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// report is a measurement of one stage.
func report(p50, spread, allocations float64) *bench.Report {
	return &bench.Report{
		Version: bench.ReportVersion, Machine: bench.Machine{Device: "NVIDIA Jetson Orin Nano (8 GB)", Cores: 6},
		Bundle: "nano 0.3.0", Precision: "int8", Provider: "cpu",
		Stages: []bench.Stage{{Name: bench.View, Count: 9, P50Ms: p50, SpreadRatio: spread}},
		Calls:  []bench.Call{{Name: "frame", Allocations: allocations}},
	}
}

func TestCompareAllowsTheMeasuredSpread(t *testing.T) {
	for name, c := range map[string]struct {
		now, base *bench.Report
		stage     bench.Outcome
		holds     bool
	}{
		"the same":                 {report(1, 0.02, 0), report(1, 0.02, 0), bench.Same, true},
		"slower within the spread": {report(1.19, 0.05, 0), report(1, 0.05, 0), bench.Same, true},
		"slower beyond it":         {report(1.21, 0.05, 0), report(1, 0.05, 0), bench.Slower, false},
		"a quiet machine's slack":  {report(1.04, 0, 0), report(1, 0, 0), bench.Same, true},
		"a quiet machine's loss":   {report(1.06, 0, 0), report(1, 0, 0), bench.Slower, false},
		"faster":                   {report(0.5, 0.05, 0), report(1, 0.05, 0), bench.Faster, true},
		"it begins to allocate":    {report(1, 0.02, 1), report(1, 0.02, 0), bench.Same, false},
		"it allocates less":        {report(1, 0.02, 1), report(1, 0.02, 4), bench.Same, true},
		"hundreds may vary":        {report(1, 0.02, 103), report(1, 0.02, 100), bench.Same, true},
		"but not by much":          {report(1, 0.02, 106), report(1, 0.02, 100), bench.Same, false},
	} {
		got, err := bench.Compare(c.now, c.base)
		if err != nil {
			t.Fatal(err)
		}
		if got.Changes[0].Outcome != c.stage || got.Holds != c.holds || len(got.Changes) != 2 {
			t.Errorf("%s: %+v", name, got)
		}
		if table := got.Table(); !strings.Contains(table, "frame allocations") || !strings.Contains(table, string(c.stage)) {
			t.Errorf("%s: %s", name, table)
		}
	}
}

func TestCompareRefusesOtherDevices(t *testing.T) {
	base := report(1, 0, 0)
	for want, change := range map[string]func(*bench.Report){
		"device":    func(r *bench.Report) { r.Machine.Device = "AMD EPYC" },
		"cores":     func(r *bench.Report) { r.Machine.Cores = 2 },
		"precision": func(r *bench.Report) { r.Precision = "fp32" },
		"bundle":    func(r *bench.Report) { r.Bundle = "edge 1.0.0" },
		"provider":  func(r *bench.Report) { r.Provider = "tensorrt" },
	} {
		now := report(1, 0, 0)
		change(now)
		if _, err := bench.Compare(now, base); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestBaselinesAreKeptByDevice(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "baselines")
	r := report(1, 0.1, 2)
	path, err := r.Save(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := filepath.Base(path); got != "nvidia-jetson-orin-nano-8-gb-6-nano-int8-cpu.json" {
		t.Errorf("kept as %s", got)
	}
	for _, from := range []string{dir, path} {
		got, at, err := r.Load(from)
		if err != nil || at != path || got.Stages[0] != r.Stages[0] || got.Calls[0] != r.Calls[0] {
			t.Errorf("%+v from %s: %v", got, at, err)
		}
	}
	r.Precision = "fp32"
	if _, _, err := r.Load(dir); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "--save") {
		t.Errorf("%v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"version":1,"stages":[{"name":"view","count":3,"p50Ms":1,"spreadRatio":0.1}]}`, `{"version":2}`, `{}`, `[`,
		`{"version":1,"stages":[{"name":"view","p50Ms":-1}]}`, `{"version":1,"stages":[{"p50Ms":1e999}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := bench.Parse(data)
		if err != nil {
			return
		}
		if strings.ContainsAny(r.FileName(), "/\\ ") {
			t.Errorf("file name %q", r.FileName())
		}
		if c, err := bench.Compare(r, r); err != nil || !c.Holds {
			t.Errorf("a report differs from itself: %+v, %v", c, err)
		}
	})
}
