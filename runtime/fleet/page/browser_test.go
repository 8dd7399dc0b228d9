package page

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/vega-edge/vegad/runtime/fleet"
	"github.com/vega-edge/vegad/runtime/fleet/sim"
)

// many is the size of the fleet on the page.
const many = 10_000

// Bounds of the page with so many robots, in milliseconds and MiB.
const (
	mostPaint  = 100
	mostMemory = 500
)

// play feeds a fleet: at first everything that it says on connecting, then each robot's state every 30 s and its
// statistics every minute, evenly spread, until the test ends.
func play(t *testing.T, registry *fleet.Registry) {
	t.Helper()
	feeds := make([]*sim.Feed, many)
	take := func(messages []sim.Message, err error) {
		for _, m := range messages {
			if err == nil {
				err = registry.Take(m.Topic, m.Payload, false)
			}
		}
		if err != nil {
			t.Error(err)
		}
	}
	for i := range feeds {
		feeds[i] = sim.NewFeed(sim.NewRobot(7, i, 0.04), "")
		take(feeds[i].Hello(time.Now()))
		take(feeds[i].Stats(time.Now(), time.Minute))
	}
	stop := make(chan struct{})
	var task sync.WaitGroup
	task.Go(func() {
		tick := time.NewTicker(30 * time.Second / (many / 10))
		defer tick.Stop()
		for at := 0; ; {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			for range 10 {
				take(feeds[at%many].State(time.Now(), time.Hour))
				if at%2 == 0 {
					take(feeds[(at/2)%many].Stats(time.Now(), time.Minute))
				}
				at++
			}
		}
	})
	t.Cleanup(func() {
		close(stop)
		task.Wait()
	})
}

// TestBrowserFleet uses the page of ten thousand robots that speak as often as real ones, in a real browser. make
// browser-test runs it with a browser for sure, holds the bounds, prints the figures and takes the picture of the
// documentation.
func TestBrowserFleet(t *testing.T) {
	registry := fleet.New(fleet.Config{PageURL: "http://{serial}.example:8420/"})
	site := serve(t, registry, line{})
	b := openBrowser(t, strings.TrimSuffix(strings.TrimPrefix(site.URL(), "http://"), "/"))
	play(t, registry)
	b.Do(chromedp.EmulateViewport(1280, 800), chromedp.Navigate(site.URL()))
	b.Await("all robots", fmt.Sprintf(`document.getElementById("pill-count").textContent === "%d robots"`, many))

	b.checkRows()
	b.checkChoice()
	b.shoot("fleet")
	b.checkFilters(registry)
	b.checkSpeed()
	b.checkMemory()
	b.checkNarrow()
	if c := b.Complaints(); len(c) > 0 {
		t.Errorf("the page complains:\n%s", strings.Join(c, "\n"))
	}
	if requests, foreign := b.Requests(); len(foreign) > 0 || requests < 10 {
		t.Errorf("of %d requests these left the host: %v", requests, foreign)
	}
}

// seen are the texts of the lines in the document, from the top of the table on.
const seen = `[...document.querySelectorAll("#space .line")].filter((l) => l.style.display !== "none")
	.sort((a, b) => a.getAttribute("aria-rowindex") - b.getAttribute("aria-rowindex"))`

// checkRows holds that the worst robot is first, that only lines that can be seen are there, and that news come.
func (b *browser) checkRows() {
	b.T.Helper()
	if n := read[int](b, `document.querySelectorAll("#space .line").length`); n < 10 || n > 60 {
		b.T.Errorf("%d lines are in the document", n)
	}
	if n := read[string](b, `document.getElementById("grid").getAttribute("aria-rowcount")`); n != fmt.Sprint(many+1) {
		b.T.Errorf("the table says that it has %s rows", n)
	}
	first := read[string](b, seen+`[0].children[1].textContent`)
	if !strings.HasPrefix(first, "failed") { // of the simulator's faults the worst
		b.T.Errorf("the first robot is in trouble %q", first)
	}
	version := read[int](b, `Number(document.body.dataset.version)`)
	b.Await("news", fmt.Sprintf(`Number(document.body.dataset.version) > %d`, version+1))
}

// checkChoice chooses a robot by keyboard and by mouse, and holds that table, map and panel show the same.
func (b *browser) checkChoice() {
	b.T.Helper()
	b.focus("grid")
	b.Do(chromedp.KeyEvent(kb.ArrowDown))
	const chosen = `document.querySelector('#space [aria-selected="true"]')`
	b.Await("a choice", chosen)
	id := read[string](b, chosen+`.children[0].textContent`)
	if title := read[string](b, `document.getElementById("robot-title").textContent`); title != id {
		b.T.Errorf("the panel shows %q, the table %q", title, id)
	}
	_, serial, _ := strings.Cut(id, "/")
	link := read[string](b, `document.getElementById("link").href`)
	if link != "http://"+serial+".example:8420/" {
		b.T.Errorf("the way to %s is %q", id, link)
	}
	read[bool](b, `(`+seen+`[5].children[0].click(), true)`)
	if next := read[string](b, chosen+`.children[0].textContent`); next == id {
		b.T.Error("a click chooses nothing")
	}
	const ring = `(() => { const c = document.getElementById("map");
		const p = c.getContext("2d").getImageData(0, 0, c.width, c.height).data; let n = 0;
		for (let i = 0; i < p.length; i += 4)
			if (Math.abs(p[i] - 181) + Math.abs(p[i+1] - 71) + Math.abs(p[i+2]) < 24) n++;
		return n; })()`
	b.Await("the map to highlight it", ring+" >= 20") // it is painted a little later than the table
	if frames := read[string](b, `document.getElementById("frame").textContent`); frames != "map" {
		b.T.Errorf("the frames are %q", frames)
	}
}

// checkFilters searches, and shows only the robots of one trouble.
func (b *browser) checkFilters(registry *fleet.Registry) {
	b.T.Helper()
	hot := 0
	for _, r := range registry.Snapshot(fleet.ByName) {
		if r.Trouble.Has(fleet.Hot) {
			hot++
		}
	}
	const press = `[...document.querySelectorAll("#troubles button")]
		.find((x) => x.textContent.startsWith("hot ")).click()`
	read[bool](b, `(`+press+`, true)`)
	b.Await("the hot ones", fmt.Sprintf(`document.getElementById("shown").textContent === "%d of %d"`, hot, many))
	read[bool](b, `(`+press+`, true)`)
	b.focus("find")
	b.Do(chromedp.SendKeys(chromedp.CSS("#find"), "sim/004321"))
	b.Await("one", fmt.Sprintf(`document.getElementById("shown").textContent === "1 of %d"`, many))
	b.Do(chromedp.KeyEvent(kb.Escape))
	b.Await("all again", `document.getElementById("shown").textContent === ""`)
}

// checkSpeed measures the time from inputs to the paint that shows them, by the browser's own account, while robots
// speak. Scrolling has no entry there: it is measured from the call to the frame after the next.
func (b *browser) checkSpeed() {
	b.T.Helper()
	read[bool](b, `(() => { window.inputs = [];
		new PerformanceObserver((list) => {
			for (const e of list.getEntries()) if (e.interactionId) inputs.push(e.duration);
		}).observe({ type: "event", durationThreshold: 16 });
		window.frames2 = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
		return true; })()`)
	b.focus("grid")
	steps := 0
	for range 4 {
		for _, key := range []string{kb.ArrowDown, kb.PageDown, kb.End, kb.Home} {
			b.Do(chromedp.KeyEvent(key))
			steps++
		}
	}
	b.focus("find")
	for _, letter := range "sim/00 edge" {
		b.Do(chromedp.KeyEvent(string(letter)))
		steps++
	}
	b.Do(chromedp.KeyEvent(kb.Escape))
	for _, title := range []string{"Heard s", "Robot", "°C", "Trouble"} {
		at := fmt.Sprintf(`(() => { const r = [...document.querySelectorAll("#titles button")]
			.find((x) => x.textContent === %q).getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()`,
			title)
		place := read[[]float64](b, at)
		b.Do(chromedp.MouseClickXY(place[0], place[1]))
		steps++
	}
	read[bool](b, `(async () => { await frames2(); await frames2(); return true; })()`)
	slowest := read[float64](b, `Math.max(16, ...inputs)`)
	scroll := read[float64](b, `(async () => { const g = document.getElementById("grid"); let worst = 0;
		for (let i = 0; i < 40; i++) {
			const begun = performance.now();
			g.scrollTop = (i * 7919 * 24) % g.scrollHeight;
			await frames2();
			worst = Math.max(worst, performance.now() - begun);
		}
		return worst; })()`)
	fmt.Printf("%d robots: slowest of %d inputs painted after %.0f ms, slowest of 40 jumps after %.0f ms\n",
		many, steps, slowest, scroll)
	if os.Getenv("VEGAD_REQUIRE_BROWSER") != "" && max(slowest, scroll) >= mostPaint {
		b.T.Errorf("an input is painted after %.0f ms, a jump after %.0f ms: less than %d is allowed", slowest, scroll,
			mostPaint)
	}
}

// checkMemory holds what the program and the browser's process take.
func (b *browser) checkMemory() {
	b.T.Helper()
	program, shown := resident(b.T, os.Getpid()), b.renderer()
	fmt.Printf("%d robots: the program takes %.0f MiB, the page %.0f MiB\n", many, program, shown)
	if max(program, shown) >= mostMemory {
		b.T.Errorf("the program takes %.0f MiB, the page %.0f MiB: less than %d is allowed", program, shown, mostMemory)
	}
}

// checkNarrow looks at the page on a tablet held upright: nothing lies beyond its edge.
func (b *browser) checkNarrow() {
	b.T.Helper()
	b.Do(chromedp.EmulateViewport(800, 1100))
	b.Await("one column", `document.querySelector("main").getBoundingClientRect().right <= innerWidth`)
	if wide := read[int](b, `document.documentElement.scrollWidth`); wide > 800 {
		b.T.Errorf("the page is %d pixels wide", wide)
	}
}
