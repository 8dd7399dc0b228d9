// Package acl_test holds the documented access lists against real brokers.
package acl_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"go.uber.org/goleak"

	"github.com/vega-edge/vegad/runtime/link"
	"github.com/vega-edge/vegad/runtime/link/certificate"
	"github.com/vega-edge/vegad/runtime/link/certificate/certificatetest"
	"github.com/vega-edge/vegad/runtime/link/linktest"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 15 * time.Second

// hub is a broker with the documented configuration. Robots and operators may have authorities and doors of their own.
type hub struct {
	robots, operators       *certificatetest.Authority
	robotsURL, operatorsURL string
	folder                  string // holds the broker's own certificate, hub.pem and hub.key
	authority               string // file of the authority of the broker's own certificate
}

// config is what a client with the certificate of a name uses.
func (h *hub) config(t *testing.T, signer *certificatetest.Authority, name string) *tls.Config {
	t.Helper()
	p := signer.Write(t, t.TempDir(), name)
	s, err := certificate.Open(certificate.Files{Authorities: h.authority, Certificate: p.Certificate, Key: p.Key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s.Client()
}

// echo answers every question with its text.
type echo struct {
	client *link.Client
	mu     sync.Mutex
	asked  []string
}

func (e *echo) HandleAsk(_ context.Context, ask payload.Ask, _ time.Time) {
	e.mu.Lock()
	e.asked = append(e.asked, ask.RequestID)
	e.mu.Unlock()
	answer := payload.Answer{Question: ask.Question, Status: payload.Abstained, Reason: "heard"}
	_ = e.client.PublishAnswer(ask.RequestID, answer, ask.ReplyTo)
}

func (*echo) HandleBadAsk(string, error)                                     {}
func (*echo) HandlePose(payload.Pose)                                        {}
func (*echo) HandleCommand(context.Context, payload.Command) (string, error) { return "obeyed", nil }
func (*echo) HandleWatch(context.Context, payload.Watch)                     {}

// robot runs a robot with a serial number and the certificate of a name.
func (h *hub) robot(t *testing.T, serial, name string) *echo {
	t.Helper()
	e := &echo{}
	config := h.config(t, h.robots, name)
	c, err := link.New(link.Config{
		Broker: h.robotsURL, Manufacturer: "acme", Serial: serial, Logger: slog.New(slog.DiscardHandler), Handler: e,
		Watcher: e, FreshTLS: func() *tls.Config { return config }, MaxBackoff: time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	e.client = c
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return e
}

// eventually polls, because a real network has no other clock than its own.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	linktest.Within(t, patience, what, holds)
}

// client is a client of any kind beside vegad's own code.
type client struct {
	paho.Client
	got chan paho.Message
}

func options(url, id string, config *tls.Config) *paho.ClientOptions {
	return paho.NewClientOptions().AddBroker(strings.Replace(url, "mqtts://", "ssl://", 1)).SetTLSConfig(config).
		SetClientID(id).SetAutoReconnect(false).SetConnectTimeout(patience).SetProtocolVersion(4)
}

func join(t *testing.T, opts *paho.ClientOptions, filters ...string) *client {
	t.Helper()
	c := &client{got: make(chan paho.Message, 1000)}
	opts.SetDefaultPublishHandler(func(_ paho.Client, m paho.Message) { c.got <- m })
	c.Client = paho.NewClient(opts)
	finish(t, c.Connect())
	t.Cleanup(func() { c.Disconnect(100) })
	for _, filter := range filters {
		finish(t, c.Subscribe(filter, 1, nil))
	}
	return c
}

func (h *hub) operator(t *testing.T, name string, filters ...string) *client {
	t.Helper()
	return join(t, options(h.operatorsURL, name+"-tool", h.config(t, h.operators, name)), filters...)
}

func finish(t *testing.T, token paho.Token) {
	t.Helper()
	if !token.WaitTimeout(patience) {
		t.Fatal("the broker does not answer")
	}
	if err := token.Error(); err != nil {
		t.Fatal(err)
	}
}

// until collects the topics that arrive, the last one included.
func (c *client) until(t *testing.T, last string) map[string]string {
	t.Helper()
	seen := make(map[string]string)
	limit := time.After(patience)
	for {
		select {
		case m := <-c.got:
			seen[m.Topic()] = string(m.Payload())
			if m.Topic() == last {
				return seen
			}
		case <-limit:
			t.Fatalf("no message on %s came, only %v", last, seen)
		}
	}
}

// attempt publishes at QoS 0 on a connection of its own, and waits until the broker has read it: it answers a
// subscription after it. A broker may end the connection for what it does not allow.
func attempt(t *testing.T, opts *paho.ClientOptions, topic, text string) {
	t.Helper()
	c := paho.NewClient(opts)
	finish(t, c.Connect())
	defer c.Disconnect(50)
	c.Publish(topic, 0, false, text).WaitTimeout(patience)
	c.Unsubscribe("none").WaitTimeout(2 * time.Second)
}

func root(name string) string { return "vegad/v1/acme/" + name + "/" }

// conversation is what every hub must allow: a robot is seen, asked and commanded.
func conversation(t *testing.T, h *hub) {
	h.robot(t, "0001", "0001")
	o := h.operator(t, "planner", "vegad/v1/#", "vegad-client/planner/#")
	if seen := o.until(t, root("0001")+"connection"); !strings.Contains(seen[root("0001")+"connection"], "ONLINE") {
		t.Errorf("%v", seen)
	}
	asker, err := link.Dial(t.Context(), link.AskerConfig{
		Broker: h.operatorsURL, TLS: h.config(t, h.operators, "planner"), Manufacturer: "acme", Serial: "0001",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = asker.Close() }()
	answer, err := asker.Ask(t.Context(), payload.Ask{Question: "q"})
	if err != nil || answer.Reason != "heard" {
		t.Fatalf("%+v, %v", answer, err)
	}
	reply, err := asker.Command(t.Context(), payload.Command{RequestID: "c1", Command: payload.StateRequest})
	if err != nil || reply.Status != payload.CommandDone || reply.Text != "obeyed" {
		t.Fatalf("%+v, %v", reply, err)
	}
	text, err := json.Marshal(payload.Ask{RequestID: "r9", Question: "q", ReplyTo: "vegad-client/planner/in"})
	if err != nil {
		t.Fatal(err)
	}
	finish(t, o.Publish(root("0001")+"ask", 1, false, text))
	o.until(t, "vegad-client/planner/in")
}

// trespasses are what a robot's certificate must not do, and an operator's must not.
func trespasses(t *testing.T, h *hub) {
	witness := h.operator(t, "planner", "vegad/v1/#", "vegad-client/planner/#")
	intruder := func() *paho.ClientOptions { return options(h.robotsURL, "0001", h.config(t, h.robots, "0001")) }
	other := root("0002")
	for _, topic := range []string{
		other + "connection", other + "state", other + "answer/r1", other + "ask", other + "command", other + "pose",
		root("0001") + "ask", root("0001") + "command", root("0001") + "pose", root("0001") + "receipt/hub",
		"vegad/v1/other/0001/state",
	} {
		attempt(t, intruder(), topic, "robot")
	}
	tool := h.config(t, h.operators, "planner")
	for _, topic := range []string{
		root("0001") + "state", root("0001") + "connection", root("0001") + "answer/r1", root("0001") + "command/c1",
		root("0001") + "pose", root("0001") + "receipt/other", "vegad-client/planner/x",
	} {
		attempt(t, options(h.operatorsURL, "t2", tool), topic, "operator")
	}
	attempt(t, intruder(), root("0001")+"stats", "allowed")
	for topic, text := range witness.until(t, root("0001")+"stats") {
		if text == "robot" || text == "operator" {
			t.Errorf("%s wrote on %s", text, topic)
		}
	}
}

// overheard makes sure that a robot does not read what is meant for another.
func overheard(t *testing.T, h *hub) {
	spy := join(t, options(h.robotsURL, "0001", h.config(t, h.robots, "0001")))
	for _, filter := range []string{root("0002") + "#", "#", "vegad/v1/#", "vegad/v1/acme/+/ask", root("0001") + "ask"} {
		spy.Subscribe(filter, 1, nil).WaitTimeout(patience)
	}
	o := h.operator(t, "planner")
	finish(t, o.Publish(root("0002")+"ask", 1, false, "secret"))
	finish(t, o.Publish(root("0002")+"command", 1, false, "secret"))
	finish(t, o.Publish(root("0001")+"ask", 1, false, "own"))
	for topic, text := range spy.until(t, root("0001")+"ask") {
		if text == "secret" {
			t.Errorf("robot 0001 read %s", topic)
		}
	}
}

// strangers must not get in.
func strangers(t *testing.T, h *hub) {
	elsewhere := certificatetest.New(t, "elsewhere")
	bare := h.config(t, h.robots, "0001")
	bare.Certificates = nil
	old := h.config(t, h.robots, "0001")
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	cases := map[string]*tls.Config{
		"another authority's certificate": h.config(t, elsewhere, "0001"), "no certificate": bare, "TLS 1.1": old,
	}
	if h.robots != h.operators {
		cases["an operator at the robots' door"] = h.config(t, h.operators, "planner")
	}
	for what, config := range cases {
		c := paho.NewClient(options(h.robotsURL, "0001", config))
		if token := c.Connect(); !token.WaitTimeout(patience) || token.Error() == nil {
			t.Errorf("%s was let in", what)
			c.Disconnect(50)
		}
	}
	plain := options(strings.Replace(h.robotsURL, "mqtts://", "tcp://", 1), "0001", nil).SetConnectTimeout(2 * time.Second)
	if token := paho.NewClient(plain).Connect(); !token.WaitTimeout(patience) || token.Error() == nil {
		t.Error("a plain client was let in")
	}
}

// oversize sends a robot more than any message of the contract; the robot must not see it, and must live on.
func oversize(t *testing.T, h *hub) {
	e := h.robot(t, "0001", "0001")
	eventually(t, "connection", func() bool { return e.client.Stats().Connected })
	tool := h.config(t, h.operators, "planner")
	attempt(t, options(h.operatorsURL, "t3", tool), root("0001")+"ask",
		`{"requestId":"big","question":"`+strings.Repeat("x", 300<<10)+`"}`)
	o := h.operator(t, "planner", root("0001")+"answer/+")
	finish(t, o.Publish(root("0001")+"ask", 1, false, `{"requestId":"small","question":"q"}`))
	if seen := o.until(t, root("0001")+"answer/small"); seen[root("0001")+"answer/big"] != "" {
		t.Errorf("a message beyond the limit went through: %v", seen)
	}
	if n := e.client.Stats().Connections; n != 1 {
		t.Errorf("the robot connected %d times", n)
	}
}

// retained orders must not be obeyed by a robot that comes later.
func retained(t *testing.T, h *hub) {
	o := h.operator(t, "planner", root("0001")+"#")
	finish(t, o.Publish(root("0001")+"ask", 1, true, `{"requestId":"old","question":"q"}`))
	o.until(t, root("0001")+"ask")
	e := h.robot(t, "0001", "0001")
	o.until(t, root("0001")+"connection")
	finish(t, o.Publish(root("0001")+"ask", 1, false, `{"requestId":"new","question":"q"}`))
	o.until(t, root("0001")+"answer/new")
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.asked) != 1 || e.client.Stats().Refused != 1 {
		t.Errorf("asked %v, refused %d", e.asked, e.client.Stats().Refused)
	}
	finish(t, o.Publish(root("0001")+"ask", 1, true, ""))
}

// adapt copies a documented file with its places and ports exchanged; each must be there.
func adapt(t *testing.T, name string, to string, changes ...string) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(string(text), changes[i]) {
			t.Fatalf("%s does not say %s", name, changes[i])
		}
	}
	if err := os.WriteFile(to, []byte(strings.NewReplacer(changes...).Replace(string(text))), 0o600); err != nil {
		t.Fatal(err)
	}
}

// equip writes the broker's own certificate, and the authority that signed it, into the hub's folder.
func (h *hub) equip(t *testing.T) {
	t.Helper()
	h.folder = t.TempDir()
	hubCA := certificatetest.New(t, "hub authority")
	p := hubCA.Write(t, h.folder, "hub")
	h.authority = filepath.Join(h.folder, "hub-ca.pem")
	if err := os.Rename(p.Authority, h.authority); err != nil {
		t.Fatal(err)
	}
}
