package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/camera/gocv"
	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/runtime/bench"
	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/daemon"
	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/perception"
	"github.com/vega-edge/vegad/runtime/scene"
)

// benchCmd is vegad bench.
type benchCmd struct {
	Bundle    string  `placeholder:"NAME|DIR" help:"Name or folder; without one, the default."`
	Precision string  `default:"auto" enum:"auto,fp32,fp16,int8" help:"auto, fp32, fp16 or int8."`
	Provider  string  `default:"auto" enum:"auto,tensorrt,cuda,cpu" help:"auto, tensorrt, cuda or cpu."`
	Film      string  `type:"existingfile" help:"Film of 640x480; without one, room 1000007 is rendered."`
	Seconds   float64 `default:"5" help:"Length of the rendered film (${default})."`
	Rounds    int     `default:"7" help:"Rounds that count (${default}); the spread is that between them."`
	Frames    int     `default:"60" help:"Frames of a round (${default})."`
	Compare   string  `placeholder:"FILE|DIR" help:"Hold the figures against this baseline; exit code 1 if one is worse."`
	Save      string  `placeholder:"DIR" help:"Keep the figures there as this device's baseline."`
	JSON      bool    `name:"json" help:"Print JSON."`
}

// benchSeed is the room of the rendered film, of the seeds that nobody trains on.
const benchSeed = 1_000_007

// Validate checks what can be measured.
func (c *benchCmd) Validate() error {
	switch {
	case c.Rounds < 3 || c.Rounds > 1000:
		return fmt.Errorf("--rounds %d: must lie between 3 and 1000", c.Rounds)
	case c.Frames < 1 || c.Frames > 100_000:
		return fmt.Errorf("--frames %d: must lie between 1 and 100000", c.Frames)
	}
	return c.film().check()
}

func (c *benchCmd) film() film {
	return film{Seed: benchSeed, Width: 640, Height: 480, FPS: 15, Frames: frameCount(c.Seconds, 15)}
}

// Run measures.
func (c *benchCmd) Run(ctx context.Context, s streams) (err error) {
	bundle, err := named(c.Bundle)
	if err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	if err := errors.Join(gocv.Quiet(), limitThreads(log)); err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "vegad-bench-")
	if err != nil {
		return fmt.Errorf("making a folder for the measurement: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	if c.Film == "" {
		c.Film = filepath.Join(folder, "film.mp4")
		s.note("rendering a film of %g s\n", c.Seconds)
		if _, err := c.film().write(ctx, c.Film, func(int) {}); err != nil {
			return err
		}
	}
	rt, err := engine.OpenRuntime(engine.RuntimeOptions{Logger: log})
	if err != nil {
		return err
	}
	report, err := c.measure(ctx, rt, bundle, benchRun{s, folder})
	if err := errors.Join(err, rt.Close()); err != nil {
		return err
	}
	return c.conclude(s, report)
}

// benchRun is where a measurement tells of itself, and where it may write.
type benchRun struct {
	streams
	folder string
}

// measure runs exactly the provider and precision that were asked for.
func (c *benchCmd) measure(
	ctx context.Context, rt *engine.Runtime, b *models.Bundle, run benchRun,
) (report *bench.Report, err error) {
	e, err := engine.Open(ctx, rt, b, engine.Options{
		Provider: engine.Provider(c.Provider), Precision: models.Precision(c.Precision),
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, fmt.Errorf("loading bundle %s: %w", b.Dir, err)
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	ran := e.Report()
	work, err := benchWork(b, ran.Precision)
	if err != nil {
		return nil, err
	}
	var peak *bench.Peak
	if ran.Provider == engine.CPU { // what the processor can do says nothing of a GPU
		if peak, err = bench.Probe(ctx, rt, ran.Precision); err != nil {
			return nil, err
		}
	}
	courier, err := bench.OpenCourier(ctx, run.folder)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, courier.Close()) }()
	cfg := c.config(b, e)
	cfg.Work, cfg.Peak, cfg.Courier = work, peak, courier
	show := newProgress(run.err)
	cfg.Progress = func(round int) { show.update("%s", bar(float64(round), float64(c.Rounds+1))) }
	report, err = bench.Run(ctx, cfg)
	show.clear()
	if err != nil {
		return nil, err
	}
	report.Vegad, report.Precision, report.Provider = programVersion().Version, string(ran.Precision), string(ran.Provider)
	report.Threads = ran.Threads
	return report, nil
}

func (c *benchCmd) config(b *models.Bundle, e *engine.Engine) bench.Config {
	m := &b.Manifest
	focal := 320 / math.Tan(35*math.Pi/180) // of the rendered film
	memory := scene.DefaultConfig(m.Labels, m.Colors)
	memory.MaxObjects, memory.MaxDetections = config.Default().Scene.MaxObjects, m.Decode.MaxDetections
	uri := camera.URI{Kind: camera.KindFile, Path: c.Film}
	return bench.Config{
		Manifest: m, Graph: func(name string) perception.Graph { return e.Graph(name) },
		Open: func(ctx context.Context) (camera.Source, error) { return daemon.OpenCamera(ctx, uri) },
		Calibration: camera.Calibration{
			Model: camera.ModelNone, Width: 640, Height: 480, Fx: focal, Fy: focal, Cx: 319.5, Cy: 239.5,
		},
		Mount:  camera.Mount{Height: 1, Pitch: 10 * math.Pi / 180},
		Memory: memory, Message: daemon.SceneMessage, Rounds: c.Rounds, Frames: c.Frames,
	}
}

// benchWork counts what the stages have to do: of networks what their graphs say, of the others the bytes of pictures
// that they read and write.
func benchWork(b *models.Bundle, precision models.Precision) (map[string]bench.Work, error) {
	cost, err := (&modelShowCmd{Precision: string(precision)}).bundle(b)
	if err != nil {
		return nil, err
	}
	const picture = 640 * 480 * 3
	view := int64(b.Manifest.View.Width * b.Manifest.View.Height * 3 * 4)
	work := map[string]bench.Work{
		bench.Capture: {Bytes: 2 * picture}, // without what decoding moves
		bench.View:    {Bytes: picture + 3*view},
	}
	stages := map[string]string{
		models.VideoStem: bench.Stem, models.SemanticEncoder: bench.Semantic, models.VideoMixer: bench.Mixer,
		models.SpatialHead: bench.Head,
	}
	for _, g := range cost.Graphs {
		work[stages[g.Graph]] = bench.Work{FLOPs: g.FLOPs, Bytes: g.ParameterBytes + 2*g.ActivationBytes}
	}
	stem, semantic := work[bench.Stem], work[bench.Semantic]
	work[bench.Encoders] = bench.Work{FLOPs: stem.FLOPs + semantic.FLOPs, Bytes: stem.Bytes + semantic.Bytes}
	return work, nil
}

// benchResult is what vegad bench prints as JSON.
type benchResult struct {
	*bench.Report
	MeasuredAt string            `json:"measuredAt"`
	Comparison *bench.Comparison `json:"comparison,omitempty"`
}

// conclude prints, keeps and judges the report.
func (c *benchCmd) conclude(s streams, report *bench.Report) error {
	out := benchResult{Report: report, MeasuredAt: time.Now().UTC().Format(time.RFC3339)}
	if c.Compare != "" {
		base, path, err := report.Load(c.Compare)
		if err != nil {
			return err
		}
		if out.Comparison, err = bench.Compare(report, base); err != nil {
			return err
		}
		out.Comparison.Baseline = path
	}
	if c.JSON {
		if err := s.json(out); err != nil {
			return err
		}
	} else {
		s.say("%s", report.Table())
		if out.Comparison != nil {
			s.say("\n%s", out.Comparison.Table())
		}
	}
	if c.Save != "" {
		path, err := report.Save(c.Save)
		if err != nil {
			return err
		}
		s.note("the baseline is %s\n", path)
	}
	if out.Comparison != nil && !out.Comparison.Holds {
		return verdict(exitFailed)
	}
	return nil
}
