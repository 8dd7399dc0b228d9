//go:build cgo

package engine_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/engine/enginetest"
)

// figure is one line of build/results/gpu-test.json.
type figure struct {
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Bound string  `json:"bound,omitempty"`
	Holds bool    `json:"holds"`
}

// measured is what make gpu-test finds out about a machine.
type measured struct {
	t       *testing.T
	rt      *engine.Runtime
	bundle  *models.Bundle
	figures map[string]figure
	rows    []string
}

// TestGPU runs the bundle in VEGAD_GPU_BUNDLE on every GPU provider that this machine has, and prints the table for
// docs/jetson.md. VEGAD_GPU_RESULTS names the file for the figures. Without a GPU it is skipped.
func TestGPU(t *testing.T) {
	dir := os.Getenv("VEGAD_GPU_BUNDLE")
	if dir == "" {
		t.Skip("make gpu-test sets VEGAD_GPU_BUNDLE")
	}
	rt := enginetest.Open(t)
	m := &measured{t: t, rt: rt, bundle: openBundle(t, dir), figures: map[string]figure{}}
	ran := false
	for _, p := range []engine.Provider{engine.CUDA, engine.TensorRT} {
		if missing := engine.MissingLibraries(rt.Path(), p); len(missing) > 0 {
			t.Logf("%s is skipped: %s are missing", p, strings.Join(missing, ", "))
			continue
		}
		ran = m.provider(p) || ran
	}
	if !ran {
		m.write()
		t.Skip("skipped: there is no GPU provider that can be loaded here")
	}
	t.Logf("%s\n\n%s", engine.ThisPlatform(rt.Version()), strings.Join(m.rows, "\n"))
	m.write()
}

// provider measures every precision of the bundle on one provider. It tells whether the provider could be had.
func (m *measured) provider(p engine.Provider) bool {
	for _, precision := range m.bundle.Precisions() {
		o := options()
		o.Provider, o.Precision = p, precision
		if p == engine.TensorRT {
			o.Cache = openCache(m.t, m.t.TempDir())
		}
		built, err := m.open(o)
		if err != nil && strings.Contains(err.Error(), "at stage provider") {
			m.t.Logf("%s is skipped: %v", p, err)
			return false
		}
		name := fmt.Sprintf("%s %s", p, precision)
		m.figures[name+" parity"] = figure{Bound: "golden tolerance", Holds: err == nil}
		if err != nil {
			m.t.Errorf("%s: %v", name, err)
			continue
		}
		loaded := time.Duration(0)
		if p == engine.TensorRT {
			loaded = m.again(name, o, built)
		}
		m.row(name, built, loaded)
	}
	return true
}

func (m *measured) open(o engine.Options) (engine.Report, error) {
	e, err := engine.Open(m.t.Context(), m.rt, m.bundle, o)
	if err != nil {
		return engine.Report{}, err
	}
	return e.Report(), e.Close()
}

// again opens the engines once more, from the cache.
func (m *measured) again(name string, o engine.Options, first engine.Report) time.Duration {
	if first.Build.State != engine.BuildDone || first.Build.Done != len(models.GraphNames()) {
		m.t.Errorf("%s: the build is %+v", name, first.Build)
	}
	r, err := m.open(o)
	if err != nil {
		m.t.Errorf("%s from the cache: %v", name, err)
		return 0
	}
	hit := r.Build.State == engine.BuildNone
	if !hit {
		m.t.Errorf("%s: the cache was missed: %+v", name, r.Build)
	}
	m.figures[name+" cache hit"] = figure{Bound: "no engine is built again", Holds: hit}
	return r.LoadTime
}

func (m *measured) row(name string, r engine.Report, loaded time.Duration) {
	if r.Ran[0].Provider != r.Provider {
		m.t.Errorf("%s: most ran on %s", name, r.Ran[0].Provider)
	}
	cells := []string{name, fmt.Sprintf("%.1f s", r.LoadTime.Seconds()), "–"}
	if loaded > 0 {
		cells[2] = fmt.Sprintf("%.2f s", loaded.Seconds())
	}
	for _, graph := range models.GraphNames() {
		ms := r.Latency[graph].Seconds() * 1e3
		m.figures[name+" "+graph] = figure{Value: ms, Unit: "ms", Holds: true}
		cells = append(cells, fmt.Sprintf("%.2f ms", ms))
	}
	worst := slices.Max(slices.Collect(maps.Values(r.GoldenErrors)))
	m.figures[name+" golden error"] = figure{Value: worst, Unit: "ratio", Holds: true}
	m.rows = append(m.rows, "| "+strings.Join(append(cells, fmt.Sprintf("%.3g", worst)), " | ")+" |")
}

func (m *measured) write() {
	path := os.Getenv("VEGAD_GPU_RESULTS")
	if path == "" {
		return
	}
	result := map[string]any{
		"target": "gpu-test", "commit": os.Getenv("VEGAD_COMMIT"), "figures": m.figures, "holds": !m.t.Failed(),
		"machine": engine.ThisPlatform(m.rt.Version()).String(), "skipped": len(m.figures) == 0,
	}
	text, err := json.MarshalIndent(result, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o750)
	}
	if err == nil {
		err = os.WriteFile(path, append(text, '\n'), 0o600)
	}
	if err != nil {
		m.t.Error(err)
	}
}
