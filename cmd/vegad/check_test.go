package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/vega-edge/vegad/models"
)

func TestCheckReportsAllProblemsAtOnce(t *testing.T) {
	path := writeFile(t, "vegad.yaml", "bundel: nano\nlog:\n  level: loud\nobserve:\n  rateHz: 900\n")
	got := vegad(t, "check", "-c", path)
	if got.code != exitFailed {
		t.Errorf("exit code %d", got.code)
	}
	wantContains(t, "stdout", got.out, path+":1:", "bundel", path+":3:", "log.level", path+":5:", "observe.rateHz")

	var report checkReport
	if err := json.Unmarshal([]byte(vegad(t, "check", "-c", path, "--json").out), &report); err != nil {
		t.Fatal(err)
	}
	if report.OK || len(report.Problems) != 3 || report.Problems[1].Line != 3 || report.Problems[1].Path != "log.level" {
		t.Errorf("%+v", report)
	}
}

func TestCheckOfAGoodConfiguration(t *testing.T) {
	bundle := tinyBundle(t)
	path := writeFile(t, "vegad.yaml", "bundle: "+bundle+"\ncameras:\n  - name: front\n    uri: /dev/video0\n")
	got := vegad(t, "check", "-c", path)
	if got.code != exitDone {
		t.Errorf("exit code %d: %s", got.code, got.out)
	}
	wantContains(t, "stdout", got.out, "camera front: /dev/video0, its field of view is assumed", "bundle tiny",
		"every file matches its digest", "ok    "+path)
}

func TestCheckOfADamagedBundle(t *testing.T) {
	bundle := tinyBundle(t)
	model := filepath.Join(bundle, "fp32", models.VideoStem+".onnx")
	data, err := os.ReadFile(model)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(model, data, 0o600); err != nil {
		t.Fatal(err)
	}
	path := writeFile(t, "vegad.yaml", "bundle: "+bundle+"\n")
	got := vegad(t, "check", "-c", path)
	if got.code != exitFailed {
		t.Errorf("exit code %d", got.code)
	}
	wantContains(t, "stdout", got.out, "bundle", "fp32/video_stem.onnx", models.ErrDigest.Error())
}

func TestCheckOfAMissingFile(t *testing.T) {
	got := vegad(t, "check", "-c", filepath.Join(t.TempDir(), "none.yaml"))
	if got.code != exitFailed {
		t.Errorf("exit code %d", got.code)
	}
	wantContains(t, "stdout", got.out, "none.yaml", "no such file")
}

func TestCheckReadsCalibrationFiles(t *testing.T) {
	path := writeFile(t, "vegad.yaml", "bundle: "+tinyBundle(t)+
		"\ncameras:\n  - name: front\n    uri: csi:0\n    calibration:\n      file: none.yaml\n")
	got := vegad(t, "check", "-c", path)
	if got.code != exitFailed {
		t.Errorf("exit code %d: %s", got.code, got.out)
	}
	wantContains(t, "stdout", got.out, "none.yaml")
}

func TestModelShow(t *testing.T) {
	bundle := tinyBundle(t)
	got := vegad(t, "model", "show", bundle)
	wantContains(t, "stdout", got.out, "tiny", "fp32, fp16, int8", "32x24", "ball, box, chair")
	var sum bundleSummary
	if err := json.Unmarshal([]byte(vegad(t, "model", "show", "--json", bundle).out), &sum); err != nil {
		t.Fatal(err)
	}
	opened, err := models.Open(bundle)
	if err != nil {
		t.Fatal(err)
	}
	if sum.Digest != opened.Digest() || sum.ClipFrames != 4 {
		t.Errorf("%+v", sum)
	}
	missing := vegad(t, "model", "show", "no-such-bundle")
	if missing.code != exitFailed {
		t.Errorf("exit code %d", missing.code)
	}
	wantContains(t, "stderr", missing.err, "no-such-bundle", "/usr/share/vegad/bundles")
}

func TestModelVerify(t *testing.T) {
	bundle := tinyBundle(t)
	wantContains(t, "stdout", vegad(t, "model", "verify", bundle).out, "signature: none")

	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key := writeFile(t, "key.pub", base64.StdEncoding.EncodeToString(public)+"\n")
	wrong := writeFile(t, "other.pub", base64.StdEncoding.EncodeToString(other))
	if got := vegad(t, "model", "verify", "--key", key, bundle); got.code != exitFailed {
		t.Errorf("an unsigned bundle passes: %+v", got)
	}
	manifest, err := os.ReadFile(filepath.Join(bundle, models.ManifestName))
	if err != nil {
		t.Fatal(err)
	}
	signature := filepath.Join(bundle, models.SignatureName)
	if err := os.WriteFile(signature, models.Sign(manifest, private), 0o600); err != nil {
		t.Fatal(err)
	}
	wantContains(t, "stdout", vegad(t, "model", "verify", "--key", key, bundle).out, "signature: valid")
	wantContains(t, "stdout", vegad(t, "model", "verify", bundle).out, "signature: not checked")
	if got := vegad(t, "model", "verify", "--key", wrong, bundle); got.code != exitFailed {
		t.Errorf("a foreign signature passes: %+v", got)
	}
	if got := vegad(t, "model", "verify", "--key", writeFile(t, "short.pub", "AAAA"), bundle); got.code != exitFailed {
		t.Errorf("a short key passes: %+v", got)
	}
}
