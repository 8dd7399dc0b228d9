package daemon_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/daemon"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

// served is a robot with a store that systemd would start again, and somebody whom it obeys.
func served(t *testing.T, cfg config.Config, signer *commander) *robot {
	t.Helper()
	r := launchWith(t, daemon.Options{Config: cfg, Supervised: true}).watching()
	signer.guest = join(t, r.info.Broker)
	return r
}

// outcome orders an activation and returns the event that tells how it ended.
func (c *commander) outcome(t *testing.T, r *robot, parameters string) *payload.Update {
	t.Helper()
	listener := join2(t, r.info.Broker, "event/"+string(payload.ModelUpdate))
	c.obeyed(t, "model.activate", parameters)
	var event payload.Event
	if err := json.Unmarshal(listener.await("event/modelUpdate", `"outcome"`).Payload(), &event); err != nil {
		t.Fatal(err)
	}
	return event.Model
}

func (r *robot) ended() {
	r.t.Helper()
	select {
	case <-r.done:
	case <-time.After(patience):
		r.t.Fatal("the daemon does not end")
	}
	if r.err != nil {
		r.t.Fatalf("it ended with %v", r.err)
	}
}

func TestABundleIsUpdatedByOrders(t *testing.T) {
	cfg, dir := updatable(t, bundleSpec())
	c := &commander{signer: newSigner(t, "ops")}
	trusting(t, &cfg, c.signer)
	cfg.Update.Probation = 3 * time.Second // the test has to listen by then

	r := served(t, cfg, c)
	if text := c.obeyed(t, "model.list", ""); !strings.Contains(text, "no bundle is installed") {
		t.Error(text)
	}
	if text := c.obeyed(t, "model.install", `{"from":"`+dir+`"}`); !strings.HasPrefix(text, "tiny@0.0.2 is installed") {
		t.Error(text)
	}
	u := c.outcome(t, r, `{"restart":true}`)
	if u.Outcome != payload.UpdateOnTrial || u.Version != "0.0.2" || u.Digest == "" {
		t.Errorf("%+v", u)
	}
	r.ended()

	r = served(t, cfg, c)
	if r.info.Bundle != "tiny 0.0.2" {
		t.Errorf("after the restart %s runs", r.info.Bundle)
	}
	c.await("event/modelUpdate", `"confirmed"`)
	if text := c.obeyed(t, "model.list", ""); !strings.HasPrefix(text, "current: tiny@0.0.2 ") {
		t.Error(text)
	}
	c.obeyed(t, "model.rollback", `{"restart":true}`)
	r.ended()
	if r = served(t, cfg, c); r.info.Bundle != "tiny 0.0.1" {
		t.Errorf("after going back %s runs", r.info.Bundle)
	}
	c.obeyed(t, "restart", "")
	r.ended()
}

func TestABundleThatFailsIsNotActivatedByOrder(t *testing.T) {
	wrong := bundleSpec()
	wrong.WrongPrecision = models.FP32
	cfg, dir := updatable(t, wrong)
	c := &commander{signer: newSigner(t, "ops")}
	trusting(t, &cfg, c.signer)
	r := served(t, cfg, c)
	c.obeyed(t, "model.install", `{"from":"`+dir+`"}`)
	if u := c.outcome(t, r, `{"bundle":"tiny@0.0.2","restart":true}`); u.Outcome != payload.UpdateRefused {
		t.Errorf("%+v", u)
	}
	if text := c.obeyed(t, "model.list", ""); !strings.HasPrefix(text, "installed: tiny@0.0.2 ") {
		t.Error(text)
	}
}

func TestOrdersAboutBundlesThatCannotBeObeyed(t *testing.T) {
	cfg := settings(t, small)
	signer := newSigner(t, "ops")
	trusting(t, &cfg, signer)
	r := start(t, cfg)
	c := &commander{guest: join(t, r.info.Broker), signer: signer}
	for name, reason := range map[string]string{"model.list": "update.dir", "restart": "systemd"} {
		if reply := c.give(t, c.message(t, name, "")); reply.Status != payload.CommandRefused ||
			!strings.Contains(reply.Reason, reason) {
			t.Errorf("%s: %+v", name, reply)
		}
	}
	r.stop()
	cfg, dir := updatable(t, bundleSpec())
	trusting(t, &cfg, signer)
	c = &commander{guest: join(t, start(t, cfg).info.Broker), signer: signer, sequence: c.sequence}
	for parameters, reason := range map[string]string{
		`{"from":"` + dir + `/absent"}`: "absent", `{}`: `"from"`, `{"from":1}`: "parameters", `{"restart":true}`: "systemd",
	} {
		if reply := c.give(t, c.message(t, "model.install", parameters)); reply.Status != payload.CommandRefused ||
			!strings.Contains(reply.Reason, reason) {
			t.Errorf("%s: %+v", parameters, reply)
		}
	}
}
