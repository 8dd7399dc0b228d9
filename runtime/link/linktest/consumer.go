package linktest

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// Consumer is a foreign MQTT client that takes what a robot keeps into a Ledger, comes back by itself, and removes
// duplicates by their names.
type Consumer struct {
	URL     string
	Root    string // of the robot's topics, with the last slash
	Receipt string // who it is to the robot, when it confirms by receipts; empty sends none
	Ledger  *Ledger
	Each    func() // is called before each message; may be nil
	Session bool   // have the broker keep what comes while it is away

	Further []string    // addresses of other nodes of the broker
	TLS     *tls.Config // for encrypted ones
	// LedgerOf is the account of a topic, when Root has wildcards and there are many robots; nil is Ledger.
	LedgerOf func(topic string) *Ledger
}

// Start connects, subscribes, and stays until the test ends.
func (c Consumer) Start(tb testing.TB) {
	tb.Helper()
	subscribed := make(chan error, 100)
	opts := mqtt.NewClientOptions().AddBroker(c.URL).SetTLSConfig(c.TLS).SetClientID("hub").SetProtocolVersion(4).
		SetAutoReconnect(false).SetConnectTimeout(time.Second).
		SetConnectRetry(true).SetConnectRetryInterval(20 * time.Millisecond).SetCleanSession(!c.Session).
		SetKeepAlive(2 * time.Second).SetPingTimeout(time.Second).SetWriteTimeout(500 * time.Millisecond).
		SetOrderMatters(c.Receipt == "") // a handler that publishes may wait for what only others can bring back
	for _, url := range c.Further {
		opts.AddBroker(url)
	}
	opts.SetOnConnectHandler(func(client mqtt.Client) {
		filters := map[string]byte{c.Root + "answer/+": 1, c.Root + "event/+": 1, c.Root + "watch/+": 1}
		token := client.SubscribeMultiple(filters, c.take)
		go func() {
			token.Wait()
			select {
			case subscribed <- token.Error():
			default:
			}
		}()
	})
	line := &line{opts: opts}
	opts.SetConnectionLostHandler(func(mqtt.Client, error) { line.dial() })
	line.dial()
	tb.Cleanup(line.end)
	select {
	case err := <-subscribed:
		if err != nil {
			tb.Fatal(err)
		}
	case <-time.After(Patience):
		tb.Fatal("the consumer is not let in")
	}
}

// line is the connection of a consumer. A new client takes the place of one that lost its own: the library's way to
// come back marks messages as repeated while they are being written.
type line struct {
	opts *mqtt.ClientOptions

	mu     sync.Mutex
	client mqtt.Client
	ended  bool
}

// dial connects, and goes on trying.
func (l *line) dial() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	l.client = mqtt.NewClient(l.opts)
	l.client.Connect()
}

func (l *line) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.client.Disconnect(100)
}

// body is the part of every message that the consumer reads.
type body struct {
	BootID string `json:"bootId"`
	Seq    uint64 `json:"seq"`
	Text   string `json:"text"`
	Reason string `json:"reason"`
}

func (c Consumer) take(client mqtt.Client, m mqtt.Message) {
	if c.Each != nil {
		c.Each()
	}
	var b body
	if err := json.Unmarshal(m.Payload(), &b); err != nil || b.Seq == 0 {
		return
	}
	id, ok := ParseID(b.Text + b.Reason)
	if !ok {
		return
	}
	class := strings.Split(m.Topic(), "/")[strings.Count(c.Root, "/")]
	ledger := c.Ledger
	if c.LedgerOf != nil {
		ledger = c.LedgerOf(m.Topic())
	}
	ledger.Take(Name{b.BootID, b.Seq}, id, class)
	if c.Receipt != "" {
		client.Publish(c.Root+"receipt/"+c.Receipt, 1, false, fmt.Sprintf(`{"bootId":%q,"seq":[%d]}`, b.BootID, b.Seq))
	}
}
