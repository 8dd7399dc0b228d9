package page

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

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
	t    *testing.T
	ctx  context.Context //nolint:containedctx // a tab of chromedp is a context
	host string

	mu         sync.Mutex
	complaints []string // errors on the console, exceptions, refusals by the policy
	foreign    []string // requests beyond this host
	requests   int
}

// openBrowser starts Chromium. Without one the test is skipped, unless make browser-test wants it.
func openBrowser(t *testing.T, host string) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil && os.Getenv("VEGAD_REQUIRE_BROWSER") != "" {
		t.Fatal("Chromium is not installed")
	}
	if err != nil {
		t.Skip("Chromium is not installed: make browser-test installs it")
	}
	b := &browser{t: t, host: host}
	parent, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()),
		chromedp.ExecPath(path), chromedp.Headless, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoSandbox,
		chromedp.Flag("force-device-scale-factor", "1"), chromedp.Flag("disable-background-networking", true))
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
	_, err = chromedp.Call(b.ctx, network.Enable, network.EnableParams{})
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
	b.must(chromedp.Do(b.ctx, steps...))
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
			b.complaints = append(b.complaints, e.Entry.Text+" "+e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		b.requests++
		if !strings.HasPrefix(e.Request.URL, "http://"+b.host+"/") {
			b.foreign = append(b.foreign, e.Request.URL)
		}
	}
}

// read evaluates an expression in the page, and waits if it is a promise.
func read[T any](b *browser, expression string) T {
	b.t.Helper()
	out, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return out
}

// await polls the page, which has no other clock than its own.
func (b *browser) await(what, expression string) {
	b.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(slowly)
	for !read[bool](b, "!!("+expression+")") {
		select {
		case <-tick.C:
		case <-limit:
			b.t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// focus puts the keyboard on an element.
func (b *browser) focus(id string) {
	b.t.Helper()
	read[bool](b, fmt.Sprintf(`(document.getElementById(%q).focus(), true)`, id))
}

// maxImage bounds a picture in the documentation, in bytes.
const maxImage = 300 << 10

// shoot writes a picture of the page into the folder of VEGAD_SCREENSHOTS, and none without it. A picture is made
// smaller by keeping 32 shades of each colour, which hardly an eye tells from 256.
func (b *browser) shoot(name string) {
	b.t.Helper()
	folder := os.Getenv("VEGAD_SCREENSHOTS")
	if folder == "" {
		return
	}
	data, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	b.must(err)
	from, err := png.Decode(bytes.NewReader(data))
	b.must(err)
	to := image.NewNRGBA(from.Bounds())
	draw.Draw(to, to.Bounds(), from, image.Point{}, draw.Src)
	for i, v := range to.Pix {
		to.Pix[i] = v&^7 | v>>5
	}
	var out bytes.Buffer
	b.must((&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, to))
	if out.Len() > maxImage {
		b.t.Errorf("the picture %s has %d bytes, at most %d are allowed", name, out.Len(), maxImage)
	}
	b.must(os.WriteFile(filepath.Join(benchtest.Root(b.t), folder, name+".png"), out.Bytes(), 0o600))
}

// resident is the memory of a process, in MiB.
func resident(t *testing.T, pid int) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindSubmatch(text)
	if found == nil {
		t.Fatal("the kernel does not tell the memory of a process")
	}
	kilobytes, err := strconv.ParseFloat(string(found[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes / 1024
}

// renderer is the process of Chromium that shows the page: the largest of its kind below this one.
func (b *browser) renderer() float64 {
	b.t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	b.must(err)
	largest := 0.0
	for _, file := range processes {
		command, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(command, []byte("--type=renderer")) || !b.ours(filepath.Dir(file)) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		b.must(err)
		largest = max(largest, resident(b.t, pid))
	}
	if largest == 0 {
		b.t.Fatal("the process that shows the page is not found")
	}
	return largest
}

// ours says whether a process descends from this one.
func (b *browser) ours(process string) bool {
	parent := regexp.MustCompile(`PPid:\s+(\d+)`)
	for range 10 {
		text, err := os.ReadFile(filepath.Join(process, "status"))
		if err != nil {
			return false
		}
		found := parent.FindSubmatch(text)
		if found == nil {
			return false
		}
		if string(found[1]) == strconv.Itoa(os.Getpid()) {
			return true
		}
		process = "/proc/" + string(found[1])
	}
	return false
}
