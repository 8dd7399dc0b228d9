package sim_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/fleet"
	"github.com/vega-edge/vegad/runtime/fleet/sim"
	"github.com/vega-edge/vegad/runtime/link"
	"github.com/vega-edge/vegad/runtime/link/linktest"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/link/payload/payloadtest"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// watch keeps a registry fed from a broker until the test ends. Each message is shown to see first, which may be nil.
func watch(t *testing.T, url string, filters []string, see func(topic string, data []byte)) *fleet.Registry {
	t.Helper()
	r := fleet.New(fleet.Config{})
	l, err := link.NewListener(link.ListenerConfig{
		Broker: url, Filters: filters, Logger: discard(), Subscribed: r.Listen, MaxBackoff: 100 * time.Millisecond,
		Receive: func(topic string, data []byte, retained bool) {
			if see != nil {
				see(topic, data)
			}
			if err := r.Take(topic, data, retained); err != nil {
				t.Errorf("%s: %v", topic, err)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	start(t, l)
	linktest.Eventually(t, "the watcher subscribed", func() bool { up, _ := l.Connected(); return up })
	return r
}

// start runs a task until the test ends, or until what is returned is called.
func start(t *testing.T, task interface{ Run(context.Context) error }) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- task.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// schemas holds some messages of each kind against their schema.
type schemas struct {
	t    *testing.T
	mu   sync.Mutex
	seen map[string]int // by the topic's name
}

func (s *schemas) see(topic string, data []byte) {
	name := strings.SplitN(topic, "/", 5)[4]
	kind, _, _ := strings.Cut(name, "/")
	s.mu.Lock()
	s.seen[kind]++
	first := s.seen[kind] < 20
	s.mu.Unlock()
	if first {
		payloadtest.Check(s.t, name, data)
	}
}

func (s *schemas) count(kind string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[kind]
}

func TestFleetPlaysRealMessages(t *testing.T) {
	const robots = 40
	broker := linktest.StartMosquitto(t, "")
	check := &schemas{t: t, seen: map[string]int{}}
	r := watch(t, broker.URL(), []string{"vegad/v1/#"}, check.see)
	f, err := sim.New(sim.Config{
		Robots: robots, First: 100, Troubled: 0.5, Broker: broker.URL(), Start: 300 * time.Millisecond, Logger: discard(),
		StateEvery: 300 * time.Millisecond, StatsEvery: 400 * time.Millisecond, AnswersPerMinute: 240, SceneHz: 2,
	})
	if err != nil {
		t.Fatal(err)
	}
	stop := start(t, f)
	if err := f.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	for kind, messages := range map[string]int{
		"connection": robots, "factsheet": robots, "state": 2 * robots, "stats": 2 * robots, "answer": robots,
		"scene": robots,
	} {
		linktest.Eventually(t, kind, func() bool { return check.count(kind) >= messages })
	}
	linktest.Eventually(t, "every robot", func() bool { return r.Stats().Robots == robots })
	linktest.Eventually(t, "questions of every robot", func() bool {
		for _, robot := range r.Snapshot(fleet.ByName) {
			if robot.AnswersPerMinute == nil || robot.Position == nil || robot.Temperature == nil || robot.Bundle == "" {
				return false
			}
		}
		return true
	})
	holdFaults(t, r, 100)
	if c := f.Count(); c.Connected != robots || c.Connections != robots || c.Dropped != 0 || c.Made == 0 {
		t.Errorf("%+v", c)
	}
	stop()
	linktest.Eventually(t, "every robot stopped", func() bool {
		for _, robot := range r.Snapshot(fleet.ByName) {
			if robot.Connection != payload.Offline {
				return false
			}
		}
		return true
	})
}

// shows is the trouble by which a watcher notices each fault.
var shows = map[sim.Fault]fleet.Trouble{
	sim.Hot: fleet.Hot, sim.Blind: fleet.Blind, sim.Fallback: fleet.Degraded, sim.Broken: fleet.Failed,
}

// holdFaults holds what the registry says against what is wrong with each robot.
func holdFaults(t *testing.T, r *fleet.Registry, first int) {
	t.Helper()
	faulty := 0
	for i, robot := range r.Snapshot(fleet.ByName) {
		want := sim.NewRobot(0, first+i, 0.5)
		if want.Serial != robot.Serial {
			t.Fatalf("robot %s is where %s should be", robot.Serial, want.Serial)
		}
		if want.Fault != sim.Well {
			faulty++
		}
		if trouble, sure := shows[want.Fault]; sure && !robot.Trouble.Has(trouble) {
			t.Errorf("%s is %s, which does not show: %s", robot.Serial, want.Fault, robot.Trouble)
		}
		if want.Fault == sim.Well && robot.Trouble != 0 {
			t.Errorf("%s is well, and is called %s: %s", robot.Serial, robot.Trouble, robot.Why)
		}
	}
	if faulty < 5 {
		t.Errorf("only %d robots are faulty", faulty)
	}
}

func TestSimulatedRobotAnswersWhoAsks(t *testing.T) {
	broker := linktest.StartMosquitto(t, "")
	f, err := sim.New(sim.Config{Robots: 1, Broker: broker.URL(), Logger: discard()})
	if err != nil {
		t.Fatal(err)
	}
	start(t, f)
	if err := f.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	asker, err := link.Dial(t.Context(), link.AskerConfig{
		Broker: broker.URL(), Manufacturer: sim.Manufacturer, Serial: "000000",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer asker.Close() //nolint:errcheck // the test is over
	answer, err := asker.Ask(t.Context(), payload.Ask{Question: "how many chairs are there?"})
	if err != nil || answer.Status != payload.Abstained || answer.Reason != "simulated robots see nothing" {
		t.Errorf("%+v, %v", answer, err)
	}
}

func TestFeedFitsTheSchemas(t *testing.T) {
	for n := range 30 {
		feed := sim.NewFeed(sim.NewRobot(3, n, 0.9), "")
		all, err := feed.Hello(time.Now())
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			_, _ = feed.Answer()
			state, err1 := feed.State(time.Now(), time.Minute)
			stats, err2 := feed.Stats(time.Now(), time.Minute)
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			all = append(append(all, state...), stats...)
		}
		for _, m := range all {
			payloadtest.Check(t, m.Topic[strings.LastIndexByte(m.Topic, '/')+1:], m.Payload)
		}
	}
}

// TestMessageSizes prints how large a robot's messages are, and holds that they are no caricature of a real one's.
func TestMessageSizes(t *testing.T) {
	r := sim.NewRobot(1, 1, 0)
	_, answer := r.Answer()
	answer.Delivery = payload.Delivery{BootID: "6b0f4c1d2a3e5f70", Seq: 1000, Replayed: true}
	sheet, state, stats, scene := r.Factsheet(), r.State(time.Minute), r.Stats(time.Minute), r.Scene()
	for name, message := range map[string]interface{ Stamp(payload.Header) }{
		"factsheet": &sheet, "state": &state, "stats": &stats, "answer": &answer, "scene": &scene,
	} {
		message.Stamp(payload.Header{
			HeaderID: 1000, Timestamp: payload.Time{Time: time.Now()}, Version: payload.Version,
			Manufacturer: r.Manufacturer, SerialNumber: r.Serial,
		})
		data, err := json.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%-9s %5d bytes", name, len(data))
		if len(data) < 800 {
			t.Errorf("%s has only %d bytes: %s", name, len(data), data)
		}
	}
}

func TestRobotsAreTheSameAgain(t *testing.T) {
	kinds := map[sim.Fault]int{}
	for n := range 400 {
		a, b := sim.NewRobot(9, n, 0.5), sim.NewRobot(9, n, 0.5)
		if fmt.Sprint(a.State(time.Minute).Position) != fmt.Sprint(b.State(time.Minute).Position) || a.Fault != b.Fault {
			t.Fatalf("robot %d is another one the second time", n)
		}
		kinds[a.Fault]++
	}
	if len(kinds) != 6 || kinds[sim.Well] < 150 || kinds[sim.Well] > 250 {
		t.Errorf("%v", kinds)
	}
}

func TestFleetWithoutBroker(t *testing.T) {
	f, err := sim.New(sim.Config{Robots: 2, Broker: "mqtt://127.0.0.1:1", Logger: discard()})
	if err != nil {
		t.Fatal(err)
	}
	start(t, f)
	linktest.Eventually(t, "the reason", func() bool { return strings.Contains(f.Count().Problem, "refused") })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := f.Await(ctx); err == nil || !strings.Contains(err.Error(), "0 are connected (connecting to") {
		t.Errorf("%v", err)
	}
}

func TestFleetsThatCannotBe(t *testing.T) {
	ok := sim.Config{Robots: 1, Broker: "mqtt://127.0.0.1:1", Logger: discard()}
	for name, change := range map[string]func(*sim.Config){
		"no robots":          func(c *sim.Config) { c.Robots = 0 },
		"too many":           func(c *sim.Config) { c.Robots = sim.MaxRobots + 1 },
		"a share beyond one": func(c *sim.Config) { c.Troubled = 1.1 },
		"a negative rate":    func(c *sim.Config) { c.AnswersPerMinute = -1 },
		"no broker":          func(c *sim.Config) { c.Broker = "" },
		"no logger":          func(c *sim.Config) { c.Logger = nil },
		"a broken prefix":    func(c *sim.Config) { c.Prefix = "a/#" },
	} {
		cfg := ok
		change(&cfg)
		if f, err := sim.New(cfg); err == nil {
			t.Errorf("%s: it was made", name)
			_ = f.Close()
		}
	}
	if f, err := sim.New(ok); err != nil || f.Close() != nil {
		t.Error(err)
	}
}
