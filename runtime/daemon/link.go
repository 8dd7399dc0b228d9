package daemon

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"

	"github.com/vega-edge/vegad/runtime/config"
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
	security, err := tlsConfig(b)
	if err != nil {
		return nil, err
	}
	return link.New(link.Config{
		Outbox: d.box, ReplayRate: o.ReplayPerSecond, KeepScene: o.Scene == kept, KeepStats: o.Stats == kept,
		ReceiptFrom: o.ReceiptFrom, ReceiptTimeout: o.ReceiptTimeout,
		AckTimeout: b.AckTimeout, MaxBackoff: b.MaxBackoff,
		Broker: url, TLS: security, Username: b.Username, Password: b.Password.Reveal(), Prefix: b.Prefix,
		Manufacturer: d.cfg.Identity.Manufacturer, Serial: d.cfg.Identity.SerialNumber,
		KeepAlive: b.KeepAlive, MaxPayload: int(d.cfg.Limits.MaxPayload), Logger: d.log,
		Handler: &answerer{d}, Watcher: &answerer{d},
	})
}

// tlsConfig reads the certificates for an encrypted broker; nil leaves the system's authorities in charge.
func tlsConfig(b config.Broker) (*tls.Config, error) {
	if b.CAFile == "" && b.CertFile == "" {
		return nil, nil //nolint:nilnil // no certificates are configured, and that is fine
	}
	out := &tls.Config{MinVersion: tls.VersionTLS12}
	if b.CAFile != "" {
		pem, err := os.ReadFile(string(b.CAFile))
		if err != nil {
			return nil, fmt.Errorf("reading broker.caFile: %w", err)
		}
		out.RootCAs = x509.NewCertPool()
		if !out.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("reading broker.caFile %s: it holds no certificate", b.CAFile)
		}
	}
	if b.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(string(b.CertFile), string(b.KeyFile))
		if err != nil {
			return nil, fmt.Errorf("reading broker.certFile and keyFile: %w", err)
		}
		out.Certificates = []tls.Certificate{pair}
	}
	return out, nil
}
