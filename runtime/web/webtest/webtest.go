// Package webtest opens a page in a real Chromium, and notes every complaint and every request of it.
package webtest

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Slowly is for what a real browser does on a machine with other work to do.
const Slowly = 2 * time.Minute

// Browser is a real Chromium with one page open.
type Browser struct {
	T   *testing.T
	Ctx context.Context //nolint:containedctx // a tab of chromedp is a context

	mu         sync.Mutex
	complaints []string // errors on the console, exceptions, refusals by the policy
	foreign    []string // requests beyond this host
	requests   int
	host       string
}

// Chromium finds the browser. Without one the test is skipped, unless make browser-test wants it.
func Chromium(t *testing.T) string {
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

// Open starts Chromium for a page of the host, which is an address with a port. It ends with the test.
func Open(t *testing.T, host string) *Browser {
	t.Helper()
	b := &Browser{T: t, host: host}
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(Chromium(t)), chromedp.Headless, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoSandbox,
		chromedp.Flag("force-device-scale-factor", "1"), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("hide-scrollbars", true),
	}
	parent, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	ctx, leave := chromedp.NewContext(parent, chromedp.WithListener(b.hear))
	b.Ctx = ctx
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Logf("closing the browser: %v", err)
		}
		leave()
		stop()
	})
	b.Do(chromedp.Func(func(context.Context, *chromedp.Target) error { return nil })) // starts it
	_, err := chromedp.Call(b.Ctx, network.Enable, network.EnableParams{})
	b.Must(err)
	_, err = chromedp.Call(b.Ctx, cdplog.Enable, struct{}{})
	b.Must(err)
	return b
}

// Must ends the test at an error.
func (b *Browser) Must(err error) {
	b.T.Helper()
	if err != nil {
		b.T.Fatal(err)
	}
}

// Do takes steps in the page, and ends the test when one fails.
func (b *Browser) Do(steps ...chromedp.Action[chromedp.Void]) {
	b.T.Helper()
	ctx, cancel := context.WithTimeout(b.Ctx, Slowly)
	defer cancel()
	if b.requests == 0 {
		ctx = b.Ctx // the first call owns the tab
	}
	b.Must(chromedp.Do(ctx, steps...))
}

// hear notes what the page says and asks for.
func (b *Browser) hear(event any) {
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

func (b *Browser) note(url string) {
	b.requests++
	_, rest, _ := strings.Cut(url, "://")
	if strings.HasPrefix(url, "blob:") || strings.HasPrefix(url, "data:") || strings.HasPrefix(rest, b.host+"/") {
		return
	}
	b.foreign = append(b.foreign, url)
}

// Read evaluates an expression in the page, and waits if it is a promise.
func Read[T any](b *Browser, expression string) T {
	b.T.Helper()
	out, err := chromedp.Run(b.Ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.T.Fatalf("%s: %v", expression, err)
	}
	return out
}

// Await polls the page, which has no other clock than its own.
func (b *Browser) Await(what, expression string) {
	b.T.Helper()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(Slowly)
	for !Read[bool](b, "!!("+expression+")") {
		select {
		case <-tick.C:
		case <-limit:
			b.T.Fatalf("waited in vain for: %s", what)
		}
	}
}

// maxImage bounds a picture in the documentation, in bytes.
const maxImage = 300 << 10

// Shoot writes a picture of the page to a file.
func (b *Browser) Shoot(file string) {
	b.T.Helper()
	data, err := chromedp.Run(b.Ctx, chromedp.CaptureScreenshot())
	b.Must(err)
	data = b.pack(data)
	if len(data) > maxImage {
		b.T.Errorf("the picture %s has %d bytes, at most %d are allowed", file, len(data), maxImage)
	}
	b.Must(os.WriteFile(file, data, 0o600))
}

// Complaints returns what the page has complained of so far.
func (b *Browser) Complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.complaints)
}

// Requests counts what the page asked for, and lists what of it went beyond its host.
func (b *Browser) Requests() (all int, foreign []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.requests, slices.Clone(b.foreign)
}

// pack makes a picture smaller: 32 shades of each colour, which hardly an eye tells from 256, and the best compression.
func (b *Browser) pack(data []byte) []byte {
	b.T.Helper()
	from, err := png.Decode(bytes.NewReader(data))
	b.Must(err)
	to := image.NewNRGBA(from.Bounds())
	draw.Draw(to, to.Bounds(), from, image.Point{}, draw.Src)
	for i, v := range to.Pix {
		to.Pix[i] = v&^7 | v>>5
	}
	var out bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	b.Must(encoder.Encode(&out, to))
	return out.Bytes()
}
