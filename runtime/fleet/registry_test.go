package fleet_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/vega-edge/vegad/runtime/fleet"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

// feed is a registry that is told what robots of the maker acme say.
type feed struct {
	t *testing.T
	*fleet.Registry
}

func newFeed(t *testing.T, cfg fleet.Config) feed { return feed{t, fleet.New(cfg)} }

// say has a robot say something: a message, or its text.
func (f feed) say(serial, name string, message any) {
	f.t.Helper()
	if err := f.Take("vegad/v1/acme/"+serial+"/"+name, encode(f.t, message), false); err != nil {
		f.t.Fatalf("%s %s: %v", serial, name, err)
	}
}

func encode(t testing.TB, message any) []byte {
	t.Helper()
	if text, ok := message.(string); ok {
		return []byte(text)
	}
	data, err := json.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func (f feed) robot(serial string) fleet.Robot {
	f.t.Helper()
	r, ok := f.Robot("acme", serial)
	if !ok {
		f.t.Fatalf("robot %s is not known", serial)
	}
	return r
}

func (f feed) names(order fleet.Order) string {
	var names []string
	for _, r := range f.Snapshot(order) {
		names = append(names, r.Serial)
	}
	return strings.Join(names, " ")
}

func connection(state payload.ConnectionState, session string, headerID uint32) payload.Connection {
	return payload.Connection{Header: payload.Header{HeaderID: headerID}, ConnectionState: state, SessionID: session}
}

// well is the state of a robot without trouble.
func well() payload.State {
	return payload.State{
		Health: payload.HealthOK, Step: payload.StepFull, UptimeSeconds: 30,
		Cameras: []payload.CameraState{{Name: "front", State: "running"}},
		Runtime: payload.RuntimeState{Provider: "tensorrt", Precision: "int8"},
	}
}

func TestRobotTellsAllAboutItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(t, fleet.Config{PageURL: "https://{serial}.{manufacturer}.example/"})
		f.say("0001", "connection", connection(payload.Online, "a.1", 2))
		f.say("0001", "factsheet", payload.Factsheet{
			VegadVersion: "0.3.0", Provider: "cpu", Bundle: payload.Bundle{Name: "nano", Version: "0.3.0"},
		})
		s := well()
		s.Outbox = payload.Outbox{Depth: 3, Bytes: 900, OldestSeconds: 1.5, Dropped: payload.Dropped{Stats: 1, Answers: 2}}
		s.Device = &payload.Device{
			HeadroomK: new(20.0), PowerW: new(7.5),
			Temperatures: []payload.Temperature{{Zone: "cpu", Celsius: 61}, {Zone: "tj", Celsius: 63.5}},
		}
		f.say("0001", "state", s)
		f.say("0001", "stats", payload.Stats{
			PeriodSeconds: 60, FrameHz: 15, ObservationHz: 5, CameraReconnects: 1, BrokerReconnects: 2,
			Questions: payload.Asked{Answered: 3, Abstained: 1},
			Stages:    []payload.Stage{{Name: "question", Count: 4, P95Ms: 40}},
			Outbox:    s.Outbox, Device: s.Device,
		})
		f.say("0001", "scene", payload.Scene{
			Frame: "map", Pose: payload.Pose2D{X: 1, Y: -2, Yaw: 0.5}, CaptureTime: payload.Time{Time: time.Now()},
		})
		want := fleet.Robot{
			Manufacturer: "acme", Serial: "0001", Connection: payload.Online, SessionID: "a.1", LastHeard: time.Now(),
			Health: payload.HealthOK, Step: payload.StepFull, Uptime: 30,
			Version: "0.3.0", Bundle: "nano", BundleVersion: "0.3.0", Provider: "tensorrt", Precision: "int8",
			Cameras: 1, CamerasRunning: 1,
			Temperature: &fleet.Temperature{Zone: "tj", Celsius: 63.5}, HeadroomK: new(20.0), PowerW: new(7.5),
			OutboxDepth: 3, OutboxBytes: 900, OutboxAgeSeconds: 1.5, OutboxDropped: 3,
			FrameHz: new(15.0), ObservationHz: new(5.0), QuestionP95Ms: new(40.0),
			CameraReconnects: 1, BrokerReconnects: 2,
			Questions: payload.Asked{Answered: 3, Abstained: 1}, AnswersPerMinute: new(3.0), AbstainedShare: new(0.25),
			Position: &fleet.Position{Frame: "map", X: 1, Y: -2, Yaw: 0.5, At: time.Now().UTC()},
			PageURL:  "https://0001.acme.example/", Revision: 5,
		}
		if diff := cmp.Diff(want, f.robot("0001")); diff != "" {
			t.Error(diff)
		}
		if s := f.Stats(); s != (fleet.Stats{Robots: 1, Taken: 5}) || f.Revision() != 5 {
			t.Errorf("%+v, revision %d", s, f.Revision())
		}
	})
}

func TestStateTellsThePosition(t *testing.T) {
	f := newFeed(t, fleet.Config{})
	f.say("0001", "state", `{"timestamp":"2026-01-02T03:04:05.000Z",`+
		`"position":{"frame":"map","epoch":4,"x":1,"y":2,"yaw":3}}`)
	want := &fleet.Position{
		Frame: "map", Epoch: 4, X: 1, Y: 2, Yaw: 3, At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
	if diff := cmp.Diff(want, f.robot("0001").Position); diff != "" {
		t.Error(diff)
	}
	f.say("0001", "state", `{"position":{"x":1e9,"y":2,"yaw":3}}`)
	if diff := cmp.Diff(want, f.robot("0001").Position); diff != "" {
		t.Error("a place beyond the world was believed", diff)
	}
}

func TestTroubles(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*payload.State)
		want   string
		why    string
	}{
		"none":       {func(*payload.State) {}, "ok", ""},
		"no answers": {func(s *payload.State) { s.Health = payload.HealthFailed }, "failed", "it can give no answers"},
		"fatal error": {func(s *payload.State) {
			s.Errors = []payload.Error{
				{ErrorType: "load", ErrorLevel: payload.LevelWarning, ErrorDescription: "busy"},
				{ErrorType: "disk", ErrorLevel: payload.LevelFatal, ErrorDescription: "no disk"},
			}
		}, "failed", "no disk"},
		"no camera": {func(s *payload.State) {
			s.Cameras[0] = payload.CameraState{Name: "front", State: "lost", LastError: "no such device"}
		}, "blind", "front is lost: no such device"},
		"one of two cameras": {func(s *payload.State) {
			s.Cameras = append(s.Cameras, payload.CameraState{Name: "rear", State: "lost"})
		}, "ok", ""},
		"a critical and a mild error": {func(s *payload.State) {
			s.Errors = []payload.Error{
				{ErrorType: "camera", ErrorLevel: payload.LevelCritical}, {ErrorLevel: payload.LevelUrgent},
			}
		}, "critical", "camera"},
		"near throttling": {
			func(s *payload.State) { s.Device = &payload.Device{HeadroomK: new(4.4)} }, "hot",
			"4 K below throttling",
		},
		"throttled": {func(s *payload.State) { s.Device = &payload.Device{Throttled: "gpu"} }, "hot", "throttled by gpu"},
		"less work": {func(s *payload.State) {
			s.Step, s.StepReason = payload.StepHalfFrames, "tj is near"
		}, "hot", "tj is near"},
		"a full disk": {func(s *payload.State) { s.Outbox.Failure = "no space left" }, "late", "no space left"},
		"an old outbox": {func(s *payload.State) {
			s.Outbox.Depth, s.Outbox.OldestSeconds = 7, 61
		}, "late", "7 messages wait, the oldest for 1m1s"},
		"another provider": {func(s *payload.State) {
			s.Runtime.Degraded, s.Runtime.Reason, s.Health = true, "no GPU", payload.HealthDegraded
		}, "degraded", "no GPU"},
		"starting": {
			func(s *payload.State) { s.Health, s.Cameras[0].State = payload.HealthStarting, "opening" }, "starting",
			"starting",
		},
		"several": {func(s *payload.State) {
			s.Runtime.Degraded, s.Outbox.Failure, s.Cameras[0].State = true, "full", "black"
		}, "blind,late,degraded", "front is black"},
	} {
		t.Run(name, func(t *testing.T) {
			f, s := newFeed(t, fleet.Config{}), well()
			c.change(&s)
			f.say("0001", "connection", connection(payload.Online, "a.1", 2))
			f.say("0001", "state", s)
			r := f.robot("0001")
			if r.Trouble.String() != c.want || r.Why != c.why {
				t.Errorf("%s, %q; want %s, %q", r.Trouble, r.Why, c.want, c.why)
			}
		})
	}
}

func TestGuessingNeedsQuestions(t *testing.T) {
	f := newFeed(t, fleet.Config{})
	ask := func(answered, abstained uint64) string {
		f.say("0001", "stats", payload.Stats{PeriodSeconds: 60, Questions: payload.Asked{
			Answered: answered, Abstained: abstained,
		}})
		r := f.robot("0001")
		return r.Trouble.String()
	}
	if got := ask(0, 9); got != "ok" {
		t.Errorf("nine questions: %s", got)
	}
	if got := ask(9, 0); got != "guessing" {
		t.Errorf("half of 18: %s", got)
	}
	for range fleet.QuestionWindow - 1 {
		ask(10, 0)
	}
	r := f.robot("0001")
	if want := (payload.Asked{Answered: 9 + 90}); r.Questions != want || r.Trouble != 0 {
		t.Errorf("the window holds %+v: %s", r.Questions, r.Trouble)
	}
}

func TestTroubleOrder(t *testing.T) {
	f := newFeed(t, fleet.Config{})
	f.say("ok-b", "state", well())
	f.say("ok-a", "state", well())
	f.say("off", "connection", connection(payload.Offline, "a.1", 3))
	f.say("gone", "connection", connection(payload.ConnectionBroken, "a.1", 1))
	late, both := well(), well()
	late.Outbox.OldestSeconds = 100
	both.Outbox.OldestSeconds, both.Runtime.Degraded = 100, true
	f.say("late", "state", late)
	f.say("late-and-degraded", "state", both)
	if got, want := f.names(fleet.ByTrouble), "gone late-and-degraded late off ok-a ok-b"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := f.names(fleet.ByName), "gone late late-and-degraded off ok-a ok-b"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	hot := well()
	hot.Device = &payload.Device{Temperatures: []payload.Temperature{{Zone: "tj", Celsius: 70}}}
	f.say("late", "state", hot)
	if got := f.names(fleet.ByTemperature); !strings.HasPrefix(got, "late gone") {
		t.Error(got)
	}
	if got := f.names(fleet.ByOutbox); !strings.HasPrefix(got, "late-and-degraded gone") {
		t.Error(got)
	}
}

func TestConnectionFollowsSessions(t *testing.T) {
	f := newFeed(t, fleet.Config{})
	for i, c := range []struct {
		payload.Connection
		want payload.ConnectionState
	}{
		{connection(payload.Online, "run.1", 2), payload.Online},
		{connection(payload.ConnectionBroken, "run.1", 1), payload.ConnectionBroken}, // a will is made before ONLINE
		{connection(payload.Online, "run.2", 4), payload.Online},
		{connection(payload.ConnectionBroken, "run.1", 1), payload.Online}, // the will of the session before, late
		{connection(payload.ConnectionBroken, "run.3", 5), payload.ConnectionBroken},
		{connection(payload.Online, "other.1", 2), payload.Online}, // another run counts anew
		{connection(payload.Offline, "other.1", 3), payload.Offline},
	} {
		f.say("0001", "connection", c.Connection)
		if got := f.robot("0001").Connection; got != c.want {
			t.Errorf("step %d: %s, want %s", i, got, c.want)
		}
	}
}

func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(t, fleet.Config{SilentAfter: time.Minute})
		f.say("0001", "connection", connection(payload.Online, "a.1", 2))
		f.say("off", "connection", connection(payload.Offline, "a.1", 3))
		time.Sleep(time.Minute) //nolint:forbidigo // the clock of the bubble
		if r := f.robot("0001"); r.Trouble != 0 {
			t.Errorf("after a minute: %s", r.Trouble)
		}
		time.Sleep(5 * time.Second) //nolint:forbidigo // the clock of the bubble
		if r := f.robot("0001"); r.Trouble != fleet.Silent || r.Why != "not heard for 1m5s" {
			t.Errorf("%s, %q", r.Trouble, r.Why)
		}
		if r := f.robot("off"); r.Trouble != fleet.Stopped {
			t.Errorf("one that was stopped: %s", r.Trouble)
		}
		f.Listen()
		if r := f.robot("0001"); r.Trouble != 0 {
			t.Errorf("silent although nobody listened: %s", r.Trouble)
		}
	})
}

func TestRetainedMessagesAreAsOldAsTheySay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(t, fleet.Config{})
		old, future := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		take := func(serial string, at time.Time) time.Time {
			s := well()
			s.Timestamp = payload.Time{Time: at}
			if err := f.Take("vegad/v1/acme/"+serial+"/state", encode(t, s), true); err != nil {
				t.Fatal(err)
			}
			return f.robot(serial).LastHeard
		}
		if got := take("old", old); !got.Equal(old) {
			t.Errorf("heard at %v, said at %v", got, old)
		}
		if got := take("ahead", future); !got.Equal(time.Now()) {
			t.Errorf("heard at %v, now is %v", got, time.Now())
		}
		if old, ahead := f.robot("old"), f.robot("ahead"); old.Trouble != fleet.Silent || ahead.Trouble != 0 {
			t.Errorf("the state of an hour ago is %s, that of now %s", old.Trouble, ahead.Trouble)
		}
		f.say("old", "state", well())
		if old := f.robot("old"); old.Trouble != 0 {
			t.Errorf("one that speaks now is %s", old.Trouble)
		}
	})
}

func TestRoomIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(t, fleet.Config{MaxRobots: 10, ForgetAfter: time.Hour})
		for i := range 15 {
			err := f.Take(fmt.Sprintf("vegad/v1/acme/%02d/state", i), encode(t, well()), false)
			if (err != nil) != (i >= 10) {
				t.Errorf("robot %d: %v", i, err)
			}
		}
		if s := f.Stats(); s != (fleet.Stats{Robots: 10, Taken: 10, NoRoom: 5}) {
			t.Errorf("%+v", s)
		}
		time.Sleep(30 * time.Minute) //nolint:forbidigo // the clock of the bubble
		f.say("03", "state", well())
		time.Sleep(40 * time.Minute) //nolint:forbidigo // the clock of the bubble
		f.say("new", "state", well())
		if got := f.names(fleet.ByName); got != "03 new" {
			t.Errorf("those kept are %s", got)
		}
		if f.say("03", "connection", ""); f.names(fleet.ByName) != "new" {
			t.Error("a robot that was cleared from the broker is still there")
		}
	})
}

func TestHostileMessages(t *testing.T) {
	deep := strings.Repeat("[", 200_000)
	for name, c := range map[string]struct{ topic, message string }{
		"a foreign topic":       {"other/v1/acme/0001/state", `{}`},
		"no name":               {"vegad/v1/acme/0001", `{}`},
		"an empty name":         {"vegad/v1/acme/0001/", `{}`},
		"a serial with a blank": {"vegad/v1/acme/00 01/state", `{}`},
		"a maker with escapes":  {"vegad/v1/\x1b[2J/0001/state", `{}`},
		"a long serial":         {"vegad/v1/acme/" + strings.Repeat("1", 65) + "/state", `{}`},
		"no JSON":               {"vegad/v1/acme/0001/state", `health: ok`},
		"an array":              {"vegad/v1/acme/0001/state", `[]`},
		"null":                  {"vegad/v1/acme/0001/stats", `null`},
		"a number too large":    {"vegad/v1/acme/0001/state", `{"uptimeSeconds":1e999}`},
		"a text for a number":   {"vegad/v1/acme/0001/state", `{"outbox":{"depth":"many"}}`},
		"a huge message":        {"vegad/v1/acme/0001/state", `{"stepReason":"` + strings.Repeat("x", 300_000) + `"}`},
		"deep nesting":          {"vegad/v1/acme/0001/state", `{"cameras":` + deep},
		"an unknown connection": {"vegad/v1/acme/0001/connection", `{"connectionState":"MAYBE"}`},
		"no instant":            {"vegad/v1/acme/0001/state", `{"timestamp":"yesterday"}`},
	} {
		t.Run(name, func(t *testing.T) {
			r := fleet.New(fleet.Config{})
			if err := r.Take(c.topic, []byte(c.message), false); err == nil {
				t.Error("it was taken")
			}
			if s := r.Stats(); s != (fleet.Stats{Refused: 1}) {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestWhatTellsNothingIsIgnored(t *testing.T) {
	r := fleet.New(fleet.Config{})
	for _, topic := range []string{"answer/r1", "watch/w", "event/pathBlocked", "ask", "pose", "state/more"} {
		if err := r.Take("vegad/v1/acme/0001/"+topic, []byte(`{}`), false); err != nil {
			t.Errorf("%s: %v", topic, err)
		}
	}
	if s := r.Stats(); s != (fleet.Stats{Ignored: 6}) {
		t.Errorf("%+v", s)
	}
}

func TestTextsAreHarmless(t *testing.T) {
	f := newFeed(t, fleet.Config{})
	s := well()
	s.Runtime.Reason = "\x1b[2J\x1b]0;owned\a red\u202e text\n" + strings.Repeat("ü", 500)
	s.Runtime.Degraded = true
	f.say("0001", "state", s)
	r := f.robot("0001")
	if got := r.Why; !strings.HasPrefix(got, "[2J]0;owned red text"+"ü") || utf8.RuneCountInString(got) != 200 {
		t.Errorf("%q", got)
	}
}

// TestManyAtOnce lets writers and readers meet; the race detector looks on.
func TestManyAtOnce(t *testing.T) {
	r := fleet.New(fleet.Config{MaxRobots: 50})
	var tasks sync.WaitGroup
	message := encode(t, well())
	for writer := range 4 {
		tasks.Go(func() {
			for i := range 500 {
				_ = r.Take(fmt.Sprintf("vegad/v1/m%d/%d/state", writer, i%20), message, false)
			}
		})
	}
	for range 2 {
		tasks.Go(func() {
			for range 50 {
				_ = r.Snapshot(fleet.ByTrouble)
				_, _ = r.Robot("m0", "0")
				r.Listen()
			}
		})
	}
	tasks.Wait()
	if s := r.Stats(); s.Robots != 50 || s.Taken+s.NoRoom != 2000 {
		t.Errorf("%+v", s)
	}
}

func TestTroubleNames(t *testing.T) {
	for _, one := range fleet.Troubles() {
		if back, err := fleet.ParseTrouble(one.String()); err != nil || back != one {
			t.Errorf("%s came back as %s, %v", one, back, err)
		}
	}
	all, err := fleet.ParseTrouble("hot,blind")
	if err != nil || all != fleet.Hot|fleet.Blind || all.String() != "blind,hot" || all.Worst() != fleet.Blind {
		t.Errorf("%s, %v", all, err)
	}
	if _, err := fleet.ParseTrouble("hot,tired"); err == nil {
		t.Error("a trouble that does not exist was read")
	}
	for _, order := range fleet.Orders() {
		if back, err := fleet.ParseOrder(string(order)); err != nil || back != order {
			t.Errorf("%s, %v", back, err)
		}
	}
	if _, err := fleet.ParseOrder("size"); err == nil {
		t.Error("an order that does not exist was read")
	}
}

func FuzzTake(f *testing.F) {
	names := []string{"connection", "state", "stats", "factsheet", "scene", "event/x"}
	whole := well()
	whole.Device = &payload.Device{HeadroomK: new(3.0), Temperatures: []payload.Temperature{{Zone: "tj", Celsius: 90}}}
	for _, seed := range []struct {
		which   uint8
		message any
	}{
		{0, connection(payload.Online, "a.1", 2)},
		{1, whole},
		{1, `{"timestamp":"0000-01-01T00:00:00+23:59","position":{"x":1e300,"y":-1,"yaw":2,"epoch":18446744073709551615}}`},
		{1, `{"cameras":[{"state":"\u001b"}],"device":{"throttled":"` + strings.Repeat("x", 300) + `"}}`},
		{2, payload.Stats{PeriodSeconds: 60, Questions: payload.Asked{Abstained: 20}}},
		{2, `{"questions":{"answered":18446744073709551615,"abstained":18446744073709551615},"periodSeconds":1e-300}`},
		{3, payload.Factsheet{Bundle: payload.Bundle{Name: "nano"}}},
		{4, `{"pose":{"x":1,"y":2,"yaw":3},"captureTime":"9999-12-31T23:59:59-23:59"}`},
	} {
		f.Add(seed.which, encode(f, seed.message))
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		r := fleet.New(fleet.Config{})
		name := names[int(which)%len(names)]
		for range 3 {
			_ = r.Take("vegad/v1/acme/0001/"+name, data, true)
		}
		for _, robot := range r.Snapshot(fleet.ByTrouble) {
			holdSane(t, &robot)
		}
	})
}

// holdSane holds what a reader of any robot may rely on.
func holdSane(t *testing.T, r *fleet.Robot) {
	t.Helper()
	if _, err := json.Marshal(r); err != nil {
		t.Errorf("a robot cannot be written: %v", err)
	}
	for _, text := range []string{r.Why, r.Error, r.SessionID, r.Bundle, r.Provider, r.StepReason, r.OutboxFailure} {
		hostile := strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) })
		if hostile || utf8.RuneCountInString(text) > 200 {
			t.Errorf("text %q", text)
		}
	}
	if s := r.AbstainedShare; s != nil && !(*s >= 0 && *s <= 1) {
		t.Errorf("abstains from %g of 1", *s)
	}
	if a := r.AnswersPerMinute; a != nil && (math.IsNaN(*a) || math.IsInf(*a, 0) || *a < 0) {
		t.Errorf("%g answers a minute", *a)
	}
	if r.OutboxAgeSeconds < 0 || r.OutboxDepth < 0 || r.Uptime < 0 || r.CamerasRunning > r.Cameras {
		t.Errorf("%+v", r)
	}
}
