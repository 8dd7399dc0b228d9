package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/vega-edge/vegad/runtime/engine"
)

func TestEngineBuildWithoutTensorRTNamesWhatIsMissing(t *testing.T) {
	native(t)
	cache := filepath.Join(t.TempDir(), "engines")
	got := vegad(t, "engine", "build", "--cache", cache, tinyBundle(t))
	if got.code != exitFailed || got.out != "" {
		t.Errorf("exit code %d, printed %q", got.code, got.out)
	}
	wantContains(t, "stderr", got.err, "no provider runs the bundle", "tensorrt int8 rejected at stage provider",
		"missing: libonnxruntime_providers_shared.so, libonnxruntime_providers_tensorrt.so")
	if out := vegad(t, "engine", "list", "--json", "--cache", cache).out; out != "[]\n" {
		t.Errorf("the cache holds %s", out)
	}
}

func TestEngineCacheIsListedVerifiedAndCleaned(t *testing.T) {
	native(t)
	cache := filepath.Join(t.TempDir(), "engines")
	if got := vegad(t, "engine", "verify", "--cache", cache); got.code != exitDone {
		t.Errorf("an empty cache gives exit code %d: %s", got.code, got.err)
	}
	planted := filepath.Join(cache, "0123456789abcdef0123456789abcdef")
	if err := os.Mkdir(planted, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(planted, "x.engine"), []byte("foreign code"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := vegad(t, "engine", "verify", "--cache", cache)
	if got.code != exitAbstained {
		t.Errorf("a foreign engine gives exit code %d: %s", got.code, got.err)
	}
	wantContains(t, "stdout", got.out, "0123456789abcdef0123456789abcdef", "its seal does not fit: it has none")
	var entries []engine.Entry
	if err := json.Unmarshal([]byte(vegad(t, "engine", "list", "--json", "--cache", cache).out), &entries); err != nil ||
		len(entries) != 1 || !entries[0].Stale || entries[0].Bytes != 12 {
		t.Errorf("%+v, %v", entries, err)
	}
	wantContains(t, "stdout", vegad(t, "engine", "clean", "--cache", cache).out, "0123456789abcdef", "1 removed")
	if _, err := os.Stat(planted); !os.IsNotExist(err) {
		t.Errorf("it is there still: %v", err)
	}
}
