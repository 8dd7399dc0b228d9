package daemon_test

import (
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/link/linktest"
)

// fetch reads a page of a running daemon, with the bearer if it is not empty.
func fetch(ctx context.Context, t *testing.T, url, bearer string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	reply, err := client.Do(r)
	if err != nil {
		t.Log(err)
		return 0, ""
	}
	defer func() { _ = reply.Body.Close() }()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode, string(text)
}

// value is of one metric, labels included, in a scrape.
func value(t *testing.T, scrape, metric string) float64 {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(metric) + ` (.*)$`).FindStringSubmatch(scrape)
	if found == nil {
		t.Fatalf("no %s in the scrape", metric)
	}
	v, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestMetricsOnThePage scrapes a robot that watches and answers, and holds that statistics reset no counter.
func TestMetricsOnThePage(t *testing.T) {
	cfg := settings(t, small)
	cfg.Dashboard.Listen, cfg.Metrics.Listen, cfg.Stats.Every = "127.0.0.1:0", "auto", 1e9
	r := start(t, cfg)
	g, url := join(t, r.info.Broker), r.pageURL()+"metrics"
	g.ask(`"question":"how many chairs are there?"`)
	g.ask(`"question":"xyzzy"`)
	g.send("ask", `{"requestId":"bad","question":7}`)
	g.answer("bad")
	g.await("stats", `"refused":`)

	var text string
	eventually(t, "a scrape with observations", func() bool {
		_, text = fetch(t.Context(), t, url, "")
		return strings.Contains(text, "vegad_consistency_ratio")
	})
	for metric, least := range map[string]float64{
		`vegad_build_info{bundle="` + r.info.Bundle + `",version="test"}`: 1,
		`vegad_health{health="ok"}`:                                       1, `vegad_work_step{step="full"}`: 1,
		`vegad_runtime_info{precision="fp32",provider="cpu"}`: 1,
		`vegad_frames_encoded_total`:                          1, `vegad_observations_total`: 1,
		`vegad_camera_state{camera="front",state="running"}`:              1,
		`vegad_stage_duration_seconds_count{stage="encode"}`:              1,
		`vegad_stage_duration_seconds_count{stage="observe"}`:             1,
		`vegad_stage_duration_seconds_count{stage="question"}`:            2,
		`vegad_stage_duration_seconds_bucket{stage="question",le="+Inf"}`: 2,
		`vegad_questions_total{status="refused"}`:                         2,
		`vegad_link_connected`:                                            1, `vegad_link_connects_total`: 1,
		`vegad_link_messages_published_total`: 1,
	} {
		if got := value(t, text, metric); got < least {
			t.Errorf("%s is %g, want at least %g", metric, got, least)
		}
	}
	before := value(t, text, `vegad_questions_total{status="refused"}`)
	g.await("stats", "") // the next one
	g.await("stats", "")
	_, text = fetch(t.Context(), t, url, "")
	if got := value(t, text, `vegad_questions_total{status="refused"}`); got != before {
		t.Errorf("after statistics the counter went from %g to %g", before, got)
	}
}

// TestMetricsNeedTheToken serves them on a page beyond loopback to nobody without its token.
func TestMetricsNeedTheToken(t *testing.T) {
	cfg := settings(t, small)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"page.token": "correct horse battery", "vegad.yaml": "dashboard: {listen: 0.0.0.0:0, tokenFile: page.token}",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	loaded, err := config.Load(filepath.Join(dir, "vegad.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.Dashboard, cfg.Metrics.Listen = loaded.Dashboard, "auto"
	r := start(t, cfg)
	url := r.pageURL() + "metrics"
	if status, _ := fetch(t.Context(), t, url, ""); status != http.StatusUnauthorized {
		t.Errorf("without a token: status %d", status)
	}
	if status, text := fetch(t.Context(), t, url, "correct horse battery"); status != 200 ||
		!strings.Contains(text, "vegad_frames_encoded_total") {
		t.Errorf("with the token: status %d", status)
	}
}

// TestMetricsWithoutPage serves them on an address of their own, and nothing else there.
func TestMetricsWithoutPage(t *testing.T) {
	cfg := settings(t, small)
	cfg.Metrics.Listen = "127.0.0.1:" + linktest.FreePort(t)
	start(t, cfg)
	url := "http://" + cfg.Metrics.Listen + "/"
	eventually(t, "the metrics", func() bool {
		status, text := fetch(t.Context(), t, url+"metrics", "")
		return status == 200 && strings.Contains(text, "vegad_frames_encoded_total")
	})
	if status, _ := fetch(t.Context(), t, url, ""); status != http.StatusNotFound {
		t.Errorf("something else is served: status %d", status)
	}
}
