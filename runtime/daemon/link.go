package daemon

import (
	"strings"

	"github.com/vega-edge/vegad/runtime/link"
)

// embeddedPort returns the port of the embedded broker, and false when another broker is configured.
func embeddedPort(url string) (string, bool) {
	if url == "embedded" {
		return "1883", true
	}
	return strings.CutPrefix(url, "embedded:")
}

// kept is the word of the configuration for messages that go through the outbox.
const kept = "kept"

// dial makes the client of the broker; it connects when it runs.
func (d *daemon) dial(url string) (*link.Client, error) {
	b, o := d.cfg.Broker, d.cfg.Outbox
	return link.New(link.Config{
		Outbox: d.box, ReplayRate: o.ReplayPerSecond, KeepScene: o.Scene == kept, KeepStats: o.Stats == kept,
		ReceiptFrom: o.ReceiptFrom, ReceiptTimeout: o.ReceiptTimeout,
		AckTimeout: b.AckTimeout, MaxBackoff: b.MaxBackoff,
		Broker: url, Failover: b.Failover, SubscribeQoS0: b.SubscribeQoS == 0, FreshTLS: d.identity.linkTLS(),
		Prefix: b.Prefix, Username: b.Username, Password: b.Password.Reveal(),
		Manufacturer: d.cfg.Identity.Manufacturer, Serial: d.cfg.Identity.SerialNumber,
		KeepAlive: b.KeepAlive, MaxPayload: int(d.cfg.Limits.MaxPayload), Logger: d.log,
		Handler: &answerer{d}, Watcher: &answerer{d},
	})
}
