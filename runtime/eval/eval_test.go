package eval

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/vega-edge/vegad/camera/room"
	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/models/modeltest"
	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/engine/enginetest"
	"github.com/vega-edge/vegad/runtime/perception"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tiny is the configuration of a small run of a bundle with random weights on the real ONNX Runtime.
func tiny(t *testing.T, rt *engine.Runtime) Config {
	t.Helper()
	spec := modeltest.Default()
	spec.Rays, spec.Box, spec.BoxLogVar, spec.Room = 4, 10, 4, 8 // what perception decodes
	spec.Labels, spec.Precisions = room.Labels[:], []models.Precision{models.FP32}
	bundle, err := models.Open(modeltest.Write(t, spec))
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.Open(t.Context(), rt, bundle, engine.Options{
		Provider: engine.CPU, Threads: 1, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return Config{
		Manifest: &bundle.Manifest, Graph: func(name string) perception.Graph { return e.Graph(name) },
		Split: Test, Rooms: 3, Priors: 20,
	}
}

func TestRun(t *testing.T) {
	cfg := tiny(t, enginetest.Open(t))
	t.Run("is the same every time", func(t *testing.T) { sameTwice(t, cfg) })
	t.Run("prints what was agreed", func(t *testing.T) { prints(t, cfg) })
	t.Run("stops when told", func(t *testing.T) { stops(t, cfg) })
	t.Run("needs no networks to be blind", func(t *testing.T) {
		cfg := cfg
		cfg.Variants, cfg.Graph = []string{Blind}, nil
		if _, err := Run(t.Context(), cfg); err != nil {
			t.Error(err)
		}
	})
}

func measure(t *testing.T, cfg Config) *Result {
	t.Helper()
	r, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sameTwice(t *testing.T, cfg Config) {
	seen := 0
	cfg.Progress = func(done int) {
		if seen++; done != seen {
			t.Errorf("room %d is done, %d before it", done, seen-1)
		}
	}
	first := measure(t, cfg)
	if seen != cfg.Rooms {
		t.Errorf("progress told of %d rooms", seen)
	}
	cfg.Progress = nil
	if diff := cmp.Diff(first, measure(t, cfg)); diff != "" {
		t.Error(diff)
	}
	cfg.First = 1_000_007
	if cmp.Equal(first.Variants, measure(t, cfg).Variants) {
		t.Error("other rooms give the same figures")
	}
}

func prints(t *testing.T, cfg Config) {
	r := measure(t, cfg)
	r.Precision, r.Provider = "fp32", "cpu"
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Bundle, Precision, Provider, Split string
		Rooms                              int
		Variants                           map[string]struct {
			Locate     struct{ Acc25, Acc50, Near50cm *float64 }
			Count      struct{ MAE, Exact *float64 }
			Exists     struct{ Accuracy *float64 }
			Interval95 map[string]map[string][2]float64
		}
	}
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	if out.Bundle != "tiny 0.0.1" || out.Split != "test" || out.Rooms != 3 || out.Precision != "fp32" {
		t.Errorf("head of %s", data)
	}
	for _, name := range Variants() {
		v := out.Variants[name]
		if v.Locate.Acc25 == nil || v.Locate.Near50cm == nil || v.Count.MAE == nil || v.Exists.Accuracy == nil {
			t.Errorf("variant %s lacks figures: %s", name, data)
			continue
		}
		if i := v.Interval95["exists"]["accuracy"]; i[0] > *v.Exists.Accuracy || i[1] < *v.Exists.Accuracy {
			t.Errorf("variant %s: %v is not in its interval %v", name, *v.Exists.Accuracy, i)
		}
	}
	for _, text := range []string{r.Table(), r.Markdown()} {
		for _, want := range []string{"gated", "blind", "seeds 1000000 to 1000002", "fp32 on cpu", "within 0.5 m"} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is missing in\n%s", want, text)
			}
		}
		if strings.Contains(text, "NaN") {
			t.Errorf("NaN in\n%s", text)
		}
	}
}

func stops(t *testing.T, cfg Config) {
	ctx, stop := context.WithCancel(t.Context())
	cfg.Rooms, cfg.Variants = 1000, []string{Gated}
	cfg.Progress = func(int) { stop() }
	if _, err := Run(ctx, cfg); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestRunRefuses(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no room":              func(c *Config) { c.Rooms = 0 },
		"an unknown variant":   func(c *Config) { c.Variants = []string{"semantic"} },
		"a variant twice":      func(c *Config) { c.Variants = []string{Blind, Blind} },
		"an unknown split":     func(c *Config) { c.Split = "train" },
		"rooms trained on":     func(c *Config) { c.First = 12 },
		"rooms of the judges'": func(c *Config) { c.First = 1_800_000 },
	} {
		cfg := *studioConfig()
		cfg.Split, cfg.Rooms = Test, 1
		change(&cfg)
		if _, err := Run(t.Context(), cfg); err == nil {
			t.Errorf("%s is not refused", name)
		}
	}
}

func TestPriors(t *testing.T) {
	s := studioConfig().studio()
	p, err := learnPriors(t.Context(), s, 60)
	if err != nil {
		t.Fatal(err)
	}
	table := p.said.labels[14]
	if room.Labels[14] != "table" || table.box == nil {
		t.Fatalf("no table in 60 rooms: %+v", table)
	}
	b, d := table.box, table.distance.value
	if b.Center.X < 0.5 || math.Abs(b.Center.Y) > b.Center.X || b.Center.Z < 0.2 || b.Center.Z > 0.6 {
		t.Errorf("the usual table stands at %+v", b.Center)
	}
	if d < 0.3 || d > b.Center.Norm() || table.distance.low > d || table.distance.high < d {
		t.Errorf("its distance is %+v, its centre %+v", table.distance, b.Center)
	}
	if table.countGiven < 1 || table.countGiven > 2 {
		t.Errorf("a room with tables has %v", table.countGiven)
	}
	again, err := p.answer(t.Context(), nil)
	if err != nil || again != &p.said {
		t.Errorf("the clip changes the answer: %v", err)
	}
}
