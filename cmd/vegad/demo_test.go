package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vega-edge/vegad/camera/room"
	"github.com/vega-edge/vegad/runtime/engine"
)

// TestDemo is the whole way: film, camera, networks, memory, broker, questions. The networks of the tiny bundle have
// learned nothing, so only that everything is answered can be asked of it, not how well.
func TestDemo(t *testing.T) {
	native(t)
	t.Setenv("TMPDIR", t.TempDir())
	got := vegad(t, "demo", "--seed", "1000004", "--seconds", "4", "--bundle", tinyBundle(t, room.Labels[:]...),
		"--width", "96", "--height", "72")
	if got.code != exitDone {
		t.Fatalf("exit code %d\n%s\n%s", got.code, got.out, got.err)
	}
	wantContains(t, "stdout", got.out, "60 pictures of 96x72", "networks tiny", "on cpu", "broker   mqtt://127.0.0.1:",
		"1/6  how many", "2/6  how far", "3/6  what is nearest", "4/6  in which direction", "5/6  where is", "6/6  is there",
		"QUESTION", "room:?seed=1000004")
	if n := strings.Count(got.out, "     truth    "); n != 6 {
		t.Errorf("%d of 6 answers are compared with the truth:\n%s", n, got.out)
	}
	if strings.Contains(got.out, "     truth    -\n") {
		t.Errorf("an answer's frame was not found:\n%s", got.out)
	}
	films, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "vegad-demo-*", "room-1000004.mp4"))
	if err != nil || len(films) != 1 {
		t.Errorf("films: %q, %v", films, err)
	}
}

func TestDemoWithACamera(t *testing.T) {
	native(t)
	t.Setenv("TMPDIR", t.TempDir())
	bundle := tinyBundle(t, room.Labels[:]...)
	got := vegad(t, "demo", "--camera", "room:?seed=4&width=64&height=48&pace=off", "--seconds", "2", "--bundle", bundle)
	if got.code != exitDone {
		t.Fatalf("exit code %d\n%s\n%s", got.code, got.out, got.err)
	}
	wantContains(t, "stdout", got.out, "without a truth", "6/6  is there a chair?", "QUESTION")
	if strings.Contains(got.out, "truth    ") {
		t.Errorf("there is a truth:\n%s", got.out)
	}
	film := "room:?seed=4&width=64&height=48&frames=15"
	short := vegad(t, "demo", "--camera", film, "--seconds", "4", "--bundle", bundle)
	if short.code != exitDone {
		t.Fatalf("exit code %d\n%s\n%s", short.code, short.out, short.err)
	}
	wantContains(t, "a short film", short.out, "1/6", "The film ended before all questions were asked.")
}

func TestDemoFailures(t *testing.T) {
	native(t)
	t.Setenv("TMPDIR", t.TempDir())
	none := vegad(t, "demo", "--bundle", "no-such-bundle")
	if none.code != exitFailed {
		t.Errorf("%+v", none)
	}
	wantContains(t, "no bundle", none.err, "make train-nano", "no-such-bundle")

	camera := vegad(t, "demo", "--camera", "/nonexistent/walk.mp4", "--bundle", tinyBundle(t, room.Labels[:]...))
	if camera.code != exitFailed {
		t.Errorf("%+v", camera)
	}
	wantContains(t, "no camera", camera.err, "/nonexistent/walk.mp4", "vegad.log")
}

func TestDemoWithoutALibrary(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	t.Setenv(engine.LibraryVariable, "/nonexistent/libonnxruntime.so")
	got := vegad(t, "demo", "--bundle", tinyBundle(t))
	if got.code != exitFailed || got.out != "" {
		t.Errorf("%+v", got)
	}
	wantContains(t, "stderr", got.err, "vegad doctor", "/nonexistent/libonnxruntime.so")
}

func TestDemoIsInterrupted(t *testing.T) {
	native(t)
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &stopAt{text: "networks tiny", stop: cancel}
	var trouble bytes.Buffer
	code := run(ctx, []string{
		"demo", "--seconds", "60", "--width", "32", "--height", "32", "--bundle", tinyBundle(t, room.Labels[:]...),
	}, out, &trouble)
	if code != exitFailed || !strings.Contains(trouble.String(), "interrupted") {
		t.Errorf("exit code %d, %s", code, trouble.String())
	}
}

// stopAt calls stop when a text was written.
type stopAt struct {
	bytes.Buffer
	text string
	stop func()
}

func (w *stopAt) Write(p []byte) (int, error) {
	n, err := w.Buffer.Write(p)
	if strings.Contains(w.String(), w.text) {
		w.stop()
	}
	return n, err
}

func TestRunWatchesUntilItsTimeIsOver(t *testing.T) {
	native(t)
	settings := writeFile(t, "vegad.yaml", "log:\n  format: json\nbroker:\n  url: mqtt://127.0.0.1:1\n")
	begun := time.Now()
	got := vegad(t, "run", "-c", settings, "--bundle", tinyBundle(t), "--camera", "room:?seed=3&width=64&height=48",
		"--for", "1500ms")
	if got.code != exitDone {
		t.Errorf("exit code %d: %s", got.code, got.err)
	}
	if took := time.Since(begun); took < 1500*time.Millisecond {
		t.Errorf("it ended after %s", took)
	}
	wantContains(t, "the log", got.err, `"msg":"ready"`, `"msg":"no connection to the broker"`)
}

func TestRunFailures(t *testing.T) {
	native(t)
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no configuration": {[]string{"run", "-c", "/nonexistent/vegad.yaml"}, "/nonexistent/vegad.yaml"},
		"no bundle":        {[]string{"run", "--bundle", "no-such-bundle"}, "no-such-bundle"},
		"no camera": {
			[]string{"run", "--bundle", tinyBundle(t), "--broker", "mqtt://127.0.0.1:1", "--camera", "/nonexistent/a.mp4"},
			"/nonexistent/a.mp4",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := vegad(t, c.args...)
			if got.code != exitFailed {
				t.Errorf("exit code %d", got.code)
			}
			wantContains(t, "stderr", got.err, c.want)
		})
	}
}

func TestAdvice(t *testing.T) {
	log := writeFile(t, "vegad.log", "")
	wantContains(t, "advice", advice(errors.New("x"), log), "vegad doctor", log)
	if text := advice(errors.New("x"), "/nonexistent/vegad.log"); strings.Contains(text, "/nonexistent") {
		t.Errorf("it names a log that is not there: %s", text)
	}
}

func TestProgress(t *testing.T) {
	var b bytes.Buffer
	p := newProgress(&b)
	for i := range 1000 {
		p.update("%d", i)
	}
	p.clear()
	if b.String() != "0\n" {
		t.Errorf("elsewhere: %q", b.String())
	}
	b.Reset()
	p = &progress{w: &b, terminal: true}
	for i := range 1000 {
		p.update("%d", i)
	}
	p.clear()
	p.clear()
	if want := "\r\x1b[K0\r\x1b[K"; b.String() != want {
		t.Errorf("on a terminal: %q, want %q", b.String(), want)
	}
	for want, share := range map[string]float64{
		"[........................]": 0, "[############............]": 0.5, "[########################]": 7,
	} {
		if got := bar(share, 1); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
