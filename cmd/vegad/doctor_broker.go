package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"time"

	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/daemon"
	"github.com/vega-edge/vegad/runtime/link"
)

// brokerPatience is how long a broker may take to answer.
const brokerPatience = 5 * time.Second

const brokerDown = "is it up? vegad run keeps trying until it is"

// examineBroker tries to reach the broker, or to listen where the embedded one will.
func (m machine) examineBroker(ctx context.Context, cfg config.Config) []finding {
	ctx, cancel := context.WithTimeout(ctx, brokerPatience)
	defer cancel()
	b := cfg.Broker
	if b.URL == "embedded" {
		return []finding{examineEmbedded(ctx, "127.0.0.1:1883")}
	}
	findings, security := m.examineCertificates(cfg)
	if security == nil {
		return findings
	}
	u, err := url.Parse(b.URL)
	if err != nil {
		return append(findings, broken("broker", err.Error(), "correct the broker's url"))
	}
	if u.Scheme == "mqtts" {
		presented := m.examineServer(ctx, u, security, b.ExpiryWarning)
		findings = append(findings, presented)
		if presented.Health == healthFail {
			return findings
		}
	}
	findings = append(findings, tryBroker(ctx, cfg, security)...)
	return append(findings, tryNodes(ctx, cfg.Broker, security)...)
}

// tryNodes connects to the further nodes of the broker's cluster, which otherwise are tried only when there is need.
func tryNodes(ctx context.Context, b config.Broker, security *tls.Config) []finding {
	var findings []finding
	for _, node := range b.Failover {
		asker, err := link.Dial(ctx, link.AskerConfig{
			Broker: node, TLS: security, Username: b.Username, Password: b.Password.Reveal(), Prefix: b.Prefix,
		})
		if err == nil {
			err = asker.Close()
		}
		if err != nil {
			findings = append(findings, warn("node", err.Error(), "the robot could not fail over to it"))
			continue
		}
		findings = append(findings, ok("node", node+" lets us in"))
	}
	return findings
}

// tryBroker connects as this robot's clients do.
func tryBroker(ctx context.Context, cfg config.Config, security *tls.Config) []finding {
	b := cfg.Broker
	asker, err := link.Dial(ctx, link.AskerConfig{
		Broker: b.URL, TLS: security, Username: b.Username, Password: b.Password.Reveal(), Prefix: b.Prefix,
	})
	if err != nil {
		return []finding{warn("broker", err.Error(), brokerDown)}
	}
	rights := examineRights(ctx, asker, cfg)
	if err := asker.Close(); err != nil {
		return []finding{warn("broker", err.Error(), "the broker ended the connection at once: look into its log")}
	}
	return append([]finding{ok("broker", b.URL+" lets us in")}, rights)
}

// examineRights subscribes the answers of this robot and those of a robot that does not exist: the first must be
// allowed, and the second should not be.
func examineRights(ctx context.Context, asker *link.Asker, cfg config.Config) finding {
	own := link.Robot{Manufacturer: cfg.Identity.Manufacturer, Serial: cfg.Identity.SerialNumber}
	if err := asker.Select(ctx, own); err != nil {
		return broken("rights", err.Error(), "allow this user its own topics in the broker's access list: docs/mqtt.md")
	}
	foreign := link.Robot{Manufacturer: own.Manufacturer, Serial: "vegad-doctor-nobody"}
	switch err := asker.Select(ctx, foreign); {
	case err != nil:
		return ok("rights", "the broker keeps this user to its own robot")
	case cfg.Broker.Username == "" && cfg.Broker.CertFile == "" && loopback(cfg.Broker.URL):
		return ok("rights", "the broker on this machine trusts everybody on it")
	case cfg.Broker.Username == "" && cfg.Broker.CertFile == "":
		return warn("rights", "the broker lets anybody in, and read and command every robot",
			"give the robot a user or a certificate, and the broker an access list: docs/mqtt.md")
	}
	return warn("rights", "this user may read what other robots say", "give the broker an access list: docs/mqtt.md")
}

func loopback(broker string) bool {
	u, err := url.Parse(broker)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || (ip != nil && ip.IsLoopback())
}

// examineCertificates reads the configured certificates. The TLS configuration is nil when they cannot be used.
func (m machine) examineCertificates(cfg config.Config) ([]finding, *tls.Config) {
	b := cfg.Broker
	var findings []finding
	for _, own := range []struct{ check, file, key string }{
		{"ca", string(b.CAFile), "broker.caFile"}, {"certificate", string(b.CertFile), "broker.certFile"},
	} {
		if own.file == "" {
			continue
		}
		found, err := readCertificates(own.file)
		if err != nil {
			return append(findings, broken(own.check, err.Error(), "correct "+own.key)), nil
		}
		for _, c := range found {
			findings = append(findings, m.validity(own.check, c, b.ExpiryWarning))
		}
	}
	store, err := daemon.LinkCertificates(cfg, m.now)
	if err != nil {
		return append(findings, broken("certificate", err.Error(), "correct broker.certFile and broker.keyFile")), nil
	}
	return findings, store.Client()
}

func readCertificates(name string) ([]*x509.Certificate, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var out []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("reading %s: it holds no certificate", name)
	}
	return out, nil
}

// validity tells how long a certificate is good for, and warns so long before its end.
func (m machine) validity(check string, c *x509.Certificate, early time.Duration) finding {
	now := m.now()
	name := c.Subject.CommonName
	if name == "" {
		name = c.Subject.String()
	}
	detail := fmt.Sprintf("%s is valid until %s", name, c.NotAfter.UTC().Format(time.DateOnly))
	switch left := c.NotAfter.Sub(now); {
	case left <= 0:
		return broken(check, fmt.Sprintf("%s has expired on %s", name, c.NotAfter.UTC().Format(time.DateOnly)), "renew it")
	case now.Before(c.NotBefore):
		return broken(check, fmt.Sprintf("%s is not valid before %s", name, c.NotBefore.UTC().Format(time.DateOnly)),
			"is this machine's clock right? see the line clock")
	case left < early:
		return warn(check, fmt.Sprintf("%s, %d days more", detail, int(left/(24*time.Hour))), "renew it in time")
	}
	return ok(check, detail)
}

// examineServer looks at the certificate that the broker presents.
func (m machine) examineServer(ctx context.Context, u *url.URL, security *tls.Config, early time.Duration) finding {
	conn, err := (&tls.Dialer{Config: security.Clone()}).DialContext(ctx, "tcp", u.Host)
	var unverified *tls.CertificateVerificationError
	switch {
	case errors.As(err, &unverified):
		return broken("tls", "the broker's certificate is refused: "+unverified.Err.Error(),
			"is broker.caFile the authority that signed it, and the url the name in it?")
	case err != nil:
		return warn("tls", err.Error(), brokerDown)
	}
	defer conn.Close() //nolint:errcheck // nothing was written
	secure, isTLS := conn.(*tls.Conn)
	if !isTLS || len(secure.ConnectionState().PeerCertificates) == 0 {
		return broken("tls", "the broker shows no certificate", "correct the broker's configuration")
	}
	return m.validity("tls", secure.ConnectionState().PeerCertificates[0], early)
}

func examineEmbedded(ctx context.Context, addr string) finding {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return warn("broker", fmt.Sprintf("the embedded broker cannot listen: %v", err),
			"if vegad or mosquitto runs already, that is why: vegad run --broker mqtt://"+addr+" shares it")
	}
	if err := l.Close(); err != nil {
		return warn("broker", err.Error(), "please report this")
	}
	return ok("broker", "the embedded broker can listen on "+addr)
}
