package web

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"github.com/vega-edge/vegad/runtime/link/linktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func settings(listen string) Config {
	return Config{Listen: listen, HostsSetting: "dashboard.hosts", Logger: slog.New(slog.DiscardHandler)}
}

// serve runs a site of one file until the test ends.
func serve(t *testing.T, cfg Config) *Site {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	files, err := Files(fstest.MapFS{"index.html": {Data: []byte("hello")}, "look.css": {Data: []byte("own")}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, s.Mux(files)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	linktest.Within(t, 20*time.Second, "an address", func() bool { return s.URL() != "" })
	return s
}

// get returns the status and body of a path, with the bearer if it is not empty.
func get(t *testing.T, s *Site, path, bearer string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reply.Body.Close() }()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode, string(text)
}

// TestFilesLieOverTheLook serves a page's own files before those that all share.
func TestFilesLieOverTheLook(t *testing.T) {
	s := serve(t, settings("127.0.0.1:0"))
	for path, want := range map[string]string{"": "hello", "look.css": "own", "js/dom.js": "export const byId"} {
		if status, body := get(t, s, path, ""); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%q: status %d, %.80q", path, status, body)
		}
	}
	if status, _ := get(t, s, "none", ""); status != 404 {
		t.Errorf("a file that is not there: status %d", status)
	}
}

// TestLookNeedsNoToken lets the form for the token look like the page; everything else is refused without one.
func TestLookNeedsNoToken(t *testing.T) {
	cfg := settings("127.0.0.1:0")
	cfg.Token = token
	s := serve(t, cfg)
	for path, want := range map[string]int{"look.css": 200, "login.html": 200, "icon.svg": 200, "js/dom.js": 401} {
		if status, _ := get(t, s, path, ""); status != want {
			t.Errorf("%s: status %d, want %d", path, status, want)
		}
	}
	if status, _ := get(t, s, "js/dom.js", token); status != 200 {
		t.Errorf("with the token: status %d", status)
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"a token is required":  func(c *Config) { c.Listen = "0.0.0.0:80" },
		"shorter than 16":      func(c *Config) { c.Token = "short" },
		"want host:port":       func(c *Config) { c.Listen = "8420" },
		"a logger are":         func(c *Config) { c.Logger = nil },
		"the setting of hosts": func(c *Config) { c.HostsSetting = "" },
	} {
		cfg := settings("127.0.0.1:0")
		change(&cfg)
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// TestLookIsSelfContained reads the embedded files: no other host, no inline script or style, which the policy would
// refuse.
func TestLookIsSelfContained(t *testing.T) {
	count := 0
	err := filepath.WalkDir("look", func(name string, entry os.DirEntry, err error) error {
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
	if err != nil || count < 5 {
		t.Errorf("%d files, %v", count, err)
	}
}
