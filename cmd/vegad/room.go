package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/vega-edge/vegad/camera/gocv"
	"github.com/vega-edge/vegad/camera/room"
)

// roomCmd is vegad room.
type roomCmd struct {
	Render   roomRenderCmd   `cmd:"" help:"Render a walk through a room to a film, with the truth about every frame."`
	Describe roomDescribeCmd `cmd:"" help:"Print what stands in a room."`
}

type roomRenderCmd struct {
	Seed    uint64  `default:"7" help:"Room (${default})."`
	Clip    uint64  `help:"Which walk through it (0)."`
	Out     string  `required:"" placeholder:"CLIP.mp4" help:"Film to write."`
	Truth   string  `placeholder:"TRUTH.json" help:"Truth to write."`
	Seconds float64 `default:"10" help:"Length (${default})."`
	FPS     float64 `name:"fps" default:"15" help:"Pictures a second (${default})."`
	Width   int     `default:"640" help:"Pixels, even (${default})."`
	Height  int     `default:"480" help:"Pixels, even (${default})."`
}

// Validate checks what the film can be.
func (c *roomRenderCmd) Validate() error {
	return film{Width: c.Width, Height: c.Height, FPS: c.FPS, Frames: c.frames()}.check()
}

func (c *roomRenderCmd) frames() int { return frameCount(c.Seconds, c.FPS) }

// frameCount is the number of pictures, within what fits an int everywhere.
func frameCount(seconds, fps float64) int { return int(min(max(seconds*fps+0.5, 0), 1e9)) }

const (
	maxFilmFrames = 100_000
	maxSide       = 4096
	minSide       = 32
)

// check tells why a film cannot be rendered.
func (f film) check() error {
	switch {
	case f.Width < minSide || f.Height < minSide || f.Width > maxSide || f.Height > maxSide || f.Width%2+f.Height%2 != 0:
		return fmt.Errorf("size %dx%d: both sides must be even and lie between %d and %d", f.Width, f.Height, minSide,
			maxSide)
	case f.FPS < 1 || f.FPS > 240:
		return fmt.Errorf("fps %g: must lie between 1 and 240", f.FPS)
	case f.Frames < 1 || f.Frames > maxFilmFrames:
		return fmt.Errorf("%d pictures: must be between 1 and %d", f.Frames, maxFilmFrames)
	}
	return nil
}

// Run renders the film.
func (c *roomRenderCmd) Run(ctx context.Context, s streams) error {
	if err := gocv.Quiet(); err != nil {
		return err
	}
	f := film{Seed: c.Seed, Clip: c.Clip, Width: c.Width, Height: c.Height, FPS: c.FPS, Frames: c.frames()}
	shown := newProgress(s.err)
	begun := time.Now()
	truth, err := f.write(ctx, c.Out, func(done int) {
		shown.update("rendering %s %d of %d pictures", bar(float64(done), float64(f.Frames)), done, f.Frames)
	})
	shown.clear()
	if err != nil {
		return err
	}
	if c.Truth != "" {
		if err := writeTruth(c.Truth, truth); err != nil {
			return err
		}
	}
	took := time.Since(begun)
	s.say("%s: room %d, %d pictures of %dx%d in %.1f s (%.2f µs a pixel on %d cores)\n", c.Out, c.Seed, f.Frames, f.Width,
		f.Height, took.Seconds(), took.Seconds()*1e6/float64(f.Frames*f.Width*f.Height), runtime.GOMAXPROCS(0))
	return nil
}

func writeTruth(path string, truth *room.Truth) error {
	data, err := json.Marshal(truth)
	if err != nil {
		return fmt.Errorf("writing the truth: %w", err)
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o644); err != nil { //nolint:gosec // a result for everybody
		return fmt.Errorf("writing the truth: %w", err)
	}
	return nil
}

type roomDescribeCmd struct {
	Seed uint64 `default:"7" help:"Room (${default})."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run prints what stands in the room, the largest first.
func (c *roomDescribeCmd) Run(s streams) error {
	truth := room.Generate(c.Seed).NewTruth(0)
	if c.JSON {
		return s.json(truth)
	}
	s.say("room %d: %.2f x %.2f x %.2f m, %.1f m² of floor, %d things\n", c.Seed, truth.Room.Length, truth.Room.Width,
		truth.Room.Height, truth.Room.Area, len(truth.Objects))
	things := slices.Clone(truth.Objects)
	volume := func(o room.TruthObject) float64 { return o.Size[0] * o.Size[1] * o.Size[2] }
	slices.SortStableFunc(things, func(a, b room.TruthObject) int { return cmp.Compare(volume(b), volume(a)) })
	for _, o := range things {
		s.say("  %-8s %-7s at (%5.2f, %5.2f, %5.2f) m, %.2f x %.2f x %.2f m, turned %4.0f°\n", o.Label, o.Color,
			o.Center[0], o.Center[1], o.Center[2], o.Size[0], o.Size[1], o.Size[2], degrees(o.Yaw))
	}
	return nil
}
