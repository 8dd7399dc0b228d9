package sim_test

import (
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/vega-edge/vegad/runtime/fleet"
	"github.com/vega-edge/vegad/runtime/fleet/sim"
	"github.com/vega-edge/vegad/runtime/link/linktest"
)

// TestWatcherHearsAllThatWasKept loads a broker with the retained messages of robots that have fallen silent, as a
// watcher finds them who comes later. mosquitto gives them out at once, and drops what exceeds max_queued_messages, at
// QoS 0 too: docs/fleet.md says what to set.
func TestWatcherHearsAllThatWasKept(t *testing.T) {
	const robots = 5000
	url := linktest.StartMosquitto(t, "").URL()
	loader := paho.NewClient(paho.NewClientOptions().AddBroker(url).SetClientID("loader"))
	if token := loader.Connect(); token.Wait() && token.Error() != nil {
		t.Fatal(token.Error())
	}
	then := time.Now().Add(-time.Hour)
	var last paho.Token
	for n := range robots {
		messages, err := sim.NewFeed(sim.NewRobot(1, n, 0), "").Hello(then)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			last = loader.Publish(m.Topic, 1, true, m.Payload)
		}
	}
	if !last.WaitTimeout(time.Minute) || last.Error() != nil {
		t.Fatal("the broker does not take the messages", last.Error())
	}
	loader.Disconnect(100)
	r := watch(t, url, fleet.New(fleet.Config{}).Topics(false), nil)
	linktest.Within(t, time.Minute, "every message", func() bool { return r.Stats().Taken == 3*robots })
	for _, robot := range r.Snapshot(fleet.ByName) {
		if robot.Trouble != fleet.Silent || robot.Connection == "" || robot.Bundle == "" {
			t.Fatalf("%s is %s (%s)", robot.Serial, robot.Trouble, robot.Why)
		}
	}
}
