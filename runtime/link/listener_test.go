package link

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/vega-edge/vegad/runtime/link/linktest"
)

// newListener listens to all states of a prefix and returns what it hears.
func newListener(t *testing.T, prefix string, urls ...string) (*Listener, <-chan received) {
	t.Helper()
	heard := make(chan received, 100)
	l, err := NewListener(ListenerConfig{
		Broker: urls[0], Failover: urls[1:], MaxBackoff: 1, Logger: discard(), Filters: []string{prefix + "/v1/+/+/state"},
		Receive: func(topic string, payload []byte, retained bool) { heard <- received{topic, payload, retained} },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var task sync.WaitGroup
	task.Go(func() {
		if err := l.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		task.Wait()
	})
	return l, heard
}

func (l *Listener) await(t *testing.T) {
	t.Helper()
	linktest.Eventually(t, "the listener subscribed", func() bool { up, _ := l.Connected(); return up })
}

func TestListenerHearsWhatIsKeptAndWhatComes(t *testing.T) {
	b := startBroker(t, "127.0.0.1:0")
	f := newForeign(t, b.URL())
	finish(t, f.Publish(robotTopic("state"), 1, true, "kept"))
	l, heard := newListener(t, "vegad", b.URL())
	if got := <-heard; got.topic != robotTopic("state") || string(got.payload) != "kept" || !got.retained {
		t.Errorf("%+v", got)
	}
	l.await(t)
	f.send(t, "state", "live")
	if got := <-heard; string(got.payload) != "live" || got.retained {
		t.Errorf("%+v", got)
	}
}

func TestListenerComesBack(t *testing.T) {
	a, b := startBroker(t, "127.0.0.1:0"), startBroker(t, "127.0.0.1:0")
	l, heard := newListener(t, "vegad", a.URL(), b.URL())
	l.await(t)
	_ = a.Close()
	linktest.Eventually(t, "the other node", func() bool {
		up, _ := l.Connected()
		return up && l.Broker() == b.URL()
	})
	newForeign(t, b.URL()).send(t, "state", "after")
	if got := <-heard; string(got.payload) != "after" {
		t.Errorf("%+v", got)
	}
}

func TestListenerTellsWhyNot(t *testing.T) {
	b := startBroker(t, "127.0.0.1:0")
	l, _ := newListener(t, "elsewhere", b.URL())
	linktest.Eventually(t, "the refusal", func() bool {
		up, err := l.Connected()
		return !up && err != nil && strings.Contains(err.Error(), "does not let this client subscribe")
	})
	if _, err := NewListener(ListenerConfig{Broker: b.URL(), Logger: discard()}); err == nil {
		t.Error("a listener without filters was made")
	}
}
