// Package nats_test holds the documented cluster against real nodes, which are killed.
package nats_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"

	"github.com/vega-edge/vegad/runtime/fleet"
	"github.com/vega-edge/vegad/runtime/link"
	"github.com/vega-edge/vegad/runtime/link/certificate"
	"github.com/vega-edge/vegad/runtime/link/certificate/certificatetest"
	"github.com/vega-edge/vegad/runtime/link/linktest"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/outbox"
)

// nodeVariable names the configuration when the test binary runs as a node.
const nodeVariable = "VEGAD_NATS_NODE"

func TestMain(m *testing.M) {
	if conf := os.Getenv(nodeVariable); conf != "" {
		if err := beNode(conf); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// beNode is a NATS server, until it is killed.
func beNode(conf string) error {
	opts, err := server.ProcessConfigFile(conf)
	if err != nil {
		return err
	}
	opts.LogFile = conf + ".log"
	s, err := server.NewServer(opts)
	if err != nil {
		return err
	}
	s.ConfigureLogger()
	s.Start()
	s.WaitForShutdown()
	return errors.New("the node ended by itself")
}

const (
	nodes  = 3
	robots = 6
)

// hub is a cluster with the documented configuration.
type hub struct {
	*linktest.NATS
	authority *certificatetest.Authority
	ca        string // file of the authority
}

func startHub(t *testing.T) *hub {
	t.Helper()
	h := &hub{authority: certificatetest.New(t, "fleet"), ca: filepath.Join(t.TempDir(), "ca.pem")}
	certificatetest.Put(t, h.ca, h.authority.PEM)
	routes := make([]string, nodes)
	for i := range routes {
		routes[i] = linktest.FreePort(t)
	}
	files := make([]linktest.NATSNode, nodes)
	for i := range files {
		files[i] = h.configure(t, i, routes)
	}
	h.NATS = linktest.StartNATSNodes(t, files, func(conf string) *exec.Cmd {
		cmd := exec.Command(os.Args[0], "-test.run=^$")
		cmd.Env, cmd.Stderr = append(os.Environ(), nodeVariable+"="+conf), os.Stderr
		return cmd
	})
	return h
}

// configure writes the documented files of a node, with the ports, folders and robots of this test.
func (h *hub) configure(t *testing.T, i int, routes []string) linktest.NATSNode {
	t.Helper()
	dir, name := t.TempDir(), "hub-"+string(rune('a'+i))+".conf"
	h.authority.Write(t, dir, "hub")
	node := linktest.NATSNode{
		Conf: filepath.Join(dir, name), Log: filepath.Join(dir, name+".log"),
		MQTT: linktest.FreePort(t), Monitor: linktest.FreePort(t),
	}
	changes := []string{
		"/etc/nats/certs/", dir + "/", "/var/lib/nats", filepath.Join(dir, "store"),
		"127.0.0.1:8222", "127.0.0.1:" + node.Monitor, "127.0.0.1:4222", "127.0.0.1:" + linktest.FreePort(t),
		"0.0.0.0:8883", "127.0.0.1:" + node.MQTT, "0.0.0.0:6222", "127.0.0.1:" + routes[i],
	}
	for j, letter := range []string{"a", "b", "c"} {
		changes = append(changes, "hub-"+letter+".example:6222", "127.0.0.1:"+routes[j])
	}
	adapt(t, name, dir)
	adapt(t, "hub.conf", dir, changes...)
	enroll(t, dir)
	return node
}

// adapt writes a documented file with changes, each of which must be one.
func adapt(t *testing.T, name, dir string, changes ...string) {
	t.Helper()
	text := read(t, name)
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(text, changes[i]) {
			t.Fatalf("%s does not hold %q", name, changes[i])
		}
		text = strings.ReplaceAll(text, changes[i], changes[i+1])
	}
	certificatetest.Put(t, filepath.Join(dir, name), []byte(text))
}

// enroll writes users.conf with an entry for each robot, as the documented one is.
func enroll(t *testing.T, dir string) {
	t.Helper()
	const begin, end = "    {\n      user: \"CN=0001\"", "    # Whoever takes answers"
	text := read(t, "users.conf")
	from, to := strings.Index(text, begin), strings.Index(text, end)
	if from < 0 || to < from {
		t.Fatal("users.conf has no entry of a robot")
	}
	var all strings.Builder
	for i := range robots {
		all.WriteString(strings.ReplaceAll(text[from:to], "0001", serial(i)))
	}
	certificatetest.Put(t, filepath.Join(dir, "users.conf"), []byte(text[:from]+all.String()+text[to:]))
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func serial(i int) string { return fmt.Sprintf("%04d", i+1) }

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// urls are where clients find the nodes, beginning with one of them.
func (h *hub) urls(first int) []string {
	var out []string
	for _, addr := range h.Addrs(first % nodes) {
		out = append(out, "mqtts://"+addr)
	}
	return out
}

// config is what a client with the certificate of a name uses.
func (h *hub) config(t *testing.T, name string) *tls.Config {
	t.Helper()
	p := h.authority.Write(t, t.TempDir(), name)
	s, err := certificate.Open(certificate.Files{Authorities: h.ca, Certificate: p.Certificate, Key: p.Key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s.Client()
}

// robot is the real sender: an outbox on disk and a link that knows all nodes.
type robot struct {
	t      *testing.T
	box    *outbox.Box
	client *link.Client
	ledger *linktest.Ledger
	id     linktest.ID
	stop   func()
}

func (*robot) HandleAsk(context.Context, payload.Ask, time.Time) {}
func (*robot) HandleBadAsk(string, error)                        {}
func (*robot) HandlePose(payload.Pose)                           {}
func (*robot) HandleCommand(context.Context, payload.Command) (answer string, err error) {
	return "", nil
}

// robot starts number i at node i.
func (h *hub) robot(t *testing.T, i int) *robot {
	t.Helper()
	r := &robot{t: t, ledger: linktest.NewLedger(), id: linktest.ID{Source: i}}
	var err error
	if r.box, err = outbox.Open(outbox.Config{Dir: t.TempDir(), Logger: discard()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.box.Close() })
	urls, config := h.urls(i), h.config(t, serial(i))
	r.client, err = link.New(link.Config{
		Broker: urls[0], Failover: urls[1:], FreshTLS: func() *tls.Config { return config }, Manufacturer: "acme",
		Serial: serial(i), Logger: discard(), Handler: r, Outbox: r.box, ReplayRate: 1e6, SubscribeQoS0: true,
		AckTimeout: 10 * time.Second, MaxBackoff: 500 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- r.client.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(r.stop)
	return r
}

// publish sends n messages, answers and events in turn, and owes them to the consumer.
func (r *robot) publish(n int) {
	r.t.Helper()
	for range n {
		r.id.N++
		if err := r.send(); err != nil {
			r.t.Fatal(err)
		}
		r.ledger.Owe(r.id, []string{"event", "answer"}[r.id.N%2])
	}
}

func (r *robot) send() error {
	if r.id.N%2 == 0 {
		return r.client.PublishEvent(payload.Event{Kind: payload.PathBlocked, Text: r.id.String()})
	}
	refusal := payload.Answer{Status: payload.Refused, Reason: r.id.String()}
	return r.client.PublishAnswer(fmt.Sprint("r", r.id.N), refusal, "")
}

// fleetOf is all robots.
type fleetOf []*robot

// publishOver has every robot send n messages in so much time.
func (f fleetOf) publishOver(n int, span time.Duration) {
	tick := time.NewTicker(span / 10)
	defer tick.Stop()
	for range 10 {
		for _, r := range f {
			r.publish(n / 10)
		}
		<-tick.C
	}
}

// settle waits until all that is owed has come, and returns how long that took.
func (f fleetOf) settle(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	for _, r := range f {
		linktest.Within(t, 2*time.Minute, "all of robot "+r.client.Broker().String(), func() bool {
			return r.client.Outbox().Depth == 0 && r.ledger.Settled()
		})
	}
	return time.Since(began)
}

// consume takes what all robots send, with a session that the hub keeps.
func (h *hub) consume(t *testing.T, all fleetOf) {
	t.Helper()
	ledgers := make(map[string]*linktest.Ledger, len(all))
	for i, r := range all {
		ledgers[serial(i)] = r.ledger
	}
	urls := h.urls(1)
	linktest.Consumer{
		URL: urls[0], Further: urls[1:], TLS: h.config(t, "planner"), Root: "vegad/v1/acme/+/", Session: true,
		LedgerOf: func(topic string) *linktest.Ledger { return ledgers[strings.Split(topic, "/")[3]] },
	}.Start(t)
}

// watch keeps a registry fed, as vegad fleet watch does.
func (h *hub) watch(t *testing.T) *fleet.Registry {
	t.Helper()
	r := fleet.New(fleet.Config{})
	urls := h.urls(2)
	l, err := link.NewListener(link.ListenerConfig{
		Broker: urls[0], Failover: urls[1:], TLS: h.config(t, "watcher"), Filters: r.Topics(true), Logger: discard(),
		Subscribed: r.Listen, MaxBackoff: 500 * time.Millisecond,
		Receive: func(topic string, data []byte, retained bool) {
			if err := r.Take(topic, data, retained); err != nil {
				t.Errorf("%s: %v", topic, err)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var task sync.WaitGroup
	task.Go(func() { _ = l.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		task.Wait()
	})
	return r
}

// TestNodesAreKilled kills one node after the other while robots at all of them publish: nothing that was acknowledged
// to a robot is lost, and whoever watches sees every robot again.
func TestNodesAreKilled(t *testing.T) {
	h := startHub(t)
	var all fleetOf
	for i := range robots {
		all = append(all, h.robot(t, i))
	}
	watcher := h.watch(t)
	h.consume(t, all)
	if at := all.connected(t); len(at) < 2 {
		t.Fatalf("all robots are at one node: %v", at)
	}
	all.publishOver(50, time.Second)
	t.Logf("before anything fails: settled after %v", all.settle(t).Round(time.Millisecond))
	for range 2 {
		node, there := h.fullest(t, all)
		all.publishOver(50, 500*time.Millisecond)
		h.Kill(node)
		all.publishOver(100, 2*time.Second)
		took := all.settle(t)
		if at := all.connected(t); at[h.urls(node)[0]] > 0 {
			t.Errorf("robots are at the dead node: %v", at)
		}
		t.Logf("node %d killed, with %d robots: settled %v after the last message, with two nodes", node, there,
			took.Round(time.Millisecond))
		h.Restart(node)
		all.publishOver(50, 500*time.Millisecond)
		all.settle(t)
	}
	seen(t, watcher, payload.Online)
	for i, r := range all {
		r.stop()
		sum := r.ledger.Sum()
		if sum.Messages != r.id.N || sum.Lost+sum.Twice+sum.Forged > 0 {
			t.Errorf("robot %s: the account does not balance: %+v", serial(i), sum)
		}
		t.Logf("robot %s: %d messages, %d duplicates removed, %d late, %d connections", serial(i), sum.Messages,
			sum.Duplicates, sum.Late, r.client.Stats().Connections)
	}
	seen(t, watcher, payload.Offline)
}

// connected waits until every robot is connected, and counts them by the node where they are.
func (f fleetOf) connected(t *testing.T) map[string]int {
	t.Helper()
	at := map[string]int{}
	for i, r := range f {
		linktest.Within(t, time.Minute, "robot "+serial(i)+" connected", func() bool { return r.client.Stats().Connected })
		at[r.client.Broker().String()]++
	}
	return at
}

// fullest is the node with the most robots, and how many these are.
func (h *hub) fullest(t *testing.T, all fleetOf) (node, there int) {
	t.Helper()
	at := all.connected(t)
	for i := range nodes {
		if n := at[h.urls(i)[0]]; n > there {
			node, there = i, n
		}
	}
	return node, there
}

// seen waits until the watcher sees every robot in a state of its connection.
func seen(t *testing.T, watcher *fleet.Registry, state payload.ConnectionState) {
	t.Helper()
	linktest.Within(t, time.Minute, "every robot "+string(state), func() bool {
		n := 0
		for _, r := range watcher.Snapshot(fleet.ByName) {
			if r.Connection == state {
				n++
			}
		}
		return n == robots
	})
}

// TestRightsOnTheHub holds what users.conf forbids: a robot in another's name, and a watcher who writes.
func TestRightsOnTheHub(t *testing.T) {
	h := startHub(t)
	r := h.robot(t, 0)
	linktest.Within(t, time.Minute, "the robot connected", func() bool { return r.client.Stats().Connected })
	spy, err := link.NewListener(link.ListenerConfig{
		Broker: h.urls(1)[0], TLS: h.config(t, "watcher"), Filters: []string{"vegad/v1/+/+/answer/+"}, Logger: discard(),
		Receive: func(string, []byte, bool) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- spy.Run(ctx) }()
	linktest.Within(t, time.Minute, "the watcher refused", func() bool {
		_, err := spy.Connected()
		return err != nil && strings.Contains(err.Error(), "does not let this client subscribe")
	})
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	asker, err := link.Dial(t.Context(), link.AskerConfig{
		Broker: h.urls(2)[0], TLS: h.config(t, "0002"), Manufacturer: "acme", Serial: "0001",
	})
	if err == nil {
		t.Error("one robot reads the answers of another")
		_ = asker.Close()
	}
}
