// Package enginetest opens the real ONNX Runtime for tests.
package enginetest

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/vega-edge/vegad/runtime/engine"
)

// Library returns the library that the set-up fetched into the checkout, or "" if there is none: then the ordinary
// lookup applies.
func Library() string {
	if os.Getenv(engine.LibraryVariable) != "" {
		return ""
	}
	dir, err := os.Getwd()
	for err == nil && dir != filepath.Dir(dir) {
		path := filepath.Join(dir, "build", "onnxruntime", "libonnxruntime.so.1")
		if _, err := os.Stat(path); err == nil {
			return path
		}
		dir = filepath.Dir(dir)
	}
	return ""
}

// Open opens the process's ONNX Runtime and closes it when the test ends. Only one can be open at a time, so tests
// that run in parallel must share one.
func Open(tb testing.TB) *engine.Runtime {
	tb.Helper()
	rt, err := engine.OpenRuntime(engine.RuntimeOptions{Library: Library(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := rt.Close(); err != nil {
			tb.Error(err)
		}
	})
	return rt
}
