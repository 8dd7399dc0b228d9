package query

import (
	"time"

	"github.com/vega-edge/vegad/runtime/scene"
)

// Status says what became of a question.
type Status string

// The outcomes of Execute. A question that misses its deadline is the daemon's business.
const (
	Answered  Status = "answered"
	Abstained Status = "abstained" // understood, but what is known does not carry an answer
	Refused   Status = "refused"   // not understood, or not answered by this version
)

// The reasons to abstain or to refuse.
const (
	ReasonNotSeen      = "not_seen"              // nothing matches what the question names
	ReasonUncertain    = "too_uncertain"         // the interval is too wide, or the choice too close
	ReasonInconsistent = "inconsistent_geometry" // the newest observation contradicts itself
	ReasonStale        = "stale"                 // the newest observation is too old for the scope now
	ReasonNothingYet   = "no_observation"        // no observation was made yet
	ReasonNotLooked    = "not_looked"            // the camera has not looked where the answer lies
	ReasonNoWay        = "no_way"                // of a route: what is remembered leaves no way through
	ReasonKind         = "kind_not_supported"    // there is no such kind
	ReasonInvalid      = "invalid_query"         // the query names what does not exist
)

// Role says what an object has to do with an answer.
type Role string

// The roles of objects.
const (
	Target      Role = "target"      // what was asked about
	Origin      Role = "from"        // what was measured from
	Alternative Role = "alternative" // what the words could also have meant
	Anchor      Role = "anchor"      // what a description or a relation refers to
	Stop        Role = "stop"        // where a route leads along
	Viewer      Role = "viewpoint"   // where the question stands, and what it faces
	Obstacle    Role = "obstacle"    // what is in the way
)

// ObjectRef is an object that an answer rests on. Vectors are x, y, z.
type ObjectRef struct {
	ID          string     `json:"id,omitempty"` // empty when memory does not hold it (yet)
	Role        Role       `json:"role"`
	Label       string     `json:"label"`
	Color       string     `json:"color,omitempty"`
	CenterM     [3]float64 `json:"centerM"` // in map
	SizeM       [3]float64 `json:"sizeM"`
	YawRad      float64    `json:"yawRad"`            // in map
	BaseCenterM [3]float64 `json:"baseCenterM"`       // in base_link at the capture time
	BaseYawRad  float64    `json:"baseYawRad"`        //
	CenterSigma [3]float64 `json:"centerSigmaM"`      // standard deviations along the axes of map
	SizeSigma   [3]float64 `json:"sizeSigmaM"`        //
	DistanceM   float64    `json:"distanceM"`         // horizontal, from base_link to the nearest point of the box
	BearingRad  float64    `json:"bearingRad"`        // of the centre in base_link, left positive
	DistSigma   float64    `json:"distanceSigmaM"`    // standard deviations of both
	BearSigma   float64    `json:"bearingSigmaRad"`   //
	Existence   float64    `json:"existence"`         // probability that it is there
	LastSeen    time.Time  `json:"lastSeen,omitzero"` // capture time of the newest observation that showed it
}

// Step is one leg of a route: turn, then go.
type Step struct {
	TurnRad   float64    `json:"turnRad"`   // left positive, in (-pi, pi]
	Turn      string     `json:"turn"`      // straight, left, right or back
	DistanceM float64    `json:"distanceM"` // to go after the turn
	EndM      [2]float64 `json:"endM"`      // x, y in map at the end of the leg
}

// Answer is a measurement, or the reason why there is none.
type Answer struct {
	Kind        Kind             `json:"kind"`
	Scope       Scope            `json:"scope"`
	Status      Status           `json:"status"`
	Reason      string           `json:"reason,omitempty"` // one of the Reason constants; empty when answered
	Value       *float64         `json:"value,omitempty"`
	Unit        string           `json:"unit,omitempty"`       // m, cm, ft, m2, cm2, ft2, rad, 1 (a probability), objects
	Interval95  *[2]float64      `json:"interval95,omitempty"` // in Unit
	Choice      string           `json:"choice,omitempty"`     // labels, the words of a direction or its turns, yes and no
	Confidence  float64          `json:"confidence"`           // 0..1 that the choice, the count or the object is right
	Text        string           `json:"text"`                 // plain sentences
	Steps       []Step           `json:"steps,omitempty"`      // of a route
	KnownShare  *float64         `json:"knownShare,omitempty"` // of a route's length over floor that was seen free, 0..1
	Objects     []ObjectRef      `json:"objects"`
	CaptureTime time.Time        `json:"captureTime,omitzero"` // of the newest observation
	CaptureMono time.Duration    `json:"-"`
	Consistency float64          `json:"consistency"`
	PoseSource  scene.PoseSource `json:"poseSource,omitempty"`
}

// Options hold the robot's size and the limits beyond which Execute abstains. Start from DefaultOptions.
type Options struct {
	Now            time.Duration // the present on the clock of the observations; 0 does not check ages
	MaxAge         time.Duration // of the newest observation in the scope now
	MinConsistency float64       // of the newest observation
	MinConfidence  float64       // of a choice among several
	MinHint        float64       // score of a hint that a question may rest on which takes a thing for granted
	MinDecision    float64       // of a choice between two: the probability of the likelier one
	MaxHalfWidth   float64       // of a length's 95 % interval, as a share of the distance between the centres …
	HalfWidthFloor float64       // … and always allowed, m
	MaxSize        float64       // the same of a size's and an area's interval, as a share of the value
	MaxPlace       float64       // of the place of locate: the longer half axis of its 95 % ellipse over its distance …
	PlaceFloor     float64       // … and always allowed, m
	MaxBearing     float64       // half width of a direction's interval, rad
	Missed         float64       // things that the memory lacks, for each that it holds; widens a count's interval
	Wrong          float64       // share of what it holds that is something else, the same
	Widen          float64       // factor on every standard deviation, 1 for a calibrated camera
	RobotWidth     float64       // m, where the query names none
	RobotHeight    float64       // m, what hangs higher is not in the way
}

// DefaultOptions returns the limits of a calibrated camera on a small robot.
func DefaultOptions() Options {
	return Options{
		MaxAge: 2 * time.Second, MinConsistency: 0.2, MinConfidence: 0.3, MinHint: 0.1, MinDecision: 0.6,
		MaxHalfWidth: 0.5, HalfWidthFloor: 0.5, MaxSize: 0.75, MaxPlace: 1, PlaceFloor: 1, MaxBearing: 1.05, Widen: 1,
		RobotWidth: 0.5, RobotHeight: 1.5,
	}
}

// newRef describes an object for an answer.
func newRef(o *scene.Object, role Role, s *scene.Snapshot) ObjectRef {
	base, robot := s.BoxToBase(o.Box), robotEye(s)
	m := robot.reach(o)
	sigma, _ := robot.bearingSigma(o)
	return ObjectRef{
		ID: o.ID, Role: role, Label: o.Label, Color: o.Color,
		CenterM: triple(o.Box.Center), SizeM: triple(o.Box.Size), YawRad: o.Box.Yaw,
		BaseCenterM: triple(base.Center), BaseYawRad: base.Yaw,
		CenterSigma: [3]float64{root(o.CenterCov[0]), root(o.CenterCov[4]), root(o.CenterCov[8])},
		SizeSigma:   [3]float64{root(o.SizeVar.X), root(o.SizeVar.Y), root(o.SizeVar.Z)},
		DistanceM:   m.value, BearingRad: robot.bearing(o.Box.Center), DistSigma: m.sigma, BearSigma: sigma,
		Existence: o.Existence, LastSeen: o.LastWall,
	}
}

func triple(v scene.Vec3) [3]float64 { return [3]float64{v.X, v.Y, v.Z} }

// is says whether the reference was made from an object.
func (r *ObjectRef) is(o *scene.Object) bool {
	return r.ID == o.ID && r.CenterM == triple(o.Box.Center)
}
