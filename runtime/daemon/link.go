package daemon

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

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

// dial makes the client of the broker; it connects when it runs.
func (d *daemon) dial(url string) (*link.Client, error) {
	b := d.cfg.Broker
	security, err := tlsConfig(b)
	if err != nil {
		return nil, err
	}
	return link.New(link.Config{
		Broker: url, TLS: security, Username: b.Username, Password: b.Password.Reveal(), Prefix: b.Prefix,
		Manufacturer: d.cfg.Identity.Manufacturer, Serial: d.cfg.Identity.SerialNumber,
		KeepAlive: b.KeepAlive, MaxPayload: int(d.cfg.Limits.MaxPayload), Logger: d.log, Handler: &answerer{d},
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

// budget is a token bucket for questions: a second's worth may come at once.
type budget struct {
	mu     sync.Mutex
	rate   float64 // tokens a second
	tokens float64
	last   time.Time
}

func newBudget(rate float64) budget { return budget{rate: rate, tokens: max(rate, 1)} }

// take spends one token if there is one.
func (b *budget) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.last.IsZero() {
		b.tokens = min(b.tokens+now.Sub(b.last).Seconds()*b.rate, max(b.rate, 1))
	}
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
