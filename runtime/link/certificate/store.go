// Package certificate keeps the certificates of a TLS link: it reads them again when their files change, and tells how
// long they are valid.
package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"time"
)

// maxFileBytes bounds each file; a bundle of all public authorities has about 250 KiB.
const maxFileBytes = 1 << 20

// Files names PEM files.
type Files struct {
	Authorities string // that may have signed the other side's certificate; empty means those of the system
	Certificate string // own, with what lies between it and its authority; empty means none
	Key         string // of Certificate
}

// Store holds what the files held when they could last be read as a whole. Its methods may be called from many
// goroutines.
type Store struct {
	files Files
	now   func() time.Time

	mu      sync.Mutex
	stamps  [3]stamp
	held    held
	problem error // why the files as they are now are not taken
}

// held is the content of the files.
type held struct {
	pool        *x509.CertPool // nil means the system's
	authorities []*x509.Certificate
	own         *tls.Certificate // nil when there is none
}

// stamp tells a file from what it was.
type stamp struct {
	size     int64
	modified time.Time
	inode    uint64
}

// Open reads the files. The clock judges the validity of certificates; nil is time.Now.
func Open(files Files, now func() time.Time) (*Store, error) {
	if now == nil {
		now = time.Now
	}
	s := &Store{files: files, now: now}
	if err := s.Refresh(); err != nil {
		return nil, err
	}
	return s, nil
}

// Refresh reads the files again if one of them has changed. Where they cannot be used, those from before stay in use,
// and the error says why; the next call tries again.
func (s *Store) Refresh() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	stamps := s.stampAll()
	if stamps == s.stamps && s.problem == nil && s.held.read() {
		return nil
	}
	fresh, err := s.files.read()
	s.problem = err
	if err == nil {
		s.held, s.stamps = fresh, stamps
	}
	return err
}

func (h held) read() bool { return h.pool != nil || h.own != nil }

func (s *Store) stampAll() (stamps [3]stamp) {
	for i, path := range []string{s.files.Authorities, s.files.Certificate, s.files.Key} {
		if info, err := os.Stat(path); path != "" && err == nil {
			stamps[i] = stamp{info.Size(), info.ModTime(), inode(info)}
		}
	}
	return stamps
}

// Problem returns why the files as they are now are not in use, or nil.
func (s *Store) Problem() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.problem
}

func (s *Store) current() held {
	_ = s.Refresh() // Problem tells; what was held before is the best there is
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held
}

// Client returns a configuration for one connection to a server, from the files as they are now.
func (s *Store) Client() *tls.Config {
	h := s.current()
	out := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: h.pool, Time: s.now}
	if h.own != nil {
		out.Certificates = []tls.Certificate{*h.own}
	}
	return out
}

// Server returns a configuration for a server that demands a certificate of every client. Each connection is served
// from the files as they are then.
func (s *Store) Server() (*tls.Config, error) {
	if h := s.current(); h.pool == nil || h.own == nil {
		return nil, errors.New("serving over TLS: it needs a certificate, its key and the authorities of the clients")
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.server(), nil },
	}, nil
}

func (s *Store) server() *tls.Config {
	h := s.current()
	return &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{*h.own}, Time: s.now,
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: h.pool,
		// A resumed session would outlive the authority that let its client in.
		SessionTicketsDisabled: true,
	}
}

// CommonName returns the name in the own certificate, empty when there is none.
func (s *Store) CommonName() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held.own == nil {
		return ""
	}
	return s.held.own.Leaf.Subject.CommonName
}

// Expiry is the end of a certificate.
type Expiry struct {
	File    string    // where it lies
	Subject string    // common name
	Ends    time.Time // last moment of its validity
	Days    int       // left, rounded down; negative when it has ended
}

// Expiring lists the certificates whose end is nearer than within: the own ones with what lies between them and their
// authority, and the authorities, in the order of the files.
func (s *Store) Expiring(within time.Duration) []Expiry {
	h := s.current()
	now := s.now()
	var out []Expiry
	note := func(file string, c *x509.Certificate) {
		if left := c.NotAfter.Sub(now); left < within {
			days := int(math.Floor(left.Hours() / 24))
			out = append(out, Expiry{File: file, Subject: c.Subject.CommonName, Ends: c.NotAfter, Days: days})
		}
	}
	for _, c := range h.authorities {
		note(s.files.Authorities, c)
	}
	if h.own != nil {
		for _, der := range h.own.Certificate {
			if c, err := x509.ParseCertificate(der); err == nil {
				note(s.files.Certificate, c)
			}
		}
	}
	return out
}

func (f Files) read() (held, error) {
	var h held
	if f.Authorities != "" {
		data, err := readBounded(f.Authorities)
		if err != nil {
			return h, fmt.Errorf("reading certificates: %w", err)
		}
		if h.authorities, err = parseAuthorities(data); err != nil {
			return h, fmt.Errorf("reading certificates of %s: %w", f.Authorities, err)
		}
		h.pool = x509.NewCertPool()
		for _, c := range h.authorities {
			h.pool.AddCert(c)
		}
	}
	if f.Certificate == "" {
		return h, nil
	}
	pair, err := f.pair()
	if err != nil {
		return h, fmt.Errorf("reading the certificate %s with its key %s: %w", f.Certificate, f.Key, err)
	}
	h.own = &pair
	return h, nil
}

func (f Files) pair() (tls.Certificate, error) {
	certificate, err := readBounded(f.Certificate)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := readBounded(f.Key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(certificate, key)
}

// parseAuthorities reads all certificates of a PEM file; there must be one at least, and nothing else.
func parseAuthorities(data []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("it holds a %.40q, where only certificates belong", block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, errors.New("it holds no certificate in PEM")
	}
	return out, nil
}

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFileBytes {
		return nil, fmt.Errorf("%s has %d bytes, more than %d", path, info.Size(), maxFileBytes)
	}
	return os.ReadFile(path)
}
