package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// cookieName names the cookie that a viewer who knows the token carries.
const cookieName = "vegad_page"

// loginEvery is the least time after a wrong token: guessing 16 characters takes for ever.
const loginEvery = 200 * time.Millisecond

// guard decides who may use the page. Three things could reach a page on a loopback address from afar: another site's
// script that posts (refused by origin), a name that an attacker points at this machine (refused by host), and whoever
// is on the network when the page is bound there (refused without the token).
type guard struct {
	local bool   // bound to loopback
	hint  string // the setting of the hosts
	hosts map[string]bool
	token string
	https bool
	cross *http.CrossOriginProtection

	mu   sync.Mutex
	next time.Time // of a login, after a wrong one
}

func newGuard(cfg Config, local bool) *guard {
	g := &guard{
		local: local, hint: cfg.HostsSetting, hosts: map[string]bool{"localhost": true}, token: cfg.Token,
		https: cfg.TLS != nil, cross: http.NewCrossOriginProtection(),
	}
	for _, name := range cfg.Hosts {
		g.hosts[strings.ToLower(name)] = true
	}
	return g
}

// loopback says whether an address can be reached from this machine only.
func loopback(listen string) (bool, error) {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false, fmt.Errorf("address %q: want host:port", listen)
	}
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback()), nil
}

// known says whether a Host header names this machine. An address cannot be rebound, a name can.
func (g *guard) known(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]"))
	if ip := net.ParseIP(name); ip != nil {
		return !g.local || ip.IsLoopback()
	}
	return g.hosts[name]
}

// wrap puts the checks that hold for everything in front of a handler.
func (g *guard) wrap(inner http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		if !g.known(r.Host) {
			http.Error(w, "this is not a name of this page; see "+g.hint, http.StatusMisdirectedRequest)
			return
		}
		if err := g.cross.Check(r); err != nil {
			http.Error(w, "another site may not use this page", http.StatusForbidden)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, BodyBytes)
		inner.ServeHTTP(w, r)
	})
}

// secure sets the headers that keep a browser from doing what the page never needs.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "+
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
}

// SameOrigin lets only the page itself open the socket: browsers always name the origin, and no other rule of theirs
// protects sockets. What is no browser need not.
func SameOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && strings.EqualFold(u.Host, r.Host)
}

// allowed says whether a request carries the token, as a cookie or as a bearer.
func (g *guard) allowed(r *http.Request) bool {
	if g.token == "" {
		return true
	}
	if cookie, err := r.Cookie(cookieName); err == nil && same(cookie.Value, g.session()) {
		return true
	}
	bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && g.try(bearer)
}

// session is what the cookie holds: it proves the token without being it.
func (g *guard) session() string {
	mac := hmac.New(sha256.New, []byte(g.token))
	mac.Write([]byte("vegad dashboard session"))
	return hex.EncodeToString(mac.Sum(nil))
}

// try compares a token. After a wrong one all others are refused for a moment.
func (g *guard) try(token string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if now.Before(g.next) {
		return false
	}
	if same(token, g.token) {
		return true
	}
	g.next = now.Add(loginEvery)
	return false
}

// same compares in a time that tells nothing.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// cookie is what a viewer gets for the token.
func (g *guard) cookie() *http.Cookie {
	return &http.Cookie{ //nolint:gosec // a page served without TLS could not set a Secure cookie
		Name: cookieName, Value: g.session(), Path: "/", HttpOnly: true, Secure: g.https,
		SameSite: http.SameSiteStrictMode,
	}
}
