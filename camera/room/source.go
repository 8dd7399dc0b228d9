package room

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/vega-edge/vegad/camera"
)

// SourceConfig says which simulated camera to open. Zero fields take the values in brackets.
type SourceConfig struct {
	Seed, Clip    uint64
	Width, Height int     // pixels [320 x 240]
	HFOV          float64 // horizontal field of view, radians [70 degrees]
	FPS           float64 // pictures a second [15]
	Frames        int     // pictures until the end [endless]
	Unpaced       bool    // render as fast as pictures are read instead of FPS
}

// Source is a robot that wanders through a room, as a camera.
type Source struct {
	cfg    SourceConfig
	room   *Room
	walk   *Walk
	sensor *Sensor
	draw   *Renderer
	pic    *Picture
	pool   *camera.Pool
	start  time.Duration
	next   int
	closed atomic.Bool
}

var _ camera.Source = (*Source)(nil)

// ErrClosed is returned by Read after Close.
var ErrClosed = errors.New("the simulated camera is closed")

// Open builds the room and its camera.
func Open(cfg SourceConfig) (*Source, error) {
	if cfg.Width == 0 && cfg.Height == 0 {
		cfg.Width, cfg.Height = 320, 240
	}
	if cfg.HFOV == 0 {
		cfg.HFOV = DefaultHFOV
	}
	if cfg.FPS == 0 {
		cfg.FPS = 15
	}
	if cfg.Width < 16 || cfg.Height < 16 || cfg.Width > 4096 || cfg.Height > 4096 {
		return nil, fmt.Errorf("opening a simulated room: size %dx%d: must lie between 16 and 4096", cfg.Width, cfg.Height)
	}
	if cfg.FPS < 0.1 || cfg.FPS > 240 {
		return nil, fmt.Errorf("opening a simulated room: fps %g: must lie between 0.1 and 240", cfg.FPS)
	}
	if cfg.HFOV < 0.2 || cfg.HFOV > 2.6 {
		return nil, fmt.Errorf("opening a simulated room: field of view %g rad: must lie between 0.2 and 2.6", cfg.HFOV)
	}
	m := Generate(cfg.Seed)
	s := &Source{
		cfg: cfg, room: m, walk: m.Walk(cfg.Clip), sensor: m.NewSensor(cfg.Clip), pool: camera.NewPool(3),
		draw: NewRenderer(cfg.Width, cfg.Height, cfg.HFOV), start: camera.Now(),
	}
	s.pic = s.draw.NewPicture()
	return s, nil
}

// DefaultHFOV is the horizontal field of view of a simulated camera: 70 degrees in radians.
const DefaultHFOV = 1.2217304763960306

// Mount says where the simulated camera sits on its robot.
func (s *Source) Mount() camera.Mount {
	height, pitch := s.walk.Mount()
	return camera.Mount{Height: height, Pitch: pitch}
}

// Read renders the next picture when its time has come. A renderer that cannot keep up delivers later pictures, each
// with the time at which its drawing began.
func (s *Source) Read(ctx context.Context) (*camera.Frame, error) {
	if s.closed.Load() {
		return nil, ErrClosed
	}
	if s.cfg.Frames > 0 && s.next >= s.cfg.Frames {
		return nil, io.EOF
	}
	due := s.start + time.Duration(float64(s.next)*float64(time.Second)/s.cfg.FPS)
	if !s.cfg.Unpaced {
		if err := wait(ctx, due-camera.Now()); err != nil {
			return nil, err
		}
		due = max(due, camera.Now()-50*time.Millisecond)
	}
	s.draw.Render(s.room, s.walk.Pose(), s.sensor, s.pic)
	s.walk.Advance(1 / s.cfg.FPS)
	f := s.pool.Get(s.cfg.Width, s.cfg.Height, camera.RGB8)
	copy(f.Pix, s.pic.RGB)
	s.next++
	f.Seq = uint64(s.next)
	f.Stamp(due)
	return f, nil
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close ends the source; it is idempotent.
func (s *Source) Close() error {
	s.closed.Store(true)
	return nil
}

// Calibration is the simulated lens: ideal, and known exactly.
func (s *Source) Calibration() camera.Calibration {
	c := camera.AssumedCalibration(s.cfg.Width, s.cfg.Height, s.cfg.HFOV)
	c.Assumed = false
	return c
}
