package daemon

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/runtime/link"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/scene"
)

// stateEvery is the longest time between two state messages, after VDA 5050.
const stateEvery = 30 * time.Second

// announce hands the factsheet to the link, which keeps it for every connection.
func (d *daemon) announce() {
	m := d.bundle.Manifest
	digests := map[string]string{models.ManifestName: d.bundle.Digest()}
	for name, f := range m.Precisions[d.engine.Report().Precision].Files {
		digests[name] = f.SHA256
	}
	sheet := payload.Factsheet{
		VegadVersion: d.o.Version, Bundle: payload.Bundle{Name: m.Name, Version: m.Version, Digests: digests},
		Provider: string(d.engine.Report().Provider), Precision: string(d.engine.Report().Precision), Kinds: questionKinds(),
		Labels: m.Labels, Colors: m.Colors,
		Limits: payload.Limits{
			MaxMessageBytes: int(d.cfg.Limits.MaxPayload), MaxDepth: payload.MaxDepth,
			MaxQuestionRunes: payload.MaxQuestionRunes, MaxDeadlineMs: payload.MaxDeadlineMs, AskQueue: link.AskQueue,
		},
		Rates: payload.Rates{
			ObservationHz: d.cfg.Observe.RateHz, SceneHz: d.cfg.Scene.RateHz, StateMaxSeconds: stateEvery.Seconds(),
		},
	}
	for _, e := range d.eyes {
		sheet.Cameras = append(sheet.Cameras, payload.FactsheetCamera{Name: e.name, Calibrated: e.pipeline.Calibrated()})
	}
	if err := d.link.PublishFactsheet(sheet); err != nil {
		d.log.Warn("factsheet not sent", "err", err)
	}
}

// tell publishes the scene when it has changed and the state when it has changed or is due, until ctx ends.
func (d *daemon) tell(ctx context.Context) error {
	sceneTick := time.NewTicker(time.Duration(float64(time.Second) / d.cfg.Scene.RateHz))
	defer sceneTick.Stop()
	stateTick := time.NewTicker(time.Second)
	defer stateTick.Stop()
	statsTick := time.NewTicker(d.cfg.Stats.Every)
	defer statsTick.Stop()
	var sent payload.State
	var when time.Time
	var seq uint64
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-sceneTick.C:
			seq = d.publishScene(seq)
		case now := <-statsTick.C:
			d.publishStats(now)
		case <-stateTick.C:
			if s := d.state(); time.Since(when) >= stateEvery || changed(s, sent) {
				if err := d.link.PublishState(s); err != nil {
					d.log.Warn("state not sent", "err", err)
				}
				sent, when = s, time.Now()
			}
		}
	}
}

// changed compares what matters of two states: not the counters and rates that always move.
func changed(a, b payload.State) bool {
	for _, s := range []*payload.State{&a, &b} {
		s.UptimeSeconds, s.ObservationRateHz, s.Link, s.Device, s.Position = 0, 0, payload.LinkState{}, nil, nil
		cameras := make([]payload.CameraState, len(s.Cameras))
		for i, c := range s.Cameras {
			cameras[i] = payload.CameraState{Name: c.Name, State: c.State, Reconnects: c.Reconnects, LastError: c.LastError}
		}
		s.Cameras = cameras
		s.Runtime.EngineBuild = steady(s.Runtime.EngineBuild)
	}
	return !reflect.DeepEqual(a, b)
}

// cameraStates translates the words of the capture into those of the contract.
var cameraStates = map[camera.State]string{
	camera.StateConnecting: "opening", camera.StateStreaming: "running", camera.StateStalled: "stalled",
	camera.StateLost: "lost", camera.StateEnded: "ended", camera.StateBlack: "black", camera.StateBlurred: "blurred",
	camera.StateFrozen: "frozen", camera.StateWrongSize: "wrongSize",
}

// state describes the daemon at this moment.
func (d *daemon) state() payload.State {
	up := time.Since(d.started).Seconds()
	reason, _, device := d.condition.read()
	snap := d.memory.Snapshot()
	s := payload.State{
		Health: payload.HealthOK, Step: d.step(), StepReason: reason, Device: device, UptimeSeconds: math.Round(up*10) / 10,
		ObservationRateHz: math.Round(float64(d.observations.Load())/max(up, 1)*100) / 100,
		PoseSource:        string(snap.PoseSource), Position: position(snap),
	}
	d.describe(&s.Runtime)
	s.Errors = []payload.Error{}
	trouble := false
	for _, e := range d.eyes {
		c := e.capture.Stats()
		s.Cameras = append(s.Cameras, e.state(&c))
		s.Errors = append(s.Errors, e.errors(&c)...)
		trouble = trouble || cameraHints[c.State] != ""
	}
	s.Errors = append(append(s.Errors, d.errors(s.StepReason)...), d.insecurities()...)
	switch {
	case !d.ready.Load():
		s.Health = payload.HealthStarting
	case d.stopped.Load(), d.box.Stats().Failure != "", s.Runtime.Degraded, trouble,
		s.Step != payload.StepFull:
		s.Health = payload.HealthDegraded
	}
	return s
}

// position is where the robot is, if it has looked around yet.
func position(s *scene.Snapshot) *payload.Position {
	if s.Empty() {
		return nil
	}
	return &payload.Position{
		Pose2D: payload.Pose2D{X: s.Robot.X, Y: s.Robot.Y, Yaw: s.Robot.Yaw}, Frame: "map", Epoch: s.Epoch,
	}
}

// state says how the camera does.
func (e *eye) state(c *camera.CaptureStats) payload.CameraState {
	return payload.CameraState{
		Name: e.name, State: cameraStates[c.State], FPS: math.Round(c.FPS*10) / 10, Skipped: c.Skipped,
		Reconnects: c.Reconnects, Withheld: c.Withheld, Faults: faults(c), LastError: c.LastError,
	}
}

func faults(c *camera.CaptureStats) payload.CameraFaults {
	return payload.CameraFaults{
		Lost: c.Errors, Stalled: c.Stalls, Frozen: c.Freezes, WrongSize: c.WrongSizes, Black: c.Blackouts, Blurred: c.Blurs,
		Damaged: c.Damaged, ClockJumps: c.ClockJumps,
	}
}

// cameraHints are the states of a camera that are trouble, and what a person can do.
var cameraHints = map[camera.State]string{
	camera.StateStalled: "vegad keeps trying; look at cable and power, or at the address with vegad cameras probe",
	camera.StateLost:    "vegad keeps trying; look at cable and power, or at the address with vegad cameras probe",
	camera.StateFrozen: "vegad opens it again until its picture changes; a picture that is meant to stand still needs " +
		"freezeAfter: 0s",
	camera.StateWrongSize: "set the camera to the size it was calibrated at, or calibrate it anew",
	camera.StateBlack:     "take the cap or dirt off the lens, or turn the light on",
	camera.StateBlurred:   "clean the lens or focus it; intervals may be too narrow meanwhile",
}

// errors lists what is wrong with the camera.
func (e *eye) errors(c *camera.CaptureStats) []payload.Error {
	var out []payload.Error
	reference := []payload.ErrorReference{{ReferenceKey: "camera", ReferenceValue: e.name}}
	if hint := cameraHints[c.State]; hint != "" {
		level := payload.LevelCritical
		if c.State == camera.StateBlurred {
			level = payload.LevelWarning
		}
		out = append(out, payload.Error{
			ErrorType: "camera", ErrorLevel: level, ErrorDescription: "camera " + e.name + ": " + c.LastError,
			ErrorHint: hint, ErrorReferences: reference,
		})
	}
	if !e.pipeline.Calibrated() {
		out = append(out, payload.Error{
			ErrorType: "calibration", ErrorLevel: payload.LevelWarning, ErrorReferences: reference,
			ErrorDescription: "camera " + e.name + " has no calibration: a field of view is assumed and intervals are wider",
			ErrorHint:        fmt.Sprintf("set cameras[%d].calibration", e.place),
		})
	}
	return out
}

// errors lists what else is wrong now.
func (d *daemon) errors(stepReason string) []payload.Error {
	var out []payload.Error
	if step := d.step(); step != payload.StepFull {
		out = append(out, payload.Error{
			ErrorType: "load", ErrorLevel: payload.LevelWarning, ErrorDescription: string(step) + ": " + stepReason,
			ErrorHint: "cool the machine, choose a higher power mode, or lower observe.rateHz",
		})
	}
	if d.engine.Report().Degraded {
		out = append(out, payload.Error{
			ErrorType: "runtime", ErrorLevel: payload.LevelWarning, ErrorDescription: d.engine.Report().Reason,
			ErrorHint: "vegad doctor says what is missing",
		})
	}
	out = append(out, d.slow()...)
	if failure := d.box.Stats().Failure; failure != "" {
		out = append(out, payload.Error{
			ErrorType: "outbox", ErrorLevel: payload.LevelUrgent, ErrorDescription: failure,
			ErrorHint: "answers and events are kept in memory meanwhile; make room on the disk, or let vegad write its folder",
		})
	}
	if failure := d.record.Status().Failure; failure != "" {
		out = append(out, payload.Error{
			ErrorType: "recording", ErrorLevel: payload.LevelWarning, ErrorDescription: failure,
			ErrorHint: "make room on the disk, or let vegad write its folder of recordings",
		})
	}
	return out
}
