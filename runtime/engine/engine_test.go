//go:build cgo

package engine_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/models/modeltest"
	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/engine/enginetest"
)

func options() engine.Options { return engine.Options{Logger: slog.New(slog.DiscardHandler)} }

func cpuOptions(p models.Precision) engine.Options {
	o := options()
	o.Provider, o.Precision = engine.CPU, p
	return o
}

func openBundle(t testing.TB, dir string) *models.Bundle {
	t.Helper()
	b, err := models.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func openEngine(t testing.TB, rt *engine.Runtime, spec modeltest.Spec, o engine.Options) *engine.Engine {
	t.Helper()
	e, err := engine.Open(t.Context(), rt, openBundle(t, modeltest.Write(t, spec)), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if n := rt.Sessions(); n != 0 {
			t.Errorf("%d sessions are alive after Close", n)
		}
	})
	return e
}

// The golden outputs come from Go arithmetic, so this compares ONNX Runtime with an independent computation.
func TestEveryPrecisionGivesTheGoldenOutputs(t *testing.T) {
	rt := enginetest.Open(t)
	for _, p := range []models.Precision{models.FP32, models.FP16, models.INT8} {
		t.Run(string(p), func(t *testing.T) {
			r := openEngine(t, rt, modeltest.Default(), cpuOptions(p)).Report()
			if r.Provider != engine.CPU || r.Precision != p || r.Degraded || r.Reason != "" || len(r.Attempts) != 0 {
				t.Errorf("report is %+v", r)
			}
			if len(r.GoldenErrors) != 13 {
				t.Errorf("golden errors of %v", slices.Sorted(maps.Keys(r.GoldenErrors)))
			}
			t.Log(r.LoadTime, r.GoldenErrors)
		})
	}
}

func TestAutoOnALibraryForTheCPURecordsWhyGPUsLost(t *testing.T) {
	rt := enginetest.Open(t)
	r := openEngine(t, rt, modeltest.Default(), options()).Report()
	if r.Provider != engine.CPU || r.Precision != models.INT8 {
		t.Errorf("runs on %s %s", r.Provider, r.Precision)
	}
	if len(r.Attempts) != 2 {
		t.Fatalf("attempts are %v", r.Attempts)
	}
	for i, want := range []engine.Provider{engine.TensorRT, engine.CUDA} {
		a := r.Attempts[i]
		if a.Provider != want || a.Stage != engine.StageProvider || !strings.Contains(a.Error(), "providers_shared") {
			t.Errorf("attempt %d is %v", i, a)
		}
		if !strings.Contains(r.Reason, a.Error()) {
			t.Errorf("reason %q lacks %q", r.Reason, a.Error())
		}
	}
	_, err := os.Stat("/dev/nvidiactl")
	if gpu := err == nil; r.Degraded != gpu {
		t.Errorf("degraded is %v on a machine whose having a GPU is %v", r.Degraded, gpu)
	}
	t.Log(r.Reason)
}

func TestAskingForAProviderByName(t *testing.T) {
	rt := enginetest.Open(t)
	b := openBundle(t, modeltest.Write(t, modeltest.Default()))
	o := options()
	o.Provider = engine.CUDA
	if _, err := engine.Open(t.Context(), rt, b, o); !errors.Is(err, engine.ErrRejected) {
		t.Errorf("without a fallback: %v", err)
	}
	o.AllowFallback = true
	e, err := engine.Open(t.Context(), rt, b, o)
	if err != nil {
		t.Fatal(err)
	}
	if r := e.Report(); r.Provider != engine.CPU || !r.Degraded || !strings.Contains(r.Reason, "cuda") {
		t.Errorf("with a fallback: %+v", r)
	}
	if err := e.Close(); err != nil || rt.Sessions() != 0 {
		t.Errorf("closing: %v, %d sessions alive", err, rt.Sessions())
	}
}

func TestWrongOptionsAreRefused(t *testing.T) {
	rt := enginetest.Open(t)
	spec := modeltest.Default()
	spec.Precisions = []models.Precision{models.FP32}
	b := openBundle(t, modeltest.Write(t, spec))
	for name, c := range map[string]struct {
		edit func(*engine.Options)
		want string
	}{
		"provider":  {func(o *engine.Options) { o.Provider = "npu" }, `provider "npu" is unknown`},
		"precision": {func(o *engine.Options) { o.Precision = models.INT8 }, `no precision "int8" (it has [fp32])`},
	} {
		t.Run(name, func(t *testing.T) {
			o := options()
			c.edit(&o)
			if _, err := engine.Open(t.Context(), rt, b, o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v", err)
			}
		})
	}
	o := cpuOptions(models.INT8)
	o.AllowFallback = true
	r := openEngine(t, rt, spec, o).Report()
	if r.Precision != models.FP32 || !r.Degraded || len(r.Attempts) != 1 || r.Attempts[0].Stage != engine.StageBundle {
		t.Errorf("a missing precision with a fallback gives %+v", r)
	}
}

func TestGoldenMismatchGoesToTheNextPrecision(t *testing.T) {
	rt := enginetest.Open(t)
	spec := modeltest.Default()
	spec.WrongPrecision = models.INT8
	o := options()
	o.Provider = engine.CPU
	r := openEngine(t, rt, spec, o).Report()
	if r.Precision != models.FP32 || !r.Degraded || len(r.Attempts) != 1 {
		t.Fatalf("report is %+v", r)
	}
	a := r.Attempts[0]
	if a.Precision != models.INT8 || a.Stage != engine.StageGolden ||
		!strings.Contains(a.Error(), "video_stem.geometry is off by") {
		t.Errorf("attempt is %v", a)
	}
}

func TestGoldenMismatchEverywhereIsAnError(t *testing.T) {
	rt := enginetest.Open(t)
	spec := modeltest.Default()
	spec.Precisions = []models.Precision{models.FP32}
	spec.WrongPrecision = models.FP32
	b := openBundle(t, modeltest.Write(t, spec))
	_, err := engine.Open(t.Context(), rt, b, options())
	if !errors.Is(err, engine.ErrRejected) || !strings.Contains(err.Error(), "video_stem.geometry") {
		t.Errorf("error is %v", err)
	}
	if rt.Sessions() != 0 {
		t.Errorf("%d sessions are alive", rt.Sessions())
	}
}

func TestModelsThatAreNotWhatTheManifestSays(t *testing.T) {
	rt := enginetest.Open(t)
	small := modeltest.Default()
	small.Precisions = []models.Precision{models.FP32}
	wide := small
	wide.Geometry = 9
	other, err := os.ReadFile(modeltest.Write(t, wide) + "/fp32/video_stem.onnx")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		model []byte
		stage engine.Stage
		want  string
	}{
		"other shape": {other, engine.StageContract, "output geometry: the model has float32[1 9 3 4]"},
		"not ONNX":    {[]byte("hello"), engine.StageContract, "loading graph video_stem"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := modeltest.Write(t, small)
			modeltest.Replace(t, dir, "fp32/video_stem.onnx", c.model)
			_, err := engine.Open(t.Context(), rt, openBundle(t, dir), cpuOptions(engine.Auto))
			var a engine.Attempt
			if !errors.As(err, &a) || a.Stage != c.stage || !strings.Contains(a.Error(), c.want) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestFileChangedAfterTheBundleWasOpened(t *testing.T) {
	rt := enginetest.Open(t)
	dir := modeltest.Write(t, modeltest.Default())
	b := openBundle(t, dir)
	path := dir + "/int8/spatial_head.onnx"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = engine.Open(t.Context(), rt, b, cpuOptions(models.INT8))
	if !errors.Is(err, models.ErrDigest) || !strings.Contains(err.Error(), "int8/spatial_head.onnx") {
		t.Errorf("error is %v", err)
	}
}

func TestOpenHonoursItsContext(t *testing.T) {
	rt := enginetest.Open(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stopping")
	cancel(stop)
	_, err := engine.Open(ctx, rt, openBundle(t, modeltest.Write(t, modeltest.Default())), options())
	if !errors.Is(err, stop) || rt.Sessions() != 0 {
		t.Errorf("error is %v with %d sessions", err, rt.Sessions())
	}
}
