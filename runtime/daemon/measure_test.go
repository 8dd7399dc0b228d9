package daemon_test

import (
	"context"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/bench/benchtest"
	"github.com/vega-edge/vegad/runtime/link"
	"github.com/vega-edge/vegad/runtime/link/linktest"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

// What the measurement is made with.
const (
	filmSeconds  = 10 // it loops
	askEvery     = 250 * time.Millisecond
	sampleEvery  = time.Second
	warmUp       = 2 * time.Minute // the C library's memory settles after some openings of the film
	longEnough   = 5 * time.Minute // to tell a growth from the settling
	answerWithin = 5 * time.Second
)

// TestMeasure runs the real program on a film for VEGAD_MEASURE seconds, asks it questions, and holds what comes out
// against the bounds of the project. `make measure` runs it.
func TestMeasure(t *testing.T) {
	seconds, err := strconv.Atoi(os.Getenv("VEGAD_MEASURE"))
	if err != nil || seconds < 10 {
		t.Skip("type make measure; it sets VEGAD_MEASURE to the seconds, at least 10")
	}
	root := benchtest.Root(t)
	t.Chdir(root)
	out := benchtest.New("measure")
	film := measureFilm(t)
	measureRun(t, out, film, time.Duration(seconds)*time.Second)
	measureStart(t, out, film)
	measureIdle(t, out)
	out.Report(t, ".")
}

// measureFilm renders the film once; decoding H.264 costs what a camera costs, drawing a room would cost more.
func measureFilm(t *testing.T) string {
	t.Helper()
	path := filepath.Join("build", "measure.mp4")
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		return path
	}
	part := filepath.Join(t.TempDir(), "measure.mp4")
	cmd := exec.Command(filepath.Join("bin", "vegad"), "room", "render", "--seed", "1000007", "--out", part,
		"--seconds", strconv.Itoa(filmSeconds), "--fps", "15", "--width", "640", "--height", "480")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(part)
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// program is bin/vegad run as a child process.
type program struct {
	cmd   *exec.Cmd
	url   string
	page  string // host:port of the page
	begun time.Time
}

func runProgram(t *testing.T, film string) *program {
	t.Helper()
	return runOn(t, film+"?loop=1")
}

// runOn runs the program on cameras of 640x480.
func runOn(t *testing.T, uris ...string) *program {
	t.Helper()
	bundle := os.Getenv("VEGAD_BUNDLE")
	if bundle == "" {
		bundle = "nano"
	}
	focal := 320 / math.Tan(35*math.Pi/180) // of the rendered film
	conf := filepath.Join(t.TempDir(), "vegad.yaml")
	port, page := linktest.FreePort(t), linktest.FreePort(t)
	text := fmt.Sprintf(`identity: {manufacturer: acme, serialNumber: r1}
bundle: %q
broker: {url: "embedded:%s"}
log: {level: warn}
stats: {every: 1s}
dashboard: {listen: "127.0.0.1:%s"}
cameras:
`, bundle, port, page)
	for i, uri := range uris {
		text += fmt.Sprintf(`  - name: camera%d
    uri: %q
    calibration: {width: 640, height: 480, fx: %g, fy: %g, cx: 319.5, cy: 239.5}
    mount: {height: 1, pitchDeg: 10}
`, i, uri, focal, focal)
	}
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &program{
		cmd: exec.Command(filepath.Join("bin", "vegad"), "run", "-c", conf), url: "mqtt://127.0.0.1:" + port,
		page: "127.0.0.1:" + page,
	}
	p.cmd.Stderr = os.Stderr
	p.begun = time.Now()
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("%v: type make build", err)
	}
	t.Cleanup(p.stop)
	return p
}

// stop may be called again.
func (p *program) stop() {
	_ = p.cmd.Process.Signal(os.Interrupt)
	_ = p.cmd.Wait()
}

// await waits for the broker inside the program.
func (p *program) await(t *testing.T) {
	t.Helper()
	eventually(t, "the broker of vegad", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "mqtt://"))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

// connect waits for the broker inside the program and dials it.
func (p *program) connect(t *testing.T) *link.Asker {
	t.Helper()
	p.await(t)
	asker, err := link.Dial(t.Context(), link.AskerConfig{Broker: p.url, Manufacturer: "acme", Serial: "r1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = asker.Close() })
	return asker
}

// awaitAnswer asks until the first answer and returns when it came.
func awaitAnswer(t *testing.T, asker *link.Asker) time.Time {
	t.Helper()
	var came time.Time
	eventually(t, "the first answer", func() bool {
		// A question that comes before the robot is online has no answer; then the next one has.
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		a, err := asker.Ask(ctx, payload.Ask{Question: "how many chairs are there?"})
		came = time.Now()
		if err != nil && ctx.Err() == nil {
			t.Fatal(err)
		}
		return err == nil && a.Status == payload.Answered
	})
	return came
}

// measureStart is the time from the start of the process to the first answer, with everything in the page cache.
func measureStart(t *testing.T, out *benchtest.Results, film string) {
	t.Helper()
	times := make([]float64, 5)
	for i := range times {
		p := runProgram(t, film)
		asker := p.connect(t)
		times[i] = awaitAnswer(t, asker).Sub(p.begun).Seconds()
		_ = asker.Close()
		p.stop()
	}
	slices.Sort(times)
	out.Add("start to first answer, median", times[len(times)/2], "s")
	out.AtMost("start to first answer, worst of 5", times[len(times)-1], "s", 3)
}

// conversation counts questions and how long they took.
type conversation struct {
	mu      sync.Mutex
	took    []float64 // ms
	outcome map[payload.Status]int
	errs    []error
}

// hold asks every askEvery, each question on its own, so that a slow answer does not thin out the questions.
func (c *conversation) hold(ctx context.Context, asker *link.Asker) {
	texts := []string{
		"how many chairs are there?", "how far is the nearest table?", "what is nearest to me?",
		"where is the nearest door?", "locate the nearest box", "is there a plant?",
	}
	ticker := time.NewTicker(askEvery)
	defer ticker.Stop()
	var tasks sync.WaitGroup
	defer tasks.Wait()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		tasks.Go(func() {
			limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerWithin)
			defer cancel()
			begun := time.Now()
			a, err := asker.Ask(limited, payload.Ask{Question: texts[n%len(texts)]})
			spent := time.Since(begun)
			c.mu.Lock()
			defer c.mu.Unlock()
			if err != nil {
				c.errs = append(c.errs, err)
				return
			}
			c.took = append(c.took, spent.Seconds()*1000)
			c.outcome[a.Status]++
		})
	}
}

// measureRun watches the film and asks.
func measureRun(t *testing.T, out *benchtest.Results, film string, length time.Duration) {
	t.Helper()
	p := runProgram(t, film)
	asker := p.connect(t)
	awaitAnswer(t, asker)
	g := join(t, p.url)
	pause(time.Second) // the first second does not count
	first, cpu, begun := g.status(), p.cpu(t), time.Now()

	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	talk := &conversation{outcome: map[payload.Status]int{}}
	var tasks sync.WaitGroup
	tasks.Go(func() { talk.hold(ctx, asker) })
	memory := p.sample(ctx, t, g)
	tasks.Wait()
	last, spent := g.status(), time.Since(begun).Seconds()

	if len(talk.errs) > 0 {
		t.Errorf("%d questions were not answered, the first: %v", len(talk.errs), talk.errs[0])
	}
	slices.Sort(talk.took)
	out.AtMost("skipped frames", float64(last.Cameras[0].Skipped-first.Cameras[0].Skipped), "frames", 0)
	out.Add("frames a second", last.Cameras[0].FPS, "1/s")
	out.Add("observations a second", (last.ObservationRateHz*last.UptimeSeconds-
		first.ObservationRateHz*first.UptimeSeconds)/(last.UptimeSeconds-first.UptimeSeconds), "1/s")
	out.Add("questions", float64(len(talk.took)), "questions")
	out.Add("questions answered", float64(talk.outcome[payload.Answered]), "questions")
	out.Add("question to answer, p50", benchtest.Quantile(talk.took, 0.5), "ms")
	out.AtMost("question to answer, p95", benchtest.Quantile(talk.took, 0.95), "ms", 150)
	out.Add("question to answer, p99", benchtest.Quantile(talk.took, 0.99), "ms")
	out.AtMost("resident memory, largest", slices.Max(memory), "MiB", 300)
	growth := benchtest.Slope(memory[min(int(warmUp/sampleEvery), len(memory)/3):]) * 60 / sampleEvery.Seconds()
	if length >= longEnough {
		out.AtMost("resident memory, growth", growth, "MiB/min", 0.5)
	} else {
		out.Add("resident memory, growth (too short to judge)", growth, "MiB/min")
	}
	out.Add("CPU", 100*(p.cpu(t)-cpu)/spent, "% of a core")
	out.Add("measured for", spent, "s")
	_ = asker.Close()
	g.client.Disconnect(100)
	p.stop()
}

// status asks for the state of this moment.
func (g *guest) status() payload.State {
	g.t.Helper()
	for len(g.got) > 0 {
		<-g.got
	}
	g.send("command", `{"requestId":"m","command":"stateRequest"}`)
	return g.awaitState(func(payload.State) bool { return true })
}

// pause waits for real time to pass, which is what a measurement is made of.
func pause(d time.Duration) { <-time.After(d) }

// sample reads the resident memory every second, in MiB, until the context ends.
func (p *program) sample(ctx context.Context, t *testing.T, g *guest) []float64 {
	t.Helper()
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()
	var out []float64
	for {
		select {
		case <-ctx.Done():
			return out
		case <-ticker.C:
		}
		out = append(out, p.resident(t))
		for len(g.got) > 0 {
			<-g.got
		}
	}
}

func (p *program) proc(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, name))
	if err != nil {
		t.Fatalf("vegad has ended: %v", err)
	}
	return string(data)
}

func (p *program) resident(t *testing.T) float64 {
	t.Helper()
	_, rest, _ := strings.Cut(p.proc(t, "status"), "VmRSS:")
	var kib float64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	return kib / 1024
}

// cpu is the time spent on processors so far, in seconds. The kernel counts in hundredths.
func (p *program) cpu(t *testing.T) float64 {
	t.Helper()
	stat := p.proc(t, "stat")
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	var ticks float64
	for _, text := range fields[11:13] {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return ticks / 100
}
