package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/vega-edge/vegad/camera/room"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// generate runs the command into a folder and returns what it printed.
func generate(ctx context.Context, t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	small := []string{"-out", dir, "-width", "32", "-height", "24", "-shard", "2", "-workers", "2"}
	j, err := parse(append(small, args...))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = j.run(ctx, &out)
	return out.String(), err
}

// array reads back one .npy file: its header and its bytes.
func array(t *testing.T, path string) (head string, data []byte) {
	t.Helper()
	all, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(all, []byte("\x93NUMPY\x01\x00")) {
		t.Fatalf("%s is no NumPy file", path)
	}
	n := int(binary.LittleEndian.Uint16(all[8:]))
	if (10+n)%64 != 0 {
		t.Errorf("%s: data begins at %d, which is not aligned", path, 10+n)
	}
	return string(all[10 : 10+n]), all[10+n:]
}

func TestShardsHoldTheRenderedClips(t *testing.T) {
	dir := t.TempDir()
	out, err := generate(t.Context(), t, dir, "-rooms", "3", "-first", "40", "-frames", "2")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, "3 of 3 clips") {
		t.Errorf("progress: %q", out)
	}
	head, rgb := array(t, filepath.Join(dir, "shard-00000", "rgb.npy"))
	if !strings.Contains(head, "'shape': (2, 2, 24, 32, 3,)") || len(rgb) != 2*2*24*32*3 {
		t.Errorf("rgb: %s with %d bytes", head, len(rgb))
	}
	// Clip 1 of shard 0 is room 41: draw it again.
	m := room.Generate(41)
	r := room.NewRenderer(32, 24, room.DefaultHFOV)
	pic, sensor := r.NewPicture(), m.NewSensor(0)
	for i, p := range m.Excerpt(0, 2, 0.25) {
		r.Render(m, p, sensor, pic)
		at := (2 + i) * len(pic.RGB)
		if !bytes.Equal(rgb[at:at+len(pic.RGB)], pic.RGB) {
			t.Errorf("frame %d of the shard is not what the renderer draws", i)
		}
	}
	_, seeds := array(t, filepath.Join(dir, "shard-00001", "seed.npy"))
	if got := binary.LittleEndian.Uint64(seeds); got != 42 || len(seeds) != 16 {
		t.Errorf("last shard: seed %d in %d bytes", got, len(seeds))
	}
	var meta struct{ Labels []string }
	data, err := os.ReadFile(filepath.Join(dir, "meta.json"))
	if err = errors.Join(err, json.Unmarshal(data, &meta)); err != nil || len(meta.Labels) != len(room.Labels) {
		t.Errorf("meta.json: %v %v", meta, err)
	}
}

func TestSecondCallContinues(t *testing.T) {
	dir := t.TempDir()
	if _, err := generate(t.Context(), t, dir, "-rooms", "4", "-frames", "1"); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(dir, "shard-00000", "rgb.npy")
	if err := errors.Join(os.WriteFile(kept, []byte("kept"), 0o600),
		os.RemoveAll(filepath.Join(dir, "shard-00001"))); err != nil {
		t.Fatal(err)
	}
	if _, err := generate(t.Context(), t, dir, "-rooms", "4", "-frames", "1"); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(kept); string(data) != "kept" {
		t.Error("a finished shard was drawn again")
	}
	if _, err := os.Stat(filepath.Join(dir, "shard-00001", "rgb.npy")); err != nil {
		t.Errorf("the missing shard was not drawn: %v", err)
	}
}

func TestCancelLeavesNothingHalf(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := generate(ctx, t, dir, "-rooms", "4"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled run: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "shard-*")); len(left) != 0 {
		t.Errorf("a cancelled run left %v", left)
	}
}

func TestNonsenseIsRefused(t *testing.T) {
	for _, args := range [][]string{
		{}, {"-out", "x", "-rooms", "0"}, {"-out", "x", "-hfov", "200"}, {"-out", "x", "-dt", "-1"}, {"-bogus"},
	} {
		if _, err := parse(args); err == nil || errors.Is(err, flag.ErrHelp) {
			t.Errorf("%v: %v", args, err)
		}
	}
}
