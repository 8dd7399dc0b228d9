package broker_test

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/url"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/vega-edge/vegad/runtime/link/broker"
	"github.com/vega-edge/vegad/runtime/link/certificate"
	"github.com/vega-edge/vegad/runtime/link/certificate/certificatetest"
)

// site is a broker that other machines reach, and the authority of its clients.
type site struct {
	broker *broker.Broker
	ca     *certificatetest.Authority
	folder string
}

func store(t *testing.T, p certificatetest.Paths) *certificate.Store {
	t.Helper()
	s, err := certificate.Open(certificate.Files{Authorities: p.Authority, Certificate: p.Certificate, Key: p.Key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newSite(t *testing.T) site {
	t.Helper()
	s := site{ca: certificatetest.New(t, "site"), folder: t.TempDir()}
	config, err := store(t, s.ca.Write(t, s.folder, "robot")).Server()
	if err != nil {
		t.Fatal(err)
	}
	s.broker, err = broker.Start(t.Context(), broker.Config{
		Addr: "127.0.0.1:0", OutsideAddr: "127.0.0.1:0", OutsideTLS: config, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.broker.Close() })
	return s
}

// options are those of a client from outside with the certificate of a name.
func (s site) options(t *testing.T, name string) *paho.ClientOptions {
	t.Helper()
	config := store(t, s.ca.Write(t, t.TempDir(), name)).Client()
	return paho.NewClientOptions().AddBroker("ssl://" + s.broker.OutsideAddr()).SetTLSConfig(config).
		SetClientID("tool").SetAutoReconnect(false)
}

func (s site) join(t *testing.T, opts *paho.ClientOptions) paho.Client {
	t.Helper()
	client := paho.NewClient(opts)
	finish(t, client.Connect())
	t.Cleanup(func() { client.Disconnect(100) })
	return client
}

func refused(t *testing.T, what string, opts *paho.ClientOptions) {
	t.Helper()
	client := paho.NewClient(opts)
	token := client.Connect()
	if !token.WaitTimeout(5*time.Second) || token.Error() == nil {
		t.Errorf("%s was let in", what)
		client.Disconnect(100)
	}
}

func TestOutsideNeedsACertificate(t *testing.T) {
	s := newSite(t)
	opts := s.options(t, "planner")
	opts.SetTLSConfig(&tls.Config{RootCAs: opts.TLSConfig.RootCAs})
	refused(t, "a client without a certificate", opts)
	stranger := site{broker: s.broker, ca: certificatetest.New(t, "elsewhere")}.options(t, "planner")
	stranger.TLSConfig.RootCAs = opts.TLSConfig.RootCAs
	refused(t, "a client of another authority", stranger)
	plain := paho.NewClientOptions().AddBroker("tcp://" + s.broker.OutsideAddr()).SetAutoReconnect(false).
		SetConnectTimeout(2 * time.Second)
	refused(t, "a plain client", plain)
	for _, name := range []string{"a/b", "+", "#", ""} {
		opts := s.options(t, "unfit")
		certificate, key := s.ca.Issue(t, name, time.Hour)
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			t.Fatal(err)
		}
		opts.TLSConfig.Certificates = []tls.Certificate{pair}
		refused(t, "a client named "+name, opts)
	}
	s.join(t, s.options(t, "planner"))
}

const robot = "vegad/v1/acme/0001/"

func TestOutsideMayReadAndAsk(t *testing.T) {
	s := newSite(t)
	inside := connect(t, s.broker)
	planner := s.join(t, s.options(t, "planner"))
	token := planner.SubscribeMultiple(map[string]byte{
		"vegad/#": 1, "vegad-client/planner/#": 1, "vegad-client/other/#": 1, "#": 1, "$SYS/#": 1,
	}, nil)
	finish(t, token)
	for filter, code := range token.(*paho.SubscribeToken).Result() {
		allowed := filter == "vegad/#" || filter == "vegad-client/planner/#"
		if allowed != (code <= 2) {
			t.Errorf("subscribing %s gave %#x", filter, code)
		}
	}
	got := make(chan string, 100)
	finish(t, inside.Subscribe("vegad/#", 1, func(_ paho.Client, m paho.Message) { got <- m.Topic() }))
	denied := []string{
		robot + "state", robot + "connection", robot + "answer/r1", robot + "pose", robot + "command/c1", robot + "ask/x",
		robot + "receipt/other", "vegad/v1/ask", "vegad-client/other/x", "vegad-client/planner/x", "elsewhere",
	}
	allowed := []string{robot + "ask", robot + "watch", robot + "receipt/planner", robot + "command"}
	for _, topic := range append(denied, allowed...) {
		finish(t, planner.Publish(topic, 0, false, "x")) // at QoS 0 a refusal does not end the connection
	}
	seen := make(map[string]bool)
	for !seen[robot+"command"] {
		select {
		case topic := <-got:
			seen[topic] = true
		case <-time.After(5 * time.Second):
			t.Fatalf("only %v arrived", seen)
		}
	}
	for _, topic := range denied {
		if seen[topic] {
			t.Errorf("a client from outside wrote on %s", topic)
		}
	}
	for _, topic := range allowed {
		if !seen[topic] {
			t.Errorf("a client from outside could not write on %s", topic)
		}
	}
}

// A client from outside that calls itself what a robot calls itself must not end the robot's session, nor may a last
// will say what the client itself may not.
func TestOutsideCannotTakeOver(t *testing.T) {
	s := newSite(t)
	lost := make(chan error, 1)
	opts := paho.NewClientOptions().AddBroker(s.broker.URL()).SetClientID("vegad-acme-0001").SetAutoReconnect(false).
		SetConnectionLostHandler(func(_ paho.Client, err error) { lost <- err })
	inside := s.join(t, opts)
	s.join(t, s.options(t, "planner").SetClientID("vegad-acme-0001"))
	finish(t, inside.Publish("vegad/x", 1, false, "still here"))
	select {
	case err := <-lost:
		t.Errorf("the robot lost its session: %v", err)
	default:
	}
	refused(t, "a will on a robot's topic", s.options(t, "planner").SetWill(robot+"connection", "x", 1, true))
	s.join(t, s.options(t, "planner").SetWill(robot+"ask", "x", 1, false))
}

func TestOnlyTheContractRetains(t *testing.T) {
	b := start(t)
	writer := connect(t, b)
	kept := []string{robot + "connection", robot + "factsheet", robot + "state", robot + "watch/w1"}
	passing := []string{
		robot + "ask", robot + "command", robot + "pose", robot + "scene", robot + "answer/r1", robot + "watch",
		"vegad/x", "vegad-client/me/x",
	}
	for _, topic := range append(passing, kept...) {
		finish(t, writer.Publish(topic, 1, true, "x"))
	}
	dieWithWill(t, b, writer, robot+"command")
	got := make(chan paho.Message, 100)
	opts := paho.NewClientOptions().AddBroker(b.URL()).SetClientID("late").SetAutoReconnect(false)
	late := site{}.join(t, opts)
	note := func(_ paho.Client, m paho.Message) { got <- m }
	finish(t, late.SubscribeMultiple(map[string]byte{"vegad/#": 1, "vegad-client/#": 1}, note))
	finish(t, late.Publish("vegad/end", 1, false, "x"))
	seen := make(map[string]bool)
	for !seen["vegad/end"] {
		select {
		case m := <-got:
			seen[m.Topic()] = true
		case <-time.After(5 * time.Second):
			t.Fatalf("only %v arrived", seen)
		}
	}
	for _, topic := range kept {
		if !seen[topic] {
			t.Errorf("%s was not retained", topic)
		}
	}
	if len(seen) != len(kept)+1 {
		t.Errorf("retained: %v", seen)
	}
}

// dieWithWill has a client vanish that leaves a retained will, and waits until another one saw the will.
func dieWithWill(t *testing.T, b *broker.Broker, witness paho.Client, topic string) {
	t.Helper()
	seen := make(chan struct{}, 10)
	finish(t, witness.Subscribe(topic, 1, func(paho.Client, paho.Message) { seen <- struct{}{} }))
	var conn net.Conn
	opts := paho.NewClientOptions().AddBroker(b.URL()).SetClientID("mortal").SetAutoReconnect(false).
		SetWill(topic, "x", 1, true).
		SetCustomOpenConnectionFn(func(u *url.URL, _ paho.ClientOptions) (net.Conn, error) {
			var err error
			conn, err = net.Dial("tcp", u.Host)
			return conn, err
		})
	client := paho.NewClient(opts)
	finish(t, client.Connect())
	_ = conn.Close()
	select {
	case <-seen:
	case <-time.After(5 * time.Second):
		t.Error("nobody saw the will")
	}
	client.Disconnect(100)
}

func TestOutsideNeedsDemandingTLS(t *testing.T) {
	for what, config := range map[string]*tls.Config{
		"no TLS": nil, "no demand": {MinVersion: tls.VersionTLS12},
		"a wish": {MinVersion: tls.VersionTLS12, ClientAuth: tls.VerifyClientCertIfGiven},
	} {
		_, err := broker.Start(t.Context(), broker.Config{
			Addr: "127.0.0.1:0", OutsideAddr: "127.0.0.1:0", OutsideTLS: config, Logger: slog.New(slog.DiscardHandler),
		})
		if err == nil {
			t.Errorf("it serves other machines with %s", what)
		}
	}
}
