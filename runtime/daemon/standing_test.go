package daemon_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/link/linktest"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/link/payload/payloadtest"
	"github.com/vega-edge/vegad/runtime/outbox"
)

// awaitEmpty waits for the message that ends a standing question.
func (g *guest) awaitEmpty(name string) {
	g.t.Helper()
	limit := time.After(patience)
	for {
		select {
		case m := <-g.got:
			if m.Topic() == topic(name) && len(m.Payload()) == 0 {
				return
			}
		case <-limit:
			g.t.Fatalf("no empty message on %s", name)
		}
	}
}

func (g *guest) watchAnswer(id, part string) payload.Answer {
	g.t.Helper()
	answer, err := payload.DecodeAnswer(g.await("watch/"+id, part).Payload())
	if err != nil {
		g.t.Fatal(err)
	}
	return answer
}

func TestStandingQuestion(t *testing.T) {
	cfg := settings(t, small)
	cfg.Limits.MaxWatches, cfg.Limits.MaxWatchesPerClient, cfg.Limits.MaxWatchPerSecond = 3, 2, 60
	r := start(t, cfg)
	g := join(t, r.info.Broker)
	g.send("watch", `{"requestId":"w1","question":"how many balls are there?","client":"a"}`)
	first := g.watchAnswer("w1", "")
	if first.Status != payload.Answered || first.RequestID != "w1" || first.Question != "how many balls are there?" ||
		first.Replayed || first.Seq == 0 || first.Gate == nil || first.Model == nil {
		t.Errorf("%+v", first)
	}
	late := join2(t, r.info.Broker, "watch/w1")
	if m := late.await("watch/w1", `"requestId":"w1"`); !m.Retained() {
		t.Error("the last answer is not retained")
	}
	g.send("watch", `{"requestId":"w1","question":"how many balls are there?","client":"a"}`)
	g.watchAnswer("w1", "") // renewed: answered at once

	for id, c := range map[string]struct{ fields, reason string }{
		"w1": {`"question":"how many balls are there?","client":"b"`, "another client"},
		"x1": {`"question":"what is love?"`, ""},
		"x2": {`"question":""`, "empty"},
		"x3": {`"question":"how many balls are there?","leaseSeconds":-1`, "leaseSeconds"},
	} {
		g.send("watch", `{"requestId":"`+id+`",`+c.fields+`}`)
		if a := g.watchAnswer(id, `"refused"`); !strings.Contains(a.Reason, c.reason) || a.Reason == "" {
			t.Errorf("%s: %q, want %q", c.fields, a.Reason, c.reason)
		}
	}
	ask := func(id, client string) {
		g.send("watch", fmt.Sprintf(`{"requestId":%q,"query":{"kind":"count"},"client":%q}`, id, client))
	}
	ask("w2", "a")
	g.watchAnswer("w2", "")
	ask("w3", "a")
	if a := g.watchAnswer("w3", `"refused"`); !strings.Contains(a.Reason, "one client may have 2") {
		t.Errorf("reason %q", a.Reason)
	}
	ask("w4", "b")
	g.watchAnswer("w4", "")
	ask("w5", "c")
	if a := g.watchAnswer("w5", `"refused"`); !strings.Contains(a.Reason, "3 standing questions already") {
		t.Errorf("reason %q", a.Reason)
	}
	g.send("watch", `{"requestId":"w1","cancel":true}`)
	g.awaitEmpty("watch/w1")
	ask("w5", "c")
	if a := g.watchAnswer("w5", ""); a.Status == payload.Refused {
		t.Errorf("after a cancellation: %+v", a)
	}
}

func TestStandingQuestionEnds(t *testing.T) {
	g := join(t, start(t, settings(t, small)).info.Broker)
	g.send("watch", `{"requestId":"w1","question":"how many balls are there?","leaseSeconds":1}`)
	g.watchAnswer("w1", "")
	if a := g.watchAnswer("w1", `"expired"`); !strings.Contains(a.Reason, "lease") {
		t.Errorf("%+v", a)
	}
	g.awaitEmpty("watch/w1")
}

// A standing question outlives the connection: after it, the robot answers on by itself.
func TestStandingQuestionSurvivesTheBroker(t *testing.T) {
	port := linktest.FreePort(t)
	m := linktest.StartMosquitto(t, port)
	cfg := settings(t, small)
	cfg.Broker.URL = "mqtt://127.0.0.1:" + port
	start(t, cfg)
	lines := m.Subscribe(topic("#"))
	await(t, lines, "connection", `"ONLINE"`)
	m.Publish(topic("watch"), `{"requestId":"w1","query":{"kind":"locate","target":{"label":"ball","order":"nearest"}}}`)
	await(t, lines, "watch/w1", "")
	m.Kill()
	m = linktest.StartMosquitto(t, port)
	lines = m.Subscribe(topic("#"))
	await(t, lines, "connection", `"ONLINE"`)
	moveUntil(t, m, lines)
}

// moveUntil drives the robot away until the standing question is answered again.
func moveUntil(t *testing.T, m *linktest.Mosquitto, lines <-chan linktest.Line) {
	t.Helper()
	limit := time.After(patience)
	for step := 1; ; step++ {
		m.Publish(topic("pose"), fmt.Sprintf(`{"position":{"x":%d,"y":0,"z":0},"orientation":{"w":1}}`, step))
		select {
		case line := <-lines:
			if strings.HasSuffix(line.Topic, "/watch/w1") {
				return
			}
		case <-limit:
			t.Fatal("the standing question is not answered any more")
		}
	}
}

func TestEventsAndStats(t *testing.T) {
	cfg := settings(t, small)
	cfg.Stats.Every = time.Second
	cfg.Events.MaxPerSecond = 1000
	g := join(t, start(t, cfg).info.Broker)
	// The first picture's events may be older than the guest: a jump of the robot makes new ones.
	seen := map[string]bool{}
	limit := time.After(patience)
	g.send("ask", `{"requestId":"q","question":"how many balls are there?"}`)
	for step := 1; !seen["stats"] || !seen["event"]; step++ {
		g.send("pose", fmt.Sprintf(`{"position":{"x":%d,"y":0,"z":0},"orientation":{"w":1}}`, 10*step))
		select {
		case m := <-g.got:
			name := strings.TrimPrefix(m.Topic(), topic(""))
			if strings.HasPrefix(name, "event/") {
				payloadtest.Check(t, name, m.Payload())
				seen["event"] = true
			}
			if name == "stats" {
				checkStats(t, m, seen)
			}
		case <-limit:
			t.Fatalf("saw only %v", seen)
		}
	}
}

func checkStats(t *testing.T, m paho.Message, seen map[string]bool) {
	t.Helper()
	payloadtest.Check(t, "stats", m.Payload())
	var s payload.Stats
	if err := json.Unmarshal(m.Payload(), &s); err != nil {
		t.Fatal(err)
	}
	if s.PeriodSeconds < 0.5 || s.Outbox.Durable || s.CameraReconnects != 0 || s.BrokerReconnects != 0 {
		t.Errorf("%+v", s)
	}
	for _, stage := range s.Stages {
		if stage.P50Ms <= 0 || stage.P95Ms < stage.P50Ms {
			t.Errorf("stage %+v", stage)
		}
		if stage.Name == "question" && s.Questions.Answered+s.Questions.Abstained > 0 {
			seen["stats"] = true
		}
	}
}

func TestFairShares(t *testing.T) {
	cfg := settings(t, small)
	cfg.Limits.MaxAskPerSecondPerClient = 0.5
	g := join(t, start(t, cfg).info.Broker)
	ask := func(client string) payload.Answer {
		return g.ask(`"question":"how many balls are there?","client":"` + client + `"`)
	}
	if a := ask("a"); a.Status == payload.Refused {
		t.Errorf("the first question: %s", a.Reason)
	}
	refused := 0
	for range 5 {
		if a := ask("a"); a.Status == payload.Refused && strings.Contains(a.Reason, "one client") {
			refused++
		}
	}
	if refused < 3 {
		t.Errorf("only %d of 5 questions too many are refused", refused)
	}
	if a := ask("b"); a.Status == payload.Refused {
		t.Errorf("another client is refused: %s", a.Reason)
	}
}

// What waits at the end of one run is sent by the next, and memory comes back with it.
func TestRestartDeliversWhatWaits(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", t.TempDir())
	port := linktest.FreePort(t)
	cfg := settings(t, small)
	cfg.Broker.URL = "mqtt://127.0.0.1:" + port // nobody listens
	cfg.Observe.RateHz = 15
	first := start(t, cfg)
	eventually(t, "word of the missing broker", func() bool { return first.journal.tells("no connection to the broker") })
	eventually(t, "enough pictures to be sure of some things", func() bool { return first.seen() > 110 })
	first.stop()
	if first.err != nil {
		t.Fatal(first.err)
	}
	m := linktest.StartMosquitto(t, port)
	lines := m.Subscribe(topic("#"))
	second := start(t, cfg)
	if !second.journal.tells("messages wait in the outbox", "events") {
		t.Error("nothing waits")
	}
	text, _ := await(t, lines, "event/objectAppeared", `"replayed":true`)
	var event payload.Event
	if err := json.Unmarshal([]byte(text), &event); err != nil || event.Object == nil || event.Seq == 0 {
		t.Errorf("%s, %v", text, err)
	}
	state, _ := await(t, lines, "state", `"durable":true`)
	if strings.Contains(state, `"failure"`) {
		t.Errorf("%s", state)
	}
}

func TestTwoDaemonsOnOneFolder(t *testing.T) {
	cfg := settings(t, small)
	cfg.Outbox.Dir = config.Path(t.TempDir())
	other, err := outbox.Open(outbox.Config{Dir: string(cfg.Outbox.Dir), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close() //nolint:errcheck // of a test
	if got := fails(t, cfg); !strings.Contains(got, "another process uses this outbox") {
		t.Error(got)
	}
}
