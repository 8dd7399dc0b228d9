package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/runtime/link/linktest"
)

// TestFleetServe lets a robot on the embedded broker appear on the page, with the way to its own page.
func TestFleetServe(t *testing.T) {
	url, addr := startBroker(t), "127.0.0.1:"+linktest.FreePort(t)
	startRobot(t, url, "0001", nil)
	token := writeFile(t, "token", "correct horse battery")
	background(t, "fleet", "serve", "--broker", url, "--listen", addr, "--token-file", token,
		"--page", "http://{serial}.local:8420/")
	for path, wanted := range map[string][]string{
		"/": {"<title>vegad fleet</title>"}, "/look.css": {"--ground"}, "/js/dom.js": {"export"},
		"/robots":  {`"acme/0001"`, `"ONLINE"`, `"http://0001.local:8420/"`, `"connected":true`, `"unreachable"`},
		"/metrics": {`vegad_robot_online{robot="acme/0001"} 1`},
	} {
		linktest.Eventually(t, path, func() bool {
			status, text := get(t, "http://"+addr+path, "correct horse battery")
			for _, want := range wanted {
				if !strings.Contains(text, want) {
					return false
				}
			}
			return status == http.StatusOK
		})
	}
	for _, path := range []string{"/robots", "/metrics", "/js/main.js"} {
		if status, _ := get(t, "http://"+addr+path, ""); status != http.StatusUnauthorized {
			t.Errorf("%s without a token: status %d", path, status)
		}
	}
	got := vegad(t, "fleet", "serve", "--page", "javascript:alert(1)")
	if got.code != exitUsage || !strings.Contains(got.err, "must begin with http://") {
		t.Errorf("exit code %d, %s", got.code, got.err)
	}
}
