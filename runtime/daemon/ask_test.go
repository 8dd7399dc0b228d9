package daemon_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vega-edge/vegad/models/modeltest"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/link/payload/payloadtest"
)

// The six kinds as text and as queries, over labels of the test bundle.
var questions = map[string][2]string{
	"count":     {"how many balls are there?", `{"kind":"count","target":{"label":"ball"}}`},
	"distance":  {"how far is the nearest ball?", `{"kind":"distance","target":{"label":"ball","order":"nearest"}}`},
	"nearest":   {"what is nearest to me?", `{"kind":"nearest"}`},
	"direction": {"where is the nearest box?", `{"kind":"direction","target":{"label":"box","order":"nearest"}}`},
	"locate":    {"locate the nearest chair", `{"kind":"locate","target":{"label":"chair","order":"nearest"}}`},
	"exists":    {"is there a red ball?", `{"kind":"exists","target":{"label":"ball","color":"red"}}`},
}

func TestSixKindsInBothFormsAndScopes(t *testing.T) {
	r := start(t, settings(t, small))
	g := join(t, r.info.Broker)
	answered := 0
	for kind, forms := range questions {
		for _, scope := range []string{"now", "seen"} {
			for _, fields := range []string{`"question":"` + forms[0] + `"`, `"query":` + forms[1]} {
				a := g.ask(fields + `,"scope":"` + scope + `"`)
				if a.Status != payload.Answered && a.Status != payload.Abstained {
					t.Errorf("%s %s: %s: %s", scope, fields, a.Status, a.Reason)
					continue
				}
				var q struct{ Kind, Scope string }
				if err := json.Unmarshal(a.Query, &q); err != nil || q.Scope != scope {
					t.Errorf("%s %s is understood as %s", scope, fields, a.Query)
				}
				if strings.HasPrefix(fields, `"question"`) && a.Question != forms[0] {
					t.Errorf("question %q comes back as %q", forms[0], a.Question)
				}
				if kind != "direction" && kind != "nearest" && q.Kind != kind {
					t.Errorf("%s is understood as %s", fields, q.Kind)
				}
				checkAnswer(t, a)
				if a.Status == payload.Answered {
					answered++
				}
			}
		}
	}
	if answered < 8 {
		t.Errorf("only %d of 24 questions are answered by a bundle that sees things everywhere", answered)
	}
}

// checkAnswer holds what every considered answer says about itself.
func checkAnswer(t *testing.T, a payload.Answer) {
	t.Helper()
	if (a.Status == payload.Answered) != (a.Answer != nil) || (a.Status == payload.Answered) != (a.Reason == "") {
		t.Errorf("%s with answer %v and reason %q", a.Status, a.Answer, a.Reason)
	}
	if a.Model == nil || a.Model.Bundle != "tiny 0.0.1" || a.Model.Provider != "cpu" || a.Model.Precision != "fp32" {
		t.Errorf("model %+v", a.Model)
	}
	if a.Gate == nil || a.Gate.Mean < 0 || a.Gate.Mean > 1 || a.Consistency == nil {
		t.Errorf("gate %+v, consistency %v", a.Gate, a.Consistency)
	}
	l := a.LatencyMs
	if l.Head <= 0 || l.Total < l.Head+l.Queue || a.AgeMs <= 0 || time.Since(a.CaptureTime.Time) > patience {
		t.Errorf("latency %+v, age %g, captured %v", l, a.AgeMs, a.CaptureTime)
	}
	for _, o := range a.Objects {
		if o.ID == "" || math.IsNaN(o.Box.Yaw) || o.Box.Size.X <= 0 || o.FirstSeen.After(o.LastSeen.Time) {
			t.Errorf("object %+v", o)
		}
	}
}

func TestBadQuestionsAreRefused(t *testing.T) {
	g := join(t, start(t, settings(t, small)).info.Broker)
	for fields, reason := range map[string]string{
		`"question":""`:                                     "empty",
		`"question":"   "`:                                  "empty",
		`"question":"what is love?"`:                        "",
		`"query":{"kind":"juggle"}`:                         "juggle",
		`"query":{"kind":"count","x":1}`:                    `"x"`,
		`"query":[]`:                                        "object",
		`"question":"how many balls?","scope":"later"`:      "scope",
		`"question":"how many balls?","deadlineMs":-1`:      "deadlineMs",
		`"question":"` + strings.Repeat("a", 501) + `"`:     "longer than 500",
		`"question":"` + strings.Repeat("a", 100_000) + `"`: "more than 65536",
		`"question":"how many balls?","replyTo":"a/#"`:      "",
	} {
		a := g.ask(fields)
		if a.Status != payload.Refused || a.Reason == "" || !strings.Contains(a.Reason, reason) || a.Answer != nil {
			t.Errorf("%.60s: %s, %q, want %q", fields, a.Status, a.Reason, reason)
		}
	}
	for _, text := range []string{"", "how far?", "[]", `{"question":"how many balls?"}`, `{"requestId":"a/b"}`, "\xff"} {
		g.send("ask", text)
		if a := g.answer("invalid"); a.Status != payload.Refused || a.Reason == "" {
			t.Errorf("%q: %+v", text, a)
		}
	}
	if a := g.ask(`"question":"how many balls are there?"`); a.Status != payload.Answered {
		t.Errorf("after bad questions a good one is %s: %s", a.Status, a.Reason)
	}
}

// A head of many channels takes longer than the millisecond that the question allows.
func TestDeadlinePasses(t *testing.T) {
	spec := bundleSpec()
	spec.Width, spec.Height, spec.Fused = 320, 240, 1024
	cfg := settings(t, small)
	cfg.Bundle = modeltest.Write(t, spec)
	g := join(t, start(t, cfg).info.Broker)
	a := g.ask(`"question":"how many balls are there?","deadlineMs":1`)
	if a.Status != payload.Expired || a.Answer != nil || !strings.Contains(a.Reason, "deadline") {
		t.Errorf("%s %q after %+v ms", a.Status, a.Reason, a.LatencyMs)
	}
	if a := g.ask(`"question":"how many balls are there?","deadlineMs":60000`); a.Status == payload.Expired {
		t.Errorf("%s %q", a.Status, a.Reason)
	}
}

func TestTooManyQuestions(t *testing.T) {
	cfg := settings(t, small)
	cfg.Limits.MaxAskPerSecond = 2
	g := join(t, start(t, cfg).info.Broker)
	status := map[payload.Status]int{}
	begun := time.Now()
	for range 10 {
		a := g.ask(`"question":"how many balls are there?"`)
		status[a.Status]++
		if a.Status == payload.Refused && !strings.Contains(a.Reason, "more than 2 questions a second") {
			t.Errorf("reason %q", a.Reason)
		}
	}
	allowed := 2 + int(2*time.Since(begun).Seconds()) // two at once, and what time gave
	if got := status[payload.Answered]; got < 2 || got > allowed+1 || status[payload.Refused] != 10-got {
		t.Errorf("%v, allowed were %d", status, allowed)
	}
	eventually(t, "a new token", func() bool {
		return g.ask(`"question":"how many balls are there?"`).Status == payload.Answered
	})
}

func TestReplyTo(t *testing.T) {
	g := join(t, start(t, settings(t, small)).info.Broker)
	g.send("ask", `{"requestId":"r","question":"how many balls are there?","replyTo":"`+private+`"}`)
	limit := time.After(patience)
	for {
		select {
		case m := <-g.got:
			if m.Topic() == topic("answer/r") {
				t.Error("the answer came on the robot's own topic")
			}
			if m.Topic() == private {
				payloadtest.Check(t, "answer", m.Payload())
				return
			}
		case <-limit:
			t.Fatal("no answer")
		}
	}
}

func TestPoseMovesTheRobot(t *testing.T) {
	r := start(t, settings(t, small))
	g := join(t, r.info.Broker)
	pose := func(x, y, yaw float64) {
		q := payload.YawQuaternion(yaw)
		data, err := json.Marshal(payload.Pose{
			Position: payload.Vec3{X: x, Y: y}, Orientation: q, Covariance: make([]float64, 9),
		})
		if err != nil {
			t.Fatal(err)
		}
		g.send("pose", string(data))
	}
	scene := func() (s payload.Scene) {
		if err := json.Unmarshal(g.await("scene", "").Payload(), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := scene(); s.PoseSource == "odometry" {
		t.Errorf("there is odometry before any: %+v", s)
	}
	stands := func(x, y, yaw float64) func() bool {
		return func() bool {
			pose(x, y, yaw) // odometry comes all the time, many times for each scene
			if len(g.got) == 0 {
				return false
			}
			m := <-g.got
			var s payload.Scene
			return m.Topic() == topic("scene") && json.Unmarshal(m.Payload(), &s) == nil &&
				s.PoseSource == "odometry" && math.Abs(s.Pose.X-x)+math.Abs(s.Pose.Y-y)+math.Abs(s.Pose.Yaw-yaw) < 1e-3
		}
	}
	eventually(t, "the robot at (3, -2)", stands(3, -2, 1))
	eventually(t, "the robot at (-1, 5)", stands(-1, 5, -2))
	for _, bad := range []string{
		`{}`, `{"position":{"x":9,"y":9,"z":0}}`, `x`,
		`{"position":{"x":1e9,"y":0,"z":0},"orientation":{"x":0,"y":0,"z":0,"w":1}}`,
		`{"position":{"x":9,"y":9,"z":0},"orientation":{"x":0,"y":0,"z":0,"w":0}}`,
		`{"position":{"x":9,"y":9,"z":0},"orientation":{"x":0,"y":0,"z":0,"w":1},"timestamp":"1970-01-01T00:00:00Z"}`,
	} {
		g.send("pose", bad)
	}
	for range 2 {
		if s := scene(); s.Pose.X > 5 {
			t.Errorf("a malformed pose moved the robot to %+v", s.Pose)
		}
	}
	eventually(t, "the robot at (-1, 5) again", stands(-1, 5, -2))
	g.send("command", `{"requestId":"s","command":"stateRequest"}`)
	at := g.awaitState(func(s payload.State) bool { return s.Position != nil && math.Abs(s.Position.X+1) < 1e-3 }).Position
	if seen := scene(); at.Frame != "map" || at.Epoch == 0 || at.Epoch != seen.Epoch || math.Abs(at.Y-5) > 1e-3 {
		t.Errorf("state says %+v, scene epoch %d", at, seen.Epoch)
	}
}

func TestCommands(t *testing.T) {
	g := join(t, start(t, settings(t, small)).info.Broker)
	g.send("command", `{"requestId":"c1","command":"stateRequest"}`)
	g.await("command/c1", `"done"`)
	g.send("command", `{"requestId":"c2","command":"selfDestruct"}`)
	g.await("command/c2", `"refused"`)
}

// The bundle of the repository on a simulated room: what it sees is judged elsewhere, here it must answer in form.
func TestNanoAnswersInForm(t *testing.T) {
	bundle := filepath.Join("..", "..", "models", "bundles", "nano")
	if _, err := os.Stat(bundle); err != nil {
		t.Skip("the nano bundle is not there: type make train-nano")
	}
	cfg := settings(t, "room:?seed=7&width=160&height=120&fps=5")
	cfg.Bundle = bundle
	r := start(t, cfg)
	if !strings.HasPrefix(r.info.Bundle, "nano ") || r.info.Provider != "cpu" {
		t.Errorf("%+v", r.info)
	}
	g := join(t, r.info.Broker)
	for kind, forms := range questions {
		a := g.ask(`"question":"` + forms[0] + `"`)
		if a.Status != payload.Answered && a.Status != payload.Abstained {
			t.Errorf("%s: %s: %s", kind, a.Status, a.Reason)
		}
	}
}
