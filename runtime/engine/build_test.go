//go:build cgo

package engine_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/models/modeltest"
	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/engine/enginetest"
)

func openCache(t *testing.T, dir string) *engine.Cache {
	t.Helper()
	c, err := engine.OpenCache(engine.CacheOptions{Dir: dir, Platform: engine.Platform{Device: "a test"}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// later is a robot that answers while its engines are built.
func later(t *testing.T, fake *engine.FakeTensorRT, dir string) engine.Options {
	t.Helper()
	o := options()
	o.Cache, o.Later = openCache(t, dir), true
	o.Use(fake)
	return o
}

func graphsIn(p models.Precision) []string {
	var out []string
	for _, name := range models.GraphNames() {
		out = append(out, name+"/"+string(p))
	}
	return out
}

func TestAnswersComeWhileEnginesAreBuilt(t *testing.T) {
	rt := enginetest.Open(t)
	fake := &engine.FakeTensorRT{Gate: make(chan struct{}), Ctx: t.Context()}
	dir := t.TempDir()
	e := openEngine(t, rt, modeltest.Default(), later(t, fake, dir))
	r := e.Report()
	if r.Provider != engine.CPU || !r.Degraded || r.Build.State != engine.BuildWaiting || r.Build.Total != 4 {
		t.Fatalf("before: %+v", r)
	}
	if !strings.Contains(r.Reason, "tensorrt int8 rejected at stage build: its engines are being built") {
		t.Errorf("the reason is %q", r.Reason)
	}
	stem := e.Graph(models.VideoStem)
	image := stem.Input("image")
	for i := range image {
		image[i] = float32(i%7) / 7
	}
	before := runStem(t, stem)

	built := make(chan error, 1)
	go func() { built <- e.Build(t.Context()) }()
	for done := range 4 {
		fake.Gate <- struct{}{}
		if done == 0 {
			if b := e.Report().Build; b.State != engine.BuildRunning || b.Graph == "" {
				t.Errorf("while building: %+v", b)
			}
			runStem(t, stem) // the CPU answers meanwhile
		}
	}
	if err := <-built; err != nil {
		t.Fatal(err)
	}
	r = e.Report()
	if r.Provider != engine.TensorRT || r.Precision != models.INT8 || r.Build.State != engine.BuildDone ||
		r.Build.Done != 4 || len(r.GoldenErrors) != 13 {
		t.Errorf("after: %+v", r)
	}
	if len(r.Ran) != 1 || r.Ran[0].Provider != engine.TensorRT || r.Ran[0].Nodes == 0 {
		t.Errorf("it ran on %+v", r.Ran)
	}
	if len(r.Attempts) != 0 || strings.Contains(r.Reason, "being built") {
		t.Errorf("the note of the build is left: %q", r.Reason)
	}
	if &stem.Input("image")[0] != &image[0] || image[3] == 0 {
		t.Error("the tensors moved, or the golden test wrote into them")
	}
	if after := runStem(t, stem); !near(before, after, 0.1) {
		t.Error("the new session gives other values on the same tensors")
	}
	if n := rt.Sessions(); n != 4 {
		t.Errorf("%d sessions are alive", n)
	}
	builds, loads := fake.Counts()
	if !slices.Equal(builds, graphsIn(models.INT8)) || len(loads) != 4 {
		t.Errorf("built %v, loaded %v", builds, loads)
	}
}

func runStem(t *testing.T, g *engine.Graph) []float32 {
	t.Helper()
	if err := g.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(g.Output("geometry"))
}

func near(a, b []float32, tolerance float32) bool {
	for i := range a {
		if d := a[i] - b[i]; d > tolerance || d < -tolerance {
			return false
		}
	}
	return len(a) == len(b) && len(a) > 0
}

func TestCachedEnginesAreLoadedAtOnce(t *testing.T) {
	rt := enginetest.Open(t)
	dir := t.TempDir()
	o := later(t, &engine.FakeTensorRT{}, dir)
	o.Later = false
	first := openEngine(t, rt, modeltest.Default(), o)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	fake := &engine.FakeTensorRT{}
	r := openEngine(t, rt, modeltest.Default(), later(t, fake, dir)).Report()
	if r.Provider != engine.TensorRT || r.Build.State != engine.BuildNone {
		t.Errorf("%+v", r)
	}
	if built, loaded := fake.Counts(); len(built) != 0 || !slices.Equal(loaded, graphsIn(models.INT8)) {
		t.Errorf("built %v, loaded %v", built, loaded)
	}
}

// An engine that somebody changed is built anew, not loaded.
func TestATamperedEngineIsBuiltAnew(t *testing.T) {
	rt := enginetest.Open(t)
	dir := t.TempDir()
	o := later(t, &engine.FakeTensorRT{}, dir)
	o.Later = false
	if err := openEngine(t, rt, modeltest.Default(), o).Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*video_mixer.engine"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	if err := os.WriteFile(files[0], []byte("other code"), 0o600); err != nil {
		t.Fatal(err)
	}
	fake := &engine.FakeTensorRT{}
	o.Use(fake)
	openEngine(t, rt, modeltest.Default(), o)
	if built, _ := fake.Counts(); !slices.Equal(built, []string{"video_mixer/int8"}) {
		t.Errorf("built %v", built)
	}
}

func TestAFailingEngineGivesWayToTheNextPrecision(t *testing.T) {
	rt := enginetest.Open(t)
	spec := modeltest.Default()
	spec.WrongPrecision = models.INT8 // its golden test fails
	fake := &engine.FakeTensorRT{}
	e := openEngine(t, rt, spec, later(t, fake, t.TempDir()))
	if err := e.Build(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := e.Report()
	if r.Provider != engine.TensorRT || r.Precision != models.FP16 || !r.Degraded || len(r.Attempts) != 1 {
		t.Fatalf("%+v", r)
	}
	if a := r.Attempts[0]; a.Stage != engine.StageGolden || !strings.Contains(a.Error(), "video_stem.geometry is off by") {
		t.Errorf("attempt %v", a)
	}
}

func TestWhenNoEngineCanBeUsedTheOldAnswersStay(t *testing.T) {
	rt := enginetest.Open(t)
	spec := modeltest.Default()
	spec.Precisions = []models.Precision{models.FP32}
	for name, fake := range map[string]*engine.FakeTensorRT{
		"found no kernel for node Conv_0": {Broken: models.FP32},
		"but ran nothing on it":           {Idle: true},
	} {
		e := openEngine(t, rt, spec, later(t, fake, t.TempDir()))
		if err := e.Build(t.Context()); err != nil {
			t.Fatal(err)
		}
		r := e.Report()
		if r.Provider != engine.CPU || !r.Degraded || r.Build.State != engine.BuildFailed ||
			!strings.Contains(r.Build.Reason, name) || !strings.Contains(r.Reason, name) {
			t.Errorf("%+v", r)
		}
		runStem(t, e.Graph(models.VideoStem))
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestABuildCanBeCancelled(t *testing.T) {
	rt := enginetest.Open(t)
	fake := &engine.FakeTensorRT{Gate: make(chan struct{}), Ctx: t.Context()}
	dir := t.TempDir()
	e := openEngine(t, rt, modeltest.Default(), later(t, fake, dir))
	ctx, cancel := context.WithCancel(t.Context())
	built := make(chan error, 1)
	go func() { built <- e.Build(ctx) }()
	fake.Gate <- struct{}{} // the first engine is at work
	cancel()
	select {
	case fake.Gate <- struct{}{}: // a second may have begun before the cancellation was seen
	case err := <-built:
		built <- err
	}
	if err := <-built; !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	r := e.Report()
	if r.Build.State != engine.BuildCancelled || r.Provider != engine.CPU {
		t.Errorf("%+v", r)
	}
	runStem(t, e.Graph(models.VideoStem))
	done, _ := fake.Counts()
	again := &engine.FakeTensorRT{}
	o := later(t, again, dir)
	o.Later = false
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	openEngine(t, rt, modeltest.Default(), o)
	if built, loaded := again.Counts(); len(built) != 4-len(done) || len(loaded) != len(done) {
		t.Errorf("after %v, built %v and loaded %v: what was done is kept", done, built, loaded)
	}
}

func TestProgressAndEstimate(t *testing.T) {
	rt := enginetest.Open(t)
	dir := t.TempDir()
	estimates := func() []engine.Build {
		var told []engine.Build
		o := later(t, &engine.FakeTensorRT{}, dir)
		o.Later = false
		o.Progress = func(b engine.Build) { told = append(told, b) }
		if err := openEngine(t, rt, modeltest.Default(), o).Close(); err != nil {
			t.Fatal(err)
		}
		return told
	}
	first := estimates()
	if len(first) != 8 || first[0].Graph != models.VideoStem || first[0].Total != 4 || first[7].Done != 4 {
		t.Fatalf("%+v", first)
	}
	if first[0].Left != 0 || first[0].State != engine.BuildRunning {
		t.Errorf("the first build is expected to take %v, in state %s", first[0].Left, first[0].State)
	}
	if _, err := openCache(t, dir).Clean(true); err != nil {
		t.Fatal(err)
	}
	if second := estimates(); second[0].Left <= 0 || second[0].Left > time.Minute {
		t.Errorf("after a build, %v are expected", second[0].Left)
	}
}

func TestAMachineWithoutTensorRTWaitsForNothing(t *testing.T) {
	rt := enginetest.Open(t)
	o := later(t, &engine.FakeTensorRT{Absent: true}, t.TempDir())
	e := openEngine(t, rt, modeltest.Default(), o)
	if err := e.Build(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := e.Report()
	if r.Build.State != engine.BuildNone || r.Attempts[0].Stage != engine.StageProvider {
		t.Errorf("%+v", r)
	}
	if !strings.Contains(r.Reason, "missing: libonnxruntime_providers_shared.so") {
		t.Errorf("the reason %q names no library", r.Reason)
	}
}

// The session's own account of where it ran comes from the real ONNX Runtime here.
func TestTheSessionSaysWhereItRan(t *testing.T) {
	rt := enginetest.Open(t)
	r := openEngine(t, rt, modeltest.Default(), cpuOptions(models.FP32)).Report()
	if len(r.Ran) != 1 || r.Ran[0].Provider != engine.CPU || r.Ran[0].Nodes < 8 || r.Elsewhere != "" {
		t.Errorf("it ran on %+v, %q", r.Ran, r.Elsewhere)
	}
	if names := slices.Sorted(maps.Keys(r.Latency)); len(names) != 4 || r.Latency[models.VideoStem] <= 0 {
		t.Errorf("latencies %v", r.Latency)
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "vegad-profile-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("profiles are left: %v, %v", left, err)
	}
}

// Below systemd /tmp can only be read, and the runtime directory is the place for what lasts a moment.
func TestTheProfileLiesInTheRuntimeDirectory(t *testing.T) {
	rt := enginetest.Open(t)
	dir := t.TempDir()
	t.Setenv("TMPDIR", "/nowhere")
	blind := openEngine(t, rt, modeltest.Default(), cpuOptions(models.FP32))
	if r := blind.Report(); len(r.Ran) != 0 || r.Degraded ||
		!strings.Contains(r.Elsewhere, "could not be read where the graphs ran") {
		t.Errorf("without a place: %+v, %q", r.Ran, r.Elsewhere)
	}
	if err := blind.Close(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("RUNTIME_DIRECTORY", dir+":/other")
	if r := openEngine(t, rt, modeltest.Default(), cpuOptions(models.FP32)).Report(); len(r.Ran) != 1 {
		t.Errorf("in the runtime directory: %+v, %q", r.Ran, r.Elsewhere)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%d profiles are left, %v", len(left), err)
	}
}

func TestALaterStartIsHeldAgainstTheFirst(t *testing.T) {
	rt := enginetest.Open(t)
	o := cpuOptions(models.FP32)
	o.Baseline = filepath.Join(t.TempDir(), "state", "latency.json")
	spec := modeltest.Default()
	spec.SlowLayers = 40
	dir := modeltest.Write(t, spec)
	open := func() engine.Report {
		e, err := engine.Open(t.Context(), rt, openBundle(t, dir), o)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close() //nolint:errcheck // the runtime's own clean-up notices
		return e.Report()
	}
	if r := open(); r.Slow != "" {
		t.Errorf("the first start is slow: %s", r.Slow)
	}
	text, err := os.ReadFile(o.Baseline)
	if err != nil || !strings.Contains(string(text), models.VideoStem) {
		t.Fatalf("%s, %v", text, err)
	}
	fast := strings.ReplaceAll(string(text), `"video_stem": `, `"video_stem": 1, "was": `)
	if err := os.WriteFile(o.Baseline, []byte(fast), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := open(); r.Latency[models.VideoStem] > 2*time.Millisecond && !strings.HasPrefix(r.Slow, "video_stem takes") {
		t.Errorf("a start that takes %v is not called slow: %q", r.Latency[models.VideoStem], r.Slow)
	}
}
