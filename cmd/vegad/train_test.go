package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// pythonWithTorch is the distribution's Python, whose packages the training can run with at a toy size. With
// VEGAD_REQUIRE_TRAINING it must be there.
func pythonWithTorch(t *testing.T) string {
	t.Helper()
	const python = "/usr/bin/python3"
	out, err := exec.CommandContext(t.Context(), python, "-c", "import torch, onnx, matplotlib").CombinedOutput()
	switch {
	case err == nil:
		return python
	case os.Getenv("VEGAD_REQUIRE_TRAINING") != "":
		t.Fatalf("the training needs Python with torch, onnx and matplotlib: %v\n%s", err, out)
	}
	t.Skip("the training needs Python with torch, onnx and matplotlib; make test installs them")
	return ""
}

// python runs a module of models/train.
func python(t *testing.T, interpreter string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), interpreter, append([]string{"-m"}, args...)...)
	cmd.Dir = "../../models"
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

func TestTrainingParts(t *testing.T) {
	t.Parallel()
	python(t, pythonWithTorch(t), "unittest", "train.tests.test_stages")
}

// TestTraining runs every stage at a toy size, from rendering to a bundle, and measures the bundle as a shipped one.
// The bundle's golden values, which are PyTorch's, are compared when it is loaded.
func TestTraining(t *testing.T) {
	interpreter := pythonWithTorch(t)
	native(t)
	dir := t.TempDir()
	roomgen := filepath.Join(dir, "roomgen")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", roomgen, "../roomgen")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building roomgen: %v\n%s", err, out)
	}
	bundle := filepath.Join(dir, "toy")
	log := python(t, interpreter, "train.bundle", "smoke", "--roomgen", roomgen,
		"--data", filepath.Join(dir, "data"), "--work", filepath.Join(dir, "work"), "--out", bundle)
	wantContains(t, "the log", log, "teacher-smoke 2", "probe {'layer': 2", "student 2", "contrast 2", "fuse 4",
		"control noise-0 {'acc25'", "wrote")
	for _, name := range []string{"words.json", "probe.png", "samples.png", "training.png"} {
		if info, err := os.Stat(filepath.Join(bundle, name)); err != nil || info.Size() < 1000 {
			t.Errorf("%s of the card is missing or empty: %v", name, err)
		}
	}
	var out, notes bytes.Buffer
	eval := evalCmd{Rooms: 1, Split: "test", Bundle: bundle, Precision: "fp32", Provider: "cpu"}
	eval.Variants = []string{"gated"}
	if err := eval.Run(t.Context(), streams{out: &out, err: &notes}); err != nil {
		t.Fatal(err)
	}
	wantContains(t, "the evaluation", out.String(), "gated", "fp32 on cpu")
}
