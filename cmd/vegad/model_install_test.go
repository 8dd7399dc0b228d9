package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/models/modeltest"
	"github.com/vega-edge/vegad/models/store"
)

// maker is its key, and a robot that trusts it.
type maker struct{ key, config, store string }

func newFleet(t *testing.T) maker {
	t.Helper()
	native(t)
	dir := t.TempDir()
	u := maker{filepath.Join(dir, "maker"), filepath.Join(dir, "config.yaml"), filepath.Join(dir, "store")}
	if got := vegad(t, "model", "keygen", u.key); got.code != exitDone {
		t.Fatal(got.err)
	}
	text := "update: {keys: [maker.pub], dir: store}\nprovider: cpu\n"
	if err := os.WriteFile(u.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return u
}

// bundle makes a signed bundle of a version.
func (u maker) bundle(t *testing.T, version string, edit func(*modeltest.Spec)) string {
	t.Helper()
	spec := modeltest.Default()
	if edit != nil {
		edit(&spec)
	}
	dir := modeltest.Write(t, spec)
	modeltest.EditManifest(t, dir, func(m map[string]any) { m["version"] = version })
	if got := vegad(t, "model", "sign", "--key", u.key, dir); got.code != exitDone {
		t.Fatal(got.err)
	}
	return dir
}

func (u maker) list(t *testing.T) []store.Info {
	t.Helper()
	var list []store.Info
	out := vegad(t, "model", "list", "--json", "-c", u.config).out
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return list
}

func TestModelInstallActivateRollback(t *testing.T) {
	u := newFleet(t)
	if info, err := os.Stat(u.key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the private key: %v, %v", info, err)
	}
	if got := vegad(t, "model", "keygen", u.key); got.code != exitFailed {
		t.Error("a key was overwritten")
	}
	first := u.bundle(t, "1.0.0", nil)
	wantContains(t, "stdout", vegad(t, "model", "verify", "--key", u.key+".pub", first).out, "signature: valid")
	got := vegad(t, "model", "install", "-c", u.config, first)
	wantContains(t, "stdout", got.out, "installed", "tiny", "1.0.0")
	got = vegad(t, "model", "activate", "-c", u.config)
	wantContains(t, "stdout", got.out, "trial")
	wantContains(t, "stderr", got.err, "systemctl restart vegad")
	if list := u.list(t); len(list) != 1 || list[0].Role != "trial" {
		t.Errorf("%+v", list)
	}
	got = vegad(t, "model", "rollback", "-c", u.config)
	wantContains(t, "stdout", got.out, "rejected", "rolled back by hand")
	if got := vegad(t, "model", "rollback", "-c", u.config); got.code != exitFailed {
		t.Error("there was something to go back to")
	}
}

func TestModelInstallOfWhatNobodySigned(t *testing.T) {
	u := newFleet(t)
	dir := u.bundle(t, "1.0.0", nil)
	if err := os.Remove(filepath.Join(dir, models.SignatureName)); err != nil {
		t.Fatal(err)
	}
	got := vegad(t, "model", "install", "-c", u.config, dir)
	if got.code != exitFailed || len(u.list(t)) != 0 {
		t.Errorf("exit code %d", got.code)
	}
	wantContains(t, "stderr", got.err, "the bundle is not signed")
	got = vegad(t, "model", "install", "--store", t.TempDir(), dir)
	wantContains(t, "stderr", got.err, "no trusted key is configured")
}

// A bundle whose golden test fails on this machine is never switched to.
func TestModelActivateRunsTheGoldenTest(t *testing.T) {
	u := newFleet(t)
	wrong := u.bundle(t, "1.0.0", func(spec *modeltest.Spec) {
		spec.Precisions, spec.WrongPrecision = []models.Precision{models.FP32}, models.FP32
	})
	got := vegad(t, "model", "install", "--activate", "-c", u.config, wrong)
	wantContains(t, "stderr", got.err, "video_stem.geometry is off by")
	if list := u.list(t); got.code != exitFailed || len(list) != 1 || list[0].Role != "installed" {
		t.Errorf("exit code %d, %+v", got.code, list)
	}
}

func TestModelSignRefusesADamagedBundle(t *testing.T) {
	u := newFleet(t)
	dir := modeltest.Write(t, modeltest.Default())
	if err := os.Truncate(filepath.Join(dir, "golden.npz"), 3); err != nil {
		t.Fatal(err)
	}
	if got := vegad(t, "model", "sign", "--key", u.key, dir); got.code != exitFailed {
		t.Error("it was signed")
	}
	wantContains(t, "stderr", vegad(t, "model", "sign", "--key", u.key+".pub.none", dir).err, "no such file")
}
