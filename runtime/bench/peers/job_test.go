package peers_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/link/linktest"
)

// The film: a walk through a room of the test split, by an ideal lens of the bundle's own field of view, so that the
// canonical view is the picture at a quarter of its size. Nobody needs to undistort.
const (
	filmSeed       = 1_000_007
	filmFPS        = 15
	width, height  = 640, 480
	mountHeight    = 1.0 // m
	pitchDeg       = 10.0
	topicPrefix    = "vegad/v1/acme/r1/"
	graphExtension = ".onnx"

	// Which int8 files a contestant runs on: those of the bundle, or what vegad makes of them for a CPU.
	asShipped, asRead = "as shipped", "as vegad reads them"
)

// job is what a peer is told. Floats are metres, radians, seconds and canonical pixels.
type job struct {
	Film    string `json:"film"`
	Dump    string `json:"dump"` // file for the observations; empty publishes them
	Models  string `json:"models"`
	Library string `json:"library"`
	Host    string `json:"host"`
	Port    int    `json:"port"`
	Topic   string `json:"topic"`
	Paced   int    `json:"paced"`
	Threads int    `json:"threads"`
	Spin    int    `json:"spin"`

	Width         int                `json:"width"`
	Height        int                `json:"height"`
	Focal         float64            `json:"focal"`
	Cols          int                `json:"cols"`
	Rows          int                `json:"rows"`
	Length        int                `json:"length"`
	Stride        float64            `json:"stride"`
	Labels        []string           `json:"labels"`
	Colors        []string           `json:"colors"`
	Families      []string           `json:"families"`
	Threshold     float64            `json:"threshold"`
	MaxDetections int                `json:"maxDetections"`
	VarianceScale map[string]float64 `json:"varianceScale"`
	MountHeight   float64            `json:"mountHeight"`
	Pitch         float64            `json:"pitch"`
}

// contestant is a program in the comparison, and how it is told its job.
type contestant struct {
	who    string   // vegad, python or cpp
	files  string   // asShipped or asRead
	run    []string // a peer's command; nil is vegad
	models string   // folder of the networks, of a peer
	tuning tuning
}

func (c *contestant) String() string {
	if c.files == asRead {
		return c.who + " on vegad's files"
	}
	return c.who
}

// tuning is what a careful engineer tries.
type tuning struct{ threads, spin int }

func (t tuning) String() string {
	return fmt.Sprintf("%d threads, %s", t.threads, map[int]string{0: "asleep between runs", 1: "spinning"}[t.spin])
}

// bench is the comparison.
type bench struct {
	tb        testing.TB
	root      string // of the checkout
	folder    string // build/bench
	film      string
	rt        *engine.Runtime
	bundle    *models.Bundle
	bundleDir string
	broker    *linktest.Mosquitto
}

func (b *bench) must(err error) {
	b.tb.Helper()
	if err != nil {
		b.tb.Fatal(err)
	}
}

// filmFor renders the film once.
func (b *bench) filmFor(seconds int) string {
	b.tb.Helper()
	path := filepath.Join(b.folder, fmt.Sprintf("film-%ds.mp4", seconds))
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		return path
	}
	part := filepath.Join(b.tb.TempDir(), "film.mp4")
	cmd := exec.Command(filepath.Join(b.root, "bin", "vegad"), "room", "render", "--seed", strconv.Itoa(filmSeed),
		"--out", part, "--seconds", strconv.Itoa(seconds), "--fps", strconv.Itoa(filmFPS), "--width",
		strconv.Itoa(width), "--height", strconv.Itoa(height))
	cmd.Stderr = os.Stderr
	b.must(cmd.Run())
	data, err := os.ReadFile(part)
	b.must(err)
	b.must(os.WriteFile(path, data, 0o600))
	return path
}

// peers are the programs with both forms of the int8 files: those of the bundle, which an engineer would have, and
// those that vegad makes of them when it loads them for a CPU.
func (b *bench) peers() []*contestant {
	read := filepath.Join(b.folder, "cpu-files")
	b.must(os.MkdirAll(read, 0o750))
	for _, name := range models.GraphNames() {
		data, err := b.bundle.ReadFile(models.INT8, name)
		b.must(err)
		data, err = engine.ForCPU(data)
		b.must(err)
		b.must(os.WriteFile(filepath.Join(read, name+graphExtension), data, 0o600))
	}
	shipped := filepath.Join(b.bundleDir, string(models.INT8))
	python := []string{
		filepath.Join(b.folder, "venv", "bin", "python"), filepath.Join(b.root, "runtime/bench/peers/python/peer.py"),
	}
	cpp := []string{filepath.Join(b.folder, "peer")}
	t := tuning{threads: runtime.GOMAXPROCS(0)}
	return []*contestant{
		{"python", asShipped, python, shipped, t},
		{"cpp", asShipped, cpp, shipped, t},
		{"python", asRead, python, read, t},
		{"cpp", asRead, cpp, read, t},
	}
}

// job is the contestant's, on the film at its own pace or as fast as it can be read.
func (b *bench) job(c *contestant, paced bool) job {
	m := &b.bundle.Manifest
	v := m.Decode.VarianceScale
	j := job{
		Film: b.film, Models: c.models, Library: b.rt.Path(), Topic: topicPrefix, Threads: c.tuning.threads,
		Spin: c.tuning.spin, Width: m.View.Width, Height: m.View.Height,
		Focal: b.canonical().Focal(), Cols: m.Grid.Cols, Rows: m.Grid.Rows, Length: m.Clip.Length,
		Stride: m.Clip.StrideSeconds, Labels: m.Labels, Colors: m.Colors, Families: m.Families,
		Threshold: m.Decode.ScoreThreshold, MaxDetections: m.Decode.MaxDetections,
		VarianceScale: map[string]float64{"center": v.Center, "distance": v.Distance},
		MountHeight:   mountHeight, Pitch: pitchDeg * math.Pi / 180,
	}
	if paced {
		j.Paced = 1
	}
	return j
}

func (b *bench) canonical() camera.Canonical {
	v := b.bundle.Manifest.View
	return camera.Canonical{Width: v.Width, Height: v.Height, HFOV: v.HFOVRad}
}

// command starts a peer on a job.
func (b *bench) command(c *contestant, j job) *exec.Cmd {
	data, err := json.Marshal(j)
	b.must(err)
	path := filepath.Join(b.tb.TempDir(), "job.json")
	b.must(os.WriteFile(path, data, 0o600))
	return exec.Command(c.run[0], append(c.run[1:], path)...)
}

// daemon starts vegad on the same job: every picture is observed and every observation published, at QoS 1.
func (b *bench) daemon(paced bool) *exec.Cmd {
	pace := map[bool]string{true: "realtime", false: "off"}[paced]
	focal := float64(width) / 2 / math.Tan(b.bundle.Manifest.View.HFOVRad/2)
	text := fmt.Sprintf(`identity: {manufacturer: acme, serialNumber: r1}
bundle: %q
precision: int8
provider: cpu
broker: {url: %q}
log: {level: warn}
dashboard: {listen: "off"}
observe: {rateHz: 60, restAfter: 0s}
scene: {rateHz: 1000}
outbox: {scene: kept}
limits: {maxAskPerSecond: 10000, maxAskPerSecondPerClient: 10000}
cameras:
  - name: front
    uri: %q
    calibration: {width: %d, height: %d, fx: %g, fy: %g, cx: %g, cy: %g}
    mount: {height: %g, pitchDeg: %g}
`, b.bundleDir, b.broker.URL(), "file:"+b.film+"?pace="+pace, width, height, focal, focal,
		(width-1)/2.0, (height-1)/2.0, mountHeight, pitchDeg)
	path := filepath.Join(b.tb.TempDir(), "vegad.yaml")
	b.must(os.WriteFile(path, []byte(text), 0o600))
	return exec.Command(filepath.Join(b.root, "bin", "vegad"), "run", "-c", path)
}

// quiet is a logger for what is no news here.
func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
