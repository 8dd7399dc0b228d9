package peers_test

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/bench/benchtest"
)

// process is a contestant at work.
type process struct {
	tb    testing.TB
	cmd   *exec.Cmd
	begun time.Time
	ended chan struct{} // closed when it has
	err   error         // why it ended; to be read after that
}

// begin starts it; it ends with the test at the latest.
func begin(tb testing.TB, cmd *exec.Cmd) *process {
	tb.Helper()
	p := &process{tb: tb, cmd: cmd, ended: make(chan struct{})}
	cmd.Stderr = os.Stderr
	p.begun = time.Now()
	if err := cmd.Start(); err != nil {
		tb.Fatalf("%v: type make bench", err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	tb.Cleanup(p.kill)
	return p
}

// kill ends it at once. It may be called again.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// usage is what a process has used, or uses, at a time.
type usage struct {
	at             time.Time
	cpu            float64 // seconds so far; the kernel counts in hundredths
	rss, own, peak float64 // MiB; own is what no file backs
}

// now reads the usage; false when the process has ended.
func (p *process) now() (usage, bool) {
	u := usage{at: time.Now()}
	stat, rollup, status := p.proc("stat"), p.proc("smaps_rollup"), p.proc("status")
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return u, false
	}
	for _, text := range fields[11:13] {
		ticks, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return u, false
		}
		u.cpu += ticks / 100
	}
	var ok [3]bool
	u.rss, ok[0] = mebibytes(rollup, "Rss:")
	u.own, ok[1] = mebibytes(rollup, "Anonymous:")
	u.peak, ok[2] = mebibytes(status, "VmHWM:")
	return u, ok[0] && ok[1] && ok[2]
}

func (p *process) proc(name string) string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.cmd.Process.Pid, name))
	if err != nil {
		return ""
	}
	return string(data)
}

func mebibytes(text, key string) (float64, bool) {
	_, rest, found := strings.Cut(text, key)
	var kib float64
	_, err := fmt.Sscan(rest, &kib)
	return kib / 1024, found && err == nil
}

// longest is how long a contestant may take for the film. On two idle cores it is some ten seconds.
const longest = 3 * time.Minute

// watch samples the usage until the process has ended cleanly.
func (p *process) watch(every time.Duration) []usage {
	p.tb.Helper()
	tick, late := time.NewTicker(every), time.After(longest)
	defer tick.Stop()
	var out []usage
	for {
		select {
		case <-late:
			p.tb.Fatalf("%s: still at it after %s", p.cmd.Args, longest)
		case <-p.ended:
			if p.err != nil {
				p.tb.Fatalf("%s: %v", p.cmd.Args, p.err)
			}
			return out
		case <-tick.C:
		}
		if u, ok := p.now(); ok {
			out = append(out, u)
		}
	}
}

// figures are what one run gives, by name.
type figures map[string]float64

// The figures and their units.
const (
	framesPerSecond = "frames a second"
	cpuPerFrame     = "processor time a frame"
	memorySteady    = "resident memory, steady"
	memoryOwn       = "memory that no file backs, steady"
	memoryPeak      = "resident memory, peak"
	startToAnswer   = "start to first answer"
	answerP50       = "question to answer, p50"
	answerP95       = "question to answer, p95"
)

var units = map[string]string{
	framesPerSecond: "1/s", cpuPerFrame: "ms", memorySteady: "MiB", memoryOwn: "MiB", memoryPeak: "MiB",
	startToAnswer: "s", answerP50: "ms", answerP95: "ms",
}

// settle is what is left out after the first answer: caches fill, and the questions before it are answered.
const settle = 200 * time.Millisecond

// full has a contestant watch the whole film as fast as it can.
func (b *bench) full(c *contestant) figures {
	b.tb.Helper()
	w := b.witness()
	defer w.close()
	p := begin(b.tb, b.start(c, false))
	first := w.first()
	samples := p.watch(100 * time.Millisecond)
	f, err := throughput(first.Add(settle), w.seen(), samples)
	b.must(err)
	f[startToAnswer] = first.Sub(p.begun).Seconds()
	return f
}

// start makes the command of a contestant.
func (b *bench) start(c *contestant, paced bool) *exec.Cmd {
	if c.run == nil {
		return b.daemon(paced)
	}
	j := b.job(c, paced)
	j.Host = "127.0.0.1"
	_, port, _ := strings.Cut(b.broker.Addr(), ":")
	j.Port, _ = strconv.Atoi(port)
	return b.command(c, j)
}

// throughput is what the observations and samples after a time tell.
func throughput(after time.Time, scenes []sighting, samples []usage) (figures, error) {
	scenes = slices.DeleteFunc(slices.Clone(scenes), func(s sighting) bool { return s.came.Before(after) })
	samples = slices.DeleteFunc(slices.Clone(samples), func(u usage) bool { return u.at.Before(after) })
	if len(scenes) < 10 || len(samples) < 3 {
		return nil, fmt.Errorf("%d observations and %d samples are too few: take a longer film", len(scenes), len(samples))
	}
	last := scenes[len(scenes)-1]
	frames := frameOf(last) - frameOf(scenes[0])
	from, to := samples[0], samples[len(samples)-1]
	var rss, own []float64
	for _, u := range samples {
		rss, own = append(rss, u.rss), append(own, u.own)
	}
	return figures{
		framesPerSecond: frames / last.came.Sub(scenes[0].came).Seconds(),
		cpuPerFrame:     1000 * (to.cpu - from.cpu) / (frameAt(scenes, to.at) - frameAt(scenes, from.at)),
		memorySteady:    median(rss), memoryOwn: median(own), memoryPeak: to.peak,
	}, nil
}

// frameOf is the number of an observation's frame, counted from anywhere.
func frameOf(s sighting) float64 { return float64(s.capture.UnixMilli()) / 1000 * filmFPS }

// frameAt is how far the film was at a time, between two observations in proportion.
func frameAt(scenes []sighting, at time.Time) float64 {
	i, _ := slices.BinarySearchFunc(scenes, at, func(s sighting, t time.Time) int { return s.came.Compare(t) })
	if i == 0 || i == len(scenes) {
		return frameOf(scenes[min(i, len(scenes)-1)])
	}
	before, next := scenes[i-1], scenes[i]
	share := at.Sub(before.came).Seconds() / next.came.Sub(before.came).Seconds()
	return frameOf(before) + share*(frameOf(next)-frameOf(before))
}

// askEvery shares no period with the film, so that questions come at all times of a frame.
const askEvery = 53 * time.Millisecond

// paced has a contestant watch the film at its own pace, as a robot's camera runs, and asks it meanwhile.
func (b *bench) paced(c *contestant, length time.Duration) figures {
	b.tb.Helper()
	w := b.witness()
	defer w.close()
	p := begin(b.tb, b.start(c, true))
	defer p.kill()
	w.first()
	w.forget()
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	var took []float64
	for end := time.Now().Add(length); time.Now().Before(end); {
		<-tick.C
		took = append(took, w.question())
	}
	slices.Sort(took)
	return figures{answerP50: benchtest.Quantile(took, 0.5), answerP95: benchtest.Quantile(took, 0.95)}
}
