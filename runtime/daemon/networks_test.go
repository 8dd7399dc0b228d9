package daemon_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/models/modeltest"
	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/daemon"
	"github.com/vega-edge/vegad/runtime/engine"
)

func TestWhereThingsAreKept(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "")
	t.Setenv("CACHE_DIRECTORY", "")
	cfg := config.Default()
	if s, err := daemon.OpenStore(cfg, slog.New(slog.DiscardHandler)); s != nil || err != nil {
		t.Errorf("without a folder: %v, %v", s, err)
	}
	if c, err := daemon.OpenCache(cfg, &engine.Runtime{}); c != nil || err != nil {
		t.Errorf("without a folder: %v, %v", c, err)
	}
	state, cache := t.TempDir(), t.TempDir()
	t.Setenv("STATE_DIRECTORY", state+":/other")
	t.Setenv("CACHE_DIRECTORY", cache)
	if s, err := daemon.OpenStore(cfg, slog.New(slog.DiscardHandler)); s == nil || err != nil {
		t.Errorf("below systemd: %v, %v", s, err)
	}
	if c, err := daemon.OpenCache(cfg, &engine.Runtime{}); c == nil || err != nil {
		t.Errorf("below systemd: %v, %v", c, err)
	}
	for _, path := range []string{
		filepath.Join(state, "models", "bundles"), filepath.Join(cache, "engines"), filepath.Join(state, "engine.key"),
	} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	o := daemon.EngineOptions(cfg, nil, slog.New(slog.DiscardHandler))
	if !o.Later || o.TensorRT.Workspace != 512<<20 || o.TensorRT.Level != 3 || o.TensorRT.MinSubgraph != 5 ||
		o.Baseline != filepath.Join(state, "latency.json") {
		t.Errorf("%+v", o)
	}
	cfg.Engine.Meanwhile = "wait"
	if daemon.EngineOptions(cfg, nil, slog.New(slog.DiscardHandler)).Later {
		t.Error("it does not wait")
	}
}

func TestTrustedKeysAreRead(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	file := filepath.Join(t.TempDir(), "maker.pub")
	text := base64.StdEncoding.EncodeToString(key[ed25519.SeedSize:]) + "\n"
	cfg := config.Default()
	cfg.Update.Dir, cfg.Update.Keys = config.Path(t.TempDir()), []config.Path{config.Path(file)}
	for content, want := range map[string]string{text: "", "abc": "must be 32 bytes in base64"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := daemon.OpenStore(cfg, slog.New(slog.DiscardHandler))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", content, err)
		}
	}
}

// update is a robot whose configured bundle has version 0.0.1, and on which version 0.0.2 was installed and activated.
func update(t *testing.T, newer modeltest.Spec) config.Config {
	t.Helper()
	cfg, dir := updatable(t, newer)
	s, err := daemon.OpenStore(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Install(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Activate(t.Context(), "", nil); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// updatable is a robot whose configured bundle has version 0.0.1, and the folder of a signed one of version 0.0.2.
func updatable(t *testing.T, newer modeltest.Spec) (cfg config.Config, dir string) {
	t.Helper()
	cfg = settings(t, small)
	shelf := t.TempDir()
	if err := os.Mkdir(filepath.Join(shelf, "tiny"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := modeltest.WriteTo(filepath.Join(shelf, "tiny"), bundleSpec()); err != nil {
		t.Fatal(err)
	}
	cfg.Bundle, cfg.BundleDirs = "tiny", []config.Path{config.Path(shelf)}

	dir = modeltest.Write(t, newer)
	modeltest.EditManifest(t, dir, func(m map[string]any) { m["version"] = "0.0.2" })
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	manifest, err := os.ReadFile(filepath.Join(dir, models.ManifestName))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, models.SignatureName), models.Sign(manifest, key), 0o600)
	}
	public := filepath.Join(t.TempDir(), "maker.pub")
	if err == nil {
		err = os.WriteFile(public, []byte(base64.StdEncoding.EncodeToString(key[ed25519.SeedSize:])), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	cfg.Update = config.Update{
		Dir: config.Path(t.TempDir()), Keys: []config.Path{config.Path(public)}, Probation: time.Second, Starts: 3,
	}
	return cfg, dir
}

func TestANewBundleStaysAfterItsProbation(t *testing.T) {
	cfg := update(t, bundleSpec())
	r := start(t, cfg)
	if r.info.Bundle != "tiny 0.0.2" {
		t.Errorf("%s runs", r.info.Bundle)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for begun := time.Now(); !r.journal.tells("the new bundle stays"); <-tick.C {
		if time.Since(begun) > patience {
			t.Fatal("it is not confirmed")
		}
	}
	s, err := daemon.OpenStore(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if list, err := s.List(); err != nil || len(list) != 1 || list[0].Role != "current" {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestANewBundleThatFailsItsGoldenTestGivesWayAtOnce(t *testing.T) {
	wrong := bundleSpec()
	wrong.WrongPrecision = models.FP32
	cfg := update(t, wrong)
	r := start(t, cfg)
	if r.info.Bundle != "tiny 0.0.1" {
		t.Errorf("%s runs", r.info.Bundle)
	}
	if !r.journal.tells("the new bundle was given up", "video_stem.geometry is off by") {
		t.Error("the log does not say why")
	}
}

func TestTheCommandLineIsNotReplaced(t *testing.T) {
	cfg := update(t, bundleSpec())
	cfg.BundlePinned = true
	if info := start(t, cfg).info; info.Bundle != "tiny 0.0.1" {
		t.Errorf("%s runs", info.Bundle)
	}
}
