package daemon_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/vega-edge/vegad/runtime/bench/benchtest"
)

// slowly is for what a real browser does on a machine with other work to do.
const slowly = 2 * time.Minute

// browser is a real Chromium with one page open. It notes every complaint and every request of the page.
type browser struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // a tab of chromedp is a context

	mu         sync.Mutex
	complaints []string // errors on the console, exceptions, refusals by the policy
	foreign    []string // requests beyond this host
	requests   int
	host       string
}

// chromium finds the browser. Without one the test is skipped, unless make browser-test wants it.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("VEGAD_REQUIRE_BROWSER") != "" {
		t.Fatal("Chromium is not installed")
	}
	t.Skip("Chromium is not installed: make browser-test installs it")
	return ""
}

func openBrowser(t *testing.T, host string) *browser {
	t.Helper()
	b := &browser{t: t, host: host}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(chromium(t)), chromedp.Headless, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoSandbox,
		chromedp.Flag("force-device-scale-factor", "1"), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("hide-scrollbars", true),
	}
	parent, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	ctx, leave := chromedp.NewContext(parent, chromedp.WithListener(b.hear))
	b.ctx = ctx
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("closing the browser: %v", err)
		}
		leave()
		stop()
	})
	b.do(chromedp.Func(func(context.Context, *chromedp.Target) error { return nil })) // starts it
	_, err := chromedp.Call(b.ctx, network.Enable, network.EnableParams{})
	b.must(err)
	_, err = chromedp.Call(b.ctx, cdplog.Enable, struct{}{})
	b.must(err)
	return b
}

func (b *browser) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, slowly)
	defer cancel()
	if b.requests == 0 {
		ctx = b.ctx // the first call owns the tab
	}
	b.must(chromedp.Do(ctx, steps...))
}

// hear notes what the page says and asks for.
func (b *browser) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.complaints = append(b.complaints, fmt.Sprintf("exception: %+v", e.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" {
			b.complaints = append(b.complaints, fmt.Sprintf("console %s: %v", e.Type, e.Args))
		}
	case *cdplog.EventEntryAdded:
		if e.Entry.Level == "error" || e.Entry.Level == "warning" {
			if strings.Contains(e.Entry.Text, "willReadFrequently") {
				break // it is this test that reads the canvases
			}
			b.complaints = append(b.complaints, e.Entry.Text+" "+e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		b.note(e.Request.URL)
	case *network.EventWebSocketCreated:
		b.note(e.URL)
	}
}

func (b *browser) note(url string) {
	b.requests++
	_, rest, _ := strings.Cut(url, "://")
	if strings.HasPrefix(url, "blob:") || strings.HasPrefix(url, "data:") || strings.HasPrefix(rest, b.host+"/") {
		return
	}
	b.foreign = append(b.foreign, url)
}

// clear empties the question.
func (b *browser) clear() {
	b.t.Helper()
	read[bool](b, `(document.getElementById("question").value = "", document.getElementById("question").focus(), true)`)
}

// ask types a question and returns the text of its answer.
func (b *browser) ask(question string) string {
	b.t.Helper()
	const number = `(document.getElementById("answer").dataset.number ?? "none")`
	before := read[string](b, number)
	b.clear()
	b.do(chromedp.SendKeys(chromedp.CSS("#question"), question+"\r"))
	b.await("an answer", fmt.Sprintf(`%s !== %q`, number, before))
	return read[string](b, `document.querySelector("#answer .text").textContent`)
}

// read evaluates an expression in the page.
func read[T any](b *browser, expression string) T {
	b.t.Helper()
	out, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return out
}

// await polls the page, which has no other clock than its own.
func (b *browser) await(what, expression string) {
	b.t.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(slowly)
	for !read[bool](b, "!!("+expression+")") {
		select {
		case <-tick.C:
		case <-limit:
			b.shoot("failed")
			b.t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// resize shows the page on another screen; touch says whether it has fingers for a mouse.
func (b *browser) resize(width, height int64, touch bool) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height))
	_, err := chromedp.Call(b.ctx, emulation.SetTouchEmulationEnabled,
		emulation.SetTouchEmulationEnabledParams{Enabled: touch})
	b.must(err)
}

// scheme sets what the system prefers: light or dark.
func (b *browser) scheme(name string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
	})
	b.must(err)
}

// choose sets a control as a person does.
func (b *browser) choose(id, value string) {
	b.t.Helper()
	read[bool](b, fmt.Sprintf(`(() => { const e = document.getElementById(%q); e.value = %q;
		e.dispatchEvent(new Event("change")); return true; })()`, id, value))
}

// maxImage bounds a picture in the documentation, in bytes.
const maxImage = 300 << 10

// shoot writes a picture of the page into the folder of VEGAD_SCREENSHOTS, and none without it.
func (b *browser) shoot(name string) {
	b.t.Helper()
	folder := os.Getenv("VEGAD_SCREENSHOTS")
	if folder == "" {
		return
	}
	read[bool](b, "(scrollTo(0, 0), document.activeElement?.blur(), true)")
	pause(700 * time.Millisecond) // for canvases to follow a new size
	data, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	b.must(err)
	data = b.pack(data)
	if len(data) > maxImage {
		b.t.Errorf("the picture %s has %d bytes, at most %d are allowed", name, len(data), maxImage)
	}
	b.must(os.WriteFile(filepath.Join(benchtest.Root(b.t), folder, "dashboard-"+name+".png"), data, 0o600))
}

// pack makes a picture smaller: 32 shades of each colour, which hardly an eye tells from 256, and the best compression.
func (b *browser) pack(data []byte) []byte {
	b.t.Helper()
	from, err := png.Decode(bytes.NewReader(data))
	b.must(err)
	to := image.NewNRGBA(from.Bounds())
	draw.Draw(to, to.Bounds(), from, image.Point{}, draw.Src)
	for i, v := range to.Pix {
		to.Pix[i] = v&^7 | v>>5
	}
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	b.must(encoder.Encode(&out, to))
	return out.Bytes()
}

// pressTab goes on to the next control and says which it is.
func (b *browser) pressTab() string {
	b.t.Helper()
	b.do(chromedp.KeyEvent("\t"))
	return cmp.Or(read[string](b, `(() => { const e = document.activeElement;
		return e === document.body ? "" : e.id || e.className || e.textContent.slice(0, 30); })()`), "body")
}
