package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"github.com/vega-edge/vegad/runtime/config"
)

// doctorNow is the time of the machines that tests make up.
var doctorNow = machineOf(nil).now()

// certified makes a certificate for 127.0.0.1 that signs itself, and writes it and its key.
func certified(t *testing.T, name string, from, until time.Time) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: from, NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	certFile, keyFile = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	for file, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "EC PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

// strictBroker speaks as much MQTT as doctor hears. It denies subscriptions of topics that hold the word.
func strictBroker(t *testing.T, l net.Listener, denied string) {
	t.Helper()
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serveStrictly(conn, denied)
		}
	}()
}

func serveStrictly(conn net.Conn, denied string) {
	defer conn.Close() //nolint:errcheck // of a test
	for {
		p, err := packets.ReadPacket(conn)
		if err != nil {
			return
		}
		switch p := p.(type) {
		case *packets.ConnectPacket:
			_ = packets.NewControlPacket(packets.Connack).Write(conn)
		case *packets.SubscribePacket:
			ack, _ := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
			ack.MessageID = p.MessageID
			for _, topic := range p.Topics {
				code := byte(1)
				if denied != "" && strings.Contains(topic, denied) {
					code = 0x80
				}
				ack.ReturnCodes = append(ack.ReturnCodes, code)
			}
			_ = ack.Write(conn)
		case *packets.DisconnectPacket:
			return
		}
	}
}

func brokerConfig(url string) config.Config {
	cfg := config.Default()
	cfg.Identity = config.Identity{Manufacturer: "acme", SerialNumber: "r1"}
	cfg.Broker.URL = url
	return cfg
}

func examined(t *testing.T, cfg config.Config) []finding {
	t.Helper()
	return machineOf(fstest.MapFS{}).examineBroker(t.Context(), cfg)
}

// wantFindings compares checks and their grades, in order, and returns the findings.
func wantFindings(t *testing.T, got []finding, want string) {
	t.Helper()
	var words []string
	for _, f := range got {
		words = append(words, f.Check+" "+string(f.Health))
		if (f.Health == healthOK) != (f.Fix == "") {
			t.Errorf("%+v", f)
		}
	}
	if strings.Join(words, ", ") != want {
		t.Errorf("%+v\nwant %s", got, want)
	}
}

func TestDoctorTriesTheBroker(t *testing.T) {
	url := startBroker(t)
	wantFindings(t, examined(t, brokerConfig(url)), "broker ok, rights ok")
	addr := strings.TrimPrefix(url, "mqtt://")
	if f := examineEmbedded(t.Context(), addr); f.Health != healthWarn || !strings.Contains(f.Fix, "mqtt://"+addr) {
		t.Errorf("a busy port: %+v", f)
	}
	if f := examineEmbedded(t.Context(), "127.0.0.1:0"); f.Health != healthOK {
		t.Errorf("a free port: %+v", f)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	wantFindings(t, examined(t, brokerConfig("mqtt://"+gone)), "broker warn")
	wantFindings(t, examined(t, brokerConfig("mqtts://"+gone)), "tls warn, broker warn")
}

func TestDoctorProbesRights(t *testing.T) {
	for denied, want := range map[string]string{
		"nobody": "broker ok, rights ok", // keeps users apart
		"/r1/":   "broker ok, rights fail",
		"":       "broker ok, rights warn",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		strictBroker(t, l, denied)
		cfg := brokerConfig("mqtt://" + l.Addr().String())
		cfg.Broker.Username = "r1"
		wantFindings(t, examined(t, cfg), want)
	}
}

func TestDoctorReadsCertificates(t *testing.T) {
	const day = 24 * time.Hour
	wall := time.Now()
	cert, key := certified(t, "r1", wall.Add(-day), wall.Add(400*day))
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	security := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	l, err := tls.Listen("tcp", "127.0.0.1:0", security)
	if err != nil {
		t.Fatal(err)
	}
	strictBroker(t, l, "nobody")
	m := machineOf(fstest.MapFS{})
	m.now = time.Now
	cfg := brokerConfig("mqtts://" + l.Addr().String())
	cfg.Broker.CAFile, cfg.Broker.CertFile, cfg.Broker.KeyFile = config.Path(cert), config.Path(cert), config.Path(key)
	wantFindings(t, m.examineBroker(t.Context(), cfg), "ca ok, certificate ok, tls ok, broker ok, rights ok")
	m.now = func() time.Time { return wall.Add(390*day - time.Hour) }
	got := m.examineBroker(t.Context(), cfg)
	wantFindings(t, got, "ca warn, certificate warn, tls warn, broker ok, rights ok")
	if !strings.Contains(got[0].Detail, "r1 is valid until") || !strings.Contains(got[0].Detail, "10 days more") {
		t.Errorf("%+v", got[0])
	}
	m.now = time.Now
	other, _ := certified(t, "another", wall.Add(-day), wall.Add(400*day))
	cfg.Broker.CAFile = config.Path(other)
	got = m.examineBroker(t.Context(), cfg)
	wantFindings(t, got, "ca ok, certificate ok, tls fail")
	if !strings.Contains(got[2].Fix, "broker.caFile") {
		t.Errorf("%+v", got[2])
	}
	for name, b := range map[string]config.Broker{
		"ca fail":          {CAFile: config.Path(key)},
		"certificate fail": {CertFile: config.Path(key), KeyFile: config.Path(key)},
	} {
		b.URL, b.ExpiryWarning = cfg.Broker.URL, cfg.Broker.ExpiryWarning
		cfg.Broker = b
		wantFindings(t, m.examineBroker(t.Context(), cfg), name)
	}
}

func TestDoctorKnowsWhenCertificatesEnd(t *testing.T) {
	m := machineOf(fstest.MapFS{})
	for want, span := range map[health][2]time.Duration{
		healthOK: {-time.Hour, 31 * 24 * time.Hour}, healthWarn: {-time.Hour, 29 * 24 * time.Hour},
		healthFail: {-2 * time.Hour, -time.Hour},
	} {
		c := &x509.Certificate{NotBefore: doctorNow.Add(span[0]), NotAfter: doctorNow.Add(span[1])}
		if f := m.validity("tls", c, 30*24*time.Hour); f.Health != want {
			t.Errorf("%+v, want %s", f, want)
		}
	}
	early := &x509.Certificate{NotBefore: doctorNow.Add(time.Hour), NotAfter: doctorNow.Add(1000 * time.Hour)}
	if f := m.validity("tls", early, time.Hour); f.Health != healthFail || !strings.Contains(f.Fix, "clock") {
		t.Errorf("%+v", f)
	}
}
