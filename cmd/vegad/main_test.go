package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/vega-edge/vegad/models/modeltest"
	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/engine/enginetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// outcomeOf is what a command line did.
type outcomeOf struct {
	code     int
	out, err string
}

// vegad runs a command line in this process.
func vegad(t *testing.T, args ...string) outcomeOf {
	t.Helper()
	var out, err bytes.Buffer
	code := run(t.Context(), args, &out, &err)
	return outcomeOf{code, out.String(), err.String()}
}

// native lets a test load ONNX Runtime. Only one may be open, so such tests do not run in parallel.
func native(t *testing.T) {
	t.Helper()
	if library := enginetest.Library(); library != "" {
		t.Setenv(engine.LibraryVariable, library)
	}
}

// tinyBundle writes a bundle that loads in milliseconds and knows the given labels.
func tinyBundle(t *testing.T, labels ...string) string {
	t.Helper()
	spec := modeltest.Default()
	spec.Rays, spec.Box, spec.BoxLogVar, spec.Room = 4, 10, 4, 8 // what perception decodes
	if len(labels) > 0 {
		spec.Labels = labels
	}
	return modeltest.Write(t, spec)
}

func wantContains(t *testing.T, what, text string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains(text, want) {
			t.Errorf("%s lacks %q:\n%s", what, want, text)
		}
	}
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
