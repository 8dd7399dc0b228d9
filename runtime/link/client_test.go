package link

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"

	"github.com/vega-edge/vegad/runtime/link/linktest"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

func someState() payload.State {
	return payload.State{
		Health: payload.HealthOK, UptimeSeconds: 12, ObservationRateHz: 5, PoseSource: "visual",
		Cameras: []payload.CameraState{{Name: "front", State: "running", FPS: 15}},
		Runtime: payload.RuntimeState{Provider: "cpu", Precision: "fp32"},
	}
}

func someScene() payload.Scene {
	now := payload.Time{Time: time.Now()}
	return payload.Scene{CaptureTime: now, PoseSource: "visual", Objects: []payload.Object{{
		ID: "o1", Label: "chair", Score: 0.9, Existence: 0.8, FirstSeen: now, LastSeen: now,
		Box: payload.Box{Size: payload.Vec3{X: 0.5, Y: 0.5, Z: 0.9}},
	}}}
}

func TestLifeOnTheTopics(t *testing.T) {
	b := startBroker(t, "127.0.0.1:0")
	watcher := newForeign(t, b.URL(), robotTopic("#"))
	e := newEcho()
	c := newClient(t, b.URL(), e)
	if err := c.PublishFactsheet(payload.Factsheet{VegadVersion: "0.1.0"}); err != nil {
		t.Fatal(err)
	}
	if err := c.PublishState(someState()); err != nil {
		t.Fatal(err)
	}
	stop := runConnected(t, c)
	got := watcher.nextConnection(t)
	if got.ConnectionState != payload.Online || got.SessionID == "" || got.HeaderID == 0 {
		t.Errorf("first word %+v", got)
	}
	watcher.next(t, "factsheet")
	state := decodeInto[payload.State](t, watcher.next(t, "state").payload)
	if state.Manufacturer != "acme" || state.SerialNumber != "0001" || state.HeaderID != 1 {
		t.Errorf("header %+v", state.Header)
	}
	if err := c.PublishScene(someScene()); err != nil {
		t.Fatal(err)
	}
	if scene := decodeInto[payload.Scene](t, watcher.next(t, "scene").payload); scene.Frame != "map" {
		t.Errorf("scene %+v", scene)
	}
	watcher.send(t, "ask", `{"requestId":"r1","question":"how far?"}`)
	if a := watcher.nextAnswer(t, "r1"); a.Status != payload.Answered || a.Question != "how far?" || *a.Answer.Value != 1 {
		t.Errorf("answer %+v", a)
	}
	stop()
	if got := watcher.nextConnection(t); got.ConnectionState != payload.Offline {
		t.Errorf("last word %+v", got)
	}
	late := newForeign(t, b.URL(), robotTopic("+"))
	for range 3 {
		if m := <-late.got; !m.retained || strings.HasSuffix(m.topic, "scene") {
			t.Errorf("%s is there for those who come late, retained %v", m.topic, m.retained)
		}
	}
}

func TestHeaderIDsCountByTopic(t *testing.T) {
	b := startBroker(t, "127.0.0.1:0")
	watcher := newForeign(t, b.URL(), robotTopic("#"))
	c := newClient(t, b.URL(), newEcho())
	runConnected(t, c)
	for want := range uint32(3) {
		if err := c.PublishState(someState()); err != nil {
			t.Fatal(err)
		}
		if got := decodeInto[payload.State](t, watcher.next(t, "state").payload); got.HeaderID != want+1 {
			t.Errorf("state %d has headerId %d", want+1, got.HeaderID)
		}
		watcher.send(t, "ask", fmt.Sprintf(`{"requestId":"r%d","question":"q"}`, want))
		if got := watcher.nextAnswer(t, fmt.Sprintf("r%d", want)); got.HeaderID != want+1 {
			t.Errorf("answer %d has headerId %d", want+1, got.HeaderID)
		}
	}
}

func TestBadAsksAreRefused(t *testing.T) {
	b := startBroker(t, "127.0.0.1:0")
	watcher := newForeign(t, b.URL(), robotTopic("answer/+"))
	e := newEcho()
	c := newClient(t, b.URL(), e)
	runConnected(t, c)
	cases := []struct{ ask, id, reason string }{
		{`how many chairs`, "invalid", "not a JSON object"},
		{`{"requestId":"../../x","question":"q"}`, "invalid", "requestId must be"},
		{`{"requestId":"r1","question":""}`, "r1", "question is empty"},
		{`{"requestId":"r2","question":"` + long(100_000) + `"}`, "r2", "more than 65536"},
		{`{"requestId":"r3","question":"q","replyTo":"vegad/v1/acme/0001/state"}`, "r3", "replyTo must lie below"},
		{`{"requestId":"r4","question":"q","replyTo":"vegad-client/x"}`, "r4", "replyTo must lie below"},
		{`{"requestId":"r5","question":"q","replyTo":"home/door"}`, "r5", "replyTo must lie below"},
		{`{"requestId":"r6","question":"q","replyTo":"vegad-client/me/#"}`, "r6", "wildcards"},
	}
	for _, bad := range cases {
		watcher.send(t, "ask", bad.ask)
		answer := watcher.nextAnswer(t, bad.id)
		if answer.Status != payload.Refused || !strings.Contains(answer.Reason, bad.reason) {
			t.Errorf("%.60s gave %s, %q", bad.ask, answer.Status, answer.Reason)
		}
		if err := <-e.bad; !strings.Contains(err.Error(), bad.reason) {
			t.Errorf("the handler was told %v", err)
		}
	}
	if got := c.Stats().Refused; got != uint64(len(cases)) {
		t.Errorf("%d counted", got)
	}
}

func TestReplyToReplacesTheTopic(t *testing.T) {
	b := startBroker(t, "127.0.0.1:0")
	watcher := newForeign(t, b.URL(), robotTopic("answer/+"), "vegad-client/#")
	runConnected(t, newClient(t, b.URL(), newEcho()))
	watcher.send(t, "ask", `{"requestId":"r1","question":"q","replyTo":"vegad-client/planner/in"}`)
	m := <-watcher.got
	if answer, err := payload.DecodeAnswer(m.payload); m.topic != "vegad-client/planner/in" || err != nil ||
		answer.RequestID != "r1" {
		t.Errorf("%s carries %s, %v", m.topic, m.payload, err)
	}
}

// allowAll lets everybody do everything.
type allowAll struct{ mochi.HookBase }

func (*allowAll) Provides(call byte) bool {
	return call == mochi.OnConnectAuthenticate || call == mochi.OnACLCheck
}

func (*allowAll) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }

func (*allowAll) OnACLCheck(*mochi.Client, string, bool) bool { return true }

// openBroker is a broker that retains whatever it is told to, as most do.
func openBroker(t *testing.T) (url string) {
	t.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := mochi.New(&mochi.Options{Logger: discard()})
	if err := server.AddHook(new(allowAll), nil); err != nil {
		t.Fatal(err)
	}
	if err := server.AddListener(listeners.NewNet("open", inner)); err != nil {
		t.Fatal(err)
	}
	if err := server.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return "mqtt://" + inner.Addr().String()
}

func TestRetainedAsksAreIgnored(t *testing.T) {
	url := openBroker(t)
	watcher := newForeign(t, url, robotTopic("answer/+"))
	witness := newForeign(t, url, robotTopic("ask"))
	finish(t, watcher.Publish(robotTopic("ask"), 1, true, `{"requestId":"old","question":"q"}`))
	<-witness.got // the broker acknowledges before it delivers: without this the robot might get it live
	e := newEcho()
	c := newClient(t, url, e)
	runConnected(t, c)
	watcher.send(t, "ask", `{"requestId":"new","question":"q"}`)
	watcher.nextAnswer(t, "new")
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.asked["old"] != 0 || c.Stats().Refused != 1 {
		t.Errorf("asked %v, refused %d", e.asked, c.Stats().Refused)
	}
}

func TestOverflowIsRefusedAsBusy(t *testing.T) {
	b := startBroker(t, "127.0.0.1:0")
	watcher := newForeign(t, b.URL(), robotTopic("answer/+"))
	e := newEcho()
	e.block, e.began = make(chan struct{}), make(chan string, 200)
	c := newClient(t, b.URL(), e)
	runConnected(t, c)
	watcher.send(t, "ask", `{"requestId":"first","question":"q"}`)
	<-e.began // the handler is busy with it from here on
	const extra = 10
	for i := range AskQueue + extra {
		watcher.send(t, "ask", fmt.Sprintf(`{"requestId":"r%d","question":"q"}`, i))
	}
	for i := range extra {
		answer := watcher.nextAnswer(t, fmt.Sprintf("r%d", AskQueue+i))
		if answer.Status != payload.Refused || !strings.HasPrefix(answer.Reason, "busy") {
			t.Errorf("answer %+v", answer)
		}
	}
	close(e.block)
	watcher.nextAnswer(t, "first")
	for i := range AskQueue {
		if answer := watcher.nextAnswer(t, fmt.Sprintf("r%d", i)); answer.Status != payload.Answered {
			t.Errorf("answer %+v", answer)
		}
	}
}

func TestStopRefusesWhatWaits(t *testing.T) {
	b := startBroker(t, "127.0.0.1:0")
	watcher := newForeign(t, b.URL(), robotTopic("#"))
	e := newEcho()
	e.block, e.began = make(chan struct{}), make(chan string, 10)
	c := newClient(t, b.URL(), e)
	stop := runConnected(t, c)
	watcher.send(t, "ask", `{"requestId":"first","question":"q"}`)
	<-e.began
	watcher.send(t, "ask", `{"requestId":"waits","question":"q"}`)
	linktest.Eventually(t, "question in the queue", func() bool { return len(c.inbox.asks) == 1 })
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		stop()
	}()
	answer := watcher.nextAnswer(t, "waits")
	if answer.Status != payload.Refused || !strings.Contains(answer.Reason, "stopping") {
		t.Errorf("answer %+v", answer)
	}
	watcher.awaitConnection(t, payload.Offline)
	close(e.block)
	<-stopped
}

func TestPosesNewestWins(t *testing.T) {
	b := startBroker(t, "127.0.0.1:0")
	e := newEcho()
	e.poses = make(chan payload.Pose) // the handler waits until the test takes a pose
	c := newClient(t, b.URL(), e)
	runConnected(t, c)
	asker := dial(t, b.URL())
	for i := range 50 {
		pose := payload.Pose{Position: payload.Vec3{X: float64(i)}, Orientation: payload.YawQuaternion(0.5)}
		if err := asker.PublishPose(t.Context(), pose); err != nil {
			t.Fatal(err)
		}
	}
	last := -1.0
	for last < 49 {
		select {
		case pose := <-e.poses:
			if pose.Position.X <= last || math.Abs(pose.Planar().Yaw-0.5) > 1e-9 {
				t.Fatalf("pose %+v after x = %v", pose, last)
			}
			last = pose.Position.X
		case <-time.After(patience):
			t.Fatalf("the newest pose never came; last x = %v", last)
		}
	}
	watcher := newForeign(t, b.URL())
	watcher.send(t, "pose", `{"position":{}}`)
	linktest.Eventually(t, "bad pose counted", func() bool { return c.Stats().Refused == 1 })
}

func TestCommands(t *testing.T) {
	b := startBroker(t, "127.0.0.1:0")
	watcher := newForeign(t, b.URL(), robotTopic("command/+"))
	e := newEcho()
	runConnected(t, newClient(t, b.URL(), e))
	watcher.send(t, "command", `{"requestId":"c1","command":"stateRequest"}`)
	reply := decodeInto[payload.CommandReply](t, watcher.next(t, "command/c1").payload)
	if reply.Status != payload.CommandDone || reply.Command != "stateRequest" || reply.Text != "obeyed" {
		t.Errorf("reply %+v", reply)
	}
	e.refuse = errors.New("no state yet")
	watcher.send(t, "command", `{"requestId":"c2","command":"stateRequest"}`)
	reply = decodeInto[payload.CommandReply](t, watcher.next(t, "command/c2").payload)
	if reply.Status != payload.CommandRefused || reply.Reason != "no state yet" {
		t.Errorf("reply %+v", reply)
	}
	watcher.send(t, "command", `{"requestId":"c3"}`)
	reply = decodeInto[payload.CommandReply](t, watcher.next(t, "command/c3").payload)
	if reply.Status != payload.CommandRefused || !strings.Contains(reply.Reason, "must be a command") {
		t.Errorf("reply %+v", reply)
	}
	watcher.send(t, "command", `x`)
	watcher.next(t, "command/invalid")
}

func TestWithoutConnectionAnswersAreKept(t *testing.T) {
	c := newClient(t, "mqtt://127.0.0.1:1", newEcho())
	if err := c.PublishAnswer("r1", payload.Answer{Status: payload.Answered}, ""); err != nil {
		t.Error(err)
	}
	if err := c.PublishScene(someScene()); !errors.Is(err, ErrNotConnected) {
		t.Errorf("got %v", err)
	}
	if err := c.PublishStats(payload.Stats{}); !errors.Is(err, ErrNotConnected) {
		t.Errorf("got %v", err)
	}
	if err := c.PublishState(someState()); err != nil {
		t.Errorf("a state is kept, but got %v", err)
	}
	if s := c.Stats(); s.Dropped != 0 || s.Queue != 1 || s.Connected {
		t.Errorf("stats %+v", s)
	}
	if o := c.Outbox(); o.Depth != 1 || o.Durable || o.Bytes == 0 || o.Failure != "" {
		t.Errorf("outbox %+v", o)
	}
}

func TestUnpublishableMessagesAreErrors(t *testing.T) {
	c := newClient(t, "mqtt://127.0.0.1:1", newEcho())
	state := someState()
	state.UptimeSeconds = math.NaN()
	if err := c.PublishState(state); err == nil {
		t.Error("NaN was written")
	}
	if err := c.PublishAnswer("r", payload.Answer{Reason: long(payload.MaxAnswerBytes)}, ""); err == nil ||
		errors.Is(err, ErrNotConnected) {
		t.Errorf("a message that is too large gave %v", err)
	}
	if err := c.PublishAnswer("r", payload.Answer{Query: json.RawMessage(`{`)}, ""); err == nil {
		t.Error("a broken query was written")
	}
	if err := c.PublishAnswer("r", payload.Answer{}, "vegad/v1/x/y/ask"); err == nil {
		t.Error("a robot's topic was taken as replyTo")
	}
}

func TestUnreachableBrokerIsTriedForEver(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := inner.Addr().String()
	_ = inner.Close()
	c := newClient(t, "mqtt://"+addr, newEcho())
	run(t, c)
	linktest.Eventually(t, "refused connection", func() bool { return strings.Contains(c.Stats().LastError, addr) })
	startBroker(t, addr)
	linktest.Eventually(t, "connection", func() bool { s := c.Stats(); return s.Connected && s.LastError == "" })
}

// A robot must stop at once, also while it waits for a host that does not answer or for its next attempt.
func TestStopInterruptsConnecting(t *testing.T) {
	mute, err := net.Listen("tcp", "127.0.0.1:0") // accepts and never says CONNACK
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mute.Close() }()
	for _, url := range []string{"mqtt://" + mute.Addr().String(), "mqtt://127.0.0.1:1"} {
		c := newClient(t, url, newEcho())
		c.timing.backoffBase, c.timing.backoffMax = time.Hour, time.Hour
		stop := run(t, c)
		linktest.Eventually(t, "attempt", func() bool { return c.attempts.Load() > 0 })
		began := time.Now()
		stop()
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("stopping took %v", took)
		}
	}
}

func TestRunTwiceAtOnce(t *testing.T) {
	b := startBroker(t, "127.0.0.1:0")
	c := newClient(t, b.URL(), newEcho())
	stop := runConnected(t, c)
	if err := c.Run(t.Context()); err == nil {
		t.Error("it ran twice")
	}
	stop()
	runConnected(t, c) // but it may run again
}

func TestNewChecksItsConfig(t *testing.T) {
	good := Config{Broker: "mqtt://h", Manufacturer: "a", Serial: "1", Logger: discard(), Handler: newEcho()}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for reason, change := range map[string]func(*Config){
		"scheme":        func(c *Config) { c.Broker = "http://h" },
		"expected mqtt": func(c *Config) { c.Broker = "mqtt://h/path" },
		"not a URL":     func(c *Config) { c.Broker = "mqtt://user:secret@h:port:port" },
		"serial number": func(c *Config) { c.Serial = "a/b" },
		"wildcards":     func(c *Config) { c.Prefix = "vegad/#" },
		"overlap":       func(c *Config) { c.ReplyPrefix = "vegad/clients" },
		"required":      func(c *Config) { c.Handler = nil },
		"consumer":      func(c *Config) { c.ReceiptFrom = "a/b" },
		"negative":      func(c *Config) { c.ReplayRate = -1 },
	} {
		cfg := good
		change(&cfg)
		_, err := New(cfg)
		if err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("want %q, got %v", reason, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%v tells the password", err)
		}
	}
}

func TestStandingQuestionsOnTheWire(t *testing.T) {
	b := startBroker(t, "127.0.0.1:0")
	e := newEcho()
	c := newClient(t, b.URL(), e)
	runConnected(t, c)
	watcher := newForeign(t, b.URL(), robotTopic("watch/w1"))
	watcher.send(t, "watch", `{"requestId":"w1","question":"how far?","client":"me"}`)
	if w := <-e.watch; w.RequestID != "w1" || w.Client != "me" || w.Question != "how far?" {
		t.Errorf("%+v", w)
	}
	if err := c.PublishWatch("w1", payload.Answer{Status: payload.Abstained, Reason: "not_seen"}, true); err != nil {
		t.Fatal(err)
	}
	watcher.next(t, "watch/w1")
	late := newForeign(t, b.URL(), robotTopic("watch/w1"))
	if m := <-late.got; !m.retained {
		t.Error("the last answer is not retained")
	}
	watcher.send(t, "watch", `{"requestId":"w1","question":""}`)
	if m := watcher.next(t, "watch/w1"); !strings.Contains(string(m.payload), "question is empty") {
		t.Errorf("%s", m.payload)
	}
	if err := c.ClearWatch("w1"); err != nil {
		t.Fatal(err)
	}
	if m := <-watcher.got; len(m.payload) != 0 {
		t.Errorf("the last message is %s", m.payload)
	}
}

func TestStandingQuestionsWithoutAWatcher(t *testing.T) {
	b := startBroker(t, "127.0.0.1:0")
	e := newEcho()
	c := newClient(t, b.URL(), e)
	c.cfg.Watcher = nil
	runConnected(t, c)
	watcher := newForeign(t, b.URL(), robotTopic("watch/w1"))
	watcher.send(t, "watch", `{"requestId":"w1","question":"how far?"}`)
	if m := watcher.next(t, "watch/w1"); !strings.Contains(string(m.payload), "not taken here") {
		t.Errorf("%s", m.payload)
	}
}

// Scenes and statistics are live unless they are to be kept.
func TestKeptScenesAndStats(t *testing.T) {
	b := startBroker(t, "127.0.0.1:0")
	watcher := newForeign(t, b.URL(), robotTopic("scene"), robotTopic("stats"))
	c := newDurable(t, b.URL(), durable(t), func(cfg *Config) { cfg.KeepScene, cfg.KeepStats = true, true })
	stats := payload.Stats{PeriodSeconds: 60}
	if err := errors.Join(c.PublishScene(someScene()), c.PublishStats(stats)); err != nil {
		t.Fatal(err)
	}
	stop := runConnected(t, c)
	scene := decodeInto[payload.Scene](t, watcher.next(t, "scene").payload)
	told := decodeInto[payload.Stats](t, watcher.next(t, "stats").payload)
	if !scene.Replayed || scene.Seq != 1 || !told.Replayed || told.Seq != 2 {
		t.Errorf("%+v, %+v", scene.Delivery, told.Delivery)
	}
	stop()
	live := newDurable(t, b.URL(), durable(t), nil)
	runConnected(t, live)
	if err := errors.Join(live.PublishScene(someScene()), live.PublishStats(stats)); err != nil {
		t.Fatal(err)
	}
	if scene := decodeInto[payload.Scene](t, watcher.next(t, "scene").payload); scene.Seq != 0 {
		t.Errorf("%+v", scene.Delivery)
	}
	watcher.next(t, "stats")
}

func TestWhoAsks(t *testing.T) {
	c := newClient(t, "mqtt://127.0.0.1:1", newEcho())
	for _, each := range [][3]string{
		{"", "", ""},
		{"", "me", "me"},
		{"vegad-client/planner/in", "", "planner"},
		{"vegad-client/planner/in", "me", "planner"},
	} {
		if got := c.asker(each[0], each[1]); got != each[2] {
			t.Errorf("replyTo %q and client %q: %q", each[0], each[1], got)
		}
	}
}
