package link

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/link/linktest"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/outbox"
)

// scale is how much larger the tests of faults are: 1 unless VEGAD_FAULTS says more.
func scale() int { return max(1, linktest.Scale()) }

// messageName is what tells a message from all others.
type messageName struct {
	boot string
	seq  uint64
}

// ledger is the receiving end's account: what came, how often, in which order.
type ledger struct {
	mu      sync.Mutex
	seen    map[messageName]bool
	acked   map[messageName]bool
	last    map[string]messageName // newest first arrival, by class and boot
	dups    int
	replays int
	faults  []string
}

func newLedger() *ledger {
	return &ledger{
		seen: make(map[messageName]bool), acked: make(map[messageName]bool), last: make(map[string]messageName),
	}
}

// enter notes a message that came.
func (l *ledger) enter(topic string, body []byte) (messageName, bool) {
	var d payload.Delivery
	if err := json.Unmarshal(body, &d); err != nil || d.Seq == 0 {
		return messageName{}, false
	}
	name := messageName{d.BootID, d.Seq}
	l.mu.Lock()
	defer l.mu.Unlock()
	if d.Replayed {
		l.replays++
	}
	if l.seen[name] {
		l.dups++
		if !d.Replayed {
			l.faults = append(l.faults, fmt.Sprintf("%v came again and is not called replayed", name))
		}
		return name, true
	}
	l.seen[name] = true
	class := strings.Split(strings.TrimPrefix(topic, robotTopic("")), "/")[0] + d.BootID
	if d.Seq < l.last[class].seq {
		l.faults = append(l.faults, fmt.Sprintf("%v came after %v", name, l.last[class]))
	}
	l.last[class] = name
	return name, true
}

func (l *ledger) confirm(name messageName) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked[name] = true
}

// check holds the account against what was sent, and returns it in one line.
func (l *ledger) check(t *testing.T, boot string, sent uint64) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	lost, unacked := 0, 0
	for seq := uint64(1); seq <= sent; seq++ {
		if name := (messageName{boot, seq}); !l.seen[name] {
			lost++
		} else if !l.acked[name] {
			unacked++
		}
	}
	if lost > 0 || unacked > 0 {
		t.Errorf("of %d messages %d are lost, and %d were forgotten without an acknowledgement", sent, lost, unacked)
	}
	if len(l.faults) > 0 {
		t.Errorf("%d faults of order or marking, the first: %s", len(l.faults), l.faults[0])
	}
}

func durable(t testing.TB) *outbox.Box {
	t.Helper()
	return boxIn(t, t.TempDir())
}

func boxIn(t testing.TB, dir string) *outbox.Box {
	t.Helper()
	box, err := outbox.Open(outbox.Config{Dir: dir, Logger: discard(), MaxMemory: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close() })
	return box
}

// newDurable makes a Client over a box, with short waits.
func newDurable(t testing.TB, url string, box *outbox.Box, change func(*Config)) *Client {
	t.Helper()
	cfg := Config{
		Broker: url, Manufacturer: "acme", Serial: "0001", Logger: discard(), Handler: newEcho(),
		Outbox: box, ReplayRate: 1e6,
	}
	if change != nil {
		change(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c.timing.backoffBase, c.timing.backoffMax = 5*time.Millisecond, 20*time.Millisecond
	c.timing.ack = 300 * time.Millisecond
	return c
}

// produce publishes n messages of three classes, in bursts, and waits in between like a robot does.
func produce(t testing.TB, c *Client, n int) {
	t.Helper()
	tick := time.NewTicker(4 * time.Millisecond)
	defer tick.Stop()
	for i := range n {
		var err error
		switch i % 3 {
		case 0:
			err = c.PublishAnswer(fmt.Sprint("r", i), payload.Answer{Status: payload.Refused, Reason: "test"}, "")
		case 1:
			err = c.PublishEvent(payload.Event{Kind: payload.PathBlocked, Text: "test"})
		default:
			err = c.PublishWatch("w", payload.Answer{Status: payload.Refused, Reason: "test"}, true)
		}
		if err != nil {
			t.Fatal(err)
		}
		if i%10 == 9 {
			<-tick.C
		}
	}
}
