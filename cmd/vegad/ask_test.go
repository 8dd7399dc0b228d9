package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/link"
	"github.com/vega-edge/vegad/runtime/link/broker"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// fakeRobot gives each question the answer that is listed for it, and none to others.
type fakeRobot struct {
	client  *link.Client
	answers map[string]payload.Answer
	asked   chan payload.Ask
}

func (r *fakeRobot) HandleAsk(_ context.Context, ask payload.Ask, _ time.Time) {
	r.asked <- ask
	key := ask.Question
	if len(ask.Query) > 0 {
		key = string(ask.Query)
	}
	if answer, known := r.answers[key]; known {
		_ = r.client.PublishAnswer(ask.RequestID, answer, ask.ReplyTo)
	}
}

func (*fakeRobot) HandleBadAsk(string, error) {}
func (*fakeRobot) HandlePose(payload.Pose)    {}

func (*fakeRobot) HandleCommand(_ context.Context, cmd payload.Command) (string, error) {
	if cmd.Name() == "refuseMe" {
		return "", errors.New("it was asked to")
	}
	return "", nil
}

func startBroker(t *testing.T) string {
	t.Helper()
	b, err := broker.Start(t.Context(), broker.Config{Addr: "127.0.0.1:0", Logger: discard()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b.URL()
}

// startRobot connects a robot and returns when it is online.
func startRobot(t *testing.T, url, serial string, answers map[string]payload.Answer) *fakeRobot {
	t.Helper()
	r := &fakeRobot{answers: answers, asked: make(chan payload.Ask, 10)}
	client, err := link.New(link.Config{
		Broker: url, Manufacturer: "acme", Serial: serial, Logger: discard(), Handler: r,
	})
	if err != nil {
		t.Fatal(err)
	}
	r.client = client
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- client.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	if err := client.PublishState(payload.State{Health: payload.HealthOK}); err != nil {
		t.Fatal(err)
	}
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-ticker.C {
		if client.Stats().Published > 0 { // the broker has acknowledged the state, which follows ONLINE
			return r
		}
	}
	t.Fatal("the robot does not come online")
	return nil
}

func answers() map[string]payload.Answer {
	value := 1.84
	return map[string]payload.Answer{
		"how far is the chair?": {
			Question: "how far is the chair?", Status: payload.Answered,
			Answer: &payload.Value{
				Value: &value, Unit: "m", Interval95: &[2]float64{1.62, 2.05}, Text: "The chair is 1.84 m away.",
			},
			Objects: []payload.Object{{
				ID: "o3", Label: "chair", Color: "red", Box: payload.Box{Center: payload.Vec3{X: 1.8, Y: 0.35, Z: 0.45}},
				Sigma: payload.Vec3{X: 0.1, Y: 0.1, Z: 0.05}, LastSeen: payload.Time{Time: time.Unix(1000, 0)},
			}},
			CaptureTime: payload.Time{Time: time.Unix(1000, 250e6)}, AgeMs: 120,
			LatencyMs: payload.Latency{Queue: 0.1, Head: 3.2, Total: 4.2},
			Model:     &payload.Model{Bundle: "nano", Precision: "fp32", Provider: "cpu", Degraded: true},
		},
		"where is the fridge?": {Status: payload.Abstained, Reason: "not_seen: no fridge was seen"},
		"sing!":                {Status: payload.Refused, Reason: `try "how many sofas are there"`},
		"slow?":                {Status: payload.Expired, Reason: "the deadline passed"},
		`{"kind":"count"}`:     {Status: payload.Answered, Answer: &payload.Value{Text: "2 things"}},
		"two words":            {Status: payload.Answered, Answer: &payload.Value{Text: "joined"}},
	}
}

func TestAsk(t *testing.T) {
	url := startBroker(t)
	robot := startRobot(t, url, "0001", answers())
	for question, want := range map[string]struct {
		code int
		text []string
	}{
		"how far is the chair?": {exitDone, []string{
			"The chair is 1.84 m away.", "1.84 m, with 95 % between 1.62 and 2.05",
			"o3 red chair at (1.80, 0.35, 0.45) m in map ± (0.10, 0.10, 0.05), last seen 0.2 s before", "120 ms",
			"4.2 ms (waiting 0.1 ms, networks 3.2 ms)", "nano fp32 on cpu, degraded",
		}},
		"where is the fridge?": {exitAbstained, []string{"abstained: not_seen"}},
		"sing!":                {exitFailed, []string{"refused: ", "how many sofas are there"}},
		"slow?":                {exitFailed, []string{"expired: "}},
		`{"kind":"count"}`:     {exitDone, []string{"2 things"}},
	} {
		got := vegad(t, "ask", "--broker", url, question)
		if got.code != want.code {
			t.Errorf("%s: exit code %d, want %d: %s", question, got.code, want.code, got.err)
		}
		wantContains(t, question, got.out, want.text...)
		<-robot.asked
	}
}

func TestAskSendsScopeAndDeadline(t *testing.T) {
	url := startBroker(t)
	robot := startRobot(t, url, "0001", answers())
	got := vegad(t, "ask", "--broker", url, "--robot", "acme/0001", "--scope", "now", "--timeout", "3s", "two", "words")
	if got.code != exitDone {
		t.Fatalf("%+v", got)
	}
	ask := <-robot.asked
	if ask.Scope != payload.Now || ask.DeadlineMs != 3000 || ask.Question != "two words" {
		t.Errorf("%+v", ask)
	}
}

func TestAskPrintsTheMessage(t *testing.T) {
	url := startBroker(t)
	startRobot(t, url, "0001", answers())
	got := vegad(t, "ask", "--json", "--broker", url, "where is the fridge?")
	var answer payload.Answer
	if err := json.Unmarshal([]byte(got.out), &answer); err != nil {
		t.Fatal(err)
	}
	if got.code != exitAbstained || answer.Status != payload.Abstained || answer.SerialNumber != "0001" {
		t.Errorf("exit code %d, %+v", got.code, answer)
	}
}

func TestAskWithoutAnAnswer(t *testing.T) {
	url := startBroker(t)
	startRobot(t, url, "0001", answers())
	got := vegad(t, "ask", "--broker", url, "--robot", "acme/0001", "--timeout", "300ms", "silence")
	if got.code != exitFailed {
		t.Errorf("exit code %d", got.code)
	}
	wantContains(t, "stderr", got.err, "no answer within 300ms")
}

func TestAskFindsTheRobot(t *testing.T) {
	url := startBroker(t)
	nobody := vegad(t, "ask", "--broker", url, "where?")
	if nobody.code != exitFailed {
		t.Errorf("without a robot: exit code %d", nobody.code)
	}
	wantContains(t, "without a robot", nobody.err, "there is no robot at this broker", "vegad run --broker "+url)

	startRobot(t, url, "0001", answers())
	startRobot(t, url, "0002", answers())
	several := vegad(t, "ask", "--broker", url, "two words")
	if several.code != exitUsage {
		t.Errorf("with two robots: exit code %d", several.code)
	}
	wantContains(t, "with two robots", several.err, "--robot", "acme/0001 (ONLINE)", "acme/0002 (ONLINE)")
	if one := vegad(t, "ask", "--broker", url, "--robot", "acme/0002", "two words"); one.code != exitDone {
		t.Errorf("with a named robot: %+v", one)
	}
}

func TestAskPrefersTheRobotThatIsOnline(t *testing.T) {
	off := link.Robot{Manufacturer: "acme", Serial: "1", State: payload.Offline}
	on := link.Robot{Manufacturer: "acme", Serial: "2", State: payload.Online}
	if got, err := only([]link.Robot{off, on}, "mqtt://h:1"); err != nil || got != on {
		t.Errorf("%v, %v", got, err)
	}
	_, err := only([]link.Robot{off}, "mqtt://h:1")
	if err == nil {
		t.Fatal("a robot that is away was chosen")
	}
	wantContains(t, "error", err.Error(), "acme/1 (OFFLINE)")
	_, err = only(nil, "mqtt://user:secret@h:1")
	if err == nil {
		t.Fatal("nobody was chosen")
	}
	wantContains(t, "error", err.Error(), "mqtt://h:1")
}

func TestAskWithoutABroker(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	got := vegad(t, "ask", "--broker", "mqtt://"+addr, "where?")
	if got.code != exitFailed {
		t.Errorf("exit code %d", got.code)
	}
	wantContains(t, "stderr", got.err, addr, "refused")
	broken := vegad(t, "ask", "--broker", "mqtt://"+addr, `{"kind":`)
	if broken.code != exitUsage {
		t.Errorf("a malformed query: %+v", broken)
	}
}

func TestDescribeValue(t *testing.T) {
	number := func(v float64, unit string, interval *[2]float64) payload.Value {
		return payload.Value{Value: &v, Unit: unit, Interval95: interval}
	}
	for want, v := range map[string]payload.Value{
		"90°, with 95 % between 84 and 96": number(1.5708, "rad", &[2]float64{1.466, 1.675}),
		"3 objects":                        number(3, "objects", nil),
		"0.98":                             number(0.98, "1", nil),
		"2.50 ft":                          number(2.5, "ft", nil),
	} {
		if got := describeValue(v); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
