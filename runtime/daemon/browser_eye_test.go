package daemon_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/vega-edge/vegad/runtime/web/webtest"
)

// TestBrowserTurnsToAnotherCamera looks through both cameras of a robot, one after the other.
func TestBrowserTurnsToAnotherCamera(t *testing.T) {
	webtest.Chromium(t)
	cfg := pageSettings(t, "embedded:0")
	second := cfg.Cameras[0]
	second.Name, second.URI = "rear", "room:?seed=1000007&clip=3&width=320&height=240&fps=10"
	cfg.Cameras = append(cfg.Cameras, second)
	url := start(t, cfg).pageURL()
	b := openBrowser(t, strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/"))
	b.resize(1280, 900, false)
	b.Do(chromedp.Navigate(url))

	const title = `document.getElementById("camera-title").textContent`
	b.Await("the first camera", title+` === "Camera front" && document.body.dataset.pictures >= 3`)
	b.choose("stream", "gate")
	b.Await("its overlay", `(document.body.dataset.overlay ?? "").startsWith("gate ")`)
	before := read[string](b, `document.body.dataset.pictures`)
	b.choose("eye", "1")
	b.Await("the second camera", title+` === "Camera rear" && document.body.dataset.pictures > 3 + `+before)
	b.Await("both in the list", `document.getElementById("details").textContent.includes("Camera rearrunning")`)
	if c := b.Complaints(); len(c) > 0 {
		t.Errorf("the page complains:\n%s", strings.Join(c, "\n"))
	}
}
