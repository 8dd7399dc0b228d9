package certificate_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/vega-edge/vegad/runtime/link/certificate"
	"github.com/vega-edge/vegad/runtime/link/certificate/certificatetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, p certificatetest.Paths) *certificate.Store {
	t.Helper()
	s, err := certificate.Open(certificate.Files{
		Authorities: p.Authority, Certificate: p.Certificate, Key: p.Key,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// serve accepts connections and answers each with the common name of its client.
func serve(t *testing.T, config *tls.Config) (addr string) {
	t.Helper()
	inner, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := inner.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			answer(conn.(*tls.Conn))
		}
	}()
	t.Cleanup(func() {
		_ = inner.Close()
		<-done
	})
	return inner.Addr().String()
}

func answer(conn *tls.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if conn.Handshake() == nil {
		_, _ = io.WriteString(conn, conn.ConnectionState().PeerCertificates[0].Subject.CommonName)
	}
}

// call returns what the server knows the client as, and the end of the server's certificate.
func call(addr string, config *tls.Config) (name string, ends time.Time, err error) {
	config = config.Clone()
	config.ServerName = "127.0.0.1"
	conn, err := tls.Dial("tcp", addr, config)
	if err != nil {
		return "", ends, err
	}
	defer func() { _ = conn.Close() }()
	data, err := io.ReadAll(conn)
	return string(data), conn.ConnectionState().PeerCertificates[0].NotAfter, err
}

func TestRenewedCertificatesAreTaken(t *testing.T) {
	folder, ca := t.TempDir(), certificatetest.New(t, "fleet")
	serverFiles, clientFiles := ca.Write(t, folder, "hub"), ca.Write(t, folder, "0001")
	server, client := open(t, serverFiles), open(t, clientFiles)
	config, err := server.Server()
	if err != nil {
		t.Fatal(err)
	}
	addr := serve(t, config)
	name, before, err := call(addr, client.Client())
	if err != nil || name != "0001" {
		t.Fatalf("%q, %v", name, err)
	}
	ca.Renew(t, clientFiles, "0001-renewed", time.Hour)
	ca.Renew(t, serverFiles, "hub", 99*24*time.Hour)
	name, after, err := call(addr, client.Client())
	if err != nil || name != "0001-renewed" || !after.After(before) || client.CommonName() != name {
		t.Errorf("after renewal: %q, %s, %v", name, after, err)
	}
}

func TestReplacedAuthorityIsTaken(t *testing.T) {
	folder, ca, next := t.TempDir(), certificatetest.New(t, "old"), certificatetest.New(t, "new")
	p := ca.Write(t, folder, "both")
	server, client := open(t, p), open(t, p)
	config, err := server.Server()
	if err != nil {
		t.Fatal(err)
	}
	addr := serve(t, config)
	next.Write(t, folder, "both")
	if name, _, err := call(addr, client.Client()); err != nil || name != "both" {
		t.Errorf("both moved to the new authority: %q, %v", name, err)
	}
	stranger := open(t, ca.Write(t, t.TempDir(), "stranger")).Client()
	stranger.RootCAs = client.Client().RootCAs
	if name, _, err := call(addr, stranger); err == nil {
		t.Errorf("a certificate of the old authority was let in as %q", name)
	}
	if _, _, err := call(addr, &tls.Config{RootCAs: stranger.RootCAs}); err == nil {
		t.Error("a client without a certificate was let in")
	}
	old := client.Client()
	old.MaxVersion = tls.VersionTLS11
	old.MinVersion = tls.VersionTLS10
	if _, _, err := call(addr, old); err == nil {
		t.Error("TLS 1.1 was let in")
	}
}

func TestHalfWrittenFilesChangeNothing(t *testing.T) {
	folder, ca := t.TempDir(), certificatetest.New(t, "fleet")
	p := ca.Write(t, folder, "0001")
	store := open(t, p)
	before := store.Client().Certificates[0].Certificate[0]
	certificate, key := ca.Issue(t, "0001", time.Hour)
	certificatetest.Put(t, p.Certificate, certificate) // the key is still the old one
	if got := store.Client().Certificates[0].Certificate[0]; string(got) != string(before) {
		t.Error("a certificate without its key is in use")
	}
	if store.Problem() == nil || store.Refresh() == nil {
		t.Error("nobody is told")
	}
	certificatetest.Put(t, p.Key, key)
	if got := store.Client().Certificates[0].Certificate[0]; string(got) == string(before) || store.Problem() != nil {
		t.Errorf("the whole pair is not in use: %v", store.Problem())
	}
	if err := os.Remove(p.Authority); err != nil {
		t.Fatal(err)
	}
	if store.Client().RootCAs == nil || store.Problem() == nil {
		t.Error("a missing authority left every authority of the system trusted")
	}
}

func TestExpiring(t *testing.T) {
	folder, ca := t.TempDir(), certificatetest.New(t, "fleet")
	p := ca.Write(t, folder, "0001")
	now := time.Now()
	store, err := certificate.Open(certificate.Files{Authorities: p.Authority, Certificate: p.Certificate, Key: p.Key},
		func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	if got := store.Expiring(30 * 24 * time.Hour); len(got) != 0 {
		t.Errorf("a certificate good for 31 days is reported: %+v", got)
	}
	now = now.Add(21*24*time.Hour + time.Hour)
	got := store.Expiring(30 * 24 * time.Hour)
	if len(got) != 1 || got[0].Days != 9 || got[0].Subject != "0001" || got[0].File != p.Certificate {
		t.Errorf("nine days before its end: %+v", got)
	}
	now = now.AddDate(1, 0, 0)
	got = store.Expiring(time.Hour)
	if len(got) != 2 || got[0].Subject != "fleet" || got[0].Days >= 0 || got[1].Days >= 0 {
		t.Errorf("after the end of both: %+v", got)
	}
}

// A clock that knows better than the machine's decides about validity.
func TestClockJudges(t *testing.T) {
	folder, ca := t.TempDir(), certificatetest.New(t, "fleet")
	p := ca.Write(t, folder, "both")
	config, err := open(t, p).Server()
	if err != nil {
		t.Fatal(err)
	}
	addr := serve(t, config)
	late, err := certificate.Open(certificate.Files{Authorities: p.Authority, Certificate: p.Certificate, Key: p.Key},
		func() time.Time { return time.Now().AddDate(0, 2, 0) })
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := call(addr, late.Client()); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("two months later: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	folder, ca := t.TempDir(), certificatetest.New(t, "fleet")
	p, other := ca.Write(t, folder, "0001"), ca.Write(t, folder, "0002")
	certificatetest.Put(t, folder+"/junk", []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
	certificatetest.Put(t, folder+"/big", make([]byte, 1<<20+1))
	for what, files := range map[string]certificate.Files{
		"a missing authority":      {Authorities: folder + "/none"},
		"a key for an authority":   {Authorities: p.Key},
		"an empty authority":       {Authorities: "/dev/null"},
		"junk":                     {Authorities: folder + "/junk"},
		"a file without an end":    {Authorities: folder + "/big"},
		"another's key":            {Certificate: p.Certificate, Key: other.Key},
		"a certificate without it": {Certificate: p.Certificate},
	} {
		if _, err := certificate.Open(files, nil); err == nil {
			t.Errorf("%s was taken", what)
		}
	}
	bare, err := certificate.Open(certificate.Files{}, nil)
	if err != nil || bare.CommonName() != "" || bare.Client().RootCAs != nil {
		t.Errorf("no files at all mean the system's authorities: %v", err)
	}
	if _, err := bare.Server(); err == nil {
		t.Error("it serves without a certificate")
	}
}

func FuzzOpen(f *testing.F) {
	ca := certificatetest.New(f, "fleet")
	own, key := ca.Issue(f, "0001", time.Hour)
	f.Add(ca.PEM, own, key)
	f.Add(own, key, own)
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"), []byte(nil), []byte(nil))
	f.Fuzz(func(t *testing.T, authorities, own, key []byte) {
		folder := t.TempDir()
		for name, data := range map[string][]byte{"ca": authorities, "own": own, "key": key} {
			certificatetest.Put(t, folder+"/"+name, data)
		}
		s, err := certificate.Open(certificate.Files{
			Authorities: folder + "/ca", Certificate: folder + "/own", Key: folder + "/key",
		}, nil)
		if err != nil {
			return
		}
		if s.Client().RootCAs == nil || s.Client().MinVersion < tls.VersionTLS12 {
			t.Fatal("accepted without an authority")
		}
		s.Expiring(time.Hour)
	})
}
