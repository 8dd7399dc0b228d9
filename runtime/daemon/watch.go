package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/runtime/perception"
	"github.com/vega-edge/vegad/runtime/scene"
)

// watch passes every frame through the encoders and observes at the configured rate, as far as the step of work
// allows, until the film or ctx ends.
func (d *daemon) watch(ctx context.Context, url string) error {
	for {
		f, err := d.capture.Next(ctx)
		if errors.Is(err, io.EOF) {
			return errEnded
		}
		if err != nil {
			return fmt.Errorf("watching camera %s: %w", d.cfg.Cameras[0].Name, err)
		}
		if d.stopped.Load() {
			f.Release()
			d.unseen.Add(1)
			continue
		}
		// What is recorded can be told again only if every picture that the networks saw is recorded too.
		if !d.record.On() && d.calm.rests(f) && d.pipeline.Repeat(f) {
			d.rested.Add(1)
			d.page.Frame(f)
			f.Release()
			continue
		}
		seq, mono, wall := f.Seq, f.Mono, f.Wall
		if !d.pace.encode(mono, !d.ready.Load()) {
			f.Release()
			continue
		}
		begin := time.Now()
		d.record.Picture(f) // before it is encoded, and so before any observation that rests on it
		err = d.pipeline.Frame(ctx, f)
		d.page.Frame(f)
		f.Release()
		if err != nil {
			return err
		}
		d.meter.encode.add(time.Since(begin))
		d.noteFeatures(seq, mono)
		d.frames.Add(1)
		if d.pace.observe(mono, !d.ready.Load(), d.capture.Stats().Skipped) {
			if err := d.observe(ctx, perception.Observe); err != nil {
				return err
			}
			d.first(url)
		}
		if d.o.OnFrame != nil {
			d.o.OnFrame(d.cfg.Cameras[0].Name, seq, wall)
		}
	}
}

// observe takes one observation, conditioned on the family, into memory. One that is no newer than what memory holds
// only tells its gate.
func (d *daemon) observe(ctx context.Context, family perception.Family) error {
	begin := time.Now()
	defer func() { d.meter.observe.add(time.Since(begin)) }()
	return d.look(ctx, family, nil)
}

// look observes and also hands the observation to use, which may be nil.
func (d *daemon) look(ctx context.Context, family perception.Family, use func(*scene.Observation)) error {
	var rejected error
	err := d.pipeline.Observe(ctx, family, func(o *scene.Observation) bool {
		if use != nil {
			use(o)
		}
		// A stopped capture must not fill a memory that was emptied.
		offered := o.Seq != d.newest && !d.stopped.Load()
		if rejected = d.learn(o, family, offered); rejected != nil || !offered {
			return false
		}
		d.newest = o.Seq
		d.observations.Add(1)
		d.page.Observed()
		select {
		case d.looked <- struct{}{}:
		default:
		}
		return true
	})
	if rejected != nil { // the network said something that cannot be, such as a box of infinite size
		d.log.Debug("observation rejected", "err", rejected)
	}
	return err
}

// first marks the daemon ready when the first observation is in memory.
func (d *daemon) first(url string) {
	if d.ready.Swap(true) {
		return
	}
	d.say(d.notify.Ready())
	d.say(d.notify.Status(fmt.Sprintf("watching with %s %s", d.engine.Report().Provider, d.engine.Report().Precision)))
	d.log.Info("ready", "broker", url, "start_ms", time.Since(d.started).Milliseconds())
	if d.o.OnReady != nil {
		m := d.bundle.Manifest
		d.o.OnReady(Info{
			Broker: url, Manufacturer: d.cfg.Identity.Manufacturer, Serial: d.cfg.Identity.SerialNumber,
			Prefix: d.cfg.Broker.Prefix, Bundle: m.Name + " " + m.Version, Precision: string(d.engine.Report().Precision),
			Provider: string(d.engine.Report().Provider), Degraded: d.engine.Report().Degraded, Reason: d.engine.Report().Reason,
		})
	}
}

// monoOf converts an instant of the wall clock to the clock of the frames.
func monoOf(wall time.Time) time.Duration { return camera.Now() - time.Since(wall) }
