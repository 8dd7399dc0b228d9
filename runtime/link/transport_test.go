package link

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/vega-edge/vegad/runtime/link/linktest"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

func TestParseTarget(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"mqtt://h": "h:1883", "tcp://h:99": "h:99", "mqtts://h": "h:8883", "ssl://[::1]": "[::1]:8883", "tls://h:1": "h:1",
	} {
		got, err := parseTarget(in, nil)
		plain := strings.HasPrefix(in, "mqtt:") || strings.HasPrefix(in, "tcp:")
		if err != nil || got.host != want || (got.tls == nil) != plain {
			t.Errorf("%s gave %+v, %v", in, got, err)
		}
	}
	got, err := parseTarget("mqtts://user:secret@h", &tls.Config{MinVersion: tls.VersionTLS13})
	if err != nil || got.String() != "mqtts://h" || got.tls.ServerName != "h" {
		t.Errorf("got %s, %v", got, err)
	}
	if user, password := got.credentials("", ""); user != "user" || password != "secret" {
		t.Errorf("credentials %s, %s", user, password)
	}
	if user, password := got.credentials("me", "mine"); user != "me" || password != "mine" {
		t.Errorf("credentials %s, %s", user, password)
	}
}

// stream is a connection that delivers given bytes.
type stream struct {
	net.Conn
	io.Reader
}

func (s stream) Read(p []byte) (int, error) { return s.Reader.Read(p) }

func TestGuardFollowsPackets(t *testing.T) {
	t.Parallel()
	big := append([]byte{0x30, 0x80, 0x80, 0x40}, make([]byte, maxPacket)...) // a length of exactly 1 MiB
	good := bytes.Join([][]byte{{0xd0, 0}, big, {0x30, 3, 1, 2, 3}, {0x40, 2, 0, 1}}, nil)
	for name, r := range map[string]io.Reader{
		"in one":      bytes.NewReader(good),
		"in bytes":    iotest.OneByteReader(bytes.NewReader(good)),
		"with an end": iotest.DataErrReader(bytes.NewReader(good)),
	} {
		got, err := io.ReadAll(&guardedConn{Conn: stream{Reader: r}})
		if err != nil || !bytes.Equal(got, good) {
			t.Errorf("%s: %d of %d bytes, %v", name, len(got), len(good), err)
		}
	}
	for _, bad := range [][]byte{
		{0x30, 0x81, 0x80, 0x40}, // one byte more
		{0x30, 0xff, 0xff, 0xff, 0x7f},
		{0x30, 0x80, 0x80, 0x80, 0x80, 0x01}, // no legal length
	} {
		all := append([]byte{0xd0, 0}, bad...)
		_, err := io.ReadAll(&guardedConn{Conn: stream{Reader: bytes.NewReader(all)}})
		if !errors.Is(err, errPacketTooLarge) {
			t.Errorf("%x gave %v", bad, err)
		}
	}
}

func FuzzGuard(f *testing.F) {
	f.Add([]byte{0xd0, 0, 0x30, 3, 1, 2, 3}, 1)
	f.Add([]byte{0x30, 0xff, 0xff, 0xff, 0xff, 0xff}, 2)
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		cut = min(max(cut, 0), len(data))
		whole, parts := &guardedConn{}, &guardedConn{}
		passes := whole.follow(data)
		if passes != (parts.follow(data[:cut]) && parts.follow(data[cut:])) {
			t.Fatalf("%x is judged otherwise when cut at %d", data, cut)
		}
		if passes && (whole.length > maxPacket || whole.body > maxPacket) {
			t.Fatalf("a packet of %d bytes passes", max(whole.length, whole.body))
		}
	})
}

// selfSigned makes a certificate for 127.0.0.1 and the pool that trusts it.
func selfSigned(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestTLS(t *testing.T) {
	b := startBroker(t, "127.0.0.1:0")
	cert, pool := selfSigned(t)
	front, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	linktest.NewCableFrom(t, front, b.Addr())
	url := "mqtts://" + front.Addr().String()

	c, err := New(Config{
		Broker: url, TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		Manufacturer: "acme", Serial: "0001", Logger: discard(), Handler: newEcho(),
	})
	if err != nil {
		t.Fatal(err)
	}
	c.cfg.Handler.(*echo).client = c
	runConnected(t, c)
	asker, err := Dial(t.Context(), AskerConfig{
		Broker: url, TLS: &tls.Config{RootCAs: pool}, Manufacturer: "acme", Serial: "0001",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = asker.Close() }()
	if answer, err := asker.Ask(t.Context(), payload.Ask{Question: "q"}); err != nil || answer.Status != payload.Answered {
		t.Errorf("%+v, %v", answer, err)
	}
	_, err = Dial(context.Background(), AskerConfig{Broker: url})
	if unknown := new(x509.UnknownAuthorityError); !errors.As(err, unknown) {
		t.Errorf("a stranger's certificate gave %v", err)
	}
}
