package faults_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/link"
	"github.com/vega-edge/vegad/runtime/link/linktest"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/outbox"
)

const (
	root = "vegad/v1/acme/0001/"

	ackTimeout = 300 * time.Millisecond // shorter than a robot's, so that many faults fit into minutes
	maxBackoff = 20 * time.Millisecond
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// nobody is a link.Handler to whom nobody talks.
type nobody struct{}

func (nobody) HandleAsk(context.Context, payload.Ask, time.Time) {}
func (nobody) HandleBadAsk(string, error)                        {}
func (nobody) HandlePose(payload.Pose)                           {}
func (nobody) HandleCommand(context.Context, payload.Command) (answer string, err error) {
	return "", nil
}

// openBox opens an outbox with room for everything that a test sends.
func openBox(dir string, change func(*outbox.Config)) (*outbox.Box, error) {
	cfg := outbox.Config{Dir: dir, Logger: discard(), MaxBytes: 1 << 30, MaxMemory: 64 << 20}
	if change != nil {
		change(&cfg)
	}
	return outbox.Open(cfg)
}

// newClient makes the robot's side with short waits.
func newClient(url string, box *outbox.Box, change func(*link.Config)) (*link.Client, error) {
	cfg := link.Config{
		Broker: url, Manufacturer: "acme", Serial: "0001", Logger: discard(), Handler: nobody{}, Outbox: box,
		ReplayRate: 1e6, AckTimeout: ackTimeout, MaxBackoff: maxBackoff,
	}
	if change != nil {
		change(&cfg)
	}
	return link.New(cfg)
}

// send publishes a message, of one class after the other.
func send(c *link.Client, id linktest.ID, padding string) error {
	text := id.String() + padding
	refusal := payload.Answer{Status: payload.Refused, Reason: text}
	switch id.N % 3 {
	case 0:
		return c.PublishAnswer(fmt.Sprint("r", id.N), refusal, "")
	case 1:
		return c.PublishEvent(payload.Event{Kind: payload.PathBlocked, Text: text})
	default:
		return c.PublishWatch("w", refusal, true)
	}
}

// classOf is the class in which send sends a message, by its topic's first level.
func classOf(id linktest.ID) string { return []string{"answer", "event", "watch"}[id.N%3] }

// rig is a robot in this process with everything up to the consumer.
type rig struct {
	t      *testing.T
	row    row
	ledger *linktest.Ledger
	broker *linktest.Mosquitto
	cable  *linktest.Cable
	dir    string
	box    *outbox.Box
	client *link.Client
	stop   func() // ends the client
	id     linktest.ID
}

// newRig lays the way from a folder to a consumer, which may be changed. The client does not run yet.
func newRig(t *testing.T, change func(*linktest.Consumer)) *rig {
	t.Helper()
	r := &rig{t: t, ledger: linktest.NewLedger(), broker: linktest.StartMosquitto(t, ""), dir: t.TempDir()}
	r.cable = linktest.NewCable(t, r.broker.Addr())
	consumer := linktest.Consumer{URL: r.broker.URL(), Root: root, Ledger: r.ledger}
	if change != nil {
		change(&consumer)
	}
	consumer.Start(t)
	return r
}

// open opens the box and makes the client of a source of messages.
func (r *rig) open(source int, box func(*outbox.Config), client func(*link.Config)) {
	r.t.Helper()
	r.id = linktest.ID{Source: source}
	var err error
	if r.box, err = openBox(r.dir, box); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = r.box.Close() })
	if r.client, err = newClient(r.cable.URL(), r.box, client); err != nil {
		r.t.Fatal(err)
	}
}

// run starts the client; stop ends it.
func (r *rig) run() {
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.t.Context()))
	done := make(chan error, 1)
	client := r.client
	go func() { done <- client.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	})
	r.t.Cleanup(r.stop)
}

func (r *rig) close() {
	r.t.Helper()
	if err := r.box.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// publish sends n messages and owes them to the consumer.
func (r *rig) publish(n int) {
	r.t.Helper()
	for range n {
		r.send()
		r.ledger.Owe(r.id, classOf(r.id))
	}
}

// send sends a message that may get lost.
func (r *rig) send() {
	r.t.Helper()
	r.id.N++
	if err := send(r.client, r.id, ""); err != nil {
		r.t.Fatal(err)
	}
}

// publishOver sends n messages in so much time, in some bursts.
func (r *rig) publishOver(n int, span time.Duration) {
	r.t.Helper()
	const bursts = 10
	tick := time.NewTicker(span / bursts)
	defer tick.Stop()
	for i := range bursts {
		r.publish(n*(i+1)/bursts - n*i/bursts)
		<-tick.C
	}
}

// recovered waits until a message that is sent now has reached the consumer, and enters how long that took.
func (r *rig) recovered() {
	r.t.Helper()
	r.publish(1)
	began := time.Now()
	if !r.ledger.Await(r.id, 3*linktest.Patience) {
		r.t.Fatalf("nothing comes through any more: %+v, %+v", r.client.Stats(), r.ledger.Sum())
	}
	r.row.Recovery = max(r.row.Recovery, time.Since(began))
}

// settle waits until nothing is owed and nothing waits.
func (r *rig) settle() {
	r.t.Helper()
	linktest.Within(r.t, 3*linktest.Patience, "an empty outbox", func() bool { return r.box.Stats().Records == 0 })
	linktest.Within(r.t, 3*linktest.Patience, "all that is owed", r.ledger.Settled)
	if s := r.box.Stats(); s.Dropped != 0 {
		r.t.Errorf("the outbox dropped %d messages", s.Dropped)
	}
}

// finish ends the client and returns the row of the table.
func (r *rig) finish() row {
	r.t.Helper()
	r.settle()
	r.stop()
	r.close()
	r.row.Sum = r.ledger.Sum()
	return r.row
}
