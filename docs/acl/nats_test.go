package acl_test

import (
	"path/filepath"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/vega-edge/vegad/runtime/link/certificate/certificatetest"
	"github.com/vega-edge/vegad/runtime/link/linktest"
)

func newNATS(t *testing.T) *hub {
	t.Helper()
	both := certificatetest.New(t, "fleet")
	h := &hub{robots: both, operators: both}
	h.equip(t)
	certificatetest.Put(t, filepath.Join(h.folder, "ca.pem"), both.PEM)
	port := linktest.FreePort(t)
	conf := filepath.Join(h.folder, "nats.conf")
	adapt(t, "nats.conf", conf, "/etc/nats/certs/", h.folder+"/", "/var/lib/nats", t.TempDir(),
		"127.0.0.1:4222", "127.0.0.1:"+linktest.FreePort(t), "0.0.0.0:8883", "127.0.0.1:"+port)
	opts, err := server.ProcessConfigFile(conf)
	if err != nil {
		t.Fatal(err)
	}
	opts.NoSigs, opts.NoLog = true, true
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(patience) {
		t.Fatal("nats-server does not start")
	}
	h.robotsURL = "mqtts://127.0.0.1:" + port
	h.operatorsURL = h.robotsURL
	return h
}

func TestNATS(t *testing.T) {
	h := newNATS(t)
	for _, c := range []struct {
		name  string
		check func(*testing.T, *hub)
	}{
		{"conversation", conversation},
		{"trespasses", trespasses},
		{"overheard", overheard},
		{"strangers", strangers},
		{"oversize", oversize},
		{"retained", retained},
	} {
		t.Run(c.name, func(t *testing.T) { c.check(t, h) })
	}
}
