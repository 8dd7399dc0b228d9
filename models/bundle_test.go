package models_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/models/modeltest"
)

func TestOpenReadsACompleteBundle(t *testing.T) {
	spec := modeltest.Default()
	dir := modeltest.Write(t, spec)
	b, err := models.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := b.Precisions(), []models.Precision{models.FP32, models.FP16, models.INT8}; !slices.Equal(got, want) {
		t.Errorf("precisions are %v", got)
	}
	if b.Manifest.Name != "tiny" || b.Manifest.Grid.Cols != 4 || b.Manifest.SizePriors["chair"].MeanM[2] != 0.8 {
		t.Errorf("manifest is %+v", b.Manifest)
	}
	for _, p := range b.Precisions() {
		for _, g := range models.GraphNames() {
			got, err := b.ReadFile(p, g)
			if err != nil {
				t.Error(err)
			}
			want, _ := os.ReadFile(filepath.Join(dir, string(p), g+".onnx"))
			if len(want) == 0 || !bytes.Equal(got, want) {
				t.Errorf("%s %s: got %d bytes, the file has %d", p, g, len(got), len(want))
			}
		}
	}
	if heat, ok := b.Manifest.Tensor(models.SpatialHead, "heat"); !ok || heat.Elements() != 3*4*3 {
		t.Errorf("heat is %+v", heat)
	}
	if _, ok := b.Manifest.Tensor(models.SpatialHead, "image"); ok {
		t.Error("the head has an image")
	}
}

func TestDigestFollowsTheManifest(t *testing.T) {
	dir := modeltest.Write(t, modeltest.Default())
	digest := func() string {
		b, err := models.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		return b.Digest()
	}
	first := digest()
	if len(first) != 64 || digest() != first {
		t.Errorf("digest is %q, then %q", first, digest())
	}
	modeltest.EditManifest(t, dir, func(m map[string]any) { m["version"] = "2" })
	if digest() == first {
		t.Error("another manifest has the same digest")
	}
}

func TestHeadMayTakeTheWholeSemanticRing(t *testing.T) {
	spec := modeltest.Default()
	spec.SemanticRing = true
	if _, err := models.Open(modeltest.Write(t, spec)); err != nil {
		t.Error(err)
	}
}

// Every way in which the files of a bundle can be wrong has to be told with the file and the reason.
func TestOpenRefusesBrokenFiles(t *testing.T) {
	const path = "int8/video_mixer.onnx"
	const key = "precisions.int8.files.video_mixer: "
	write := func(t *testing.T, dir string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, path), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		damage func(*testing.T, string)
		want   string
	}{
		"truncated": {func(t *testing.T, dir string) {
			if err := os.Truncate(filepath.Join(dir, path), 100); err != nil {
				t.Fatal(err)
			}
		}, key + path + ": content does not match the manifest: 100 bytes"},
		"one bit": {func(t *testing.T, dir string) {
			data, _ := os.ReadFile(filepath.Join(dir, path))
			data[50] ^= 4
			write(t, dir, data)
		}, key + path + ": content does not match the manifest: sha256 is "},
		"missing": {func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, path)); err != nil {
				t.Fatal(err)
			}
		}, path + ": no such file"},
		"a folder": {func(t *testing.T, dir string) {
			_ = os.Remove(filepath.Join(dir, path))
			if err := os.Mkdir(filepath.Join(dir, path), 0o700); err != nil {
				t.Fatal(err)
			}
		}, path + " is not a regular file"},
		"symlink out of the bundle": {func(t *testing.T, dir string) {
			outside := filepath.Join(t.TempDir(), "copy.onnx")
			if err := os.Rename(filepath.Join(dir, path), outside); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(outside, filepath.Join(dir, path)); err != nil {
				t.Fatal(err)
			}
		}, "escapes"},
		"no manifest": {func(t *testing.T, dir string) {
			_ = os.Remove(filepath.Join(dir, models.ManifestName))
		}, "manifest.json: no such file"},
		"huge manifest": {func(t *testing.T, dir string) {
			if err := os.Truncate(filepath.Join(dir, models.ManifestName), 5<<20); err != nil {
				t.Fatal(err)
			}
		}, "manifest.json has 5242880 bytes, at most 4194304"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := modeltest.Write(t, modeltest.Default())
			c.damage(t, dir)
			_, err := models.Open(dir)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestOpenReportsAllBrokenFilesAtOnce(t *testing.T) {
	dir := modeltest.Write(t, modeltest.Default())
	for _, f := range []string{"fp32/video_stem.onnx", "int8/spatial_head.onnx", "golden.npz"} {
		if err := os.Truncate(filepath.Join(dir, f), 3); err != nil {
			t.Fatal(err)
		}
	}
	_, err := models.Open(dir)
	if !errors.Is(err, models.ErrDigest) || strings.Count(err.Error(), models.ErrDigest.Error()) != 3 {
		t.Errorf("error is %v", err)
	}
}

func TestReadFileNeverReturnsUnverifiedBytes(t *testing.T) {
	dir := modeltest.Write(t, modeltest.Default())
	b, err := models.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "fp32", "video_stem.onnx")
	data, _ := os.ReadFile(path)
	data[10] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := b.ReadFile(models.FP32, models.VideoStem)
	if got != nil || !errors.Is(err, models.ErrDigest) {
		t.Errorf("got %d bytes and %v", len(got), err)
	}
	for _, c := range [][2]string{{"fp64", models.VideoStem}, {"fp32", "unknown"}} {
		if _, err := b.ReadFile(models.Precision(c[0]), c[1]); err == nil || !strings.Contains(err.Error(), "it has") {
			t.Errorf("reading %v: %v", c, err)
		}
	}
}

func TestExtraFiles(t *testing.T) {
	dir := modeltest.Write(t, modeltest.Default())
	if err := os.WriteFile(filepath.Join(dir, "labels.txt"), []byte("ball\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	modeltest.EditManifest(t, dir, func(m map[string]any) {
		m["files"] = map[string]any{"labels.txt": map[string]any{
			"sha256": "c5b8b4f8f16ab9cd5b5a3d8a8a5e4c7f2f3c2a2a1c8b9f0e7d6c5b4a39281706", "bytes": 5,
		}}
	})
	_, err := models.Open(dir)
	if !errors.Is(err, models.ErrDigest) || !strings.Contains(err.Error(), "files.labels.txt") {
		t.Fatalf("a wrong digest gives %v", err)
	}
	modeltest.EditManifest(t, dir, func(m map[string]any) {
		m["files"].(map[string]any)["labels.txt"].(map[string]any)["path"] = "labels.txt"
	})
	modeltest.Replace(t, dir, "labels.txt", []byte("ball\nbox\n"))
	b, err := models.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := b.ReadExtra("labels.txt"); err != nil || string(got) != "ball\nbox\n" {
		t.Errorf("got %q and %v", got, err)
	}
	if _, err := b.ReadExtra("other"); err == nil {
		t.Error("an unlisted file is read")
	}
}

func TestFind(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	bundle := modeltest.Write(t, modeltest.Default())
	if err := os.Rename(bundle, filepath.Join(two, "nano")); err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(two, "nano")
	for _, name := range []string{"nano", want} {
		if got, err := models.Find(name, []string{one, two}); got != want || err != nil {
			t.Errorf("%s: got %q and %v", name, got, err)
		}
	}
	_, err := models.Find("edge", []string{one, two})
	if !errors.Is(err, models.ErrNotFound) || !strings.Contains(err.Error(), one) || !strings.Contains(err.Error(), two) {
		t.Errorf("a missing bundle gives %v", err)
	}
	for _, name := range []string{"", "..", "../nano", two} {
		if got, err := models.Find(name, []string{filepath.Join(two, "x")}); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("%q: got %q and %v", name, got, err)
		}
	}
}
