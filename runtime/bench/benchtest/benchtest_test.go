package benchtest_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/vega-edge/vegad/runtime/bench/benchtest"
)

func TestQuantileAndSlope(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(i + 1)
	}
	for share, want := range map[float64]float64{0: 1, 0.5: 50, 0.95: 95, 0.99: 99, 1: 100} {
		if got := benchtest.Quantile(hundred, share); got != want {
			t.Errorf("quantile %g: %g, want %g", share, got, want)
		}
	}
	if got := benchtest.Slope(hundred); math.Abs(got-1) > 1e-9 {
		t.Errorf("slope %g of a line that rises by one", got)
	}
	if got := benchtest.Quantile([]float64{7}, 0.95); got != 7 {
		t.Errorf("quantile of one value: %g", got)
	}
	if !math.IsNaN(benchtest.Quantile(nil, 0.5)) || !math.IsNaN(benchtest.Slope(hundred[:1])) {
		t.Error("nothing has a quantile or a slope")
	}
}

// deaf takes the errors of a report.
type deaf struct {
	testing.TB
	errors int
}

func (d *deaf) Errorf(string, ...any) { d.errors++ }

func TestReport(t *testing.T) {
	root, ear := t.TempDir(), &deaf{TB: t}
	r := benchtest.New("trial")
	r.Add("free", 1, "s")
	r.AtMost("low", 1, "s", 1)
	r.AtLeast("high", 2, "s", 2)
	if !r.Holds {
		t.Errorf("%+v", r.Figures)
	}
	r.AtMost("too high", 1.01, "s", 1)
	r.AtLeast("too low", 1.99, "s", 2)
	r.AtMost("nothing", math.NaN(), "s", 2)
	r.AddBy("about", 1.2345, "s", 0.0123)
	r.AtMostBy("nearly low", 1.1, "s", benchtest.Bound{Limit: 1, Spread: 0.1})
	r.AtLeastBy("nearly high", 1.9, "s", benchtest.Bound{Limit: 2, Spread: 0.1})
	r.AtMostBy("too high by more", 1.11, "s", benchtest.Bound{Limit: 1, Spread: 0.1})
	r.AtLeastBy("too low by more", 1.89, "s", benchtest.Bound{Limit: 2, Spread: 0.1})
	r.AtMostBy("low but unsteady", 0.2, "s", benchtest.Bound{Limit: 0.5, Spread: 0.6})
	r.AtLeastBy("high but unsteady", 9, "s", benchtest.Bound{Limit: 2, Spread: 2})
	r.AddBy("unsteady", 1, "s", math.Inf(1))
	r.Report(ear, root)
	var got benchtest.Results
	data, err := os.ReadFile(filepath.Join(root, "build", "results", "trial.json"))
	if err == nil {
		err = json.Unmarshal(data, &got)
	}
	if err != nil {
		t.Fatal(err)
	}
	if ear.errors != 8 || got.Holds || len(got.Figures) != 14 || *got.Figures["about"].Spread != 0.012 ||
		!got.Figures["nearly low"].Holds || !got.Figures["nearly high"].Holds || got.Figures["nothing"].Value != -1 ||
		*got.Figures["too low"].Bound != 2 || !got.Figures["low"].Holds || got.Commit == "" || got.Machine == "" {
		t.Errorf("%d errors, %s", ear.errors, data)
	}
}
