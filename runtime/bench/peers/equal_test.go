package peers_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/camera/gocv"
	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/perception"
	"github.com/vega-edge/vegad/runtime/scene"
)

// found is one thing of an observation, in base_link.
type found struct {
	Label string  `json:"label"`
	Score float64 `json:"score"`
	Box   struct {
		Center scene.Vec3 `json:"center"`
		Size   scene.Vec3 `json:"size"`
		Yaw    float64    `json:"yaw"`
	} `json:"box"`
}

// vegadSees runs vegad's own pipeline on every picture of the film.
func (b *bench) vegadSees(ctx context.Context) [][]found {
	b.tb.Helper()
	e, err := engine.Open(ctx, b.rt, b.bundle, engine.Options{
		Provider: engine.CPU, Precision: models.INT8, Logger: quiet(),
	})
	b.must(err)
	defer func() { b.must(e.Close()) }()
	p, err := perception.New(perception.Config{
		Manifest: &b.bundle.Manifest, Graph: func(name string) perception.Graph { return e.Graph(name) }, Camera: "front",
		Calibration: camera.AssumedCalibration(width, height, b.bundle.Manifest.View.HFOVRad),
		Mount:       camera.Mount{Height: mountHeight, Pitch: pitchDeg * math.Pi / 180},
	})
	b.must(err)
	uri, err := camera.ParseURI("file:" + b.film + "?pace=off")
	b.must(err)
	film, err := gocv.Open(ctx, uri, gocv.Options{})
	b.must(err)
	defer func() { b.must(film.Close()) }()
	var out [][]found
	for {
		f, err := film.Read(ctx)
		if errors.Is(err, io.EOF) {
			return out
		}
		b.must(err)
		err = p.Frame(ctx, f)
		f.Release()
		b.must(err)
		b.must(p.Observe(ctx, perception.Observe, func(o *scene.Observation) bool {
			out = append(out, b.told(o.Detections))
			return false
		}))
	}
}

func (b *bench) told(detections []scene.Detection) []found {
	out := make([]found, len(detections))
	for i, d := range detections {
		out[i] = found{Label: b.bundle.Manifest.Labels[d.Label], Score: d.Score}
		out[i].Box.Center, out[i].Box.Size, out[i].Box.Yaw = d.Box.Center, d.Box.Size, d.Box.Yaw
	}
	return out
}

// peerSees has a peer write its observations to a file.
func (b *bench) peerSees(c *contestant) [][]found {
	b.tb.Helper()
	j := b.job(c, false)
	j.Dump = filepath.Join(b.tb.TempDir(), "seen.jsonl")
	begin(b.tb, b.command(c, j)).watch(time.Second)
	file, err := os.Open(j.Dump)
	b.must(err)
	defer file.Close() //nolint:errcheck // it was only read
	out, err := decodeSeen(file)
	b.must(err)
	return out
}

func decodeSeen(r io.Reader) ([][]found, error) {
	var out [][]found
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var o struct {
			Objects []found `json:"objects"`
		}
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return nil, fmt.Errorf("reading observation %d: %w", len(out)+1, err)
		}
		out = append(out, o.Objects)
	}
	return out, lines.Err()
}

// tolerance is how far two programs that do the same may differ: pictures are rounded to bytes before the networks in
// one and not in the other, and the networks count in steps of an eighth bit.
type tolerance struct {
	score  float64
	center float64 // share of the distance from the camera
	size   float64 // share of the size
	yaw    float64 // rad, of the axis
	misses float64 // share of the sure things that may have no counterpart
}

// agreed was set on the film of make bench: what is rounded otherwise moves the middle of a thing by 0.5 % of its
// distance in the median, and of forty sure things one stands at the edge of two cells of the grid or of two labels,
// where rounding decides.
var agreed = tolerance{score: 0.05, center: 0.05, size: 0.05, yaw: 0.2, misses: 0.05}

// sureBy is how far a score must lie above the threshold for a thing to be missed: below, either may see it or not.
const sureBy = 0.1

// agreement is what came of a comparison.
type agreement struct {
	sure, missed int
	first        string // the first miss
}

func (a agreement) String() string {
	return fmt.Sprintf("%d of %d sure things differ", a.missed, a.sure)
}

// compare looks for each sure thing of either side on the other. It fails without a fair number of them.
func compare(want, got [][]found, threshold float64, t tolerance) (agreement, error) {
	var a agreement
	if len(want) != len(got) || len(want) == 0 {
		return a, fmt.Errorf("%d observations, vegad has %d", len(got), len(want))
	}
	for i := range want {
		a.look(fmt.Sprintf("observation %d: only vegad sees", i+1), want[i], got[i], threshold, t)
		a.look(fmt.Sprintf("observation %d: only the peer sees", i+1), got[i], want[i], threshold, t)
	}
	if a.sure < len(want) {
		return a, fmt.Errorf("%d things in %d observations are too few to compare by", a.sure, len(want))
	}
	if float64(a.missed) > t.misses*float64(a.sure) {
		return a, fmt.Errorf("%s, at most %g %% may; %s", a, 100*t.misses, a.first)
	}
	return a, nil
}

// look counts the sure things of one side that the other does not see.
func (a *agreement) look(what string, one, other []found, threshold float64, t tolerance) {
	for _, f := range one {
		if f.Score < threshold+sureBy {
			continue
		}
		a.sure++
		if t.sees(other, f) {
			continue
		}
		a.missed++
		if a.first == "" {
			a.first = fmt.Sprintf("%s a %s of score %.3f at %.2f", what, f.Label, f.Score, f.Box.Center)
		}
	}
}

func (t tolerance) sees(seen []found, f found) bool {
	for _, s := range seen {
		if s.Label == f.Label && t.same(s, f) {
			return true
		}
	}
	return false
}

func (t tolerance) same(a, b found) bool {
	far := b.Box.Center.Norm()
	axis := math.Remainder(a.Box.Yaw-b.Box.Yaw, math.Pi) // front and back of many things look alike
	return math.Abs(a.Score-b.Score) <= t.score && a.Box.Center.Sub(b.Box.Center).Norm() <= t.center*far &&
		a.Box.Size.Sub(b.Box.Size).Norm() <= t.size*b.Box.Size.Norm() && math.Abs(axis) <= t.yaw
}
