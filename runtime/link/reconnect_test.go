package link

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vega-edge/vegad/runtime/link/linktest"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

func TestBrokerRestartBringsEverythingBack(t *testing.T) {
	b := startBroker(t, "127.0.0.1:0")
	c := newClient(t, b.URL(), newEcho())
	if err := c.PublishState(someState()); err != nil {
		t.Fatal(err)
	}
	runConnected(t, c)
	_ = b.Close()
	linktest.Eventually(t, "loss noticed", func() bool { s := c.Stats(); return !s.Connected && s.LastError != "" })
	b = startBroker(t, b.Addr())
	linktest.Eventually(t, "connection", func() bool {
		s := c.Stats()
		return s.Connected && s.Published > 0 && s.InFlight == 0
	})
	newForeign(t, b.URL(), robotTopic("connection")).awaitConnection(t, payload.Online)
	newForeign(t, b.URL(), robotTopic("state")).next(t, "state")
	watcher := newForeign(t, b.URL(), robotTopic("answer/+"))
	watcher.send(t, "ask", `{"requestId":"r1","question":"still there?"}`)
	watcher.nextAnswer(t, "r1")
	if s := c.Stats(); s.Connections != 2 {
		t.Errorf("stats %+v", s)
	}
}

func TestWillWhenTheCableIsPulled(t *testing.T) {
	b := startBroker(t, "127.0.0.1:0")
	cable := linktest.NewCable(t, b.Addr())
	watcher := newForeign(t, b.URL(), robotTopic("connection"))
	c := newClient(t, cable.URL(), newEcho())
	runConnected(t, c)
	first := watcher.awaitConnection(t, payload.Online)
	cable.Cut()
	broken := watcher.awaitConnection(t, payload.ConnectionBroken)
	if broken.SessionID != first.SessionID {
		t.Errorf("the will of %s speaks of %s", first.SessionID, broken.SessionID)
	}
	if again := watcher.awaitConnection(t, payload.Online); again.SessionID == first.SessionID {
		t.Error("two connections share a sessionId")
	}
}

// The broker may notice the end of the old connection only after the new one said ONLINE.
func TestLateWillIsContradicted(t *testing.T) {
	b := startBroker(t, "127.0.0.1:0")
	c := newClient(t, b.URL(), newEcho())
	runConnected(t, c)
	other := newForeign(t, b.URL())
	will, err := (&session{client: c, id: "old.1"}).connection(payload.ConnectionBroken)
	if err != nil {
		t.Fatal(err)
	}
	finish(t, other.Publish(will.topic, 1, true, will.payload))
	linktest.Eventually(t, "ONLINE retained again", func() bool {
		late := newForeign(t, b.URL(), robotTopic("connection"))
		defer late.Disconnect(10)
		return late.nextConnection(t).ConnectionState == payload.Online
	})
}

// A link that swallows everything keeps its socket open; only the missing acknowledgement tells.
func TestOverdueAcknowledgementEndsTheConnection(t *testing.T) {
	b := startBroker(t, "127.0.0.1:0")
	cable := linktest.NewCable(t, b.Addr())
	c := newClient(t, cable.URL(), newEcho())
	c.timing.ack = 200 * time.Millisecond
	runConnected(t, c)
	cable.Swallow(true)
	if err := c.PublishAnswer("r1", payload.Answer{Status: payload.Refused, Reason: "test"}, ""); err != nil {
		t.Fatal(err)
	}
	linktest.Eventually(t, "loss noticed", func() bool {
		return strings.Contains(c.Stats().LastError, errAckOverdue.Error())
	})
	if s := c.Stats(); s.Unconfirmed != 1 || s.Queue != 1 {
		t.Errorf("stats %+v", s)
	}
	watcher := newForeign(t, b.URL(), robotTopic("answer/+"))
	cable.Swallow(false)
	if a := watcher.nextAnswer(t, "r1"); !a.Replayed || a.Seq != 1 || a.BootID == "" {
		t.Errorf("sent again: %+v", a)
	}
	linktest.Eventually(t, "an empty outbox", func() bool { s := c.Stats(); return s.Connected && s.Queue == 0 })
}

// With nothing to send only the probe can tell that the link is dead.
func TestBlackHoleIsNoticedWithoutTraffic(t *testing.T) {
	b := startBroker(t, "127.0.0.1:0")
	cable := linktest.NewCable(t, b.Addr())
	c := newClient(t, cable.URL(), newEcho())
	c.timing.ack = 400 * time.Millisecond
	runConnected(t, c)
	probed := c.Stats()
	<-time.After(2 * c.timing.ack) // a live link survives its probes
	if s := c.Stats(); !s.Connected || s.Connections != probed.Connections {
		t.Fatalf("stats %+v", s)
	}
	cable.Swallow(true)
	began := time.Now()
	linktest.Eventually(t, "loss noticed", func() bool { return !c.Stats().Connected })
	if took := time.Since(began); took > c.timing.ack+time.Second {
		t.Errorf("it took %v", took)
	}
	cable.Swallow(false)
	linktest.Eventually(t, "connection", func() bool { return c.Stats().Connected })
}

func TestFiftyReconnectsLeaveNoGoroutines(t *testing.T) {
	b := startBroker(t, "127.0.0.1:0")
	cable := linktest.NewCable(t, b.Addr())
	c := newClient(t, cable.URL(), newEcho())
	c.timing.backoffBase, c.timing.backoffMax = time.Millisecond, 5*time.Millisecond
	runConnected(t, c)
	before := runtime.NumGoroutine()
	for n := uint64(2); n <= 51; n++ {
		cable.Cut()
		linktest.Eventually(t, "reconnect", func() bool { return c.Stats().Connections >= n && c.Stats().Connected })
	}
	linktest.Eventually(t, "goroutines as before", func() bool { return runtime.NumGoroutine() <= before })
}

// A connection that breaks under a message is replaced without waiting for what the MQTT library still does with it.
func TestBrokenUnderAMessage(t *testing.T) {
	v := startVillain(t)
	box := durable(t)
	c := newDurable(t, v.url(), box, nil)
	stop := runConnected(t, c)
	longest, n := time.Duration(0), 0
	for range 40 {
		before := c.Stats().Connections
		produce(t, c, 9)
		n += 9
		v.cut()
		began := time.Now()
		linktest.Eventually(t, "a new connection", func() bool { return c.Stats().Connections > before })
		longest = max(longest, time.Since(began))
	}
	if longest > defaultTiming().write/2 {
		t.Errorf("a new connection took %v", longest)
	}
	linktest.Eventually(t, "an empty outbox", func() bool { return box.Stats().Records == 0 })
	stop()
	v.ledger.check(t, box.BootID(), uint64(n))
}

func TestBackoffIsFullJitterWithinItsCeiling(t *testing.T) {
	t.Parallel()
	for range 200 {
		b := backoff{base: time.Second, max: 60 * time.Second}
		for n := range 100 {
			ceiling := 60 * time.Second
			if n < 6 {
				ceiling = time.Second << n
			}
			if d := b.next(); d < 0 || d > ceiling {
				t.Fatalf("attempt %d waits %v, more than %v", n, d, ceiling)
			}
		}
		b.reset()
		if d := b.next(); d > time.Second {
			t.Fatalf("after a reset it waits %v", d)
		}
	}
	var sum time.Duration
	for range 2000 {
		b := backoff{base: time.Second, max: 60 * time.Second, failures: 10}
		sum += b.next()
	}
	if mean := sum / 2000; mean < 28*time.Second || mean > 32*time.Second {
		t.Errorf("the mean of the longest wait is %v, not 30 s", mean)
	}
}

func TestPauseAndFlushKeepTheirLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		pause(t.Context(), time.Minute)
		if took := time.Since(began); took != time.Minute {
			t.Errorf("a minute took %v", took)
		}
		q := newSendQueue()
		q.start()
		always := func() bool { return true }
		q.flush(time.Second, always) // empty: returns at once
		if err := q.offer(sceneSlot, message{}); err != nil {
			t.Fatal(err)
		}
		began = time.Now()
		q.flush(time.Second, always)
		if took := time.Since(began); took != time.Second {
			t.Errorf("flushing a stuck queue took %v", took)
		}
		go func() {
			<-time.After(300 * time.Millisecond)
			q.later()
			q.settled()
			q.later()
		}()
		began = time.Now()
		q.flush(time.Second, always)
		if took := time.Since(began); took != 300*time.Millisecond {
			t.Errorf("flushing took %v", took)
		}
		began = time.Now()
		q.flush(time.Second, func() bool { return false })
		if took := time.Since(began); took != time.Second {
			t.Errorf("flushing with a full outbox took %v", took)
		}
	})
}

func TestDeniedSubscriptionIsAnError(t *testing.T) {
	b := startBroker(t, "127.0.0.1:0")
	e := newEcho()
	c, err := New(Config{
		Broker: b.URL(), Manufacturer: "acme", Serial: "0001", Logger: discard(), Handler: e, Prefix: "elsewhere",
	})
	if err != nil {
		t.Fatal(err)
	}
	run(t, c)
	linktest.Eventually(t, "refusal told", func() bool {
		return strings.Contains(c.Stats().LastError, "does not let vegad-acme-0001 subscribe")
	})
	if c.Stats().Connected {
		t.Error("it calls itself connected")
	}
	if err := c.PublishScene(someScene()); !errors.Is(err, ErrNotConnected) {
		t.Errorf("got %v", err)
	}
}
