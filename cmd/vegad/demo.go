package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/camera/gocv"
	"github.com/vega-edge/vegad/camera/room"
	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/daemon"
	"github.com/vega-edge/vegad/runtime/engine"
)

// demoCmd is vegad demo.
type demoCmd struct {
	Seed    uint64  `default:"7" help:"Room to render (${default})."`
	Camera  string  `placeholder:"URI" help:"Watch this camera instead; then nobody knows the truth."`
	Seconds float64 `default:"20" help:"Length of the film, or how long to watch the camera (${default})."`
	Bundle  string  `placeholder:"NAME|DIR" help:"Model bundle."`
	Width   int     `default:"480" hidden:""`
	Height  int     `default:"360" hidden:""`
}

const demoFPS = 15

// Validate checks the length, and what the film can be.
func (c *demoCmd) Validate() error {
	if c.Seconds < 2 || c.Seconds > 600 {
		return fmt.Errorf("--seconds %g: must lie between 2 and 600", c.Seconds)
	}
	return c.film().check()
}

func (c *demoCmd) film() film {
	return film{
		Seed: c.Seed, Width: c.Width, Height: c.Height, FPS: demoFPS, Frames: frameCount(c.Seconds, demoFPS),
	}
}

// demo is a demonstration that is ready to run.
type demo struct {
	streams
	cfg     config.Config
	length  time.Duration
	folder  string
	film    string      // empty when a camera is watched
	truth   *room.Truth // nil when a camera is watched
	plan    []planned
	times   []float64 // s into the film, when to ask them
	wheels  []odometry
	shown   *progress
	results []result
}

// Run shows everything that vegad does, end to end.
func (c *demoCmd) Run(ctx context.Context, s streams) error {
	folder, err := os.MkdirTemp("", "vegad-demo-")
	if err != nil {
		return fmt.Errorf("making a folder for the demonstration: %w", err)
	}
	d := &demo{
		streams: s, cfg: config.Default(), folder: folder, shown: newProgress(s.out),
		length: time.Duration(c.Seconds * float64(time.Second)),
	}
	d.cfg.Broker.URL = "embedded:0" // any free port: a daemon may be running already
	d.cfg.Dashboard.Listen, d.cfg.Metrics.Listen = "off", "off"
	if c.Bundle != "" {
		d.cfg.Bundle = c.Bundle
	}
	err = d.show(ctx, c)
	d.shown.clear()
	if err != nil && !errors.Is(err, context.Canceled) {
		s.note("%s", advice(err, d.logFile()))
	}
	return err
}

func (d *demo) show(ctx context.Context, c *demoCmd) error {
	bundle, err := openBundle(d.cfg)
	if err != nil {
		return err
	}
	if err := findRuntime(); err != nil {
		return err
	}
	if err := gocv.Quiet(); err != nil {
		return err
	}
	if c.Camera != "" {
		err = d.watchCamera(c.Camera)
	} else {
		err = d.watchFilm(ctx, c.film(), bundle.Manifest.Labels)
	}
	if err != nil {
		return err
	}
	if err := d.perform(ctx); err != nil {
		return err
	}
	return d.summarize()
}

// findRuntime makes sure of ONNX Runtime before the work begins, so that nobody watches a film being rendered in vain.
func findRuntime() error {
	rt, err := engine.OpenRuntime(engine.RuntimeOptions{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	return rt.Close()
}

// advice says what to do about a failure.
func advice(err error, log string) string {
	text := "\nThe demonstration failed.\n"
	if errors.Is(err, models.ErrNotFound) {
		text += "Train a model bundle with make train-nano, or name one with --bundle DIR.\n"
	} else {
		text += "vegad doctor looks for what may be wrong with this machine.\n"
	}
	if _, missing := os.Stat(log); missing == nil {
		text += "The daemon's log is " + log + ".\n"
	}
	return text
}

func (d *demo) logFile() string { return filepath.Join(d.folder, "vegad.log") }

// watchCamera prepares a demonstration with a camera whose view nobody knows.
func (d *demo) watchCamera(text string) error {
	uri, err := camera.ParseURI(text)
	if err != nil {
		return usageError{err}
	}
	d.cfg.Cameras[0].URI, d.plan = text, anyQuestions()
	d.times = moments(d.length.Seconds(), 0.15, 0.9, len(d.plan)) // early, because it may be a short film
	d.say("camera   %s, watched for %s; without a truth to compare with\n", uri, d.length)
	return nil
}

// watchFilm renders a film and prepares to watch it as a calibrated camera on a robot with wheel odometry.
func (d *demo) watchFilm(ctx context.Context, f film, labels []string) error {
	d.film = filepath.Join(d.folder, fmt.Sprintf("room-%d.mp4", f.Seed))
	d.say("film     room %d, %d pictures of %dx%d: %s\n", f.Seed, f.Frames, f.Width, f.Height, d.film)
	truth, err := f.write(ctx, d.film, func(done int) {
		d.shown.update("rendering %s %d of %d pictures", bar(float64(done), float64(f.Frames)), done, f.Frames)
	})
	d.shown.clear()
	if err != nil {
		return err
	}
	d.truth, d.wheels, d.plan = truth, wheels(truth), planQuestions(truth, labels)
	d.times = moments(d.length.Seconds(), askFrom, askTo, len(d.plan))
	d.cfg.Cameras[0] = filmCamera(d.cfg.Cameras[0], d.film, truth)
	return nil
}

// filmCamera tells vegad about the film's camera what a robot's owner would: lens and mount.
func filmCamera(c config.Camera, path string, t *room.Truth) config.Camera {
	lens := camera.AssumedCalibration(t.Width, t.Height, t.HFOV)
	c.URI = "file:" + path
	c.Calibration = &config.Calibration{
		Width: lens.Width, Height: lens.Height, Fx: lens.Fx, Fy: lens.Fy, Cx: lens.Cx, Cy: lens.Cy,
		Distortion: config.Distortion{Model: string(camera.ModelNone)},
	}
	c.Mount.Height = t.Mount.Height
	c.Mount.PitchDeg = config.Degrees(t.Mount.Pitch * 180 / math.Pi)
	return c
}

// perform runs the daemon with a guest who asks, until the guest has heard everything or the film has ended.
func (d *demo) perform(ctx context.Context) (err error) {
	log, err := os.Create(d.logFile())
	if err != nil {
		return fmt.Errorf("creating the log: %w", err)
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	logger := newLogger(d.cfg.Log, log)
	if err := limitThreads(logger); err != nil {
		logger.Warn("threads are not limited", "err", err)
	}
	g := newGuest(d)
	watching, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	asking, stopAsking := context.WithCancelCause(ctx)
	defer stopAsking(nil)
	var group errgroup.Group
	group.Go(func() error {
		err := daemon.Run(watching, daemon.Options{
			Config: d.cfg, Version: programVersion().Version, Logger: logger, OnReady: g.welcome,
			OnFrame: func(_ string, seq uint64, wall time.Time) { g.clock.tick(seq, wall) },
		})
		stopAsking(cmp.Or(err, errFilmEnded))
		return err
	})
	group.Go(func() error {
		defer stopWatching()
		return g.visit(asking)
	})
	err = group.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, errFilmEnded) {
		return errors.New("the film ended before the first question could be asked")
	}
	return err
}

// errFilmEnded is why the guest stops asking when the daemon has stopped watching.
var errFilmEnded = errors.New("there is nothing to watch any more")
