package daemon_test

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

// figure is one measured number with what it must not exceed; a bound of null is none.
type figure struct {
	Value float64  `json:"value"`
	Unit  string   `json:"unit"`
	Bound *float64 `json:"bound"`
	Holds bool     `json:"holds"`
}

// results is what build/results/measure.json holds.
type results struct {
	Target  string            `json:"target"`
	Commit  string            `json:"commit"`
	Machine string            `json:"machine"`
	Figures map[string]figure `json:"figures"`
	Holds   bool              `json:"holds"`
}

func (r *results) add(name string, value float64, unit string) {
	r.Figures[name] = figure{Value: round(value), Unit: unit, Holds: true}
}

func (r *results) bound(name string, value float64, unit string, limit float64) {
	holds := value <= limit // false for NaN
	r.Figures[name] = figure{Value: round(value), Unit: unit, Bound: &limit, Holds: holds}
	r.Holds = r.Holds && holds
}

func round(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return -1 // JSON has no word for it; the figure does not hold then
	}
	return math.Round(v*1000) / 1000
}

func output(name string, args ...string) string {
	data, err := exec.Command(name, args...).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(data))
}

func thisMachine() string {
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

// quantile is the value below which that share of the sorted values lies.
func quantile(sorted []float64, share float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	return sorted[min(int(math.Ceil(share*float64(len(sorted))))-1, len(sorted)-1)]
}

// slope is that of the straight line through the values, per value.
func slope(values []float64) float64 {
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

// report prints the table and writes the file. A bound that does not hold fails the test.
func report(t *testing.T, out *results) {
	t.Helper()
	names := make([]string, 0, len(out.Figures))
	for name := range out.Figures {
		names = append(names, name)
	}
	slices.Sort(names)
	fmt.Printf("\n%s\ncommit %s\n\n", out.Machine, out.Commit)
	for _, name := range names {
		f := out.Figures[name]
		verdict := ""
		if f.Bound != nil {
			verdict = fmt.Sprintf("at most %g: holds", *f.Bound)
		}
		if !f.Holds {
			verdict = fmt.Sprintf("at most %g: DOES NOT HOLD", *f.Bound)
			t.Errorf("%s: %g %s", name, f.Value, f.Unit)
		}
		fmt.Printf("  %-44s %10.3f %-12s %s\n", name, f.Value, f.Unit, verdict)
	}
	data, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("build", "results", "measure.json")
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("\n%s\n\n", path)
}

func TestQuantileAndSlope(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(i + 1)
	}
	for share, want := range map[float64]float64{0.5: 50, 0.95: 95, 0.99: 99, 1: 100} {
		if got := quantile(hundred, share); got != want {
			t.Errorf("quantile %g: %g, want %g", share, got, want)
		}
	}
	if got := slope(hundred); math.Abs(got-1) > 1e-9 {
		t.Errorf("slope %g of a line that rises by one", got)
	}
	if got := quantile([]float64{7}, 0.95); got != 7 {
		t.Errorf("quantile of one value: %g", got)
	}
}
