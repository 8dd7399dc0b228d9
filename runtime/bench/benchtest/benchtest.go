// Package benchtest holds the results of the measuring targets: figures, the bounds they must keep, the table that is
// printed and the file in build/results.
package benchtest

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// Figure is one measured number with the bound that it must keep; a bound of null is none.
type Figure struct {
	Value  float64  `json:"value"`
	Unit   string   `json:"unit"`
	Bound  *float64 `json:"bound"`
	Spread *float64 `json:"spread,omitempty"` // of repeated measurements, in the same unit
	Holds  bool     `json:"holds"`

	side string // of the bound
}

// Results is what build/results/{target}.json holds.
type Results struct {
	Target  string            `json:"target"`
	Commit  string            `json:"commit"`
	Machine string            `json:"machine"`
	Figures map[string]Figure `json:"figures"`
	Holds   bool              `json:"holds"`
}

// New begins the results of a target, with the commit and the machine as they are now.
func New(target string) *Results {
	return &Results{
		Target: target, Commit: output("git", "describe", "--always", "--dirty"), Machine: machine(),
		Figures: map[string]Figure{}, Holds: true,
	}
}

// Add notes a figure that is bound by nothing.
func (r *Results) Add(name string, value float64, unit string) {
	r.enter(name, Figure{Value: value, Unit: unit, Holds: true})
}

// AtMost notes a figure that must not exceed a bound.
func (r *Results) AtMost(name string, value float64, unit string, bound float64) {
	r.enter(name, Figure{Value: value, Unit: unit, Bound: &bound, Holds: value <= bound, side: "at most"})
}

// AtLeast notes a figure that must not fall below a bound.
func (r *Results) AtLeast(name string, value float64, unit string, bound float64) {
	r.enter(name, Figure{Value: value, Unit: unit, Bound: &bound, Holds: value >= bound, side: "at least"})
}

// enter rounds a figure to thousandths. JSON has no word for what is no number: it is -1, and holds nowhere.
func (r *Results) enter(name string, f Figure) {
	for _, v := range []*float64{&f.Value, f.Spread} {
		if v == nil {
			continue
		}
		if math.IsNaN(*v) || math.IsInf(*v, 0) {
			*v, f.Holds = -1, false
		}
		*v = math.Round(*v*1000) / 1000
	}
	r.Figures[name], r.Holds = f, r.Holds && f.Holds
}

// Report prints the table and writes build/results/{target}.json below the root of the checkout. A bound that does not
// hold fails the test.
func (r *Results) Report(tb testing.TB, root string) {
	tb.Helper()
	names := make([]string, 0, len(r.Figures))
	for name := range r.Figures {
		names = append(names, name)
	}
	slices.Sort(names)
	fmt.Printf("\n%s\ncommit %s\n\n", r.Machine, r.Commit)
	for _, name := range names {
		f := r.Figures[name]
		if !f.Holds {
			tb.Errorf("%s: %g %s, %s", name, f.Value, f.Unit, f.verdict())
		}
		fmt.Printf("  %-52s %10.3f %-12s %s\n", name, f.Value, f.Unit, strings.TrimSpace(f.spread()+" "+f.verdict()))
	}
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		tb.Fatal(err)
	}
	r.Write(tb, root, r.Target+".json", string(data)+"\n")
}

// Write writes a file of results beside the others.
func (r *Results) Write(tb testing.TB, root, name, text string) {
	tb.Helper()
	path := filepath.Join(root, "build", "results", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	fmt.Printf("\n%s\n", filepath.Join("build", "results", name))
}

func (f Figure) spread() string {
	if f.Spread == nil {
		return ""
	}
	return fmt.Sprintf("± %.3f", *f.Spread)
}

func (f Figure) verdict() string {
	word := map[bool]string{true: "holds", false: "DOES NOT HOLD"}[f.Holds]
	switch {
	case f.Bound != nil:
		return fmt.Sprintf("%s %.4g: %s", f.side, *f.Bound, word)
	case !f.Holds:
		return "is no number"
	}
	return ""
}

// Root is the folder of go.mod above the working folder.
func Root(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	for err == nil && dir != filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	tb.Fatal("this is no checkout")
	return ""
}

// Slope is that of the straight line through the values, per value; NaN for fewer than two.
func Slope(values []float64) float64 {
	n := float64(len(values))
	if n < 2 {
		return math.NaN()
	}
	var sumX, sumY, sumXX, sumXY float64
	for i, y := range values {
		x := float64(i)
		sumX, sumY, sumXX, sumXY = sumX+x, sumY+y, sumXX+x*x, sumXY+x*y
	}
	return (n*sumXY - sumX*sumY) / (n*sumXX - sumX*sumX)
}

// Quantile is the value below which that share of the sorted values lies; NaN for none.
func Quantile(sorted []float64, share float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	return sorted[min(max(int(math.Ceil(share*float64(len(sorted))))-1, 0), len(sorted)-1)]
}

func output(name string, args ...string) string {
	data, err := exec.Command(name, args...).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(data))
}

func machine() string {
	model := "CPU"
	data, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	load, _ := os.ReadFile("/proc/loadavg")
	return fmt.Sprintf("%s, %d cores, %s/%s, load before %.4s",
		model, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, load)
}
