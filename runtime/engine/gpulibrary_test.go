//go:build cgo && linux && amd64

package engine

import (
	"bytes"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/models/modeltest"
)

// gpuLibrary returns the ONNX Runtime with GPU providers that make onnxruntime-gpu fetches, or skips the test.
func gpuLibrary(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../build/onnxruntime-gpu/libonnxruntime.so")
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Skip("no ONNX Runtime with GPU providers is here: make onnxruntime-gpu fetches one")
	}
	return path
}

// inChild runs the test once more in a process of its own, which has not loaded another library. It tells whether this
// is that process.
func inChild(t *testing.T) bool {
	t.Helper()
	const mark = "VEGAD_TEST_GPU"
	if os.Getenv(mark) != "" {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), mark+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

func openGPU(t *testing.T, library string) *Runtime {
	t.Helper()
	rt, err := OpenRuntime(RuntimeOptions{Library: library, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
	})
	return rt
}

func openTiny(t *testing.T, rt *Runtime, o Options) Report {
	t.Helper()
	b, err := models.Open(modeltest.Write(t, modeltest.Default()))
	if err != nil {
		t.Fatal(err)
	}
	o.Logger = slog.New(slog.DiscardHandler)
	e, err := Open(t.Context(), rt, b, o)
	if err != nil {
		t.Fatal(err)
	}
	r := e.Report()
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	return r
}

// TestGPULibraryWithoutCUDA is a robot on which somebody forgot to install CUDA and TensorRT: vegad names what is
// missing, answers with the CPU, and says that this is less than it should be.
func TestGPULibraryWithoutCUDA(t *testing.T) {
	library := gpuLibrary(t)
	if !inChild(t) {
		return
	}
	r := openTiny(t, openGPU(t, library), Options{Provider: TensorRT, AllowFallback: true})
	if r.Provider != CPU || !r.Degraded || len(r.Attempts) != 2 {
		t.Fatalf("%+v", r)
	}
	for i, wants := range [][]string{
		{"libnvinfer.so.10", "libnvonnxparser.so.10", "libcudart.so.12", "libcudnn.so.9"},
		{"libcublasLt.so.12", "libcufft.so.11", "libcudart.so.12"},
	} {
		a := r.Attempts[i]
		for _, want := range wants {
			if a.Stage != StageProvider || !strings.Contains(a.Error(), want) {
				t.Errorf("%v does not name %s", a, want)
			}
		}
	}
	if r.Ran[0].Provider != CPU || r.Ran[0].Nodes == 0 {
		t.Errorf("it ran on %v", r.Ran)
	}
}

// TestOptionNamesAreTensorRTs holds every option against the names in the provider itself, which refuses all others.
func TestOptionNamesAreTensorRTs(t *testing.T) {
	provider := filepath.Join(filepath.Dir(gpuLibrary(t)), "libonnxruntime_providers_tensorrt.so")
	text, err := os.ReadFile(provider)
	if err != nil {
		t.Fatal(err)
	}
	known := func(key string) bool { return bytes.Contains(text, []byte("\x00"+key+"\x00")) }
	options := withContext(withCache(tensorRTOptions(models.INT8, TensorRTOptions{}), "/e", "/t"), "/c", "a", models.INT8)
	for key := range options {
		if !known(key) {
			t.Errorf("TensorRT has no option %s", key)
		}
	}
	for _, key := range dispensable {
		if _, set := options[key]; !set {
			t.Errorf("%s can be left out, but is never set", key)
		}
	}
	if known("trt_engine_cache_enabled") || known("trt_fp16") {
		t.Error("every name is found: this test proves nothing")
	}
}
