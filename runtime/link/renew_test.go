package link

import (
	"crypto/tls"
	"log/slog"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/link/broker"
	"github.com/vega-edge/vegad/runtime/link/certificate"
	"github.com/vega-edge/vegad/runtime/link/certificate/certificatetest"
	"github.com/vega-edge/vegad/runtime/link/linktest"
)

// A robot whose certificate was renewed shows the new one on its next connection, without a restart. The broker lets no
// robot from outside say ONLINE, so that there is always a next one.
func TestRenewedCertificateIsShown(t *testing.T) {
	folder, ca := t.TempDir(), certificatetest.New(t, "fleet")
	hub, err := openStore(ca.Write(t, folder, "hub"))
	if err != nil {
		t.Fatal(err)
	}
	server, err := hub.Server()
	if err != nil {
		t.Fatal(err)
	}
	b, err := broker.Start(t.Context(), broker.Config{
		Addr: "127.0.0.1:0", OutsideAddr: "127.0.0.1:0", OutsideTLS: server, Logger: discard(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	paths := ca.Write(t, folder, "0001")
	own, err := openStore(paths)
	if err != nil {
		t.Fatal(err)
	}
	shown := make(chan int64, 1000)
	c, err := New(Config{
		Broker: "mqtts://" + b.OutsideAddr(), Manufacturer: "acme", Serial: "0001", Logger: slog.New(slog.DiscardHandler),
		Handler: newEcho(), FreshTLS: func() *tls.Config {
			config := own.Client()
			shown <- config.Certificates[0].Leaf.NotAfter.Unix()
			return config
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.timing.backoffBase, c.timing.backoffMax = 10*time.Millisecond, 50*time.Millisecond
	run(t, c)
	first := <-shown
	ca.Renew(t, paths, "0001", 60*24*time.Hour)
	linktest.Eventually(t, "the renewed certificate", func() bool { return <-shown > first })
}

func openStore(p certificatetest.Paths) (*certificate.Store, error) {
	return certificate.Open(certificate.Files{Authorities: p.Authority, Certificate: p.Certificate, Key: p.Key}, nil)
}
