package faults_test

import (
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/link"
	"github.com/vega-edge/vegad/runtime/link/linktest"
)

// running is a rig whose client is connected.
func running(t *testing.T, change func(*linktest.Consumer)) *rig {
	t.Helper()
	r := newRig(t, change)
	r.open(0, nil, nil)
	r.run()
	r.recovered()
	r.row.Recovery = 0
	return r
}

func dropAcks(t *testing.T, rounds, messages int) row {
	r := running(t, nil)
	for range rounds {
		r.cable.DropAcks(10)
		r.publishOver(messages, 400*time.Millisecond)
		r.cable.DropAcks(0)
		r.recovered()
	}
	r.row.Faults = r.cable.Faults()
	return r.finish()
}

func flap(t *testing.T, rounds, messages int) row {
	r := running(t, nil)
	for range rounds {
		for range 3 {
			r.publish(messages / 3)
			r.cable.Cut()
			r.publishOver(0, 20*time.Millisecond)
		}
		r.recovered()
	}
	r.row.Faults = r.cable.Faults()
	return r.finish()
}

// blackHole holds everything back for longer than an acknowledgement may take.
func blackHole(t *testing.T, rounds, messages int) row {
	r := running(t, nil)
	for range rounds {
		before := r.client.Stats().Unconfirmed
		r.publish(messages / 2)
		r.cable.Hold(true)
		r.publishOver(messages/2, 2*ackTimeout)
		linktest.Eventually(t, "the loss noticed", func() bool { return r.client.Stats().Unconfirmed > before })
		r.cable.Hold(false)
		r.recovered()
		r.row.Faults++
	}
	return r.finish()
}

func oversize(t *testing.T, rounds, messages int) row {
	r := running(t, nil)
	for range rounds {
		before := r.client.Stats().Connections
		r.publish(messages / 2)
		r.cable.Oversize()
		r.publishOver(messages/2, 50*time.Millisecond)
		linktest.Eventually(t, "the connection given up", func() bool { return r.client.Stats().Connections > before })
		r.recovered()
	}
	r.row.Faults = r.cable.Faults()
	return r.finish()
}

// reconnect cuts the connection as soon as it stands, and holds that nothing is left behind.
func reconnect(t *testing.T, rounds, messages int) row {
	r := running(t, nil)
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	for range rounds {
		before := r.client.Stats().Connections
		r.publish(messages)
		r.cable.Cut()
		linktest.Eventually(t, "a new connection", func() bool { return r.client.Stats().Connections > before })
		r.row.Faults++
	}
	r.recovered()
	linktest.Eventually(t, "goroutines and files as before", func() bool {
		return runtime.NumGoroutine() <= goroutines && openFiles(t) <= files
	})
	return r.finish()
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// slowConsumer has the consumer take a while for each message, and cuts the robot off while the broker queues for it.
func slowConsumer(t *testing.T, rounds, messages int) row {
	pace := time.NewTicker(500 * time.Microsecond)
	t.Cleanup(pace.Stop)
	r := running(t, func(c *linktest.Consumer) { c.Each = func() { <-pace.C } })
	for range rounds {
		r.publish(messages)
		r.cable.Cut()
		linktest.Within(t, 3*linktest.Patience, "the slow consumer", r.ledger.Settled)
		r.row.Faults++
	}
	r.recovered()
	return r.finish()
}

// TestBlackHoleIsNoticed takes the waits of a real robot: five seconds are the bound.
func TestBlackHoleIsNoticed(t *testing.T) {
	r := newRig(t, nil)
	r.open(0, nil, func(c *link.Config) { c.AckTimeout = link.DefaultAckTimeout })
	r.run()
	r.recovered()
	for _, traffic := range []int{10, 0} {
		r.cable.Hold(true)
		began := time.Now()
		r.publish(traffic)
		linktest.Eventually(t, "the loss noticed", func() bool { return !r.client.Stats().Connected })
		took := time.Since(began)
		if took > 5*time.Second {
			t.Errorf("with %d messages under way the black hole was noticed after %v", traffic, took)
		}
		t.Logf("with %d messages under way: noticed after %v", traffic, took.Round(time.Millisecond))
		r.cable.Hold(false)
		r.recovered()
	}
	r.finish()
}
