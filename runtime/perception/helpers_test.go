package perception_test

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/runtime/perception"
	"github.com/vega-edge/vegad/runtime/scene"
)

// The view of the fakes: 160x120 pixels in cells of 8.
const (
	cols, rows, cells  = 20, 15, 300
	cellPx             = 8.0
	hfov               = 1.2217304763960306
	clip               = 4
	stride             = 250 * time.Millisecond
	geometry, semantic = 2, 3 // channels
)

// fake is a graph in Go: run fills the outputs from the inputs.
type fake struct {
	in, out map[string][]float32
	run     func(f *fake) error
	runs    int
}

func (f *fake) Input(name string) []float32  { return f.in[name] }
func (f *fake) Output(name string) []float32 { return f.out[name] }

func (f *fake) Run(ctx context.Context) error {
	f.runs++
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if f.run == nil {
		return nil
	}
	return f.run(f)
}

// network is the four fakes.
type network struct{ stem, semantic, mixer, head *fake }

func newNetwork() *network {
	vector := func(n int) []float32 { return make([]float32, n) }
	n := &network{
		stem: &fake{
			in:  map[string][]float32{"image": vector(3 * 160 * 120)},
			out: map[string][]float32{"geometry": vector(geometry * cells)},
		},
		semantic: &fake{
			in:  map[string][]float32{"image": vector(3 * 160 * 120)},
			out: map[string][]float32{"semantic": vector(semantic * cells)},
		},
		mixer: &fake{
			in:  map[string][]float32{"ring": vector(clip * geometry * cells), "times": vector(clip)},
			out: map[string][]float32{"generative": vector(5 * cells)},
		},
		head: &fake{
			in: map[string][]float32{
				"generative": vector(5 * cells), "semantic": vector(semantic * cells),
				"rays": vector(4 * cells), "context": vector(6),
			},
			out: map[string][]float32{
				"gate": vector(cells), "heat": vector(3 * cells), "box": vector(10 * cells),
				"box_logvar": vector(4 * cells), "attributes": vector(2 * cells), "embedding": vector(4 * cells),
				"depth": vector(2 * cells), "ego": vector(6), "room": vector(8),
			},
		},
	}
	fill(n.head.out["heat"], -10) // nothing anywhere
	return n
}

func fill(v []float32, x float32) {
	for i := range v {
		v[i] = x
	}
}

func (n *network) graph(name string) perception.Graph {
	return map[string]*fake{
		models.VideoStem: n.stem, models.SemanticEncoder: n.semantic, models.VideoMixer: n.mixer,
		models.SpatialHead: n.head,
	}[name]
}

func manifest() *models.Manifest {
	return &models.Manifest{
		Name: "fake", View: models.View{Width: 160, Height: 120, HFOVRad: hfov},
		Clip: models.Clip{Length: clip, StrideSeconds: stride.Seconds()}, Grid: models.Grid{Cols: cols, Rows: rows},
		Labels: []string{"ball", "box", "chair"}, Colors: []string{"red", "blue"},
		Families: []string{"observe", "locate", "count", "measure", "relate", "describe"},
		Decode: models.Decode{
			ScoreThreshold: 0.3, MaxDetections: 8,
			VarianceScale: models.VarianceScale{Center: 1, Distance: 1, Size: 1, Yaw: 1, Depth: 1, Ego: 1, Room: 1},
		},
	}
}

func config(n *network) perception.Config {
	return perception.Config{
		Manifest: manifest(), Graph: n.graph, Camera: "front",
		Calibration: calibrated(), AssumedHFOV: 1,
	}
}

func calibrated() camera.Calibration {
	c := camera.AssumedCalibration(64, 48, hfov)
	c.Assumed = false
	return c
}

func newPipeline(t testing.TB, cfg perception.Config) *perception.Pipeline {
	t.Helper()
	p, err := perception.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// picture is a grey frame that was taken at mono.
func picture(seq uint64, mono time.Duration) *camera.Frame {
	f := camera.NewFrame(64, 48, camera.RGB8, nil)
	f.Seq = seq
	f.Stamp(mono)
	return f
}

func feed(t testing.TB, p *perception.Pipeline, f *camera.Frame) {
	t.Helper()
	if err := p.Frame(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// observe returns a copy of the observation, with the slices of the pipeline.
func observe(t testing.TB, p *perception.Pipeline, family perception.Family) scene.Observation {
	t.Helper()
	var out scene.Observation
	err := p.Observe(t.Context(), family, func(o *scene.Observation) bool {
		out = *o
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// see feeds one frame and returns what is observed.
func see(t testing.TB, cfg perception.Config) scene.Observation {
	t.Helper()
	p := newPipeline(t, cfg)
	feed(t, p, picture(1, time.Second))
	return observe(t, p, perception.Observe)
}

// cell writes the values of one cell of a field, channel by channel.
func (n *network) cell(field string, at int, values ...float64) {
	for channel, v := range values {
		n.head.out[field][channel*cells+at] = float32(v)
	}
}

// thing lets the head see a plain box one metre wide at the middle of a cell.
func (n *network) thing(label, at int, logit, far float64) {
	n.head.out["heat"][label*cells+at] = float32(logit)
	n.cell("box", at, 0, 0, math.Log(far), 0, 0, 0, 0, 1, 0, 1)
}

func near(t testing.TB, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s: %.6g, want %.6g", what, got, want)
	}
}
