// Package web serves vegad's pages and what scrapes them: on loopback to anybody on this machine, elsewhere only to
// those who know a token, and never to another site's scripts.
//
// It also holds what all pages look like. Everything is embedded: a page works without a network.
package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// MinToken is the least length of a token, in bytes.
const MinToken = 16

// Bounds of what a browser may send.
const (
	BodyBytes   = 8 << 10
	HeaderBytes = 16 << 10

	connections = 64
	listenAgain = 10 * time.Second // after the address could not be had
)

// Config describes a site. Listen, HostsSetting and Logger are required.
type Config struct {
	Listen string      // host:port; anything but loopback needs a token
	Token  string      // what a visitor must know, at least MinToken bytes; empty asks for none
	TLS    *tls.Config // nil serves plain HTTP
	Hosts  []string    // names, besides IP addresses and localhost, that a browser may use for it
	Logger *slog.Logger

	HostsSetting string // what people set for Hosts, such as dashboard.hosts
}

// Site is one address with its rules. Its methods may be called from any goroutine.
type Site struct {
	cfg     Config
	log     *slog.Logger
	guard   *guard
	address atomic.Pointer[string]
}

// New checks the configuration; it listens to nothing yet.
func New(cfg Config) (*Site, error) {
	local, err := loopback(cfg.Listen)
	switch {
	case err != nil:
	case cfg.Logger == nil || cfg.HostsSetting == "":
		err = errors.New("the setting of hosts and a logger are required")
	case !local && cfg.Token == "":
		err = fmt.Errorf("%s can be reached from outside: a token is required there", cfg.Listen)
	case cfg.Token != "" && len(cfg.Token) < MinToken:
		err = fmt.Errorf("the token is shorter than %d characters", MinToken)
	}
	if err != nil {
		return nil, err
	}
	return &Site{cfg: cfg, log: cfg.Logger, guard: newGuard(cfg, local)}, nil
}

// Mux returns the routes that every page has: its look and the form for the token, which need none, and all its other
// files, which do.
func (s *Site) Mux(files http.Handler) *http.ServeMux {
	mux := http.NewServeMux()
	for _, open := range []string{"look.css", "login.html", "icon.svg"} {
		mux.Handle("GET /"+open, files)
	}
	mux.HandleFunc("POST /login", s.login)
	mux.Handle("GET /", s.Private(files))
	return mux
}

// Private asks for the token: a person who opens the page for it in a form, anything else by a refusal.
func (s *Site) Private(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case s.guard.allowed(r):
			inner.ServeHTTP(w, r)
		case r.URL.Path == "/":
			http.Redirect(w, r, "/login.html", http.StatusSeeOther)
		default:
			http.Error(w, "the token is missing or wrong", http.StatusUnauthorized)
		}
	})
}

func (s *Site) login(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if s.guard.token != "" && !s.guard.try(r.PostFormValue("token")) {
		http.Redirect(w, r, "/login.html#wrong", http.StatusSeeOther)
		return
	}
	if s.guard.token != "" {
		http.SetCookie(w, s.guard.cookie())
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// URL is where the site is served, with a slash at its end, and empty until it is.
func (s *Site) URL() string {
	if address := s.address.Load(); address != nil {
		return *address
	}
	return ""
}

// Run serves until ctx ends; then every connection is closed, except those that a handler took over, and it returns
// nil. While the address cannot be had it says so once and keeps trying: a page is no reason to stop anything.
func (s *Site) Run(ctx context.Context, handler http.Handler) error {
	listener := s.listen(ctx)
	if listener == nil {
		return nil
	}
	server := s.httpServer(handler)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case <-ctx.Done():
		err := server.Close()
		<-served //nolint:errcheck // it only says that it was closed
		if err != nil {
			s.log.Debug("a connection was not closed in order", "err", err)
		}
		return nil
	case err := <-served:
		return fmt.Errorf("serving %s: %w", s.cfg.Listen, err)
	}
}

// httpServer bounds everything that a peer could drag out.
func (s *Site) httpServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler: s.guard.wrap(handler), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: HeaderBytes,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

// listen waits for the address, and returns nil when ctx ends first.
func (s *Site) listen(ctx context.Context) net.Listener {
	var config net.ListenConfig
	for told := false; ; told = true {
		l, err := config.Listen(ctx, "tcp", s.cfg.Listen)
		if err == nil {
			return s.opened(l)
		}
		if !told && ctx.Err() == nil {
			s.log.Warn("the page is not served yet", "listen", s.cfg.Listen, "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(listenAgain):
		}
	}
}

func (s *Site) opened(l net.Listener) net.Listener {
	scheme := "http://"
	out := net.Listener(&limited{Listener: l, free: make(chan struct{}, connections)})
	if s.cfg.TLS != nil {
		scheme = "https://"
		out = tls.NewListener(out, s.cfg.TLS)
	} else if !s.guard.local {
		s.log.Warn("the page is served unencrypted beyond this machine: give it a certificate", "listen", s.cfg.Listen)
	}
	address := scheme + l.Addr().String() + "/"
	s.address.Store(&address)
	s.log.Info("the page is served", "url", address)
	return out
}
