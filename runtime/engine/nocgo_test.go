//go:build !cgo

package engine_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/runtime/engine"
)

func TestWithoutCgoTheErrorSaysSo(t *testing.T) {
	library := filepath.Join(t.TempDir(), "libonnxruntime.so")
	if err := os.WriteFile(library, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := engine.OpenRuntime(engine.RuntimeOptions{Library: library, Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "built without cgo") {
		t.Errorf("error is %v", err)
	}
}
