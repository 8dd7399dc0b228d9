package bench

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
)

// ReportVersion is the version of the form of a Report.
const ReportVersion = 1

// Report is what was measured; docs/performance.md describes its JSON.
type Report struct {
	Version   int     `json:"version"` // ReportVersion
	Machine   Machine `json:"machine"`
	Vegad     string  `json:"vegad"` // its version
	Bundle    string  `json:"bundle"`
	Precision string  `json:"precision"`
	Provider  string  `json:"provider"`
	Threads   int     `json:"threads"`

	Rounds         int     `json:"rounds"`
	FramesPerRound int     `json:"framesPerRound"`
	Peak           *Peak   `json:"peak,omitempty"`
	Stages         []Stage `json:"stages"`
	Calls          []Call  `json:"calls"`
	Whole          Whole   `json:"whole"`
}

// Machine names the device and how busy it was.
type Machine struct {
	Device     string  `json:"device"` // model of the board, else of the processor
	Cores      int     `json:"cores"`
	OS         string  `json:"os"`
	Arch       string  `json:"arch"`
	LoadBefore float64 `json:"loadBefore"` // mean number of running tasks over the minute before
}

// Stage is how long one stage took.
type Stage struct {
	Name      string  `json:"name"`
	Count     int     `json:"count"`
	P50Ms     float64 `json:"p50Ms"`
	P95Ms     float64 `json:"p95Ms"`
	P99Ms     float64 `json:"p99Ms"`
	PerSecond float64 `json:"perSecond"` // runs that fit into a second at the median
	// SpreadRatio is half of the range of the rounds' medians over the median of all.
	SpreadRatio float64 `json:"spreadRatio"`
	FLOPs       int64   `json:"flops,omitempty"` // of one run; absent where unknown
	Bytes       int64   `json:"bytes,omitempty"` // read and written at least; absent where unknown
	// The shares of what the machine can do at most; absent without a probe or without known work.
	ArithmeticShare float64 `json:"arithmeticShare,omitempty"`
	MemoryShare     float64 `json:"memoryShare,omitempty"`
}

// Call is what one call allocates on the Go heap, by the median.
type Call struct {
	Name        string  `json:"name"`
	Allocations float64 `json:"allocations"`
	Bytes       float64 `json:"bytes"`
}

// Whole is what all stages together come to.
type Whole struct {
	FramesPerSecond float64 `json:"framesPerSecond"` // capture to encoders, one after the other
	ObservedFrameMs float64 `json:"observedFrameMs"` // median: a frame that is captured, observed and remembered
	// OtherShare is the part of observedFrameMs that is no network's own run time.
	OtherShare    float64 `json:"otherShare"`
	CPUMsPerFrame float64 `json:"cpuMsPerFrame"` // processor time of the process over all stages
	ResidentMiB   float64 `json:"residentMiB"`
	GoHeapMiB     float64 `json:"goHeapMiB"`
}

// report puts together what was measured.
func (b *bench) report() *Report {
	r := &Report{
		Version: ReportVersion, Machine: thisMachine(), Bundle: b.cfg.Manifest.Name + " " + b.cfg.Manifest.Version,
		Rounds: b.cfg.Rounds, FramesPerRound: b.cfg.Frames, Peak: b.cfg.Peak, Calls: b.calls.list(),
	}
	for _, name := range Stages() {
		r.Stages = append(r.Stages, b.stage(name))
	}
	median := func(names ...string) float64 {
		sum := 0.0
		for _, name := range names {
			sum += r.stage(name).P50Ms
		}
		return sum
	}
	whole := median(Capture, View, Decode, Scene) + median(networks()...)
	r.Whole = Whole{
		FramesPerSecond: 1000 / median(Capture, View, Encoders), ObservedFrameMs: whole,
		OtherShare:    1 - median(networks()...)/whole,
		CPUMsPerFrame: b.used.cpu.Seconds() * 1000 / float64(b.frames),
		ResidentMiB:   resident(), GoHeapMiB: heap(),
	}
	return r
}

func (b *bench) stage(name string) Stage {
	var all, medians []float64
	for _, round := range b.times[name] {
		sorted := slices.Sorted(slices.Values(round))
		medians = append(medians, quantile(sorted, 0.5))
		all = append(all, round...)
	}
	slices.Sort(all)
	work := b.cfg.Work[name]
	s := Stage{
		Name: name, Count: len(all), P50Ms: quantile(all, 0.5), P95Ms: quantile(all, 0.95), P99Ms: quantile(all, 0.99),
		FLOPs: work.FLOPs, Bytes: work.Bytes,
	}
	if s.P50Ms > 0 {
		s.PerSecond = 1000 / s.P50Ms
		s.SpreadRatio = (slices.Max(medians) - slices.Min(medians)) / 2 / s.P50Ms
	}
	if p := b.cfg.Peak; p != nil {
		s.ArithmeticShare = float64(work.FLOPs) * s.PerSecond / 1e9 / p.GigaFLOPs
		s.MemoryShare = float64(work.Bytes) * s.PerSecond / 1e9 / p.CopyGigabytes
	}
	return s
}

// stage returns the stage of that name, or an empty one.
func (r *Report) stage(name string) Stage {
	for _, s := range r.Stages {
		if s.Name == name {
			return s
		}
	}
	return Stage{Name: name}
}

// quantile is the value below which that share of the sorted values lies; 0 of none.
func quantile(sorted []float64, share float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(max(int(math.Ceil(share*float64(len(sorted))))-1, 0), len(sorted)-1)]
}

// Table writes the report for people.
func (r *Report) Table() string {
	var out strings.Builder
	m := r.Machine
	fmt.Fprintf(&out, "%s, %d cores, %s/%s, load before %.2f\n", m.Device, m.Cores, m.OS, m.Arch, m.LoadBefore)
	fmt.Fprintf(&out, "%s, %s on %s, %d rounds of %d frames\n", r.Bundle, r.Precision, r.Provider, r.Rounds,
		r.FramesPerRound)
	if p := r.Peak; p != nil {
		fmt.Fprintf(&out, "at most %.0f GFLOP/s in %s and %.1f GB/s\n", p.GigaFLOPs, p.Type, p.CopyGigabytes)
	}
	out.WriteByte('\n')
	t := tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(t, "stage\tp50 ms\tp95 ms\tp99 ms\t±\tMFLOP\tMB\tof peak\tof memory\t")
	for _, s := range r.Stages {
		_, _ = fmt.Fprintf(t, "%s\t%.3f\t%.3f\t%.3f\t%.0f %%\t%s\t%s\t%s\t%s\t\n", s.Name, s.P50Ms, s.P95Ms, s.P99Ms,
			100*s.SpreadRatio, known(float64(s.FLOPs)/1e6, "%.1f"), known(float64(s.Bytes)/1e6, "%.2f"),
			known(100*s.ArithmeticShare, "%.0f %%"), known(100*s.MemoryShare, "%.0f %%"))
	}
	_ = t.Flush() // a strings.Builder takes everything
	out.WriteByte('\n')
	for _, c := range r.Calls {
		fmt.Fprintf(&out, "%-12s %6.0f allocations, %8.0f bytes a call\n", c.Name, c.Allocations, c.Bytes)
	}
	w := r.Whole
	fmt.Fprintf(&out, "\n%.1f frames a second in one thread of control; an observed frame takes %.2f ms, %.1f %% of it "+
		"no network's\n%.2f ms of processor time a frame over all stages, %.0f MiB resident, %.1f MiB of Go heap\n",
		w.FramesPerSecond, w.ObservedFrameMs, 100*w.OtherShare, w.CPUMsPerFrame, w.ResidentMiB, w.GoHeapMiB)
	return out.String()
}

func known(value float64, format string) string {
	if value == 0 {
		return "–"
	}
	return fmt.Sprintf(format, value)
}
