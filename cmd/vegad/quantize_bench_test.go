package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/quant"
	"github.com/vega-edge/vegad/quant/calibration"
	"github.com/vega-edge/vegad/quant/onnx/onnxtest"
	"github.com/vega-edge/vegad/quant/report"
	"github.com/vega-edge/vegad/runtime/bench/benchtest"
	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/engine/enginetest"
	"github.com/vega-edge/vegad/runtime/perception"
)

// What must hold between this program and its peer.
const (
	sqnrSlackDB  = 0.05 // of rounding in the printed figure, on "at least equal"
	speedSlack   = 1.05 // of jitter in medians, on "at least as fast"
	leastSpeedup = 1.8  // int8 over float32 with VNNI
	memoryShare  = 0.2
)

// benchNet is one network of the comparison.
type benchNet struct {
	name   string
	model  []byte
	judge  []calibration.Sample
	bundle bool // one of the bundle's graphs
	folder string
}

// contestant is one converted network.
type contestant struct {
	who       string // vegad or peer
	method    string
	form      string // tensorrt or cpu
	file      string
	seconds   float64
	peakBytes float64
	sqnrDB    float64 // at the worst output
	meanDB    float64 // over the outputs, as powers
	medianMs  float64
}

// TestBenchQuant is make bench-quant: every method of both sides on the same networks and samples. It fails where a
// bound of the issue does not hold.
func TestBenchQuant(t *testing.T) {
	rooms, err := strconv.Atoi(os.Getenv("VEGAD_BENCH_QUANT"))
	if err != nil || rooms < 1 {
		t.Skip("type make bench-quant; it sets VEGAD_BENCH_QUANT to the number of rooms")
	}
	root := filepath.Join("..", "..")
	b := &quantBench{
		t: t, root: root, rt: enginetest.Open(t),
		python: filepath.Join(root, "build", "bench-quant", "venv", "bin", "python"),
		found:  benchtest.New("bench-quant"),
	}
	for _, net := range b.networks(rooms) {
		b.compare(net)
	}
	b.totals()
	b.found.Report(t, root)
}

type quantBench struct {
	t      *testing.T
	root   string
	rt     *engine.Runtime
	python string
	found  *benchtest.Results
	cost   map[string][2]float64 // by side: seconds and peak bytes of the slowest method on the bundle's graphs
}

// networks prepares the classic networks and the bundle's graphs with samples in files.
func (b *quantBench) networks(rooms int) []*benchNet {
	var nets []*benchNet
	for _, name := range slices.Sorted(maps.Keys(onnxtest.Nets())) {
		m := onnxtest.Nets()[name]
		data, err := m.Marshal()
		b.must(err)
		var samples []calibration.Sample
		for i := range rooms + judged {
			samples = append(samples, onnxtest.Inputs(m, uint64(1000+i)))
		}
		nets = append(nets, b.store(&benchNet{name: name, model: data, judge: samples[rooms:]}, samples[:rooms]))
	}
	return append(nets, b.graphs(rooms)...)
}

// graphs films rooms and keeps what each of the bundle's graphs sees.
func (b *quantBench) graphs(rooms int) []*benchNet {
	bundle, err := models.Open(filepath.Join(b.root, "models", "bundles", os.Getenv("VEGAD_BUNDLE")))
	b.must(err)
	e, err := engine.Open(b.t.Context(), b.rt, bundle, fp32OnCPU())
	b.must(err)
	defer func() { b.must(e.Close()) }()
	record := func(limit int) map[string]*quant.Recorder {
		out := map[string]*quant.Recorder{}
		for _, name := range models.GraphNames() {
			out[name] = quant.NewRecorder(e.Graph(name), names(bundle.Manifest.Graphs[name].Inputs), limit)
		}
		return out
	}
	seen, others := record(rooms), record(judged)
	b.must(cast{
		calibrate: func(name string) perception.Graph { return seen[name] },
		judge:     func(name string) perception.Graph { return others[name] },
	}.film(b.t.Context(), &bundle.Manifest, rooms, streams{out: os.Stderr, err: os.Stderr}))
	var nets []*benchNet
	for _, name := range models.GraphNames() {
		data, err := bundle.ReadFile(models.FP32, name)
		b.must(err)
		net := &benchNet{name: name, model: data, judge: others[name].Kept(), bundle: true}
		nets = append(nets, b.store(net, seen[name].Kept()))
	}
	return nets
}

// store writes network and samples where both sides read them.
func (b *quantBench) store(n *benchNet, samples []calibration.Sample) *benchNet {
	n.folder = b.t.TempDir()
	b.must(os.WriteFile(filepath.Join(n.folder, "in.onnx"), n.model, 0o600))
	b.must(os.Mkdir(filepath.Join(n.folder, "samples"), 0o700))
	m, err := engine.LoadModel(b.rt, n.model, engine.ModelOptions{})
	b.must(err)
	defer func() { b.must(m.Close()) }()
	for i, s := range samples {
		f, err := os.Create(filepath.Join(n.folder, "samples", fmt.Sprintf("%05d.npz", i)))
		b.must(err)
		b.must(errors.Join(calibration.WriteSample(f, s, m.Shape), f.Close()))
	}
	return n
}

// compare lets both sides convert a network by every method, and judges what comes out.
func (b *quantBench) compare(n *benchNet) {
	var all []*contestant
	vegad, err := filepath.Abs(filepath.Join(b.root, "bin", "vegad"))
	b.must(err)
	for _, method := range calibration.Methods() {
		c := &contestant{who: "vegad", method: string(method), form: "tensorrt", file: n.file("vegad-" + string(method))}
		b.time(c, vegad, "quantize", "--model", n.file("in"), "--out", c.file, "--method", string(method),
			"--calibration", filepath.Join(n.folder, "samples"), "--convert-only")
		onCPU := *c
		onCPU.form = "cpu"
		all = append(all, c, &onCPU)
	}
	script := filepath.Join(b.root, ".make", "bench-quant.py")
	for _, method := range []string{"MinMax", "Entropy", "Percentile"} {
		for _, form := range []string{"tensorrt", "cpu"} {
			c := &contestant{who: "peer", method: method, form: form, file: n.file("peer-" + method + "-" + form)}
			b.time(c, b.python, script, n.file("in"), filepath.Join(n.folder, "samples"), c.file, method, form)
			all = append(all, c)
		}
	}
	all = slices.DeleteFunc(all, func(c *contestant) bool { return c.seconds == 0 })
	b.judge(n, all)
	b.rank(n, all)
}

func (n *benchNet) file(name string) string { return filepath.Join(n.folder, name+".onnx") }

// time runs a conversion in a process of its own. One that fails is left out, which is said.
func (b *quantBench) time(c *contestant, program string, args ...string) {
	begun := time.Now()
	cmd := exec.CommandContext(b.t.Context(), program, args...)
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	b.must(cmd.Start())
	ended, peak := make(chan error, 1), 0.0
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var err error
	for running := true; running; {
		select {
		case err = <-ended:
			running = false
		case <-tick.C:
			peak = max(peak, highWater(cmd.Process.Pid))
		}
	}
	if err != nil {
		lines := strings.Split(strings.TrimSpace(text.String()), "\n")
		fmt.Printf("%s %s %s fails: %s\n", c.who, c.method, c.form, lines[len(lines)-1])
		if c.who == "vegad" {
			b.t.Errorf("%v: %s", err, text.String())
		}
		return
	}
	c.seconds, c.peakBytes = time.Since(begun).Seconds(), peak
}

// highWater returns the most memory that a process has had so far, in bytes. What the kernel reports of a process that
// has ended would include its parent's.
func highWater(pid int) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, line, _ := strings.Cut(string(status), "VmHWM:")
	var kib float64
	if _, err := fmt.Sscan(line, &kib); err != nil {
		return 0
	}
	return kib * 1024
}

// judge compares outputs with float32 and times everybody in turns.
func (b *quantBench) judge(n *benchNet, all []*contestant) {
	ctx := b.t.Context()
	float, err := engine.LoadModel(b.rt, n.model, engine.ModelOptions{Threads: 1})
	b.must(err)
	defer func() { b.must(float.Close()) }()
	runs := []*engine.Model{float}
	for _, c := range all {
		data, err := os.ReadFile(c.file)
		b.must(err)
		o := engine.ModelOptions{Threads: 1}
		if c.who == "vegad" && c.form == "cpu" {
			o.Precision = models.INT8 // as the daemon loads it
		}
		m, err := engine.LoadModel(b.rt, data, o)
		b.must(err)
		defer func() { b.must(m.Close()) }()
		runs = append(runs, m)
		var pairs []report.Pair
		for _, out := range float.Spec().Outputs {
			pairs = append(pairs, report.Pair{Tensor: out.Name, Converted: out.Name})
		}
		tensors, err := report.Compare(ctx, float, m, calibration.Repeat(n.judge), pairs)
		b.must(err)
		c.sqnrDB = tensors[0].SQNRdB
		c.meanDB = -10 * math.Log10((&quant.Comparison{Outputs: tensors}).Noise())
	}
	medians := b.race(ctx, runs)
	fmt.Printf("\n%s: float32 runs in %.3f ms\n", n.name, medians[0])
	fmt.Printf("  %-6s %-11s %-9s %9s %9s %9s %8s %9s\n", "", "method", "form", "SQNR", "worst", "run", "convert", "peak")
	for i, c := range all {
		c.medianMs = medians[i+1]
		fmt.Printf("  %-6s %-11s %-9s %6.2f dB %6.2f dB %6.3f ms %6.2f s %5.0f MiB\n",
			c.who, c.method, c.form, c.meanDB, c.sqnrDB, c.medianMs, c.seconds, c.peakBytes/(1<<20))
	}
	speedup := medians[0] / fastest(all, "vegad")
	if n.bundle {
		b.found.AtLeast(n.name+"_speedup", speedup, "ratio", leastSpeedup)
	} else {
		b.found.Add(n.name+"_speedup", speedup, "ratio")
	}
}

// race returns the median time of each model in milliseconds, all run in turns.
func (b *quantBench) race(ctx context.Context, runs []*engine.Model) []float64 {
	const rounds = 41
	times := make([][]float64, len(runs))
	for round := range rounds + warmRuns {
		for i, m := range runs {
			begun := time.Now()
			b.must(m.Run(ctx))
			if round >= warmRuns {
				times[i] = append(times[i], float64(time.Since(begun).Nanoseconds())/1e6)
			}
		}
	}
	out := make([]float64, len(runs))
	for i := range times {
		slices.Sort(times[i])
		out[i] = times[i][rounds/2]
	}
	return out
}

// rank holds the best of this side against the best of the other.
func (b *quantBench) rank(n *benchNet, all []*contestant) {
	for _, form := range []string{"tensorrt", "cpu"} {
		ours, theirs := bestSQNR(all, "vegad", form), bestSQNR(all, "peer", form)
		b.found.AtLeast(n.name+"_sqnr_over_peer_"+form, ours-theirs, "dB", -sqnrSlackDB)
	}
	b.found.AtLeast(n.name+"_peer_time_over_ours", fastest(all, "peer")/fastest(all, "vegad"), "ratio", 1/speedSlack)
	if !n.bundle {
		return
	}
	if b.cost == nil {
		b.cost = map[string][2]float64{}
	}
	for _, who := range []string{"vegad", "peer"} {
		var sum float64
		var count int
		peak := b.cost[who][1]
		for _, c := range all {
			if c.who == who && (who == "peer" || c.form == "tensorrt") {
				sum, count, peak = sum+c.seconds, count+1, max(peak, c.peakBytes)
			}
		}
		b.cost[who] = [2]float64{b.cost[who][0] + sum/float64(max(count, 1)), peak}
	}
}

func bestSQNR(all []*contestant, who, form string) float64 {
	best := math.Inf(-1)
	for _, c := range all {
		if c.who == who && c.form == form {
			best = max(best, c.meanDB)
		}
	}
	return best
}

func fastest(all []*contestant, who string) float64 {
	best := math.Inf(1)
	for _, c := range all {
		if c.who == who {
			best = min(best, c.medianMs)
		}
	}
	return best
}

// totals compares what converting the bundle's graphs takes, on average over the methods.
func (b *quantBench) totals() {
	ours, theirs := b.cost["vegad"], b.cost["peer"]
	b.found.Add("bundle_convert_seconds", ours[0], "s")
	b.found.Add("bundle_convert_seconds_peer", theirs[0], "s")
	b.found.AtLeast("bundle_convert_time_over_ours", theirs[0]/ours[0], "ratio", 1)
	b.found.Add("bundle_peak_mib", ours[1]/(1<<20), "MiB")
	b.found.Add("bundle_peak_mib_peer", theirs[1]/(1<<20), "MiB")
	b.found.AtLeast("bundle_peak_over_ours", theirs[1]/ours[1], "ratio", 1/memoryShare)
}

func (b *quantBench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}
