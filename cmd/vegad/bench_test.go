package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/runtime/bench"
)

// measureTiny runs vegad bench on a bundle of random weights.
func measureTiny(t *testing.T, c benchCmd) (string, error) {
	t.Helper()
	native(t)
	if c.Bundle == "" {
		c.Bundle = tinyBundle(t)
	}
	c.Precision, c.Provider, c.Rounds, c.Frames, c.Seconds, c.JSON = "fp32", "cpu", 3, 5, 0.5, true
	var out, notes bytes.Buffer
	err := c.Run(t.Context(), streams{out: &out, err: &notes})
	return out.String(), err
}

func TestBenchMeasuresAndCompares(t *testing.T) {
	dir, bundle := t.TempDir(), tinyBundle(t)
	out, err := measureTiny(t, benchCmd{Bundle: bundle, Save: dir})
	if err != nil {
		t.Fatal(err)
	}
	var r benchResult
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Stages) != len(bench.Stages()) || r.Bundle != "tiny 0.0.1" || r.Precision != "fp32" || r.Provider != "cpu" ||
		r.Peak == nil || r.Vegad == "" || r.MeasuredAt == "" || r.Comparison != nil {
		t.Errorf("printed %s", out)
	}
	for _, s := range r.Stages {
		isNetwork := slices.Contains([]string{"stem", "semantic", "encoders", "mixer", "head"}, s.Name)
		if isNetwork != (s.FLOPs > 0) || s.P50Ms <= 0 {
			t.Errorf("%+v", s)
		}
	}
	base := filepath.Join(dir, r.FileName())
	edit(t, base, func(old *bench.Report) { // one stage that was a thousand times faster, without any spread
		for i := range old.Stages {
			old.Stages[i].P50Ms, old.Stages[i].SpreadRatio = 1e6, 0
		}
		old.Stages[1].P50Ms = 1e-6
		for i := range old.Calls {
			old.Calls[i].Allocations = 1e9
		}
	})
	out, err = measureTiny(t, benchCmd{Bundle: bundle, Compare: dir})
	if code := verdict(0); !errors.As(err, &code) || code != exitFailed {
		t.Fatalf("a slower stage: %v", err)
	}
	var again benchResult
	if err := json.Unmarshal([]byte(out), &again); err != nil {
		t.Fatal(err)
	}
	c := again.Comparison
	if c == nil || c.Holds || c.Baseline != base || c.Changes[0].Outcome != bench.Faster ||
		c.Changes[1].Outcome != bench.Slower {
		t.Errorf("%+v", c)
	}
}

func edit(t *testing.T, path string, change func(*bench.Report)) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := bench.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	change(r)
	if data, err = json.Marshal(r); err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestBenchRefuses(t *testing.T) {
	for _, args := range [][]string{{"--rounds", "2"}, {"--frames", "0"}, {"--seconds", "0"}} {
		if got := vegad(t, append([]string{"bench"}, args...)...); got.code != exitUsage {
			t.Errorf("%v: %+v", args, got)
		}
	}
	if _, err := measureTiny(t, benchCmd{Compare: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "--save") {
		t.Errorf("without a baseline: %v", err)
	}
}
