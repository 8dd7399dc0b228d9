package link

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"go.uber.org/goleak"

	"github.com/vega-edge/vegad/runtime/link/broker"
	"github.com/vega-edge/vegad/runtime/link/linktest"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/link/payload/payloadtest"
)

func TestMain(m *testing.M) {
	if url, dir, child := strings.Cut(os.Getenv(robotVariable), " "); child {
		if err := beRobot(url, dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	goleak.VerifyTestMain(m)
}

const patience = linktest.Patience

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func startBroker(t *testing.T, addr string) *broker.Broker {
	t.Helper()
	b, err := broker.Start(t.Context(), broker.Config{Addr: addr, Logger: discard()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// echo is a Handler that answers every question with its own text, and remembers the rest.
type echo struct {
	client *Client
	block  chan struct{} // when not nil, HandleAsk waits for it
	began  chan string   // when not nil, gets the requestId of every question that is taken up
	poses  chan payload.Pose
	bad    chan error
	watch  chan payload.Watch
	refuse error // of commands

	mu    sync.Mutex
	asked map[string]int
}

func newEcho() *echo {
	return &echo{
		poses: make(chan payload.Pose, 100), bad: make(chan error, 100), watch: make(chan payload.Watch, 100),
		asked: make(map[string]int),
	}
}

func (e *echo) HandleAsk(_ context.Context, ask payload.Ask, received time.Time) {
	if e.began != nil {
		e.began <- ask.RequestID
	}
	if e.block != nil {
		<-e.block
	}
	e.mu.Lock()
	e.asked[ask.RequestID]++
	e.mu.Unlock()
	one := 1.0
	_ = e.client.PublishAnswer(ask.RequestID, payload.Answer{
		Question: ask.Question, Query: ask.Query, Status: payload.Answered,
		Answer:      &payload.Value{Value: &one, Unit: "m", Interval95: &[2]float64{0.5, 1.5}, Text: "1 m"},
		CaptureTime: payload.Time{Time: received},
		LatencyMs:   payload.Latency{Total: time.Since(received).Seconds() * 1e3},
		Model:       &payload.Model{Bundle: "nano", Precision: "fp32", Provider: "cpu"},
		Gate:        &payload.Gate{Mean: 0.5},
	}, ask.ReplyTo)
}

func (e *echo) HandleBadAsk(_ string, reason error) { e.bad <- reason }

func (e *echo) HandleWatch(_ context.Context, w payload.Watch) { e.watch <- w }

func (e *echo) HandlePose(pose payload.Pose) { e.poses <- pose }

func (e *echo) HandleCommand(context.Context, payload.Command) (string, error) {
	return "obeyed", e.refuse
}

// newClient makes a Client with waits that suit a test.
func newClient(t *testing.T, url string, e *echo) *Client {
	t.Helper()
	c, err := New(Config{Broker: url, Manufacturer: "acme", Serial: "0001", Logger: discard(), Handler: e, Watcher: e})
	if err != nil {
		t.Fatal(err)
	}
	e.client = c
	c.timing.backoffBase, c.timing.backoffMax = 10*time.Millisecond, 50*time.Millisecond
	return c
}

// run starts the Client and returns what stops it and waits for its end.
func run(t *testing.T, c *Client) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Error("Run does not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

func runConnected(t *testing.T, c *Client) (stop func()) {
	t.Helper()
	stop = run(t, c)
	linktest.Eventually(t, "connection", func() bool { return c.Stats().Connected })
	return stop
}

// received is one message that a foreign client saw.
type received struct {
	topic    string
	payload  []byte
	retained bool
}

// foreign is an ordinary MQTT client beside the package's own code.
type foreign struct {
	paho.Client
	got chan received
}

func newForeign(t *testing.T, url string, filters ...string) *foreign {
	t.Helper()
	f := &foreign{got: make(chan received, 20_000)}
	opts := paho.NewClientOptions().AddBroker(url).SetClientID("foreign-" + randomID(4)).SetAutoReconnect(false)
	f.Client = paho.NewClient(opts)
	finish(t, f.Connect())
	t.Cleanup(func() { f.Disconnect(100) })
	for _, filter := range filters {
		finish(t, f.Subscribe(filter, 1, func(_ paho.Client, m paho.Message) {
			f.got <- received{m.Topic(), m.Payload(), m.Retained()}
		}))
	}
	return f
}

func finish(t *testing.T, token paho.Token) {
	t.Helper()
	if !token.WaitTimeout(patience) {
		t.Fatal("the broker does not answer")
	}
	if err := token.Error(); err != nil {
		t.Fatal(err)
	}
}

func (f *foreign) send(t *testing.T, topic, text string) {
	t.Helper()
	finish(t, f.Publish(robotTopic(topic), 1, false, text))
}

func robotTopic(name string) string { return "vegad/v1/acme/0001/" + name }

// next returns the next message on a topic below the robot's, and checks it against its schema.
func (f *foreign) next(t *testing.T, name string) received {
	t.Helper()
	limit := time.After(patience)
	for {
		select {
		case m := <-f.got:
			if m.topic != robotTopic(name) {
				continue
			}
			payloadtest.Check(t, name, m.payload)
			return m
		case <-limit:
			t.Fatalf("no message on %s", name)
		}
	}
}

func (f *foreign) nextConnection(t *testing.T) payload.Connection {
	t.Helper()
	c, err := payload.DecodeConnection(f.next(t, "connection").payload)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (f *foreign) awaitConnection(t *testing.T, state payload.ConnectionState) payload.Connection {
	t.Helper()
	for {
		if c := f.nextConnection(t); c.ConnectionState == state {
			return c
		}
	}
}

func (f *foreign) nextAnswer(t *testing.T, id string) payload.Answer {
	t.Helper()
	answer, err := payload.DecodeAnswer(f.next(t, "answer/"+id).payload)
	if err != nil {
		t.Fatal(err)
	}
	if answer.RequestID != id {
		t.Errorf("the answer on %s is to %s", id, answer.RequestID)
	}
	return answer
}

func decodeInto[T any](t *testing.T, data []byte) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func long(n int) string { return strings.Repeat("a", n) }
