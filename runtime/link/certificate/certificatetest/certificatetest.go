// Package certificatetest makes authorities and certificates, for tests.
package certificatetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority signs certificates.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	PEM         []byte
}

// New makes an authority whose own certificate ends in a year.
func New(tb testing.TB, name string) *Authority {
	tb.Helper()
	template := &x509.Certificate{
		SerialNumber: serial(tb), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage:  x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
	}
	key := newKey(tb)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		tb.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	return &Authority{parsed, key, encode("CERTIFICATE", der)}
}

// Issue signs a certificate for 127.0.0.1 and localhost, fit for both sides, that ends after the given time; the result
// is PEM.
func (a *Authority) Issue(tb testing.TB, name string, valid time.Duration) (certificate, key []byte) {
	tb.Helper()
	template := &x509.Certificate{
		SerialNumber: serial(tb), Subject: pkix.Name{CommonName: name},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(valid),
	}
	private := newKey(tb)
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, private.Public(), a.key)
	if err != nil {
		tb.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		tb.Fatal(err)
	}
	return encode("CERTIFICATE", der), encode("PRIVATE KEY", secret)
}

// Paths are the files of one side.
type Paths struct{ Authority, Certificate, Key string }

// Write issues a certificate for a name, good for a month, and writes NAME.pem and NAME.key beside ca.pem into the
// folder.
func (a *Authority) Write(tb testing.TB, folder, name string) Paths {
	tb.Helper()
	p := Paths{
		filepath.Join(folder, "ca.pem"), filepath.Join(folder, name+".pem"), filepath.Join(folder, name+".key"),
	}
	Put(tb, p.Authority, a.PEM)
	a.Renew(tb, p, name, 31*24*time.Hour)
	return p
}

// Renew puts another certificate and key in the place of those of the paths.
func (a *Authority) Renew(tb testing.TB, p Paths, name string, valid time.Duration) {
	tb.Helper()
	certificate, key := a.Issue(tb, name, valid)
	Put(tb, p.Certificate, certificate)
	Put(tb, p.Key, key)
}

// Put replaces a file as tools that renew certificates do: by renaming.
func Put(tb testing.TB, path string, content []byte) {
	tb.Helper()
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		tb.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		tb.Fatal(err)
	}
}

func newKey(tb testing.TB) *ecdsa.PrivateKey {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func serial(tb testing.TB) *big.Int {
	tb.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 62))
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
