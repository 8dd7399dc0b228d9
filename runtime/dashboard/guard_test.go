package dashboard

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gorilla/websocket"

	"github.com/vega-edge/vegad/runtime/web"
)

const token = "correct horse battery"

// request sends one and returns its status and body; redirects are not followed.
func request(
	t *testing.T, s *Server, method, path, body string, change func(*http.Request),
) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	reply, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reply.Body.Close() }()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode, reply.Header, string(text)
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Content-Type", "application/json")
		if name == "Host" {
			r.Host = value
			return
		}
		r.Header.Set(name, value)
	}
}

const question = `{"question":"how many chairs are there?"}`

func TestOtherSitesAreRefused(t *testing.T) {
	r := &robot{}
	s := serve(t, settings(r))
	for _, c := range []struct {
		name, method, path string
		change             func(*http.Request)
		want               int
	}{
		{"its own page", "POST", "ask", header("Origin", strings.TrimSuffix(s.URL(), "/")), 200},
		{"no browser", "POST", "ask", header("Accept", "*/*"), 200},
		{"a post from another site", "POST", "ask", header("Origin", "http://evil.example"), 403},
		{"a post from another port", "POST", "ask", header("Origin", "http://127.0.0.1:1"), 403},
		{"a post whose site is told by the browser", "POST", "ask", header("Sec-Fetch-Site", "cross-site"), 403},
		{"a standing question from another site", "POST", "watch", header("Origin", "http://evil.example"), 403},
		{"a name that was pointed here", "GET", "", header("Host", "evil.example"), 421},
		{"such a name with the port", "POST", "ask", header("Host", "evil.example:8420"), 421},
		{"an address that is not of this machine", "GET", "", header("Host", "192.0.2.7"), 421},
		{"localhost", "GET", "", header("Host", "localhost:8420"), 200},
		{"IPv6", "GET", "", header("Host", "[::1]:8420"), 200},
		{"a form, which other sites can post", "POST", "ask", header("Content-Type", "text/plain"), 415},
		{"questions by GET", "GET", "ask", nil, 404},
	} {
		r.asked.Store(nil)
		if got, _, _ := request(t, s, c.method, c.path, question, c.change); got != c.want {
			t.Errorf("%s: status %d, want %d", c.name, got, c.want)
		}
		if c.want != 200 && r.asked.Load() != nil {
			t.Errorf("%s: the question was asked all the same", c.name)
		}
	}
}

func TestSocketOfOtherSitesIsRefused(t *testing.T) {
	s := serve(t, settings(&robot{}))
	for origin, want := range map[string]bool{
		strings.TrimSuffix(s.URL(), "/"): true, "http://evil.example": false, "null": false, "": true,
	} {
		head := http.Header{}
		if origin != "" {
			head.Set("Origin", origin)
		}
		conn, reply, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.URL(), "http")+"live", head)
		if (err == nil) != want {
			t.Errorf("origin %q: error %v, want opened %v", origin, err, want)
		}
		if reply != nil {
			_ = reply.Body.Close()
		}
		if conn != nil {
			_ = conn.Close()
		}
	}
}

func TestTokenIsRequired(t *testing.T) {
	cfg := settings(&robot{})
	cfg.Listen, cfg.Token = "0.0.0.0:0", token
	s := serve(t, cfg)
	post := func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }

	for _, c := range []struct{ method, path string }{
		{"POST", "ask"},
		{"POST", "watch"},
		{"GET", "live"},
		{"GET", "js/main.js"},
	} {
		if got, _, _ := request(t, s, c.method, c.path, question, header("Accept", "*/*")); got != 401 {
			t.Errorf("%s %s without a token: status %d", c.method, c.path, got)
		}
	}
	if got, head, _ := request(t, s, "GET", "", "", nil); got != 303 || head.Get("Location") != "/login.html" {
		t.Errorf("the page without a token: status %d to %q", got, head.Get("Location"))
	}
	if got, _, _ := request(t, s, "GET", "login.html", "", nil); got != 200 {
		t.Errorf("the form without a token: status %d", got)
	}
	if _, head, _ := request(t, s, "POST", "login", "token=wrong", post); head.Get("Set-Cookie") != "" {
		t.Error("a wrong token gives a cookie")
	}
	var cookie string
	eventually(t, "the next login", func() bool {
		_, head, _ := request(t, s, "POST", "login", "token="+strings.ReplaceAll(token, " ", "+"), post)
		cookie = head.Get("Set-Cookie")
		return cookie != ""
	})
	if !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Strict") ||
		strings.Contains(cookie, "horse") {
		t.Fatalf("cookie %q", cookie)
	}
	value, _, _ := strings.Cut(cookie, ";")
	if got, _, _ := request(t, s, "POST", "ask", question, header("Cookie", value)); got != 200 {
		t.Errorf("with the cookie: status %d", got)
	}
	if got, _, _ := request(t, s, "POST", "ask", question, header("Cookie", value+"x")); got != 401 {
		t.Errorf("with another cookie: status %d", got)
	}
	if got, _, _ := request(t, s, "POST", "ask", question, header("Authorization", "Bearer "+token)); got != 200 {
		t.Errorf("with the token itself: status %d", got)
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"a token is required":  func(c *Config) { c.Listen = "0.0.0.0:8420" },
		"shorter than 16":      func(c *Config) { c.Token = "short" },
		"want host:port":       func(c *Config) { c.Listen = "8420" },
		"must be positive":     func(c *Config) { c.FPS = 0 },
		"logger are required":  func(c *Config) { c.Logger = nil },
		"a token is required ": func(c *Config) { c.Listen = ":8420" },
	} {
		cfg := settings(&robot{})
		change(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(name)) {
			t.Errorf("error %v, want one with %q", err, name)
		}
	}
}

func TestHeadersAreStrict(t *testing.T) {
	s := serve(t, settings(&robot{}))
	_, head, _ := request(t, s, "GET", "", "", nil)
	policy := head.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %s", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") || head.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("policy %q, headers %v", policy, head)
	}
	if head.Get("X-Content-Type-Options") != "nosniff" {
		t.Error("types may be guessed")
	}
	if got, _, _ := request(t, s, "GET", "", "", header("If-None-Match", head.Get("ETag"))); got != 304 {
		t.Errorf("the page that a browser has is sent again: status %d", got)
	}
}

func TestLargeRequestsAreRefused(t *testing.T) {
	s := serve(t, settings(&robot{}))
	long := `{"question":"` + strings.Repeat("a", web.BodyBytes) + `"}`
	if got, _, _ := request(t, s, "POST", "ask", long, header("Accept", "*/*")); got != 413 {
		t.Errorf("a long body: status %d", got)
	}
	conn, err := net.Dial("tcp", strings.Trim(strings.TrimPrefix(s.URL(), "http:"), "/"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = conn.Write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + strings.Repeat("a", 2*web.HeaderBytes)))
	reply, _ := io.ReadAll(conn) // it may be cut off, for the server does not read the rest
	if len(reply) > 0 && !strings.HasPrefix(string(reply), "HTTP/1.1 431 ") {
		t.Errorf("long headers: %.60s", reply)
	}
}

// TestPageIsSelfContained reads the embedded files: no other host, no inline script or style, which the policy would
// refuse.
func TestPageIsSelfContained(t *testing.T) {
	count := 0
	err := filepath.WalkDir("page", func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		count++
		text := strings.ReplaceAll(string(data), "http://www.w3.org/2000/svg", "")
		for _, foreign := range []string{
			"http://", "https://", "//cdn", "style=\"", "<script>", "javascript:", "eval(", "innerHTML",
		} {
			if strings.Contains(text, foreign) {
				t.Errorf("%s contains %s", name, foreign)
			}
		}
		for i, line := range strings.Split(text, "\n") {
			if len([]rune(line)) > 120 {
				t.Errorf("%s:%d is longer than 120 characters", name, i+1)
			}
		}
		return nil
	})
	if err != nil || count < 9 {
		t.Errorf("%d files, %v", count, err)
	}
}

// TestStopEndsWhatIsOpen closes the page while somebody looks.
func TestStopEndsWhatIsOpen(t *testing.T) {
	s, err := New(settings(&robot{}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	eventually(t, "an address", func() bool { return s.URL() != "" })
	conn := look(t, s)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	for {
		if _, _, err := conn.ReadMessage(); err != nil {
			break
		}
	}
	if s.hub.count() != 0 {
		t.Error("a viewer is left")
	}
}
