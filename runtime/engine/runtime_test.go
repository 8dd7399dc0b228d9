//go:build cgo

package engine_test

import (
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/models/modeltest"
	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/engine/enginetest"
)

func openRuntime(library string) (*engine.Runtime, error) {
	return engine.OpenRuntime(engine.RuntimeOptions{Library: library, Logger: slog.New(slog.DiscardHandler)})
}

// A process loads one library only, so what cannot be loaded is tried in a process that has none.
func TestLibraryThatCannotBeLoaded(t *testing.T) {
	if os.Getenv("VEGAD_TEST_LIBRARY") == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestLibraryThatCannotBeLoaded$", "-test.v")
		cmd.Env = append(os.Environ(), "VEGAD_TEST_LIBRARY=1")
		if out, err := cmd.CombinedOutput(); err != nil || strings.Count(string(out), "--- PASS: ") != 4 {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	text := filepath.Join(t.TempDir(), "libonnxruntime.so.1")
	if err := os.WriteFile(text, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ library, want string }{
		"missing":       {"/nowhere/libonnxruntime.so", "/nowhere/libonnxruntime.so (the configured library): no such file"},
		"a folder":      {t.TempDir(), "not a file"},
		"not a library": {text, "file too short"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openRuntime(c.library)
			if !errors.Is(err, engine.ErrNoLibrary) {
				t.Fatalf("error is %v", err)
			}
			for _, want := range []string{c.want, "make setup", engine.LibraryVariable, "1.22"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error lacks %q: %v", want, err)
				}
			}
		})
	}
	t.Setenv(engine.LibraryVariable, "/elsewhere/ort.so")
	if _, err := openRuntime(""); err == nil || !strings.Contains(err.Error(), "/elsewhere/ort.so ($VEGAD_ONNXRUNTIME)") {
		t.Errorf("the variable gives %v", err)
	}
}

func TestRuntimeOpensOnceAndClosesIdempotently(t *testing.T) {
	rt := enginetest.Open(t)
	if !strings.HasPrefix(rt.Version(), "1.") || rt.Path() == "" {
		t.Errorf("version %q from %q", rt.Version(), rt.Path())
	}
	if _, err := openRuntime(enginetest.Library()); !errors.Is(err, engine.ErrRuntimeOpen) {
		t.Errorf("a second one gives %v", err)
	}
	b := openBundle(t, modeltest.Write(t, modeltest.Default()))
	e, err := engine.Open(t.Context(), rt, b, cpuOptions(models.FP32))
	if err != nil {
		t.Fatal(err)
	}
	if err := rt.Close(); !errors.Is(err, engine.ErrSessionsLive) || rt.Sessions() != len(models.GraphNames()) {
		t.Errorf("closing below an engine: %v with %d sessions", err, rt.Sessions())
	}
	if err := e.Graph(models.VideoStem).Run(t.Context()); err != nil {
		t.Errorf("running after the refused Close: %v", err)
	}
	for range 2 {
		if err := errors.Join(e.Close(), rt.Close()); err != nil {
			t.Error(err)
		}
	}
	if _, err := engine.Open(t.Context(), rt, b, cpuOptions(models.FP32)); !errors.Is(err, engine.ErrRuntimeClosed) {
		t.Errorf("opening an engine on a closed runtime: %v", err)
	}
	other := filepath.Join(t.TempDir(), "libonnxruntime.so.1")
	if err := os.WriteFile(other, []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openRuntime(other); err == nil || !strings.Contains(err.Error(), "can have only one") {
		t.Errorf("another library in the same process: %v", err)
	}
	again, err := openRuntime(enginetest.Library())
	if err != nil {
		t.Fatalf("opening again: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

// TestAbortAtExit stands for builds of ONNX Runtime that abort while they are unloaded or while the process runs its
// exit handlers, as on an Orin with cores switched off: a clean stop stays one.
func TestAbortAtExit(t *testing.T) {
	if os.Getenv("VEGAD_TEST_ABORT") != "" {
		rt := enginetest.Open(t)
		openEngine(t, rt, modeltest.Default(), cpuOptions(models.FP32))
		return
	}
	dir := t.TempDir()
	code := "#include <stdlib.h>\n__attribute__((destructor)) static void end(void) { abort(); }\n"
	if err := os.WriteFile(filepath.Join(dir, "a.c"), []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	library := filepath.Join(dir, "a.so")
	compile := exec.Command("gcc", "-shared", "-fPIC", "-o", library, filepath.Join(dir, "a.c"))
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	preload := append(os.Environ(), "LD_PRELOAD="+library, "VEGAD_TEST_ABORT=1")
	plain := exec.Command("true")
	plain.Env = preload
	if err := plain.Run(); err == nil {
		t.Fatal("a C program does not abort: this test proves nothing")
	}
	if raced {
		t.Skip("the race detector runs C's exit handlers itself; make test runs this without it")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestAbortAtExit$")
	cmd.Env = preload
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestTheLibraryStaysLoaded: what is never unloaded cannot abort while it is unloaded.
func TestTheLibraryStaysLoaded(t *testing.T) {
	if err := enginetest.Open(t).Close(); err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil || !strings.Contains(string(maps), "libonnxruntime.so") {
		t.Errorf("it is gone, %v", err)
	}
}
