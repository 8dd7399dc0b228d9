package link

import (
	"strings"
	"testing"

	"github.com/vega-edge/vegad/runtime/link/linktest"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

func TestFailoverGoesToAnotherNode(t *testing.T) {
	a, b := startBroker(t, "127.0.0.1:0"), startBroker(t, "127.0.0.1:0")
	e := newEcho()
	c, err := New(Config{
		Broker: a.URL(), Failover: []string{b.URL()}, Manufacturer: "acme", Serial: "0001", Logger: discard(), Handler: e,
		MaxBackoff: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	e.client = c
	runConnected(t, c)
	if got := c.Broker().String(); got != a.URL() {
		t.Errorf("began at %s, not at the first address", got)
	}
	if err := c.PublishEvent(payload.Event{Kind: payload.PathBlocked, Text: "at the first node"}); err != nil {
		t.Fatal(err)
	}
	linktest.Eventually(t, "delivery", func() bool { return c.Outbox().Depth == 0 })
	_ = a.Close()
	linktest.Eventually(t, "the other node", func() bool {
		return c.Stats().Connected && c.Broker().String() == b.URL()
	})
	events := newForeign(t, b.URL(), robotTopic("event/+"))
	if err := c.PublishEvent(payload.Event{Kind: payload.PathCleared, Text: "at the second node"}); err != nil {
		t.Fatal(err)
	}
	if got := string(events.next(t, "event/pathCleared").payload); !strings.Contains(got, "at the second node") {
		t.Error(got)
	}
}

func TestMoveReachesEveryOtherNode(t *testing.T) {
	n, err := parseNodes("mqtt://a", []string{"mqtt://b", "tcp://c:1"}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for range 300 {
		before := n.current().host
		n.move()
		after := n.current().host
		if after == before {
			t.Fatalf("moved from %s to itself", before)
		}
		seen[before+" "+after]++
	}
	if len(seen) != 6 {
		t.Errorf("of six ways only %v were gone", seen)
	}
	alone, err := parseNodes("mqtt://a", nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if alone.move(); alone.current().host != "a:1883" {
		t.Errorf("a single node moved to %s", alone.current().host)
	}
}

func TestNodesThatDoNotFitAreRefused(t *testing.T) {
	for reason, failover := range map[string]string{
		"encrypted, or none": "mqtt://b:1883",
		"is not one of":      "http://b:8883",
		"the first address":  "mqtts://me:hunter2@b:8883",
	} {
		_, err := parseNodes("mqtts://a:8883", []string{failover}, nil, nil)
		if err == nil || !strings.Contains(err.Error(), reason) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", failover, err)
		}
	}
}
