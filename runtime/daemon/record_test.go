package daemon_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vega-edge/vegad/models/modeltest"
	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/daemon"
	"github.com/vega-edge/vegad/runtime/link/linktest"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/record"
)

// again tells a recording of a robot again, with its bundle or another.
func again(t *testing.T, cfg config.Config, bundle string) daemon.Replayed {
	t.Helper()
	if bundle != "" {
		cfg.Bundle = bundle
	}
	out, err := daemon.Replay(t.Context(), daemon.ReplayOptions{
		Config: cfg, Path: string(cfg.Record.Dir), Version: "test", Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// recordingSettings is a robot that records into a folder of its own. It observes often, so that little time is needed.
func recordingSettings(t *testing.T, when string) config.Config {
	t.Helper()
	cfg := settings(t, small)
	cfg.Record.Dir, cfg.Record.When = config.Path(t.TempDir()), when
	return cfg
}

// talk asks, moves the robot and lets it watch, and returns how many answers came.
func talk(t *testing.T, r *robot) int {
	t.Helper()
	g := join(t, r.info.Broker)
	g.send("watch", `{"requestId":"w1","question":"how far is the nearest ball?","minIntervalMs":1}`)
	n := 0
	for _, forms := range questions {
		for _, fields := range []string{`"question":"` + forms[0] + `"`, `"query":` + forms[1]} {
			g.ask(fields)
			n++
			before := r.seen()
			eventually(t, "more pictures", func() bool { return r.seen() > before+1 })
			x, _ := json.Marshal(0.02 * float64(n))
			g.send("pose", `{"position":{"x":`+string(x)+`,"y":0,"z":0},"orientation":{"x":0,"y":0,"z":0,"w":1}}`)
		}
	}
	g.ask(`"question":"what is love?"`)
	return n + 1
}

// kinds counts the records of a recording that has ended.
func kinds(t *testing.T, path string) map[string]int {
	t.Helper()
	out, damage := count(t, path)
	if damage != (record.Damage{}) {
		t.Errorf("%+v", damage)
	}
	return out
}

// count counts the records of a recording that may still be written, or not have begun.
func count(t *testing.T, path string) (map[string]int, record.Damage) {
	t.Helper()
	out := map[string]int{}
	r, err := record.Open(path)
	if errors.Is(err, record.ErrNoSegments) {
		return out, record.Damage{}
	}
	if err != nil {
		t.Fatal(err)
	}
	for {
		rec, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		out[rec.Kind.String()]++
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return out, r.Damage()
}

func wantIdentical(t *testing.T, out daemon.Replayed, answers int) {
	t.Helper()
	if !out.Identical || out.Answers.Same < answers || out.Features.Same == 0 {
		text, err := json.MarshalIndent(out, "", " ")
		t.Fatalf("%s %v\nwant at least %d answers the same, and nothing different", text, err, answers)
	}
	t.Logf("%d pictures, %d observations, %d memories and %d answers are the same", out.Features.Same,
		out.Observations.Same, out.Memories.Same, out.Answers.Same)
}

// TestRecordingFromTheStart tells a whole run again: everything is the same, to the last bit.
func TestRecordingFromTheStart(t *testing.T) {
	cfg := recordingSettings(t, "always")
	r := start(t, cfg)
	asked := talk(t, r)
	eventually(t, "the second checkpoint", func() bool {
		got, _ := count(t, string(cfg.Record.Dir))
		return got["checkpoint"] == 2
	})
	r.stop()
	if r.err != nil {
		t.Fatal(r.err)
	}
	got := kinds(t, string(cfg.Record.Dir))
	for _, kind := range []string{
		"head", "checkpoint", "picture", "features", "observation", "pose", "snapshot", "answer",
	} {
		if got[kind] == 0 {
			t.Errorf("no %s was recorded: %v", kind, got)
		}
	}
	if got["gap"] > 0 {
		t.Errorf("%d gaps", got["gap"])
	}
	out := again(t, cfg, "")
	wantIdentical(t, out, asked)
	if out.Memories.Same == 0 || out.Skipped > 0 || out.Begins != 0 {
		t.Errorf("%+v", out)
	}
	if out.Then.Bundle != "tiny 0.0.1" || out.Then.Camera.Name != "front" ||
		!strings.Contains(string(out.Then.Config), `"rateHz"`) {
		t.Errorf("%+v", out.Then)
	}

	t.Run("another bundle", func(t *testing.T) {
		spec := bundleSpec()
		spec.Name = "other" // whose weights are drawn anew
		out := again(t, cfg, modeltest.Write(t, spec))
		if out.Identical || out.Observations.Same > 0 || out.Answers.Different == 0 ||
			len(out.Differences) != out.Answers.Different || out.Then.BundleDigest == out.Now.BundleDigest {
			out.Then.Config = nil
			t.Errorf("%+v", out)
		}
		for _, d := range out.Differences {
			if d.Question == "" || d.Then == "" || d.Now == "" {
				t.Errorf("%+v", d)
			}
		}
	})
	t.Run("other labels", func(t *testing.T) {
		spec := bundleSpec()
		spec.Labels = append([]string{"zebra"}, spec.Labels[1:]...)
		out := again(t, cfg, modeltest.Write(t, spec))
		if out.Identical || !strings.Contains(strings.Join(out.Notes, "\n"), "other labels") {
			t.Errorf("%+v", out)
		}
	})
}

// TestRecordingOnDemand begins in the middle of a run, by a command, and is told again from its second checkpoint.
func TestRecordingOnDemand(t *testing.T) {
	cfg := recordingSettings(t, "demand")
	signer := newSigner(t, "ops")
	trusting(t, &cfg, signer)
	r := start(t, cfg)
	talk(t, r)
	g := &commander{guest: join(t, r.info.Broker), signer: signer}
	g.obeyed(t, "record.start", "")
	eventually(t, "the second checkpoint", func() bool {
		got, _ := count(t, string(cfg.Record.Dir))
		return got["checkpoint"] == 2
	})
	const more = 6
	for range more {
		g.ask(`"question":"how many balls are there?"`)
	}
	if text := g.obeyed(t, "record.stop", ""); !strings.Contains(text, "bytes") {
		t.Error(text)
	}
	g.ask(`"question":"how many balls are there?"`)
	r.stop()
	out := again(t, cfg, "")
	wantIdentical(t, out, more)
	if out.Begins < time.Second || out.Begins > patience {
		t.Errorf("telling again begins after %v", out.Begins)
	}
}

// TestRecordingAsJPEG says that it is not what the networks saw.
func TestRecordingAsJPEG(t *testing.T) {
	cfg := recordingSettings(t, "always")
	cfg.Record.Pictures = "jpeg"
	r := start(t, cfg)
	talk(t, r)
	r.stop()
	out := again(t, cfg, "")
	if out.Identical || out.Lossy != out.Pictures || out.Pictures == 0 ||
		!strings.Contains(strings.Join(out.Notes, "\n"), "JPEG") {
		t.Errorf("%+v", out)
	}
}

// TestRecordingIsACamera watches a recording: its pictures and its camera are those of the robot that recorded.
func TestRecordingIsACamera(t *testing.T) {
	cfg := recordingSettings(t, "always")
	r := start(t, cfg)
	talk(t, r)
	r.stop()
	pictures := kinds(t, string(cfg.Record.Dir))["picture"]
	seen := launch(t, settings(t, "replay:"+string(cfg.Record.Dir)+"?pace=off"))
	select {
	case <-seen.done:
	case <-time.After(patience):
		t.Fatal("the recording does not end")
	}
	if seen.err != nil || seen.seen() != pictures {
		t.Errorf("%d of %d pictures were watched: %v", seen.seen(), pictures, seen.err)
	}
	none := launch(t, settings(t, "replay:"+t.TempDir()))
	<-none.done
	if !errors.Is(none.err, record.ErrNoSegments) {
		t.Errorf("an empty folder: %v", none.err)
	}
}

func TestNothingIsRecordedUnasked(t *testing.T) {
	cfg := recordingSettings(t, "demand")
	r := start(t, cfg)
	talk(t, r)
	r.stop()
	if entries, err := os.ReadDir(string(cfg.Record.Dir)); err != nil || len(entries) > 0 {
		t.Errorf("%v %v", entries, err)
	}
}

// TestRecordingOfAKilledDaemon kills a daemon that records, and tells again what it had recorded until then.
func TestRecordingOfAKilledDaemon(t *testing.T) {
	dir, bundle := t.TempDir(), modeltest.Write(t, bundleSpec())
	conf := filepath.Join(t.TempDir(), "config.yaml")
	text := fmt.Sprintf("bundle: %s\nthreads: 1\nbroker: {url: \"embedded:0\"}\ndashboard: {listen: \"off\"}\n"+
		"cameras: [{name: front, uri: %q}]\nrecord: {dir: %s, when: always}\n", bundle, small, dir)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	child := linktest.Child{Env: []string{soakVariable + "=" + conf}, KillAfter: 4 * time.Second}
	if err := child.Run(t); err != nil {
		t.Fatal(err)
	}
	got, damage := count(t, dir)
	if got["picture"] < 15 || damage.Places > 1 || damage.Places == 1 && !damage.Truncated {
		t.Fatalf("%v %+v", got, damage)
	}
	cfg := settings(t, small)
	cfg.Record.Dir = config.Path(dir)
	wantIdentical(t, again(t, cfg, bundle), 0)
}

// TestRecordingThatCannotBeWritten is told in the state, and stops nothing.
func TestRecordingThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := recordingSettings(t, "always")
	cfg.Record.Dir = config.Path(filepath.Join(file, "recordings"))
	g := join(t, start(t, cfg).info.Broker)
	g.awaitState(func(s payload.State) bool {
		return slices.ContainsFunc(s.Errors, func(e payload.Error) bool { return e.ErrorType == "recording" })
	})
	if a := g.ask(`"question":"how many balls are there?"`); a.Status == payload.Refused {
		t.Errorf("%+v", a)
	}
}
