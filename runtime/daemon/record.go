package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/perception"
	"github.com/vega-edge/vegad/runtime/query"
	"github.com/vega-edge/vegad/runtime/record"
	"github.com/vega-edge/vegad/runtime/scene"
)

// recordFolder is where recordings lie below the state directory.
const recordFolder = "recordings"

// journal keeps what is recorded in the order in which the memory saw it: whoever changes or reads the memory holds it
// while it does so and writes that down. It is held for no longer than the memory's own lock would be.
type journal struct {
	mu      sync.Mutex
	glances uint64
	held    []uint64 // buffer
}

// openRecorder prepares recordings, if there is a folder for them. The first checkpoint is the memory before the first
// picture. A recording holds one camera: with several there is none.
func (d *daemon) openRecorder() {
	c := d.cfg.Record
	dir := string(c.Dir)
	if state := stateFolder(); dir == "" && state != "" {
		dir = filepath.Join(state, recordFolder)
	}
	if dir == "" {
		return
	}
	if len(d.eyes) > 1 {
		d.log.Warn("nothing can be recorded: a recording holds one camera", "cameras", len(d.eyes))
		return
	}
	d.record = record.New(record.Config{
		Dir: dir, Always: c.When == "always", MaxBytes: int64(c.MaxBytes), MaxAge: c.MaxAge, MaxKept: int64(c.MaxKept),
		MinFree: int64(c.MinFree),
		Before:  c.Before, After: c.After, Lossy: c.Pictures == "jpeg", Logger: d.log,
		Head: func() record.Head { return d.head(d.eyes[0]) },
	})
	d.record.Checkpoint(camera.Now(), &record.Checkpoint{Memory: d.memory.Checkpoint()})
}

// startRecorder runs the recorder until the returned function is called, which waits until all is written. It stops
// after whoever has something to record.
func (d *daemon) startRecorder(ctx context.Context) (stop func() error) {
	if d.record == nil {
		return func() error { return nil }
	}
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- d.record.Run(inner) }()
	return func() error {
		cancel()
		return <-done
	}
}

// head says who records, and with what.
func (d *daemon) head(cam *eye) record.Head {
	m, r := &d.bundle.Manifest, d.engine.Report()
	return record.Head{
		Version: d.o.Version, Manufacturer: d.cfg.Identity.Manufacturer, SerialNumber: d.cfg.Identity.SerialNumber,
		Bundle: m.Name + " " + m.Version, BundleDigest: d.bundle.Digest(),
		Provider: string(r.Provider), Precision: string(r.Precision),
		Labels: m.Labels, Colors: m.Colors, ViewHFOV: m.View.HFOVRad,
		Camera:  record.NewCamera(cam.name, cam.uri.String(), cam.calibration, cam.assumed, cam.mount),
		Threads: d.cfg.Threads, MaxObjects: d.cfg.Scene.MaxObjects, Config: shownConfig(d.cfg),
	}
}

// shownConfig is the configuration as a file would hold it, without what is secret in the cameras' addresses.
func shownConfig(cfg config.Config) json.RawMessage {
	cameras := make([]config.Camera, len(cfg.Cameras))
	copy(cameras, cfg.Cameras)
	for i := range cameras {
		uri, err := camera.ParseURI(cameras[i].URI)
		if err != nil {
			return nil
		}
		cameras[i].URI = uri.String()
	}
	cfg.Cameras = cameras
	text, err := yaml.Marshal(cfg)
	if err != nil {
		return nil
	}
	if text, err = yaml.YAMLToJSON(text); err != nil || !json.Valid(text) {
		return nil
	}
	return text
}

// learn takes an observation into memory, if it is offered, and writes it down.
func (d *daemon) learn(e *eye, o *scene.Observation, family perception.Family, offered bool) error {
	d.journal.mu.Lock()
	defer d.journal.mu.Unlock()
	if d.record.On() {
		d.record.Put(record.ObservationKind, o.Mono, record.NewObservation(o, string(family), offered))
	}
	if !offered {
		return nil
	}
	if err := d.memory.Observe(o); err != nil {
		return err
	}
	if family == perception.Observe && d.record.Due() { // then the gate's mean is that of rest
		d.journal.held = e.pipeline.Held(d.journal.held)
		d.record.Checkpoint(o.Mono, &record.Checkpoint{
			Seq: o.Seq, Ring: append([]uint64(nil), d.journal.held...), Rest: o.GateMean, Memory: d.memory.Checkpoint(),
		})
	}
	return nil
}

// locate takes a pose into memory and writes it down.
func (d *daemon) locate(o scene.Odometry) error {
	d.journal.mu.Lock()
	defer d.journal.mu.Unlock()
	d.record.Put(record.PoseKind, camera.Now(), record.NewPose(o))
	return d.memory.SetOdometry(o)
}

// forget empties the memory and writes that down.
func (d *daemon) forget() {
	d.journal.mu.Lock()
	defer d.journal.mu.Unlock()
	d.record.Put(record.ForgetKind, camera.Now(), nil)
	d.memory.Clear()
}

// glance is the memory as it was read for an answer.
type glance struct {
	snap *scene.Snapshot
	now  time.Duration
	mark uint64 // of the recording; 0 without one
	opt  query.Options
}

// glance reads the memory and writes down that it did.
func (d *daemon) glance() glance {
	d.journal.mu.Lock()
	defer d.journal.mu.Unlock()
	g := glance{snap: d.memory.Snapshot(), now: camera.Now(), opt: d.options()}
	if d.record.On() {
		d.journal.glances++
		g.mark = d.journal.glances
		d.record.Put(record.SnapshotKind, g.now, record.Snapshot{ID: g.mark, Now: int64(g.now)})
	}
	return g
}

// execute answers a query from it.
func (g glance) execute(q query.Query) query.Answer {
	g.opt.Now = g.now
	return query.Execute(q, g.snap, g.opt)
}

// options are how far the bundle may be trusted.
func (d *daemon) options() query.Options {
	opt := query.DefaultOptions()
	opt.Missed, opt.Wrong = d.bundle.Manifest.Decode.Counting.Missed, d.bundle.Manifest.Decode.Counting.Wrong
	return opt
}

// noteFeatures writes down digests of what the encoders made of a picture.
func (d *daemon) noteFeatures(e *eye, seq uint64, mono time.Duration) {
	if !d.record.On() {
		return
	}
	e.pipeline.Features(func(geometry, semantic []float32) {
		d.record.Put(record.FeaturesKind, mono, record.Features{
			Seq: seq, Geometry: record.Digest(geometry), Semantic: record.Digest(semantic),
		})
	})
}

// noteAnswer writes down an answer, and keeps what lies around a question.
func (d *daemon) noteAnswer(id string, out payload.Answer, note record.Answer) {
	if !d.record.On() {
		return
	}
	out.RequestID = id
	out.Stamp(out.Header)
	data, err := json.Marshal(out)
	if err != nil {
		d.log.Debug("answer not recorded", "err", err)
		return
	}
	now := camera.Now()
	note.Answer = data
	d.record.Put(record.AnswerKind, now, note)
	if !note.Standing {
		d.record.Keep(now)
	}
}

// noteEvent writes down an event and keeps what lies around it.
func (d *daemon) noteEvent(event payload.Event) {
	if !d.record.On() {
		return
	}
	data, err := json.Marshal(event)
	if err != nil {
		d.log.Debug("event not recorded", "err", err)
		return
	}
	now := camera.Now()
	d.record.Put(record.EventKind, now, record.Event{Event: data})
	d.record.Keep(now)
}

// orderRecord begins or ends a recording by a signed command.
func (d *daemon) orderRecord(start bool) action {
	return func(context.Context, json.RawMessage) (string, error) {
		s, err := d.record.Order(start)
		if err != nil {
			return "", err
		}
		if s.Failure != "" {
			return "", errors.New(s.Failure)
		}
		if start {
			return "recording until record.stop", nil
		}
		return fmt.Sprintf("%d bytes are recorded in %s", s.Bytes, s.Folder), nil
	}
}
