package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var secrets = cmp.AllowUnexported(Secret{})

func TestDefaultIsValid(t *testing.T) {
	c := Default()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if c.Broker.KeepAlive != 15*time.Second || c.Limits.MaxPayload != 64<<10 || c.Observe.RateHz != 5 {
		t.Errorf("defaults were not applied: %+v", c)
	}
	if len(c.Cameras) != 1 || c.Cameras[0].AssumedHfovDeg != 60 {
		t.Errorf("cameras = %+v", c.Cameras)
	}
}

func TestEmptyFilesAreTheDefaults(t *testing.T) {
	for _, text := range []string{"", "\n", "# a comment\n", "---\n", "---\n# a comment\n"} {
		c, err := Parse("config.yaml", []byte(text))
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if diff := cmp.Diff(Default(), c, secrets); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

// TestExample loads the documented example and makes sure that it shows the defaults and names every key.
func TestExample(t *testing.T) {
	clearSecrets(t)
	const file = "../../systemd/config.yaml"
	c, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), c, secrets); diff != "" {
		t.Errorf("the example is not the defaults (-want +got):\n%s", diff)
	}
	text := read(t, file)
	for _, key := range allKeys(t) {
		if !strings.Contains(text, key+":") {
			t.Errorf("the example does not mention %s", key)
		}
	}
}

func TestLoadEverything(t *testing.T) {
	clearSecrets(t)
	folder := t.TempDir()
	write(t, folder, "camera.yaml", 0o644, cameraInfo)
	write(t, folder, "password", 0o600, "hunter2\n")
	write(t, folder, "ca.pem", 0o644, "certificates")
	write(t, folder, "robot.pem", 0o644, "certificate")
	write(t, folder, "robot.key", 0o400, "key")
	main := write(t, folder, "config.yaml", 0o644, `
identity: {manufacturer: acme, serialNumber: "0042"}
cameras:
  - name: front
    uri: >-
      gst:videotestsrc ! videoconvert !
      appsink
    calibration: {file: camera.yaml}
    mount: {x: 0.25, y: -0.1, height: 0.8, yawDeg: 90, pitchDeg: 12.5, rollDeg: -1}
  - name: rear
    uri: csi:1
    calibration: {width: 640, height: 480, fx: 500, fy: 501, cx: 320, cy: 240,
      distortion: {model: fisheye, coefficients: [1, 0.5, 0, 0]}}
bundle: ./my-bundle
bundleDirs: [bundles]
precision: int8
provider: cpu
threads: 4
observe: {rateHz: 10}
broker:
  url: mqtts://hub.example:8883
  username: r1
  passwordFile: password
  caFile: ca.pem
  certFile: robot.pem
  keyFile: robot.key
  keepAlive: 1m30s
limits: {maxPayload: 1.5KiB, maxAskPerSecond: 0.5}
scene: {maxObjects: 20, rateHz: 0.5}
log: {level: debug, format: json}
`)
	c, err := Load(main)
	if err != nil {
		t.Fatal(err)
	}
	checkEverything(t, c, folder)
}

func checkEverything(t *testing.T, c Config, folder string) {
	t.Helper()
	for name, ok := range map[string]bool{
		"serial number":  c.Identity.SerialNumber == "0042",
		"folded uri":     c.Cameras[0].URI == "gst:videotestsrc ! videoconvert ! appsink",
		"keep alive":     c.Broker.KeepAlive == 90*time.Second,
		"payload":        c.Limits.MaxPayload == 3<<9,
		"password":       c.Broker.Password.Reveal() == "hunter2",
		"path":           string(c.Broker.CAFile) == filepath.Join(folder, "ca.pem"),
		"bundle folders": string(c.BundleDirs[0]) == filepath.Join(folder, "bundles") && len(c.BundleDirs) == 1,
		"entry default":  c.Cameras[1].AssumedHfovDeg == 60,
	} {
		if !ok {
			t.Errorf("%s is wrong in %+v", name, c)
		}
	}
	front, err := c.Cameras[0].Calibrate(1, 1)
	if err != nil || front.Fx != 400 || front.Assumed {
		t.Errorf("calibration from file: %+v, %v", front, err)
	}
	rear, err := c.Cameras[1].Calibrate(1, 1)
	if err != nil || rear.Fy != 501 || rear.Model != "fisheye" || rear.D[1] != 0.5 {
		t.Errorf("calibration from numbers: %+v, %v", rear, err)
	}
	mount := c.Cameras[0].Mount.Camera()
	if math.Abs(mount.Yaw-math.Pi/2) > 1e-12 || math.Abs(mount.Pitch-0.2181661564992912) > 1e-12 || mount.Y != -0.1 {
		t.Errorf("mount = %+v", mount)
	}
}

func TestAssumedCalibration(t *testing.T) {
	c, err := Default().Cameras[0].Calibrate(640, 480)
	if err != nil || !c.Assumed || math.Abs(c.Fx-320/math.Tan(math.Pi/6)) > 1e-9 {
		t.Errorf("assumed calibration = %+v, %v", c, err)
	}
}

func TestOverlays(t *testing.T) {
	clearSecrets(t)
	folder := t.TempDir()
	main := write(t, folder, "config.yaml", 0o644, "broker: {prefix: one, keepAlive: 5s}\nthreads: 1\n")
	overlays := filepath.Join(folder, "conf.d")
	if err := os.Mkdir(overlays, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, overlays, "20-site.yaml", 0o644, "broker: {prefix: three}\ncameras: [{name: only, uri: 'csi:1'}]\n")
	write(t, overlays, "10-fleet.yaml", 0o644, "broker: {prefix: two}\nthreads: 2\n")
	write(t, overlays, "notes.txt", 0o644, "not read")
	c, err := Load(main)
	if err != nil {
		t.Fatal(err)
	}
	if c.Broker.Prefix != "three" || c.Broker.KeepAlive != 5*time.Second || c.Threads != 2 {
		t.Errorf("overlaid: %+v, threads %d", c.Broker, c.Threads)
	}
	if len(c.Cameras) != 1 || c.Cameras[0].Name != "only" {
		t.Errorf("cameras = %+v", c.Cameras)
	}
}

// TestOverlayTakesTheBlame makes sure that a problem names the file that caused it, and that all files are reported.
func TestOverlayTakesTheBlame(t *testing.T) {
	clearSecrets(t)
	folder := t.TempDir()
	main := write(t, folder, "config.yaml", 0o644, "scene: {rateHz: 1}\nspeed: 1\n")
	if err := os.Mkdir(filepath.Join(folder, "conf.d"), 0o755); err != nil {
		t.Fatal(err)
	}
	overlay := write(t, filepath.Join(folder, "conf.d"), "a.yaml", 0o644, "\nscene: {rateHz: 9999}\n")
	_, err := Load(main)
	for _, want := range []string{
		main + ":2:1: speed: is not a key",
		overlay + ":2:17: scene.rateHz: 9999 is outside of 0.01..1000",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v\ndoes not say %s", err, want)
		}
	}
}

func TestLoadWithoutFile(t *testing.T) {
	clearSecrets(t)
	c, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default(), c, secrets); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

func TestReferencedFiles(t *testing.T) {
	clearSecrets(t)
	folder := t.TempDir()
	write(t, folder, "open.key", 0o640, "key")
	write(t, folder, "empty.pem", 0o600, "")
	write(t, folder, "bad.yaml", 0o600, "camera_matrix: {data: [1]}")
	main := write(t, folder, "config.yaml", 0o644, `cameras: [{name: a, uri: "csi:0", calibration: {file: bad.yaml}}]
broker:
  url: mqtts://hub:8883
  username: r1
  passwordFile: empty.pem
  caFile: none.pem
  certFile: empty.pem
  keyFile: open.key
`)
	_, err := Load(main)
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 4 {
		t.Fatalf("want four problems, got %v", err)
	}
	wants := []string{"calibration", "is empty", "no such file", "is open to others (mode 0640): chmod 600"}
	for i, line := range []int{1, 5, 6, 8} {
		if problems[i].Line != line || !strings.Contains(problems[i].Reason, wants[i]) {
			t.Errorf("problem %d is %s, want line %d: %s", i, problems[i], line, wants[i])
		}
	}
}

func TestTooLargeAndTooDeep(t *testing.T) {
	for name, text := range map[string]string{
		"is larger than 64KiB": strings.Repeat("#\n", maxFile),
		"nests":                strings.Repeat("[", 100),
	} {
		if _, err := Parse("c.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSecretStaysSecret(t *testing.T) {
	c := Default()
	c.Broker.Password = Secret{"hunter2"}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("configured", "config", c, "password", c.Broker.Password)
	printed := fmt.Sprintf("%v %+v %#v %s", c, c, c, c.Broker.Password)
	if strings.Contains(log.String()+printed, "hunter2") {
		t.Errorf("the password shows in %s %s", log.String(), printed)
	}
	if !strings.Contains(log.String(), "[hidden]") {
		t.Errorf("the log does not show that there is one: %s", log.String())
	}
}

func TestSecretSources(t *testing.T) {
	clearSecrets(t)
	folder := t.TempDir()
	main := write(t, folder, "config.yaml", 0o644, "broker: {username: r1}\n")
	secret := func() string {
		c, err := Load(main)
		if err != nil {
			t.Fatal(err)
		}
		return c.Broker.Password.Reveal()
	}
	t.Setenv(passwordVariable, "from environment")
	if got := secret(); got != "from environment" {
		t.Errorf("got %q", got)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", folder)
	if got := secret(); got != "from environment" {
		t.Errorf("without a credential: %q", got)
	}
	write(t, folder, passwordCredential, 0o440, "from credential\n")
	if got := secret(); got != "from credential" {
		t.Errorf("got %q", got)
	}
	write(t, folder, "secret", 0o600, "from file\r\n")
	write(t, folder, "config.yaml", 0o644, "broker: {username: r1, passwordFile: secret}\n")
	if got := secret(); got != "from file" {
		t.Errorf("got %q", got)
	}
	write(t, folder, "config.yaml", 0o644, "threads: 1\n")
	if _, err := Load(main); err == nil || !strings.Contains(err.Error(), "broker.username: is missing") {
		t.Errorf("password without a user: %v", err)
	}
}

func TestBytesString(t *testing.T) {
	for b, want := range map[Bytes]string{0: "0B", 1000: "1000B", 1024: "1KiB", 3 << 19: "1536KiB", 2 << 30: "2GiB"} {
		if got := b.String(); got != want {
			t.Errorf("%d is %s, want %s", int64(b), got, want)
		}
	}
}

func clearSecrets(t *testing.T) {
	t.Helper()
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	t.Setenv(passwordVariable, "")
}

func write(t *testing.T, folder, name string, mode os.FileMode, text string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask says
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

const cameraInfo = `image_width: 640
image_height: 480
camera_matrix: {rows: 3, cols: 3, data: [400, 0, 320, 0, 400, 240, 0, 0, 1]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [0, 0, 0, 0, 0]}
`

// systemd guards the folder of credentials itself, by an access list that shows up in the group's bits.
func TestCertificatesFromCredentials(t *testing.T) {
	clearSecrets(t)
	credentials, folder := t.TempDir(), t.TempDir()
	for _, name := range []string{"broker-ca", "broker-cert", "broker-key"} {
		write(t, credentials, name, 0o440, name)
	}
	t.Setenv("CREDENTIALS_DIRECTORY", credentials)
	c, err := Load(write(t, folder, "config.yaml", 0o644, "broker: {url: mqtts://hub.example:8883}\n"))
	if err != nil {
		t.Fatal(err)
	}
	b := c.Broker
	for name, got := range map[string]Path{"broker-ca": b.CAFile, "broker-cert": b.CertFile, "broker-key": b.KeyFile} {
		if string(got) != filepath.Join(credentials, name) {
			t.Errorf("%s is %q", name, got)
		}
	}
	write(t, folder, "own.pem", 0o644, "x")
	write(t, folder, "own.key", 0o600, "x")
	c, err = Load(write(t, folder, "named.yaml", 0o644,
		"broker: {url: mqtts://hub.example:8883, certFile: own.pem, keyFile: own.key}\n"))
	if err != nil || string(c.Broker.CertFile) != filepath.Join(folder, "own.pem") {
		t.Errorf("a named certificate: %q, %v", c.Broker.CertFile, err)
	}
	c, err = Load(write(t, folder, "plain.yaml", 0o644, "broker: {url: mqtt://hub.example:1883}\n"))
	if err != nil || c.Broker.CAFile != "" {
		t.Errorf("a plain link took %q, %v", c.Broker.CAFile, err)
	}
}

func TestKeysOpenToOthersAreRefused(t *testing.T) {
	clearSecrets(t)
	folder := t.TempDir()
	for _, name := range []string{"server.pem", "ca.pem", "server.key"} {
		write(t, folder, name, 0o644, "x")
	}
	_, err := Load(write(t, folder, "config.yaml", 0o644, `
embedded:
  listen: 0.0.0.0:8883
  certFile: server.pem
  keyFile: server.key
  clientCAFile: ca.pem
commands: {keysFile: none}
`))
	if err == nil || !strings.Contains(err.Error(), ":5:") || !strings.Contains(err.Error(), "chmod 600") ||
		!strings.Contains(err.Error(), "commands.keysFile") {
		t.Errorf("got %v", err)
	}
}
