package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/runtime/perception"
)

// eye is one camera with all that watches through it. The eyes of a robot share the networks and the memory, and
// nothing else: what befalls one camera is no matter of the others.
type eye struct {
	prepared
	place    int // in the configuration
	capture  *camera.Capture
	pipeline *perception.Pipeline
	pace     pacer
	calm     calm
	begun    bool   // it has been observed through; of the goroutine that watches
	newest   uint64 // sequence of its newest observation in memory; guarded by the pipeline

	passed atomic.Uint64 // pictures that were done with, in whatever way
}

// openEyes prepares all cameras.
func (d *daemon) openEyes() error {
	for i, c := range d.cfg.Cameras {
		cam, err := prepareCamera(c)
		if err == nil && len(d.cfg.Cameras) > 1 && !cam.uri.Paced {
			err = fmt.Errorf("camera %s: pace=off is for one camera alone: its film runs ahead of the others", c.Name)
		}
		if err != nil {
			return err
		}
		e, err := d.newEye(cam)
		if err != nil {
			return err
		}
		e.place = i
		e.capture = camera.NewCapture(cam.capture(d.log.With("component", "camera", "camera", cam.name)))
		d.eyes = append(d.eyes, e)
	}
	return nil
}

// newEye makes an eye that nothing is captured for yet.
func (d *daemon) newEye(cam prepared) (*eye, error) {
	e := &eye{prepared: cam}
	e.pace.period = time.Duration(float64(time.Second) / d.cfg.Observe.RateHz)
	e.calm.after = d.cfg.Observe.RestAfter
	var err error
	e.pipeline, err = perception.New(perception.Config{
		Manifest: &d.bundle.Manifest, Graph: func(name string) perception.Graph { return d.engine.Graph(name) },
		Camera: cam.name, Calibration: cam.calibration, AssumedHFOV: cam.assumed, Mount: cam.mount, Shared: &d.networks,
	})
	return e, err
}

// watch watches through all eyes until ctx ends, or the last film has ended or the last camera was given up.
func (d *daemon) watch(ctx context.Context, url string) error {
	failures := make([]error, len(d.eyes))
	var tasks sync.WaitGroup
	for i, e := range d.eyes {
		tasks.Go(func() {
			failures[i] = d.watchThrough(ctx, e, url)
			if failures[i] != nil && len(d.eyes) > 1 {
				d.log.Error("a camera is given up", "camera", e.name, "err", failures[i])
			}
		})
	}
	tasks.Wait()
	if err := errors.Join(failures...); err != nil {
		return err
	}
	return errEnded
}

// watchThrough captures and watches with one eye. It returns nil when its film has ended.
func (d *daemon) watchThrough(ctx context.Context, e *eye, url string) error {
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error { return e.capture.Run(inner) })
	group.Go(func() error { return d.follow(inner, e, url) })
	if err := group.Wait(); err != nil && !errors.Is(err, errEnded) && ctx.Err() == nil {
		return fmt.Errorf("watching camera %s: %w", e.name, err)
	}
	return nil
}

// awake returns the eyes that see now, or all when none does.
func (d *daemon) awake() []*eye {
	blind := func(e *eye) bool { return !e.capture.Stats().State.Delivers() }
	if len(d.eyes) == 1 || !slices.ContainsFunc(d.eyes, func(e *eye) bool { return !blind(e) }) {
		return d.eyes
	}
	return slices.DeleteFunc(slices.Clone(d.eyes), blind)
}

// names lists the cameras.
func (d *daemon) names() []string {
	out := make([]string, len(d.eyes))
	for i, e := range d.eyes {
		out[i] = e.name
	}
	return out
}

// rounds counts how often all eyes have moved on: one that hangs is not hidden by those that do not.
type rounds struct {
	last  []uint64
	count uint64
}

// of takes how far each has come. One that has ended moves on for ever.
func (r *rounds) of(now []uint64, ended []bool) uint64 {
	if r.last == nil {
		r.last = make([]uint64, len(now))
	}
	for i := range now {
		if now[i] == r.last[i] && !ended[i] {
			return r.count
		}
	}
	copy(r.last, now)
	r.count++
	return r.count
}

// progress feeds a watchdog while pictures advance; attempts to get a lost camera back count as well, for a restart
// would not plug it in, and so do black pictures.
func (d *daemon) progress() func() uint64 {
	var r rounds
	now, ended := make([]uint64, len(d.eyes)), make([]bool, len(d.eyes))
	return func() uint64 {
		for i, e := range d.eyes {
			s := e.capture.Stats()
			now[i] = e.passed.Load() + s.Errors + s.Stalls + s.Reconnects + s.Withheld + s.Freezes + s.WrongSizes
			ended[i] = s.State == camera.StateEnded
		}
		return r.of(now, ended)
	}
}
