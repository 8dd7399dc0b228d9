package daemon

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/scene"
)

// chair is a remembered thing at a place.
func chair(id string, x float64) scene.Object {
	return scene.Object{
		ID: id, Label: "chair", LabelProbs: []float64{1}, Existence: 0.9,
		Box: scene.Box{Center: scene.Vec3{X: x}, Size: scene.Vec3{X: 0.5, Y: 0.5, Z: 0.9}},
	}
}

func snapshot(objects ...scene.Object) *scene.Snapshot {
	return &scene.Snapshot{Seen: objects, Wall: time.Unix(1_700_000_000, 0)}
}

func kinds(events []payload.Event) string {
	words := make([]string, len(events))
	for i, e := range events {
		words[i] = string(e.Kind)
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

func TestEventsOfObjects(t *testing.T) {
	n := newNoticer(config.Default().Events, snapshot(chair("o1", 1)))
	expect := func(when string, s *scene.Snapshot, want string) []payload.Event {
		t.Helper()
		events := n.notice(s)
		if got := kinds(events); got != want {
			t.Errorf("%s: got %q, want %q", when, got, want)
		}
		return events
	}
	expect("known at the start", snapshot(chair("o1", 1)), "")
	e := expect("a new one", snapshot(chair("o1", 1), chair("o2", 3)), "objectAppeared")
	if e[0].Object.ID != "o2" || e[0].CaptureTime.IsZero() || e[0].Text != "chair o2 appeared" {
		t.Errorf("%+v", e[0])
	}
	expect("a small move", snapshot(chair("o1", 1.2), chair("o2", 3)), "")
	e = expect("small moves add up", snapshot(chair("o1", 1.4), chair("o2", 3)), "objectMoved")
	if e[0].From.X != 1 || e[0].Object.Box.Center.X != 1.4 {
		t.Errorf("%+v", e[0])
	}
	unsure := chair("o2", 3.5)
	unsure.CenterCov[0] = 0.3 * 0.3
	expect("a move within its uncertainty", snapshot(chair("o1", 1.4), unsure), "")
	unsure.MovedMono = time.Second
	expect("recognised at another place", snapshot(chair("o1", 1.4), unsure), "objectMoved")
	expect("made room", snapshot(chair("o1", 1.4)), "")
	s := snapshot()
	s.Stats.Forgotten = 1
	e = expect("seen empty", s, "objectGone")
	if e[0].Object.ID != "o1" {
		t.Errorf("%+v", e[0])
	}
	s = snapshot(chair("o3", 1), chair("o4", 1.1))
	s.Stats.Forgotten = 1
	expect("two", s, "objectAppeared objectAppeared")
	s = snapshot(chair("o3", 1))
	s.Stats.Forgotten = 2
	expect("duplicates joined", s, "")
	s = snapshot(chair("o3", 5), chair("o5", 9))
	s.Stats.Forgotten, s.Epoch = 2, 1
	expect("a new map", s, "objectAppeared")
}

func TestEventsOfThePath(t *testing.T) {
	n := newNoticer(config.Events{Path: 1, MinMove: 0.3}, snapshot())
	free := func(metres float64, known bool) *scene.Snapshot {
		s := snapshot()
		for i := range s.Free {
			s.Free[i] = scene.Sector{Known: known, Free: metres}
		}
		return s
	}
	aside := free(3, true)
	aside.Free[scene.SectorOf(math.Pi/2)].Free = 0.1
	for i, step := range []struct {
		s    *scene.Snapshot
		want string
	}{
		{free(3, true), ""},
		{aside, ""},
		{aside, ""},
		{free(0.5, true), ""}, // once is chance
		{free(3, true), ""},
		{free(0.5, true), ""},
		{free(0.5, true), "pathBlocked"},
		{free(0.5, true), ""},
		{free(0, false), ""}, // what is not known changes nothing
		{free(0, false), ""},
		{free(1.1, true), ""}, // nearly
		{free(1.1, true), ""},
		{free(1.3, true), ""},
		{free(1.3, true), "pathCleared"},
	} {
		events := n.notice(step.s)
		if got := kinds(events); got != step.want {
			t.Errorf("step %d: got %q, want %q", i, got, step.want)
		}
		if len(events) > 0 && (events[0].Path == nil || events[0].Path.Wanted != 1) {
			t.Errorf("step %d: %+v", i, events[0])
		}
	}
}

func TestWhatMakesAnAnswerDiffer(t *testing.T) {
	t.Parallel()
	number := func(v float64) *payload.Value {
		return &payload.Value{Value: &v, Interval95: &[2]float64{v - 0.2, v + 0.2}, Text: "x"}
	}
	object := func(id string, x float64) payload.Object {
		return payload.Object{ID: id, Box: payload.Box{Center: payload.Vec3{X: x}}, Sigma: payload.Vec3{X: 0.1}}
	}
	yes := &payload.Value{Choice: "yes", Text: "a"}
	abstained := func(reason string) payload.Answer {
		return payload.Answer{Status: payload.Abstained, Reason: reason}
	}
	answered := func(v *payload.Value, objects ...payload.Object) payload.Answer {
		return payload.Answer{Status: payload.Answered, Answer: v, Objects: objects}
	}
	none := &payload.Value{}
	for name, c := range map[string]struct {
		old, now payload.Answer
		want     bool
	}{
		"status":           {abstained("a"), answered(yes), true},
		"reason":           {abstained("a"), abstained("b"), true},
		"same reason":      {abstained("a"), abstained("a"), false},
		"within":           {answered(number(1)), answered(number(1.15)), false},
		"outside":          {answered(number(1)), answered(number(1.25)), true},
		"no interval":      {answered(&payload.Value{Value: new(float64)}), answered(number(1)), true},
		"choice":           {answered(yes), answered(&payload.Value{Choice: "no", Text: "a"}), true},
		"text of a choice": {answered(yes), answered(&payload.Value{Choice: "yes", Text: "b"}), false},
		"another object":   {answered(none, object("o1", 1)), answered(none, object("o2", 1)), true},
		"moved":            {answered(none, object("o1", 1)), answered(none, object("o1", 1.3)), true},
		"trembles":         {answered(none, object("o1", 1)), answered(none, object("o1", 1.2)), false},
		"objects":          {answered(none), answered(none, object("o1", 1)), true},
		"text":             {answered(&payload.Value{Text: "a"}), answered(&payload.Value{Text: "b"}), true},
	} {
		if got := differs(&c.old, &c.now); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestStages(t *testing.T) {
	t.Parallel()
	var s stage
	if _, ok := s.take("x"); ok {
		t.Error("nothing was measured")
	}
	for n := range 100 {
		s.add(time.Duration(n+1) * time.Millisecond)
	}
	if got, _ := s.take("x"); got.Count != 100 || got.P50Ms != 50 || got.P95Ms != 95 {
		t.Errorf("%+v", got)
	}
	for range 3 * stageSamples {
		s.add(time.Millisecond)
	}
	if got, _ := s.take("x"); got.Count != 3*stageSamples || got.P95Ms != 1 || cap(s.samples) > 2*stageSamples {
		t.Errorf("%+v, room for %d", got, cap(s.samples))
	}
}

func TestTheLastHour(t *testing.T) {
	t.Parallel()
	var h hourly
	now := time.Unix(0, 0)
	for minute := range uint64(300) {
		got := h.grown(now, 10*minute)
		if want := 10 * min(minute, 60); got != want {
			t.Fatalf("minute %d: %d, want %d", minute, got, want)
		}
		now = now.Add(time.Minute)
	}
	if len(h.marks) > 62 {
		t.Errorf("%d marks", len(h.marks))
	}
}

func TestClientsAreBounded(t *testing.T) {
	t.Parallel()
	c := newClients(1)
	now := time.Unix(0, 0)
	for n := range 10 * maxClients {
		c.take(string(rune('a'+n%26))+string(rune(0x4e00+n)), now)
	}
	if len(c.byName) > maxClients+1 {
		t.Errorf("%d clients are told apart", len(c.byName))
	}
	if c.take("one more", now) {
		t.Error("the clients beyond the bound do not share a budget")
	}
	if !c.take("later", now.Add(time.Hour)) || len(c.byName) > 2 {
		t.Errorf("idle clients are kept: %d", len(c.byName))
	}
}
