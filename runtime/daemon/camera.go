package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/camera/gocv"
	"github.com/vega-edge/vegad/camera/replay"
	"github.com/vega-edge/vegad/camera/room"
	"github.com/vega-edge/vegad/runtime/config"
)

// OpenCamera opens a camera of any kind.
func OpenCamera(ctx context.Context, uri camera.URI) (camera.Source, error) {
	switch uri.Kind {
	case camera.KindRoom:
		cfg, err := roomConfig(uri.Query)
		if err != nil {
			return nil, fmt.Errorf("opening %s: %w", uri, err)
		}
		return room.Open(cfg)
	case camera.KindReplay:
		return replay.Open(uri.Path, uri.Paced)
	default:
		return gocv.Open(ctx, uri, gocv.Options{})
	}
}

// roomConfig reads the parameters of a simulated room: seed, clip, width, height, fps, hfov (degrees), frames.
func roomConfig(q url.Values) (room.SourceConfig, error) {
	cfg := room.SourceConfig{}
	var hfov float64
	for key, values := range q {
		var err error
		v := values[len(values)-1]
		switch key {
		case "seed":
			cfg.Seed, err = strconv.ParseUint(v, 10, 64)
		case "clip":
			cfg.Clip, err = strconv.ParseUint(v, 10, 64)
		case "width":
			cfg.Width, err = strconv.Atoi(v)
		case "height":
			cfg.Height, err = strconv.Atoi(v)
		case "frames":
			cfg.Frames, err = strconv.Atoi(v)
		case "fps":
			cfg.FPS, err = strconv.ParseFloat(v, 64)
		case "hfov":
			hfov, err = strconv.ParseFloat(v, 64)
			cfg.HFOV = config.Degrees(hfov).Radians()
		case "pace":
			cfg.Unpaced = v == "off"
		default:
			err = fmt.Errorf("unknown; a room takes seed, clip, width, height, frames, fps, hfov and pace")
		}
		if err != nil {
			return cfg, fmt.Errorf("parameter %s=%q: %w", key, v, err)
		}
	}
	return cfg, nil
}

// prepared is a camera before it is opened.
type prepared struct {
	name        string
	uri         camera.URI
	calibration camera.Calibration // zero when it is assumed
	assumed     float64            // horizontal field of view, rad
	mount       camera.Mount
	freezeAfter time.Duration
}

// prepareCamera reads what the configuration knows about a camera. A simulated room is an ideal camera that knows its
// lens and its mount by itself.
func prepareCamera(c config.Camera) (prepared, error) {
	uri, err := camera.ParseURI(c.URI)
	if err != nil {
		return prepared{}, fmt.Errorf("camera %s: %w", c.Name, err)
	}
	if uri.Loop && !uri.Paced { // its second showing would lie before the end of the first
		return prepared{}, fmt.Errorf("camera %s: opening %s: loop=1 needs the film's own pace, leave pace=off out",
			c.Name, uri)
	}
	out := prepared{
		name: c.Name, uri: uri, assumed: c.AssumedHfovDeg.Radians(), mount: c.Mount.Camera(), freezeAfter: c.FreezeAfter,
	}
	if uri.Kind == camera.KindRoom && c.Calibration == nil && c.Mount == (config.Mount{}) {
		return out.simulated()
	}
	if uri.Kind == camera.KindReplay && c.Calibration == nil && c.Mount == (config.Mount{}) {
		return out.recorded()
	}
	if c.Calibration != nil {
		if out.calibration, err = c.Calibrate(0, 0); err != nil {
			return prepared{}, fmt.Errorf("camera %s: %w", c.Name, err)
		}
	}
	return out, nil
}

// simulated fills in what a simulated camera knows of itself.
func (p prepared) simulated() (prepared, error) {
	cfg, err := roomConfig(p.uri.Query)
	if err != nil {
		return p, fmt.Errorf("camera %s: %w", p.name, err)
	}
	s, err := room.Open(cfg)
	if err != nil {
		return p, fmt.Errorf("camera %s: %w", p.name, err)
	}
	p.mount, p.calibration = s.Mount(), s.Calibration()
	return p, s.Close()
}

// recorded fills in what a recording knows of its camera.
func (p prepared) recorded() (prepared, error) {
	head, err := replay.Head(p.uri.Path)
	if err != nil {
		return p, fmt.Errorf("camera %s: %w", p.name, err)
	}
	c := head.Camera
	p.calibration, p.assumed, p.mount = c.Lens(), c.AssumedHFOV, camera.Mount(c.Mount)
	return p, nil
}

// capture is how the camera is kept running: a film that is read as fast as possible loses no picture, and one that
// cannot be opened fails at once, and may show a still for as long as it likes; anything live skips what nobody has
// time for, is opened again when it freezes, and is never given up.
func (p prepared) capture(log *slog.Logger) camera.CaptureConfig {
	cfg := camera.CaptureConfig{
		Open:   func(ctx context.Context) (camera.Source, error) { return OpenCamera(ctx, p.uri) },
		Logger: log, Loop: p.uri.Loop, Inspect: true, FreezeAfter: p.freezeAfter, Fits: p.fits,
	}
	if p.uri.Kind == camera.KindFile || p.uri.Kind == camera.KindReplay {
		cfg.MaxFailures, cfg.FreezeAfter = 1, 0
		if !p.uri.Paced {
			cfg.Policy = camera.Every
		}
	}
	return cfg
}

// fits holds the size of a picture against the calibration; without one any size will do.
func (p prepared) fits(width, height int) error {
	if p.calibration.Width == 0 {
		return nil
	}
	_, err := p.calibration.Scaled(width, height)
	return err
}
