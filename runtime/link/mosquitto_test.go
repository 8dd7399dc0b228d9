package link

import (
	"context"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/runtime/link/linktest"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/link/payload/payloadtest"
)

// await returns the payload of the next line on a topic of the robot that contains the part.
func await(t *testing.T, lines <-chan linktest.Line, name, part string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		select {
		case line := <-lines:
			if line.Topic == robotTopic(name) && strings.Contains(line.Payload, part) {
				payloadtest.Check(t, name, []byte(line.Payload))
				return line.Payload
			}
		case <-ctx.Done():
			t.Fatalf("mosquitto_sub saw no %s with %s", name, part)
		}
	}
}

func TestMosquittoConversation(t *testing.T) {
	m := linktest.StartMosquitto(t, "")
	lines := m.Subscribe(robotTopic("#"))
	c := newClient(t, m.URL(), newEcho())
	if err := c.PublishFactsheet(payload.Factsheet{VegadVersion: "0.1.0"}); err != nil {
		t.Fatal(err)
	}
	stop := runConnected(t, c)
	await(t, lines, "connection", `"ONLINE"`)
	await(t, lines, "factsheet", `"0.1.0"`)
	if err := c.PublishState(someState()); err != nil {
		t.Fatal(err)
	}
	await(t, lines, "state", `"health":"ok"`)
	m.Publish(robotTopic("ask"), `{"requestId":"r1","question":"how far is the nearest chair?"}`)
	await(t, lines, "answer/r1", `"status":"answered"`)
	m.Publish(robotTopic("ask"), `how far?`)
	await(t, lines, "answer/invalid", `"status":"refused"`)
	m.Publish(robotTopic("ask"), `{"requestId":"r2","question":"`+long(200_000)+`"}`)
	await(t, lines, "answer/r2", `more than 65536`)
	m.Publish(robotTopic("ask"), `{"requestId":"r3","question":"`+long(501)+`"}`)
	await(t, lines, "answer/r3", `longer than 500`)
	m.Publish(robotTopic("command"), `{"requestId":"c1","command":"stateRequest"}`)
	await(t, lines, "command/c1", `"done"`)
	stop()
	await(t, lines, "connection", `"OFFLINE"`)
}

func TestMosquittoSeesTheWill(t *testing.T) {
	m := linktest.StartMosquitto(t, "")
	cable := linktest.NewCable(t, m.Addr())
	lines := m.Subscribe(robotTopic("connection"))
	runConnected(t, newClient(t, cable.URL(), newEcho()))
	await(t, lines, "connection", `"ONLINE"`)
	cable.Cut()
	await(t, lines, "connection", `"CONNECTION_BROKEN"`)
	await(t, lines, "connection", `"ONLINE"`)
}

func TestMosquittoKilledAndRestarted(t *testing.T) {
	m := linktest.StartMosquitto(t, "")
	c := newClient(t, m.URL(), newEcho())
	if err := c.PublishState(someState()); err != nil {
		t.Fatal(err)
	}
	runConnected(t, c)
	m.Kill()
	linktest.Eventually(t, "loss noticed", func() bool { return !c.Stats().Connected })
	m.Restart()
	linktest.Eventually(t, "connection", func() bool { return c.Stats().Connected })
	lines := m.Subscribe(robotTopic("#"))
	await(t, lines, "connection", `"ONLINE"`)
	await(t, lines, "state", `"connections":0`) // the state from before the first connection, kept
	asker := dial(t, m.URL())
	if answer, err := asker.Ask(t.Context(), payload.Ask{Question: "q"}); err != nil || answer.Status != payload.Answered {
		t.Errorf("%+v, %v", answer, err)
	}
}
