package daemon_test

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/vega-edge/vegad/runtime/bench/benchtest"
	"github.com/vega-edge/vegad/runtime/web/webtest"
)

// browser is a Chromium with the field tester's page.
type browser struct{ *webtest.Browser }

func openBrowser(t *testing.T, host string) *browser {
	t.Helper()
	return &browser{webtest.Open(t, host)}
}

func read[T any](b *browser, expression string) T {
	b.T.Helper()
	return webtest.Read[T](b.Browser, expression)
}

// clear empties the question.
func (b *browser) clear() {
	b.T.Helper()
	read[bool](b, `(document.getElementById("question").value = "", document.getElementById("question").focus(), true)`)
}

// ask types a question and returns the text of its answer.
func (b *browser) ask(question string) string {
	b.T.Helper()
	const number = `(document.getElementById("answer").dataset.number ?? "none")`
	before := read[string](b, number)
	b.clear()
	b.Do(chromedp.SendKeys(chromedp.CSS("#question"), question+"\r"))
	b.Await("an answer", fmt.Sprintf(`%s !== %q`, number, before))
	return read[string](b, `document.querySelector("#answer .text").textContent`)
}

// resize shows the page on another screen; touch says whether it has fingers for a mouse.
func (b *browser) resize(width, height int64, touch bool) {
	b.T.Helper()
	b.Do(chromedp.EmulateViewport(width, height))
	_, err := chromedp.Call(b.Ctx, emulation.SetTouchEmulationEnabled,
		emulation.SetTouchEmulationEnabledParams{Enabled: touch})
	b.Must(err)
}

// scheme sets what the system prefers: light or dark.
func (b *browser) scheme(name string) {
	b.T.Helper()
	_, err := chromedp.Call(b.Ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
	})
	b.Must(err)
}

// choose sets a control as a person does.
func (b *browser) choose(id, value string) {
	b.T.Helper()
	read[bool](b, fmt.Sprintf(`(() => { const e = document.getElementById(%q); e.value = %q;
		e.dispatchEvent(new Event("change")); return true; })()`, id, value))
}

// shoot writes a picture of the page into the folder of VEGAD_SCREENSHOTS, and none without it.
func (b *browser) shoot(name string) {
	b.T.Helper()
	folder := os.Getenv("VEGAD_SCREENSHOTS")
	if folder == "" {
		return
	}
	read[bool](b, "(scrollTo(0, 0), document.activeElement?.blur(), true)")
	read[bool](b, fmt.Sprintf(`(document.querySelectorAll("#lines *").forEach((e) => {
		if (!e.children.length) e.textContent = e.textContent.replaceAll(%q, "."); }), true)`, benchtest.Root(b.T)))
	pause(700 * time.Millisecond) // for canvases to follow a new size
	b.Shoot(filepath.Join(benchtest.Root(b.T), folder, "dashboard-"+name+".png"))
}

// pressTab goes on to the next control and says which it is.
func (b *browser) pressTab() string {
	b.T.Helper()
	b.Do(chromedp.KeyEvent("\t"))
	return cmp.Or(read[string](b, `(() => { const e = document.activeElement;
		return e === document.body ? "" : e.id || e.className || e.textContent.slice(0, 30); })()`), "body")
}
