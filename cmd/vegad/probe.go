package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/camera/gocv"
	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/daemon"
)

// camerasProbeCmd is vegad cameras probe.
type camerasProbeCmd struct {
	Camera string `arg:"" help:"Camera URI, or the name of a camera in the configuration."`
	Config string `short:"c" placeholder:"FILE" help:"Configuration that may know the camera's calibration."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

// probed is what ten frames tell about a camera.
type probed struct {
	URI        string  `json:"uri"`
	Kind       string  `json:"kind"`
	Frames     int     `json:"frames"`
	WidthPx    int     `json:"widthPx"`
	HeightPx   int     `json:"heightPx"`
	FPS        float64 `json:"fps"` // from the capture times
	OpenMs     float64 `json:"openMs"`
	Calibrated bool    `json:"calibrated"`
	HFOVDeg    float64 `json:"hfovDeg"`
}

const probeFrames = 10

// Run opens the camera.
func (c *camerasProbeCmd) Run(ctx context.Context, s streams) error {
	cam, err := c.find()
	if err != nil {
		return err
	}
	uri, err := camera.ParseURI(cam.URI)
	if err != nil {
		return usageError{err}
	}
	if err := gocv.Quiet(); err != nil {
		return err
	}
	p := probed{URI: uri.String(), Kind: string(uri.Kind)}
	lens, err := p.watch(ctx, uri)
	if err != nil {
		return fmt.Errorf("probing %s: %w", uri, err)
	}
	if err := p.measure(lens, cam); err != nil {
		return err
	}
	if c.JSON {
		return s.json(p)
	}
	angle := fmt.Sprintf("assumed %.0f° wide: calibrate it, or every interval is wider", p.HFOVDeg)
	if p.Calibrated {
		angle = fmt.Sprintf("calibrated, %.0f° wide", p.HFOVDeg)
	}
	s.say("%s (%s)\n  pictures  %d of %dx%d, %.1f a second, the first after %s\n  lens      %s\n", p.URI, p.Kind, p.Frames,
		p.WidthPx, p.HeightPx, p.FPS, milliseconds(p.OpenMs), angle)
	return nil
}

// find is the configured camera of that name or URI, or one that nothing is known about.
func (c *camerasProbeCmd) find() (config.Camera, error) {
	cfg, err := config.Load(c.Config)
	if err != nil {
		return config.Camera{}, fmt.Errorf("reading the configuration:\n%w", err)
	}
	for _, cam := range cfg.Cameras {
		if c.Config != "" && (cam.Name == c.Camera || cam.URI == c.Camera) {
			return cam, nil
		}
	}
	unknown := config.Default().Cameras[0]
	unknown.URI = c.Camera
	return unknown, nil
}

// lensed is a source that knows its own lens, as a simulated camera does.
type lensed interface{ Calibration() camera.Calibration }

// watch reads frames as the daemon does, so that a camera which hangs ends in an error. It returns the lens if the
// camera knows it.
func (p *probed) watch(ctx context.Context, uri camera.URI) (lens *camera.Calibration, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	capture := camera.NewCapture(camera.CaptureConfig{
		Open: func(ctx context.Context) (camera.Source, error) {
			source, err := daemon.OpenCamera(ctx, uri)
			if knowing, ok := source.(lensed); ok {
				known := knowing.Calibration()
				lens = &known
			}
			return source, err
		},
		Logger: slog.New(slog.DiscardHandler), Policy: camera.Every, MaxFailures: 1,
	})
	ended := make(chan error, 1)
	go func() { ended <- capture.Run(ctx) }()
	err = p.read(ctx, capture)
	stop()
	if failure := <-ended; err == nil && p.Frames < probeFrames {
		err = failure
	}
	return lens, err
}

func (p *probed) read(ctx context.Context, capture *camera.Capture) error {
	begun := camera.Now()
	var first, last time.Duration
	for p.Frames < probeFrames {
		f, err := capture.Next(ctx)
		if errors.Is(err, io.EOF) && p.Frames > 0 {
			break
		}
		if errors.Is(err, io.EOF) {
			return errors.New("it holds no picture")
		}
		if err != nil {
			return err
		}
		if p.Frames == 0 {
			first, p.OpenMs = f.Mono, (camera.Now()-begun).Seconds()*1e3
		}
		p.Frames++
		p.WidthPx, p.HeightPx, last = f.Width, f.Height, f.Mono
		f.Release()
	}
	if span := last - first; span > 0 {
		p.FPS = float64(p.Frames-1) / span.Seconds()
	}
	return nil
}

// measure fills in the lens: the camera's own knowledge, the configured calibration or an assumption.
func (p *probed) measure(lens *camera.Calibration, cam config.Camera) error {
	if lens == nil || cam.Calibration != nil {
		cal, err := cam.Calibrate(p.WidthPx, p.HeightPx)
		if err != nil {
			return fmt.Errorf("reading the calibration of camera %s: %w", cam.Name, err)
		}
		lens = &cal
	}
	p.Calibrated = !lens.Assumed
	p.HFOVDeg = degrees(2 * math.Atan(float64(lens.Width)/2/lens.Fx))
	return nil
}
