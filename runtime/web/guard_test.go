package web

import (
	"net"
	"net/url"
	"strings"
	"testing"
	"time"
)

const token = "correct horse battery"

// TestWrongTokensSlowDown refuses even the right token just after a wrong one: guessing gets five tries a second.
func TestWrongTokensSlowDown(t *testing.T) {
	g := newGuard(Config{Token: token}, false)
	if g.try("wrong") || g.try(token) {
		t.Fatal("a token was taken at once after a wrong one")
	}
	g.next = time.Time{}
	if !g.try(token) {
		t.Error("the token is refused")
	}
}

// FuzzHost holds that only addresses of this machine and known names pass on a page that is bound to it.
func FuzzHost(f *testing.F) {
	for _, seed := range []string{
		"localhost", "127.0.0.1:8420", "[::1]:80", "evil.example", "::1", "[::1", ":", "", "LOCALHOST:1",
	} {
		f.Add(seed)
	}
	g := newGuard(Config{Hosts: []string{"R-1.local"}}, true)
	f.Fuzz(func(t *testing.T, host string) {
		u, err := url.Parse("http://" + host + "/")
		if err != nil || !g.known(host) {
			return
		}
		name, ip := strings.ToLower(u.Hostname()), net.ParseIP(u.Hostname())
		if name != "localhost" && name != "r-1.local" && (ip == nil || !ip.IsLoopback()) {
			t.Errorf("%q, which a browser takes for %q, passes", host, name)
		}
	})
}
