package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/models/modeltest"
	"github.com/vega-edge/vegad/quant/calibration"
	"github.com/vega-edge/vegad/quant/onnx"
	"github.com/vega-edge/vegad/quant/onnx/onnxtest"
)

// floatBundle writes a bundle that has nothing but float32 yet.
func floatBundle(t *testing.T) string {
	t.Helper()
	spec := modeltest.Default()
	spec.Rays, spec.Box, spec.BoxLogVar, spec.Room = 4, 10, 4, 8 // what perception decodes
	spec.Precisions, spec.SlowLayers = []models.Precision{models.FP32}, 2
	return modeltest.Write(t, spec)
}

// snapshot reads every file below a folder.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, dir)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestQuantizeBundle(t *testing.T) {
	native(t)
	dir := floatBundle(t)
	// The golden inputs of the test bundle lie far from what its random encoders make of a room.
	setTolerance(t, dir, map[string]any{"fp32": 1e-3, "fp16": 0.02, "int8": 0.5})
	page := filepath.Join(t.TempDir(), "report.html")
	got := vegad(t, "quantize", "--bundle", dir, "--calibration", "rooms:2", "--report", page, "--eval", "2")
	if got.code != exitDone {
		t.Fatalf("exit code %d: %s", got.code, got.err)
	}
	wantContains(t, "the result", got.out, "video_stem", "spatial_head", "fp16", "int8", "golden",
		"right about what is there")
	b, err := models.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if p := join(b.Precisions()); p != "fp32, fp16, int8" {
		t.Errorf("the bundle has %s", p)
	}
	mixer, err := b.ReadFile(models.INT8, models.VideoMixer)
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Parse(mixer, onnx.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Graph.Nodes) == 0 || !strings.Contains(string(mixer), "QuantizeLinear") {
		t.Error("the mixer is not quantized")
	}
	html, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	wantContains(t, "the report", string(html), "<svg", "video_mixer, int8", "Bundle tiny")
	first := snapshot(t, dir)

	// Once more after its own plan, and once more from the samples: the same bytes.
	for _, more := range [][]string{{"--replay", "--calibration", "rooms:1"}, {"--calibration", "rooms:2"}} {
		got := vegad(t, append([]string{"quantize", "--bundle", dir}, more...)...)
		if got.code != exitDone {
			t.Fatalf("%v: exit code %d: %s", more, got.code, got.err)
		}
		if diff := cmp.Diff(keys(first), keys(snapshot(t, dir))); diff != "" {
			t.Fatalf("%v: other files:\n%s", more, diff)
		}
		for name, data := range snapshot(t, dir) {
			if data != first[name] {
				t.Errorf("%v: %s differs", more, name)
			}
		}
	}
	for _, p := range []string{"fp16", "int8"} {
		got := vegad(t, "eval", "--bundle", dir, "--precision", p, "--provider", "cpu", "--rooms", "1",
			"--variants", "gated")
		if got.code != exitDone {
			t.Errorf("%s: %s", p, got.err)
		}
	}
}

func keys(m map[string]string) map[string]bool {
	out := map[string]bool{}
	for k := range m {
		out[k] = true
	}
	return out
}

func setTolerance(t *testing.T, dir string, tolerance map[string]any) {
	t.Helper()
	modeltest.EditManifest(t, dir, func(m map[string]any) {
		golden, ok := m["golden"].(map[string]any)
		if !ok {
			t.Fatal("the manifest has no golden values")
		}
		golden["tolerance"] = tolerance
	})
}

// A conversion that drifts past the manifest's tolerance fails and leaves the bundle as it was.
func TestQuantizeBundleThatDrifts(t *testing.T) {
	native(t)
	dir := floatBundle(t)
	setTolerance(t, dir, map[string]any{"fp32": 1e-3, "fp16": 0.02, "int8": 1e-9})
	before := snapshot(t, dir)
	got := vegad(t, "quantize", "--bundle", dir, "--calibration", "rooms:1")
	if got.code != exitFailed {
		t.Errorf("exit code %d", got.code)
	}
	wantContains(t, "the error", got.err, "trying int8", "is off by", "at most 1e-09 is allowed")
	if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" {
		t.Errorf("the bundle has changed:\n%.500s", diff)
	}
}

// modelFiles writes a network and samples for it.
func modelFiles(t *testing.T) (model, samples string) {
	t.Helper()
	dir := t.TempDir()
	m := onnxtest.Nets()["residual"]
	model, samples = filepath.Join(dir, "in.onnx"), filepath.Join(dir, "samples")
	if err := m.Save(model); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(samples, 0o700); err != nil {
		t.Fatal(err)
	}
	shape := func(string) []int64 { return []int64{1, 3, 32, 32} }
	for i := range 4 {
		f, err := os.Create(filepath.Join(samples, fmt.Sprintf("%d.npz", i)))
		if err != nil {
			t.Fatal(err)
		}
		if err := calibration.WriteSample(f, onnxtest.Inputs(m, uint64(i)), shape); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return model, samples
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestQuantizeModel(t *testing.T) {
	native(t)
	in, samples := modelFiles(t)
	dir := t.TempDir()
	out, plan, page := filepath.Join(dir, "out.onnx"), filepath.Join(dir, "plan.json"), filepath.Join(dir, "report.json")
	got := vegad(t, "quantize", "--model", in, "--out", out, "--calibration", samples, "--method", "entropy", "--bias",
		"--equalize", "--exclude", "node_Conv_3", "--write-plan", plan, "--report", page, "--json")
	if got.code != exitDone {
		t.Fatalf("exit code %d: %s", got.code, got.err)
	}
	var printed, written struct {
		Graphs []struct {
			Method, Precision string
			Outputs           []struct{ SQNRdB float64 }
			Layers            []struct{ Node, Reason string }
			LatencyMs         []struct{ Median float64 }
		}
	}
	for text, into := range map[string]any{got.out: &printed, read(t, page): &written} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(printed, written); diff != "" {
		t.Errorf("what is printed is not what is written:\n%s", diff)
	}
	g := printed.Graphs[0]
	if g.Method != "entropy" || g.Precision != "int8" || len(g.LatencyMs) != 2 || g.Outputs[0].SQNRdB < 20 {
		t.Errorf("%+v", g)
	}
	excluded := 0
	for _, l := range g.Layers {
		if l.Reason == "excluded by name" {
			excluded++
		}
	}
	if excluded == 0 {
		t.Error("--exclude excludes nothing")
	}

	again := filepath.Join(dir, "again.onnx")
	got = vegad(t, "quantize", "--model", in, "--out", again, "--calibration", samples, "--method", "entropy", "--bias",
		"--equalize", "--exclude", "node_Conv_3", "--convert-only")
	if got.code != exitDone || strings.Contains(got.out, " dB") || strings.Contains(got.out, " ms") {
		t.Errorf("exit code %d: %s%s", got.code, got.out, got.err)
	}
	if read(t, out) != read(t, again) {
		t.Error("what is not compared becomes another file")
	}
	if got := vegad(t, "quantize", "--model", in, "--out", again, "--plan", plan); got.code != exitDone {
		t.Fatalf("exit code %d: %s", got.code, got.err)
	}
	if read(t, out) != read(t, again) {
		t.Error("the plan gives another file")
	}

	half := filepath.Join(dir, "half.onnx")
	got = vegad(t, "quantize", "--model", in, "--out", half, "--precision", "fp16", "--calibration", samples)
	if got.code != exitDone {
		t.Fatalf("exit code %d: %s", got.code, got.err)
	}
	if size := len(read(t, half)); size > 2*len(read(t, in))/3 {
		t.Errorf("float16 takes %d bytes of %d", size, len(read(t, in)))
	}
}

// A graph of a bundle can be converted by itself, with rooms, in the place that its inputs and outputs say.
func TestQuantizeModelInItsBundle(t *testing.T) {
	native(t)
	bundle := floatBundle(t)
	out := filepath.Join(t.TempDir(), "out.onnx")
	got := vegad(t, "quantize", "--model", filepath.Join(bundle, "fp32", "video_mixer.onnx"), "--out", out,
		"--bundle", bundle, "--calibration", "rooms:1", "--min-sqnr", "1")
	if got.code != exitDone {
		t.Fatalf("exit code %d: %s", got.code, got.err)
	}
	wantContains(t, "the result", got.out, "video_mixer.onnx", "of the work in int8")
	in, _ := modelFiles(t)
	got = vegad(t, "quantize", "--model", in, "--out", out, "--bundle", bundle, "--calibration", "rooms:1")
	wantContains(t, "the error", got.err, "rooms cannot calibrate it")
}

// Whatever is wrong, there is a clear error and no file.
func TestQuantizeLeavesNoPartialFile(t *testing.T) {
	native(t)
	in, samples := modelFiles(t)
	whole := []byte(read(t, in))
	outside := onnxtest.Nets()["residual"]
	outside.Graph.Nodes[0].OpType, outside.Graph.Nodes[0].Domain = "Nothing", "nowhere"
	outside.Opsets = append(outside.Opsets, onnx.Opset{Domain: "nowhere", Version: 1})
	strange, err := outside.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		model []byte
		args  []string
		want  string
	}{
		"truncated":          {whole[:len(whole)/2], nil, "in.onnx"},
		"not a model":        {[]byte("MZ"), nil, "in.onnx"},
		"empty":              {nil, nil, "in.onnx"},
		"nobody runs it":     {strange, nil, "loading the network"},
		"no samples":         {whole, []string{"--calibration", t.TempDir()}, "no .npz file"},
		"no folder":          {whole, []string{"--calibration", "/nowhere"}, "/nowhere"},
		"no plan":            {whole, []string{"--plan", "/nowhere"}, "/nowhere"},
		"a plan that is not": {whole, []string{"--plan", in}, "reading plan"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			model, out := filepath.Join(dir, "in.onnx"), filepath.Join(dir, "out.onnx")
			if err := os.WriteFile(model, c.model, 0o600); err != nil {
				t.Fatal(err)
			}
			got := vegad(t, append([]string{"quantize", "--model", model, "--out", out, "--calibration", samples}, c.args...)...)
			if got.code != exitFailed {
				t.Errorf("exit code %d", got.code)
			}
			wantContains(t, "the error", got.err, c.want)
			if files := snapshot(t, dir); len(files) != 1 {
				t.Errorf("files %v are left", keys(files))
			}
		})
	}
}

func TestQuantizeUsage(t *testing.T) {
	for want, args := range map[string][]string{
		"say what to convert":       {},
		"go together":               {"--model", "a.onnx"},
		"the number must lie in":    {"--model", "a", "--out", "b", "--calibration", "rooms:0"},
		"calibrated with rooms:N":   {"--bundle", "a", "--calibration", "folder"},
		"--exclude":                 {"--model", "a", "--out", "b", "--exclude", "("},
		"must not be negative":      {"--model", "a", "--out", "b", "--min-sqnr=-1"},
		"percentile":                {"--model", "a", "--out", "b", "--percentile", "101"},
		"for a network there is":    {"--model", "a", "--out", "b", "--replay"},
		"carries its plan itself":   {"--bundle", "a", "--plan", "b"},
		"nothing to report":         {"--model", "a", "--out", "b", "--plan", "c", "--report", "d"},
		"--eval takes":              {"--model", "a", "--out", "b", "--eval", "3"},
		"leaves nothing to report":  {"--model", "a", "--out", "b", "--convert-only", "--report", "d"},
		"--method must be one of":   {"--model", "a", "--out", "b", "--method", "best"},
		"--precision must be one o": {"--model", "a", "--out", "b", "--precision", "int4"},
	} {
		got := vegad(t, append([]string{"quantize"}, args...)...)
		if got.code != exitUsage || !strings.Contains(got.err, want) {
			t.Errorf("%v: exit code %d, want one that says %q: %s", args, got.code, want, got.err)
		}
	}
}
