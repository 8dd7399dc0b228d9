package daemon_test

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/vega-edge/vegad/runtime/link/broker"
)

// ownBroker is a broker that outlives robots and allows one announcement.
func ownBroker(t *testing.T, announced string) *broker.Broker {
	t.Helper()
	b, err := broker.Start(t.Context(), broker.Config{
		Addr: "127.0.0.1:0", Announced: announced, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// home is a Home Assistant as far as discovery goes: it hears configurations.
func home(t *testing.T, url, id, filter string) <-chan paho.Message {
	t.Helper()
	heard := make(chan paho.Message, 100)
	client := paho.NewClient(paho.NewClientOptions().AddBroker(url).SetClientID(id).SetAutoReconnect(false))
	g := &guest{t: t, client: client}
	g.finish(client.Connect())
	t.Cleanup(func() { client.Disconnect(100) })
	g.finish(client.Subscribe(filter, 1, func(_ paho.Client, m paho.Message) { heard <- m }))
	return heard
}

func next(t *testing.T, heard <-chan paho.Message) paho.Message {
	t.Helper()
	select {
	case m := <-heard:
		return m
	case <-time.After(patience):
		t.Fatal("Home Assistant hears nothing")
		return nil
	}
}

// TestHomeAssistant announces a robot, comes back on another prefix, and is taken back when that is turned off.
func TestHomeAssistant(t *testing.T) {
	const topic = "homeassistant/device/vegad_acme/r1/config"
	state := t.TempDir()
	t.Setenv("STATE_DIRECTORY", state)
	b := ownBroker(t, topic)
	heard := home(t, b.URL(), "home", "homeassistant/#")

	cfg := settings(t, small)
	cfg.Broker.URL, cfg.HomeAssistant.Discovery = b.URL(), "on"
	r := start(t, cfg)
	m := next(t, heard)
	var a struct {
		Device       struct{ Identifiers []string }
		Availability []struct{ Topic string }
		Components   map[string]struct {
			Topic string `json:"state_topic"`
		}
	}
	if err := json.Unmarshal(m.Payload(), &a); err != nil || m.Topic() != topic {
		t.Fatalf("%s: %v", m.Topic(), err)
	}
	if a.Device.Identifiers[0] != "vegad_acme_r1" || a.Components["camera_front"].Topic != "vegad/v1/acme/r1/state" {
		t.Errorf("%+v", a)
	}
	join2(t, b.URL(), "state").await("state", `"health"`) // what the announcement points to is there
	noted := func() string {
		text, _ := os.ReadFile(filepath.Join(state, "homeassistant"))
		return string(text)
	}
	r.stop()
	if noted() != topic {
		t.Errorf("%q is remembered", noted())
	}
	if again := next(t, home(t, b.URL(), "late", topic)); !again.Retained() || again.Topic() != topic {
		t.Error("the announcement is not retained")
	}

	cfg.HomeAssistant.Discovery = "off"
	r = start(t, cfg)
	if m = next(t, heard); len(m.Payload()) > 0 || m.Topic() != topic {
		t.Errorf("%s holds %d bytes", m.Topic(), len(m.Payload()))
	}
	eventually(t, "the memory of it", func() bool { return noted() == "" })
	r.stop()
}

// TestHomeAssistantIsRefused holds that a broker that does not allow the announcement costs the robot nothing else.
func TestHomeAssistantIsRefused(t *testing.T) {
	b := ownBroker(t, "")
	cfg := settings(t, small)
	cfg.Broker.URL, cfg.HomeAssistant.Discovery = b.URL(), "on"
	r := start(t, cfg)
	eventually(t, "the refusal", func() bool { return r.journal.tells("Home Assistant is not told", "config") })
	r.info.Broker = b.URL()
	if a := join(t, b.URL()).ask(`"question":"how many chairs are there?"`); a.Model == nil {
		t.Errorf("%+v", a)
	}
	if r.journal.tells("no connection to the broker") {
		t.Error("the robot's own connection was lost for it")
	}
}

// TestHomeAssistantOnTheEmbeddedBroker lets the embedded broker take the announcement.
func TestHomeAssistantOnTheEmbeddedBroker(t *testing.T) {
	cfg := settings(t, small)
	cfg.HomeAssistant.Discovery, cfg.HomeAssistant.Prefix = "on", "homeassistant"
	r := start(t, cfg)
	m := next(t, home(t, r.info.Broker, "home", "homeassistant/#"))
	if !strings.Contains(string(m.Payload()), "vegad_acme_r1_health") {
		t.Errorf("%s", m.Payload())
	}
}
