package scene

import (
	"errors"
	"fmt"
	"math"
)

// ErrRejected is wrapped by every error of Observe and SetOdometry: the input was not usable and memory is unchanged.
var ErrRejected = errors.New("input rejected")

const (
	maxCoordinate = 1000.0 // m; nothing indoors is farther away, and squares stay far from overflow
	maxExtent     = 50.0   // m
	maxVariance   = 1e6
)

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func within(limit float64, values ...float64) bool {
	for _, v := range values {
		if !(math.Abs(v) <= limit) { // also false for NaN
			return false
		}
	}
	return true
}

func variances(v Vec3) bool {
	return within(maxVariance, v.X, v.Y, v.Z) && v.X >= 0 && v.Y >= 0 && v.Z >= 0
}

func probability(v float64) bool { return v >= 0 && v <= 1 }

// check returns what is wrong with an observation, or nil.
func (m *Memory) check(obs *Observation) error {
	if len(obs.Detections) > m.cfg.MaxDetections {
		return fmt.Errorf("observation %d has %d detections, %d are allowed: %w",
			obs.Seq, len(obs.Detections), m.cfg.MaxDetections, ErrRejected)
	}
	if what := badFrame(obs); what != "" {
		return fmt.Errorf("observation %d has a bad %s: %w", obs.Seq, what, ErrRejected)
	}
	if len(obs.Hints) > len(m.cfg.Labels) {
		return fmt.Errorf("observation %d has %d hints, one a label is allowed: %w", obs.Seq, len(obs.Hints), ErrRejected)
	}
	for i := range obs.Hints {
		if what := m.badDetection(&obs.Hints[i], m.embedding); what != "" {
			return fmt.Errorf("hint %d of observation %d has a bad %s: %w", i, obs.Seq, what, ErrRejected)
		}
	}
	embedding := m.embedding
	for i := range obs.Detections {
		d := &obs.Detections[i]
		if what := m.badDetection(d, embedding); what != "" {
			return fmt.Errorf("detection %d of observation %d has a bad %s: %w", i, obs.Seq, what, ErrRejected)
		}
		if embedding == 0 {
			embedding = len(d.Embedding)
		}
	}
	return nil
}

// badFrame names the first unusable field that belongs to the whole observation.
func badFrame(obs *Observation) string {
	e, v, r := obs.Ego, obs.View, obs.Room
	switch {
	case obs.Mono < 0:
		return "time"
	case !probability(obs.Consistency):
		return "consistency"
	case obs.HasEgo && (!within(maxCoordinate, e.X, e.Y, e.Yaw) || !variances(Vec3{e.VarX, e.VarY, e.VarYaw})):
		return "ego-motion"
	case !within(maxCoordinate, v.Position.X, v.Position.Y, v.Position.Z, v.Yaw, v.Pitch):
		return "camera pose"
	case !(v.HFOV >= 0 && v.HFOV < math.Pi && v.VFOV >= 0 && v.VFOV < math.Pi):
		return "field of view"
	case !goodDepth(v):
		return "depth"
	case !within(maxCoordinate, r.Length, r.Width, r.Height) || !within(maxCoordinate*maxCoordinate, r.Area) ||
		min(r.Length, r.Width, r.Height, r.Area, r.LogVar) < 0 || !finite(r.LogVar):
		return "room"
	}
	return ""
}

func goodDepth(v View) bool {
	if len(v.Depth) == 0 && len(v.DepthSigma) == 0 {
		return true
	}
	if v.Cols <= 0 || v.Rows <= 0 || len(v.Depth) != v.Cols*v.Rows {
		return false
	}
	if len(v.DepthSigma) != 0 && len(v.DepthSigma) != len(v.Depth) {
		return false
	}
	return nonNegative(v.Depth) && nonNegative(v.DepthSigma)
}

func nonNegative(values []float32) bool {
	for _, x := range values {
		if !(x >= 0 && x <= math.MaxFloat32) {
			return false
		}
	}
	return true
}

// badDetection names the first unusable field of a detection. The embedding's length is fixed by the first one seen.
func (m *Memory) badDetection(d *Detection, embedding int) string {
	b := d.Box
	switch {
	case d.Label < 0 || d.Label >= len(m.cfg.Labels):
		return "label"
	case !probability(d.Score):
		return "score"
	case !within(maxCoordinate, b.Center.X, b.Center.Y, b.Center.Z, b.Yaw):
		return "centre"
	case !within(maxExtent, b.Size.X, b.Size.Y, b.Size.Z) || min(b.Size.X, b.Size.Y, b.Size.Z) < 1e-3:
		return "size"
	case !variances(d.CenterVar) || !variances(d.SizeVar) || !variances(Vec3{X: d.YawVar}):
		return "variance"
	case len(d.Colors) != 0 && len(d.Colors) != len(m.cfg.Colors) || !nonNegative(d.Colors):
		return "colour"
	case embedding != 0 && len(d.Embedding) != 0 && len(d.Embedding) != embedding:
		return "embedding length"
	}
	for _, x := range d.Embedding {
		if !(x >= -2 && x <= 2) {
			return "embedding"
		}
	}
	return ""
}

// checkOdometry returns what is wrong with a pose message, or nil.
func checkOdometry(o Odometry) error {
	c := o.Cov
	const world = 1e7 // m: odometry may count in a projected earth frame
	if o.Mono < 0 || !within(world, o.Pose.X, o.Pose.Y, o.Pose.Yaw) {
		return fmt.Errorf("pose or its time is out of range: %w", ErrRejected)
	}
	if !within(maxVariance, c[:]...) || !goodCov(Cov(c).symmetric()) {
		return fmt.Errorf("pose covariance is out of range: %w", ErrRejected)
	}
	return nil
}
