package broker_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"go.uber.org/goleak"

	"github.com/vega-edge/vegad/runtime/link/broker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T) *broker.Broker {
	t.Helper()
	b, err := broker.Start(t.Context(), broker.Config{Addr: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func connect(t *testing.T, b *broker.Broker) paho.Client {
	t.Helper()
	opts := paho.NewClientOptions().AddBroker(b.URL()).SetClientID(t.Name()).SetAutoReconnect(false)
	client := paho.NewClient(opts)
	finish(t, client.Connect())
	t.Cleanup(func() { client.Disconnect(100) })
	return client
}

func finish(t *testing.T, token paho.Token) {
	t.Helper()
	if !token.WaitTimeout(5 * time.Second) {
		t.Fatal("the broker does not answer")
	}
	if err := token.Error(); err != nil {
		t.Fatal(err)
	}
}

func TestMessagesPassOnVegadsTopicsOnly(t *testing.T) {
	b := start(t)
	client := connect(t, b)
	got := make(chan string, 10)
	token := client.SubscribeMultiple(map[string]byte{
		"vegad/#": 1, "vegad-client/me/+": 1, "$SYS/broker/version": 0, "#": 1, "+/v1/#": 1, "other/x": 1, "vegadx/y": 1,
		"$share/group/vegad/v1/#": 1, "$share/group/#": 1,
	}, func(_ paho.Client, m paho.Message) { got <- m.Topic() })
	finish(t, token)
	for filter, code := range token.(*paho.SubscribeToken).Result() {
		allowed := strings.Contains(filter, "vegad/") || strings.Contains(filter, "vegad-client/") ||
			strings.HasPrefix(filter, "$SYS")
		if allowed != (code <= 2) {
			t.Errorf("subscribing %s gave %#x", filter, code)
		}
	}
	finish(t, client.Publish("other/x", 0, false, "hidden"))
	finish(t, client.Publish("$SYS/broker/version", 0, false, "forged"))
	finish(t, client.Publish("vegad-client/me/a", 1, false, "seen"))
	seen := make(map[string]int)
	for seen["vegad-client/me/a"] == 0 || seen["$SYS/broker/version"] == 0 {
		select {
		case topic := <-got:
			seen[topic]++
		case <-time.After(5 * time.Second):
			t.Fatalf("only %v arrived", seen)
		}
	}
	if seen["other/x"] > 0 {
		t.Error("a message passed outside of vegad's topics")
	}
}

func TestOversizePacketEndsItsConnection(t *testing.T) {
	b := start(t)
	lost := make(chan error, 1)
	opts := paho.NewClientOptions().AddBroker(b.URL()).SetAutoReconnect(false).
		SetConnectionLostHandler(func(_ paho.Client, err error) { lost <- err })
	client := paho.NewClient(opts)
	finish(t, client.Connect())
	defer client.Disconnect(100)
	client.Publish("vegad/x", 0, false, make([]byte, broker.MaxPacketBytes+1))
	select {
	case err := <-lost:
		t.Logf("the connection ended: %v", err)
	case <-time.After(5 * time.Second):
		t.Fatal("the connection lives on")
	}
	connect(t, b) // and others are served
}

func TestRefusesOtherThanLoopback(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:1883", ":1883", "192.168.1.5:1883", "[::]:0", "robot.local:1883", "nonsense"} {
		_, err := broker.Start(t.Context(), broker.Config{Addr: addr, Logger: slog.New(slog.DiscardHandler)})
		if err == nil {
			t.Fatalf("listens on %s", addr)
		}
		if addr == "0.0.0.0:1883" && !strings.Contains(err.Error(), "--broker mqtt://HOST:1883") {
			t.Errorf("%v does not say what to do", err)
		}
	}
}

func TestBusyPortNamesItsOwner(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = inner.Close() }()
	addr := inner.Addr().String()
	_, err = broker.Start(t.Context(), broker.Config{Addr: addr, Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		t.Fatal("two programs on one port")
	}
	for _, part := range []string{addr, fmt.Sprintf("(process %d)", os.Getpid()), "--broker mqtt://" + addr} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not say %s", err, part)
		}
	}
}

// A connection that never says CONNECT must not hold the stop up.
func TestCloseWithSilentConnectionTwice(t *testing.T) {
	b := start(t)
	conn, err := new(net.Dialer).DialContext(context.Background(), "tcp", b.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	connect(t, b)
	done := make(chan error, 1)
	go func() {
		_ = b.Close()
		done <- b.Close()
	}()
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the broker does not stop")
	}
}
