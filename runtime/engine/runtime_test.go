//go:build cgo

package engine_test

import (
	"errors"
	"log/slog"
	"os"
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

func TestLibraryThatCannotBeLoaded(t *testing.T) {
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
	again, err := openRuntime(enginetest.Library())
	if err != nil {
		t.Fatalf("opening again: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}
