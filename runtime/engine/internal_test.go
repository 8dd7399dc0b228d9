package engine

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/models"
)

func TestLibraryPlaces(t *testing.T) {
	named := libraryPlaces("/opt/ort.so", "/env/ort.so", "/usr/bin/vegad")
	if len(named) != 1 || named[0].path != "/opt/ort.so" {
		t.Errorf("a configured library gives %v", named)
	}
	byEnv := libraryPlaces("", "/env/ort.so", "/usr/bin/vegad")
	if len(byEnv) != 1 || byEnv[0].path != "/env/ort.so" || byEnv[0].source != "$VEGAD_ONNXRUNTIME" {
		t.Errorf("the variable gives %v", byEnv)
	}
	var paths []string
	for _, p := range libraryPlaces("", "", "/nowhere/vegad/bin/vegad") {
		paths = append(paths, p.path)
	}
	want := []string{
		"/nowhere/vegad/lib/vegad/libonnxruntime.so.1", "/nowhere/vegad/build/onnxruntime/libonnxruntime.so.1",
		"libonnxruntime.so.1", "libonnxruntime.so",
	}
	if !slices.Equal(paths, want) {
		t.Errorf("places are %v", paths)
	}
}

func TestReportTellsDegradation(t *testing.T) {
	noTRT := Attempt{TensorRT, models.INT8, StageProvider, errors.New("no library")}
	wrong := Attempt{CPU, models.INT8, StageGolden, errors.New("output x is off")}
	for name, c := range map[string]struct {
		asked    Provider
		got      Provider
		gpu      bool
		attempts []Attempt
		want     bool
	}{
		"laptop":             {Auto, CPU, false, []Attempt{noTRT}, false},
		"laptop, zero value": {"", CPU, false, []Attempt{noTRT}, false},
		"robot on its CPU":   {Auto, CPU, true, []Attempt{noTRT}, true},
		"robot on CUDA":      {Auto, CUDA, true, []Attempt{noTRT}, true},
		"robot":              {Auto, TensorRT, true, nil, false},
		"asked and got":      {CPU, CPU, true, nil, false},
		"asked, not got":     {TensorRT, CPU, false, []Attempt{noTRT}, true},
		"wrong precision":    {Auto, CPU, false, []Attempt{noTRT, wrong}, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := Report{Provider: c.got, Attempts: c.attempts}
			r.judge(Options{Provider: c.asked}, c.gpu)
			if r.Degraded != c.want || (r.Reason == "") != (len(c.attempts) == 0) {
				t.Errorf("degraded is %v because of %q", r.Degraded, r.Reason)
			}
		})
	}
}

func TestGPUPresent(t *testing.T) {
	root := t.TempDir()
	if gpuPresent(root) {
		t.Error("an empty machine has a GPU")
	}
	if err := os.Mkdir(filepath.Join(root, "dev"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "dev", "nvhost-gpu"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if !gpuPresent(root) {
		t.Error("a Jetson has none")
	}
}

func TestPlanOrder(t *testing.T) {
	all := []models.Precision{models.INT8, models.FP16, models.FP32}
	if got := precisionOrder(TensorRT, Options{}); !slices.Equal(got, all) {
		t.Errorf("TensorRT: %v", got)
	}
	if got := precisionOrder(CPU, Options{Precision: Auto})[0]; got != models.INT8 {
		t.Errorf("CPU: %v", got)
	}
	got := precisionOrder(CUDA, Options{Precision: models.INT8, AllowFallback: true})
	if !slices.Equal(got, []models.Precision{models.INT8, models.FP16, models.FP32}) {
		t.Errorf("CUDA with int8 first: %v", got)
	}
	providers, err := providerOrder(Options{Provider: CUDA, AllowFallback: true})
	if err != nil || !slices.Equal(providers, []Provider{CUDA, CPU}) {
		t.Errorf("CUDA with a fallback: %v, %v", providers, err)
	}
}

func TestRelativeError(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for name, c := range map[string]struct {
		got, want []float32
		err       float64
	}{
		"equal":             {[]float32{1, -4}, []float32{1, -4}, 0},
		"scaled by largest": {[]float32{1, -3}, []float32{1, -4}, 0.25},
		"all zero":          {[]float32{0.5, 0}, []float32{0, 0}, 0.5},
		"infinite":          {[]float32{inf, 0}, []float32{1, 0}, math.Inf(1)},
	} {
		if e := relativeError(c.got, c.want); e != c.err {
			t.Errorf("%s: %v, want %v", name, e, c.err)
		}
	}
	if e := relativeError([]float32{0, nan}, []float32{1, 1}); e <= 1e9 {
		t.Errorf("a NaN passes with %v", e)
	}
	if e := relativeError([]float32{inf}, []float32{inf}); e <= 1e9 {
		t.Errorf("an infinite reference passes with %v", e)
	}
}

func TestCheckSignature(t *testing.T) {
	want := []models.TensorSpec{{Name: "a", Shape: []int64{1, 2}, DType: "float32"}, {Name: "b", DType: "float32"}}
	got := []signature{{"a", []int64{1, 3}, "float32"}, {"c", nil, "float32"}}
	err := checkSignature("input", got, want)
	for _, text := range []string{
		"input a: the model has float32[1 3], the manifest says float32[1 2]",
		"input b: the model has no such tensor", "input c: not in the manifest",
	} {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("error lacks %q: %v", text, err)
		}
	}
}
