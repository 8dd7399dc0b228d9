package daemon_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/runtime/link/linktest"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/link/payload/payloadtest"
)

// await returns the payload of the next line on a topic of the robot that holds the part, and whether it was retained.
func await(t *testing.T, lines <-chan linktest.Line, name, part string) (text string, retained bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		select {
		case line := <-lines:
			if line.Topic == topic(name) && strings.Contains(line.Payload, part) {
				payloadtest.Check(t, name, []byte(line.Payload))
				return line.Payload, line.Retained
			}
		case <-ctx.Done():
			t.Fatalf("mosquitto_sub saw no %s with %s", name, part)
		}
	}
}

func TestMosquittoConversation(t *testing.T) {
	m := linktest.StartMosquitto(t, linktest.FreePort(t))
	lines := m.Subscribe(topic("#"))
	cfg := settings(t, small)
	cfg.Broker.URL = m.URL()
	r := start(t, cfg)
	await(t, lines, "connection", `"ONLINE"`)
	sheet, _ := await(t, lines, "factsheet", `"tiny"`)
	for _, part := range []string{`"count"`, `"exists"`, `"ball"`, `"cpu"`, `"calibrated":true`, `"fp32"`} {
		if !strings.Contains(sheet, part) {
			t.Errorf("the factsheet does not say %s: %s", part, sheet)
		}
	}
	await(t, lines, "state", `"health":"ok"`)
	await(t, lines, "scene", `"objects":[{`)
	m.Publish(topic("ask"), `{"requestId":"r1","question":"how many balls are there?"}`)
	await(t, lines, "answer/r1", `"status":"answered"`)
	m.Publish(topic("ask"), `nonsense`)
	await(t, lines, "answer/invalid", `"status":"refused"`)
	r.stop()
	await(t, lines, "connection", `"OFFLINE"`)
	late := m.Subscribe(topic("#")) // who comes later sees the robot's last word
	if _, retained := await(t, late, "connection", `"OFFLINE"`); !retained {
		t.Error("OFFLINE is not retained")
	}
	if _, retained := await(t, late, "factsheet", ""); !retained {
		t.Error("the factsheet is not retained")
	}
}

// The broker comes up after the robot, dies, and comes back.
func TestMosquittoComesLateAndDies(t *testing.T) {
	port := linktest.FreePort(t)
	cfg := settings(t, small)
	cfg.Broker.URL = "mqtt://127.0.0.1:" + port
	r := start(t, cfg) // watching does not wait for the broker
	eventually(t, "word of the missing broker", func() bool {
		return r.journal.tells("no connection to the broker", "refused", "retry_in")
	})
	m := linktest.StartMosquitto(t, port)
	talk := func() {
		t.Helper()
		lines := m.Subscribe(topic("#"))
		await(t, lines, "connection", `"ONLINE"`)
		await(t, lines, "state", `"health":"ok"`)
		m.Publish(topic("ask"), `{"requestId":"r1","question":"how many balls are there?"}`)
		await(t, lines, "answer/r1", fmt.Sprintf(`"status":%q`, payload.Answered))
	}
	talk()
	m.Kill()
	before := r.seen()
	eventually(t, "pictures without a broker", func() bool { return r.seen() > before+5 })
	m = linktest.StartMosquitto(t, port)
	talk()
}
