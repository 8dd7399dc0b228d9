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

// follow passes every frame of an eye through the encoders and observes at the configured rate, as far as the step of
// work allows, until the film or ctx ends.
func (d *daemon) follow(ctx context.Context, e *eye, url string) error {
	for {
		f, err := e.capture.Next(ctx)
		if errors.Is(err, io.EOF) {
			return errEnded
		}
		if err != nil {
			return err
		}
		if d.stopped.Load() {
			f.Release()
			e.passed.Add(1)
			continue
		}
		// What is recorded can be told again only if every picture that the networks saw is recorded too.
		if !d.record.On() && e.calm.rests(f) && e.pipeline.Repeat(f) {
			d.page.Frame(e.place, f)
			f.Release()
			e.passed.Add(1)
			continue
		}
		seq, mono, wall := f.Seq, f.Mono, f.Wall
		if !e.pace.encode(mono, !e.begun) {
			f.Release()
			continue
		}
		begin := time.Now()
		d.record.Picture(f) // before it is encoded, and so before any observation that rests on it
		err = e.pipeline.Frame(ctx, f)
		d.page.Frame(e.place, f)
		f.Release()
		if err != nil {
			return err
		}
		d.meter.encode.add(time.Since(begin))
		d.noteFeatures(e, seq, mono)
		d.frames.Add(1)
		e.passed.Add(1)
		if e.pace.observe(mono, !e.begun, e.capture.Stats().Skipped) {
			if err := d.observe(ctx, e); err != nil {
				return err
			}
			e.begun = true
			d.first(url)
		}
		if d.o.OnFrame != nil {
			d.o.OnFrame(e.name, seq, wall)
		}
	}
}

// observe takes one observation into memory.
func (d *daemon) observe(ctx context.Context, e *eye) error {
	begin := time.Now()
	defer func() { d.meter.observe.add(time.Since(begin)) }()
	return d.look(ctx, e, perception.Observe, nil)
}

// look observes through an eye, conditioned on the family, and also hands the observation to use, which may be nil. One
// that is no newer than what memory holds only tells its gate.
func (d *daemon) look(ctx context.Context, e *eye, family perception.Family, use func(*scene.Observation)) error {
	var rejected error
	err := e.pipeline.Observe(ctx, family, func(o *scene.Observation) bool {
		if use != nil {
			use(o)
		}
		// A stopped capture must not fill a memory that was emptied.
		offered := o.Seq != e.newest && !d.stopped.Load()
		if rejected = d.learn(e, o, family, offered); rejected != nil || !offered {
			return false
		}
		e.newest = o.Seq
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
