package scene

import (
	"errors"
	"fmt"
	"time"
)

// SizePrior is what the size of a label's things usually is. The zero value is no prior.
type SizePrior struct {
	Mean     Vec3    // typical extents, m
	LogSigma float64 // standard deviation of ln(extent)
}

// Config holds the limits and the sensor model of a Memory. Start from DefaultConfig.
type Config struct {
	Labels     []string    // the bundle's labels, in its order; read only
	Colors     []string    // the bundle's colours, in its order; read only
	SizePriors []SizePrior // one per label, or empty

	MaxObjects    int // remembered at once; the least certain is forgotten first
	MaxDetections int // in one observation; more are rejected

	CenterFloor   float64       // m, standard deviation added to every detected centre
	RangeFloor    float64       // the same, as a share of the distance
	LogSizeFloor  float64       // standard deviation added to ln(extent)
	RepeatShare   float64       // share of a detection's variance that repeats in every view of the same thing
	SharedError   float64       // factor on the variances told of a thing seen often: views share more error than counted
	GateDistance  float64       // squared Mahalanobis distance up to which a centre can be the same thing
	GateCost      float64       // the same for position, size, label and embedding together
	LabelNoise    float64       // share of detections whose label is wrong
	DetectionRate float64       // probability that a thing in clear view is detected
	ClutterRate   float64       // probability that a detection of score 1 is wrong
	MaxRange      float64       // m, farther away a missing detection means nothing
	EvidenceTime  time.Duration // misses closer together than this count as parts of one

	ConfirmHits   int           // detections that make a new thing certain enough to tell about
	ConfirmWindow time.Duration // they must lie this close together
	ConfirmScore  float64       // one detection with this score is enough
	ConfirmExists float64       // and this probable it must be by then
	ConfirmLabel  float64       // with a label this probable
	MinExistence  float64       // below this probability a thing is forgotten

	PoseHistory    int           // pose messages kept
	PoseGap        time.Duration // longest gap to interpolate over
	PoseReach      time.Duration // longest time to extrapolate for
	DriftRatio     float64       // error of odometry as a share of the motion, where its covariance does not tell
	UnknownMove    float64       // m, standard deviation of a motion that nothing measured
	UnknownTurn    float64       // rad, the same for the heading
	CoverageRadius float64       // m, how far the robot may go before what it looked at counts as unseen again
	MinLandmarks   int           // things seen again that must agree to correct a reckoned step; 0 never corrects

	// A robot that would have gone more than JumpMove + MaxSpeed·time, or turned more than JumpTurn + MaxTurnRate·time,
	// has not: its odometry has jumped, or the networks were wrong.
	JumpMove    float64       // m
	JumpTurn    float64       // rad
	MaxSpeed    float64       // m/s
	MaxTurnRate float64       // rad/s
	BlindGap    time.Duration // without any measured motion for longer, map is lost unless landmarks are found again

	// Source names what the embeddings come from, such as the digest of the bundle. A saved memory of another source is
	// not restored.
	Source string
}

// DefaultConfig returns values that suit an indoor robot and the given vocabulary.
func DefaultConfig(labels, colors []string) Config {
	return Config{
		Labels: labels, Colors: colors,
		MaxObjects: 256, MaxDetections: 128,
		CenterFloor: 0.03, RangeFloor: 0.02, LogSizeFloor: 0.05, RepeatShare: 0.15, SharedError: 2.5,
		GateDistance: 16.3, GateCost: 27, LabelNoise: 0.1,
		DetectionRate: 0.8, ClutterRate: 0.05, MaxRange: 8, EvidenceTime: 500 * time.Millisecond,
		ConfirmHits: 2, ConfirmWindow: 2 * time.Second, ConfirmScore: 0.8, ConfirmExists: 0.7, ConfirmLabel: 0.6,
		MinExistence: 0.1,
		PoseHistory:  256, PoseGap: time.Second, PoseReach: 300 * time.Millisecond,
		DriftRatio: 0.02, UnknownMove: 0.3, UnknownTurn: 0.3, CoverageRadius: 2, MinLandmarks: 1,
		JumpMove: 0.5, JumpTurn: 0.5, MaxSpeed: 2, MaxTurnRate: 3, BlindGap: 30 * time.Second,
	}
}

// Validate returns every problem of the configuration, joined, or nil.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(len(c.Labels) > 0, "labels: at least one is needed")
	check(len(c.SizePriors) == 0 || len(c.SizePriors) == len(c.Labels), "sizePriors: want one per label or none")
	check(c.MaxObjects > 0, "maxObjects %d: must be positive", c.MaxObjects)
	check(c.MaxDetections > 0, "maxDetections %d: must be positive", c.MaxDetections)
	check(c.PoseHistory > 1, "poseHistory %d: must be at least 2", c.PoseHistory)
	check(c.ConfirmHits > 0, "confirmHits %d: must be positive", c.ConfirmHits)
	check(c.MinLandmarks >= 0, "minLandmarks %d: must not be negative", c.MinLandmarks)
	check(c.BlindGap > 0, "blindGap %s: must be positive", c.BlindGap)
	check(c.EvidenceTime > 0, "evidenceTime %s: must be positive", c.EvidenceTime)
	for name, v := range map[string]float64{
		"centerFloor": c.CenterFloor, "gateDistance": c.GateDistance, "gateCost": c.GateCost,
		"logSizeFloor": c.LogSizeFloor, "maxRange": c.MaxRange, "coverageRadius": c.CoverageRadius,
		"sharedError": c.SharedError,
		"jumpMove":    c.JumpMove, "jumpTurn": c.JumpTurn, "maxSpeed": c.MaxSpeed, "maxTurnRate": c.MaxTurnRate,
	} {
		check(finite(v) && v > 0, "%s %g: must be positive", name, v)
	}
	for name, v := range map[string]float64{
		"labelNoise": c.LabelNoise, "detectionRate": c.DetectionRate, "repeatShare": c.RepeatShare,
		"clutterRate": c.ClutterRate, "confirmExists": c.ConfirmExists, "confirmLabel": c.ConfirmLabel,
		"minExistence": c.MinExistence,
	} {
		check(v > 0 && v < 1, "%s %g: must lie between 0 and 1", name, v)
	}
	for name, v := range map[string]float64{
		"rangeFloor": c.RangeFloor, "driftRatio": c.DriftRatio,
		"unknownMove": c.UnknownMove, "unknownTurn": c.UnknownTurn,
	} {
		check(finite(v) && v >= 0, "%s %g: must not be negative", name, v)
	}
	return errors.Join(errs...)
}
