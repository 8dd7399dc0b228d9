package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"
)

// target is where a broker is and how to reach it.
type target struct {
	address *url.URL
	host    string      // host:port
	tls     *tls.Config // nil is a plain connection
	fresh   func() *tls.Config
}

// parseTarget reads a broker's address. The query and the path must be empty: nothing would honour them.
func parseTarget(broker string, config *tls.Config) (target, error) {
	u, err := url.Parse(broker)
	if err != nil {
		// The error of net/url repeats the address, which may hold a password.
		return target{}, errors.New("the broker address is not a URL; expected mqtt://HOST:PORT")
	}
	if u.Hostname() == "" || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "" {
		return target{}, fmt.Errorf("broker address %q: expected mqtt://HOST:PORT", u.Redacted())
	}
	port := "1883"
	switch u.Scheme {
	case "mqtt", "tcp":
		config = nil
	case "mqtts", "ssl", "tls":
		port, config = "8883", secure(config, u.Hostname())
	default:
		return target{}, fmt.Errorf("broker address %q: scheme %q is not one of mqtt, tcp, mqtts, ssl, tls",
			u.Redacted(), u.Scheme)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	return target{address: u, host: net.JoinHostPort(u.Hostname(), port), tls: config}, nil
}

// secure fills what a caller left out. Verification cannot be lost here, only by the caller's own choice.
func secure(config *tls.Config, host string) *tls.Config {
	if config == nil {
		config = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	config = config.Clone()
	if config.ServerName == "" {
		config.ServerName = host
	}
	return config
}

// String returns the address without user and password.
func (t target) String() string { return t.url().String() }

func (t target) url() *url.URL {
	u := *t.address
	u.User = nil
	return &u
}

// credentials prefers what was configured to what stands in the address.
func (t target) credentials(user, password string) (string, string) {
	if user != "" || t.address.User == nil {
		return user, password
	}
	password, _ = t.address.User.Password()
	return t.address.User.Username(), password
}

// dial opens the connection. The context bounds the dialling and the handshake, not the connection.
func (t target) dial(ctx context.Context) (net.Conn, error) {
	if t.tls == nil {
		return new(net.Dialer).DialContext(ctx, "tcp", t.host)
	}
	config := t.tls
	if t.fresh != nil {
		config = secure(t.fresh(), t.address.Hostname())
	}
	return (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", t.host)
}

// maxPacket bounds an MQTT packet from the broker. The MQTT library allocates whatever length a packet claims, up to
// 256 MiB, before the first byte of it has arrived.
const maxPacket = 1 << 20

var errPacketTooLarge = fmt.Errorf("the broker sent a packet of more than %d bytes", maxPacket)

// guardedConn follows the lengths of the packets that come in and fails before one that is too large. It is read by
// one goroutine, as the MQTT library does.
type guardedConn struct {
	net.Conn
	write time.Duration // limit of one write; the MQTT library has none for acknowledgements and pings

	body   int  // bytes of the current packet still to come
	length int  // of the packet whose header is being read
	shift  uint // of the next seven bits of the length
	typed  bool // the first byte of the header was read
}

// Read reads and checks.
func (g *guardedConn) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	if !g.follow(p[:n]) {
		return 0, errPacketTooLarge
	}
	return n, err
}

// Write writes within the limit.
func (g *guardedConn) Write(p []byte) (int, error) {
	if err := g.SetWriteDeadline(time.Now().Add(g.write)); err != nil {
		return 0, err
	}
	return g.Conn.Write(p)
}

func (g *guardedConn) follow(data []byte) bool {
	for len(data) > 0 {
		if g.body > 0 {
			skip := min(g.body, len(data))
			g.body -= skip
			data = data[skip:]
			continue
		}
		if !g.header(data[0]) {
			return false
		}
		data = data[1:]
	}
	return true
}

// header takes one byte of a packet's header: the type, then the length in groups of seven bits, the low ones first.
func (g *guardedConn) header(b byte) bool {
	if !g.typed {
		g.typed = true
		return true
	}
	g.length |= int(b&0x7f) << g.shift
	g.shift += 7
	if g.length > maxPacket || (b&0x80 != 0 && g.shift > 21) {
		return false
	}
	if b&0x80 == 0 {
		g.body = g.length
		g.length, g.shift, g.typed = 0, 0, false
	}
	return true
}
