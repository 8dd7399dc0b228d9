package dashboard

import (
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

func FuzzWish(f *testing.F) {
	for _, seed := range []string{
		`{"pictures":true}`, `{"stream":"gate"}`, `{"stream":""}`, `{"drawn":true}`, `{"stream":"depth"}`, `{}`, `[`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := readWish(data)
		if err != nil {
			return
		}
		v := newViewer(nil)
		v.heed(w)
		if s := v.wants(); (s != "" && !s.known()) || v.out != 0 {
			t.Errorf("%q leaves the viewer with stream %q and %d pictures", data, s, v.out)
		}
	})
}

func FuzzPosted(f *testing.F) {
	for _, seed := range []string{
		question, `{"question":"a","scope":"now"}`, `{"id":"page-1","cancel":true}`, `{"id":"a b","cancel":true}`, `{}`, `{`,
		`{"question":"\u0000"}`, `null`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := readPosted(data)
		if err != nil {
			return
		}
		if ask, err := p.toAsk("page-1"); err == nil && (ask.RequestID != "page-1" || ask.Client != client) {
			t.Errorf("%q becomes %+v", data, ask)
		}
		if w, err := p.toWatch("page-1"); err == nil && (!payload.ValidID(w.RequestID) || (!w.Cancel && w.Client != client)) {
			t.Errorf("%q becomes %+v", data, w)
		}
	})
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
