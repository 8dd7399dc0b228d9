package main

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/runtime/link/linktest"
)

// background runs a command line until the test ends, and fails the test if it does not end well.
func background(t *testing.T, args ...string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, args, io.Discard, io.Discard) }()
	t.Cleanup(func() {
		cancel()
		if code := <-ended; code != exitDone {
			t.Errorf("%v: exit code %d", args, code)
		}
	})
}

// get reads from an address that is perhaps not served yet; then its status is 0.
func get(t *testing.T, url, bearer string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	reply, err := client.Do(r)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = reply.Body.Close() }()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode, string(text)
}

// TestFleetExport lets two robots on the embedded broker appear, and one of them break.
func TestFleetExport(t *testing.T) {
	url, addr := startBroker(t), "127.0.0.1:"+linktest.FreePort(t)
	startRobot(t, url, "0001", nil)
	token := writeFile(t, "token", "correct horse battery")
	background(t, "fleet", "export", "--broker", url, "--listen", addr, "--token-file", token)
	metrics := "http://" + addr + "/metrics"
	scraped := func(line string) {
		t.Helper()
		linktest.Eventually(t, line, func() bool {
			_, text := get(t, metrics, "correct horse battery")
			return strings.Contains(text, "\n"+line+"\n")
		})
	}
	scraped(`vegad_fleet_broker_connected 1`)
	scraped(`vegad_robot_online{robot="acme/0001"} 1`)
	scraped(`vegad_robot_health{health="ok",robot="acme/0001"} 1`)
	startRobot(t, url, "0002", nil)
	scraped(`vegad_robot_online{robot="acme/0002"} 1`)
	if status, _ := get(t, metrics, ""); status != http.StatusUnauthorized {
		t.Errorf("without a token: status %d", status)
	}
}

func TestFleetExportUsage(t *testing.T) {
	open := writeFile(t, "token", "correct horse battery")
	for want, args := range map[string][]string{
		"a token is required there":      {"--listen", "0.0.0.0:0"},
		"must be a minute or more":       {"--forget", "1s"},
		"belong together":                {"--cert", open},
		"must be positive":               {"--max-robots", "0"},
		"reading --tls-cert":             {"--tls-cert", open, "--tls-key", open},
		"configuring a listener":         {"--broker", "http://broker"},
		"reading --token-file: stat xxx": {"--token-file", "xxx"},
	} {
		got := vegad(t, append([]string{"fleet", "export"}, args...)...)
		if got.code == exitDone || !strings.Contains(got.err, want) {
			t.Errorf("%v: exit code %d, %s", args, got.code, got.err)
		}
	}
}
