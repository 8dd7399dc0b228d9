package models_test

import (
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/models/modeltest"
)

func TestGoldenHoldsEveryTensor(t *testing.T) {
	b, err := models.Open(modeltest.Write(t, modeltest.Default()))
	if err != nil {
		t.Fatal(err)
	}
	golden, err := b.Golden()
	if err != nil {
		t.Fatal(err)
	}
	if len(golden) != 21 {
		t.Errorf("%d tensors, want 8 inputs and 13 outputs", len(golden))
	}
	for key, v := range golden {
		nonzero := false
		for _, x := range v.Floats {
			nonzero = nonzero || x != 0
		}
		if !nonzero {
			t.Errorf("%s is all zero: comparing with it would prove nothing", key)
		}
	}
}

func TestGoldenThatDoesNotFitTheManifest(t *testing.T) {
	dir := modeltest.Write(t, modeltest.Default())
	b, err := models.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	golden, err := b.Golden()
	if err != nil {
		t.Fatal(err)
	}
	delete(golden, "video_stem.image")
	golden["spatial_head.ego"] = models.Tensor{Shape: []int64{1, 5}, Floats: make([]float32, 5)}
	golden["spatial_head.room"] = models.Tensor{Shape: []int64{1, 4}, Ints: make([]int64, 4)}
	data, err := modeltest.EncodeNPZ(golden)
	if err != nil {
		t.Fatal(err)
	}
	modeltest.Replace(t, dir, "golden.npz", data)
	if b, err = models.Open(dir); err != nil {
		t.Fatal(err)
	}
	_, err = b.Golden()
	for _, want := range []string{
		"golden.npz", "video_stem.image: missing", "spatial_head.ego: has shape [1 5], the manifest says [1 6]",
		"spatial_head.room: must be float32",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error lacks %q: %v", want, err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "golden.npz"), data[1:], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Golden(); !errors.Is(err, models.ErrDigest) {
		t.Errorf("a changed file gives %v", err)
	}
}

func TestSignature(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	stranger, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := modeltest.Write(t, modeltest.Default())
	b, err := models.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := models.Verify(dir, []ed25519.PublicKey{public}); !errors.Is(err, models.ErrUnsigned) {
		t.Errorf("unsigned: %v", err)
	}
	manifest, err := os.ReadFile(filepath.Join(dir, models.ManifestName))
	if err != nil {
		t.Fatal(err)
	}
	sign := func(sig []byte) {
		if err := os.WriteFile(filepath.Join(dir, models.SignatureName), sig, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sign(models.Sign(manifest, private))
	if err := models.Verify(dir, []ed25519.PublicKey{nil, stranger, public}); err != nil {
		t.Errorf("signed: %v", err)
	}
	for name, keys := range map[string][]ed25519.PublicKey{"stranger": {stranger}, "nobody": nil} {
		if err := models.Verify(dir, keys); !errors.Is(err, models.ErrBadSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	modeltest.EditManifest(t, dir, func(m map[string]any) { m["licence"] = "mine" })
	if err := models.Verify(dir, []ed25519.PublicKey{public}); !errors.Is(err, models.ErrBadSignature) {
		t.Errorf("changed manifest: %v", err)
	}
	if err := b.Verify([]ed25519.PublicKey{public}); err != nil {
		t.Errorf("the manifest that was opened before: %v", err)
	}
	for _, sig := range []string{"", "not base64!", "AAAA", strings.Repeat("A", 1000)} {
		sign([]byte(sig))
		if err := models.Verify(dir, []ed25519.PublicKey{public}); err == nil || errors.Is(err, models.ErrUnsigned) {
			t.Errorf("signature %.20q: %v", sig, err)
		}
	}
}
