package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/camera/gocv"
	"github.com/vega-edge/vegad/runtime/daemon"
)

// TestRecordReplayExport is the whole way of a recording: made, shown, told again, and written as a film and as lines.
func TestRecordReplayExport(t *testing.T) {
	native(t)
	dir, bundle := t.TempDir(), tinyBundle(t)
	config := writeFile(t, "config.yaml", "threads: 1\ndashboard:\n  listen: \"off\"\n")
	got := vegad(t, "record", "-c", config, "--out", dir, "--for", "3s", "--bundle", bundle, "--broker", "embedded:0",
		"--camera", "room:?seed=5&width=96&height=72&fps=15")
	if got.code != exitDone {
		t.Fatalf("exit code %d\n%s\n%s", got.code, got.out, got.err)
	}
	wantContains(t, "record", got.out, "tiny 0.0.1 on cpu", "picture", "observation", "checkpoint", "MiB a minute")
	show := vegad(t, "record", "show", dir)
	if show.code != exitDone || show.out != got.out {
		t.Errorf("show says something else: %s %s", show.out, show.err)
	}

	again := vegad(t, "replay", dir, "-c", config, "--bundle", bundle)
	if again.code != exitDone {
		t.Errorf("exit code %d\n%s\n%s", again.code, again.out, again.err)
	}
	wantContains(t, "replay", again.out, "told again from 0s on", "0 different", "identical\n")
	other := vegad(t, "replay", dir, "-c", config, "--bundle", tinyBundle(t, "one", "two", "three", "four"), "--json")
	var out daemon.Replayed
	if err := json.Unmarshal([]byte(other.out), &out); err != nil || other.code != exitFailed {
		t.Fatalf("exit code %d, %v\n%s", other.code, err, other.err)
	}
	if out.Identical || out.Then.BundleDigest == out.Now.BundleDigest {
		t.Errorf("another bundle is taken for the same: %s", other.out)
	}

	film, lines := filepath.Join(t.TempDir(), "out.mp4"), filepath.Join(t.TempDir(), "out.jsonl")
	export := vegad(t, "record", "export", dir, "--film", film, "--lines", lines, "--width", "192")
	if export.code != exitDone {
		t.Fatalf("exit code %d\n%s\n%s", export.code, export.out, export.err)
	}
	n := checkLines(t, lines)
	if n < 5 {
		t.Errorf("%d pictures in the lines", n)
	}
	checkFilm(t, film, 192, 144, n-2)
}

// checkLines reads the lines and returns how many pictures they tell of.
func checkLines(t *testing.T, path string) int {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	scan := bufio.NewScanner(f)
	scan.Buffer(nil, 1<<20)
	kinds := map[string]int{}
	for scan.Scan() {
		var line struct {
			Kind    string
			Number  uint64
			Message json.RawMessage
			Picture struct {
				WidthPx, HeightPx int
				Lossless          bool
			}
		}
		if err := json.Unmarshal(scan.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		kinds[line.Kind]++
		if line.Kind == "picture" && (line.Picture.WidthPx != 96 || line.Picture.HeightPx != 72 || !line.Picture.Lossless) {
			t.Errorf("%s", scan.Text())
		}
		if line.Kind == "observation" && !strings.Contains(string(line.Message), `"detections"`) {
			t.Errorf("%s", scan.Text())
		}
	}
	if err := scan.Err(); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"head", "checkpoint", "picture", "features", "observation"} {
		if kinds[kind] == 0 {
			t.Errorf("no %s in %v", kind, kinds)
		}
	}
	return kinds["picture"]
}

// checkFilm reads a film and counts its pictures. Something must be written over the room: text in white.
func checkFilm(t *testing.T, path string, width, height, least int) {
	t.Helper()
	uri, err := camera.ParseURI(path + "?pace=off")
	if err != nil {
		t.Fatal(err)
	}
	source, err := gocv.Open(t.Context(), uri, gocv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pictures, white := 0, 0
	for {
		f, err := source.Read(t.Context())
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if f.Width != width || f.Height != height {
			t.Fatalf("the film has %dx%d", f.Width, f.Height)
		}
		pictures++
		for _, v := range f.Pix[:20*f.Stride] {
			if v > 230 {
				white++
			}
		}
		f.Release()
	}
	if err := source.Close(); err != nil {
		t.Error(err)
	}
	if pictures < least || white < 50*pictures {
		t.Errorf("%d pictures, %d white samples in the first lines", pictures, white)
	}
}

func TestRecordUsage(t *testing.T) {
	empty := t.TempDir()
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no folder":         {[]string{"record"}, exitUsage, "--out"},
		"bad pictures":      {[]string{"record", "--out", empty, "--pictures", "gif"}, exitUsage, "gif"},
		"nothing to export": {[]string{"record", "export", empty}, exitUsage, "--lines or --film"},
		"odd film":          {[]string{"record", "export", empty, "--film", "x.mp4", "--width", "63"}, exitUsage, "even"},
		"nothing there":     {[]string{"record", "show", empty}, exitFailed, "no recording"},
		"nothing to replay": {[]string{"replay", empty}, exitFailed, "no recording"},
		"no key":            {[]string{"record", "start", "--robot", "acme/r1", "--timeout", "100ms"}, exitFailed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := vegad(t, c.args...); got.code != c.code || !strings.Contains(got.err, c.says) {
				t.Errorf("exit code %d, want %d and %q\n%s", got.code, c.code, c.says, got.err)
			}
		})
	}
}
