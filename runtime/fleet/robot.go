package fleet

import (
	"time"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

// Robot is what is known of one robot. What it has not told is the zero value, or nil where zero would be a claim.
type Robot struct {
	Manufacturer string `json:"manufacturer"`
	Serial       string `json:"serialNumber"`

	Connection payload.ConnectionState `json:"connection,omitempty"`
	SessionID  string                  `json:"sessionId,omitempty"`
	LastHeard  time.Time               `json:"lastHeard,omitzero"` // by this machine's clock, but for retained messages

	Health     payload.Health   `json:"health,omitempty"`
	Step       payload.WorkStep `json:"step,omitempty"`
	StepReason string           `json:"stepReason,omitempty"`
	Errors     int              `json:"errors"`              // that are there now
	Error      string           `json:"error,omitempty"`     // the gravest of them, for people
	ErrorType  string           `json:"errorType,omitempty"` // of that one
	Uptime     float64          `json:"uptimeSeconds,omitempty"`

	Version        string `json:"vegadVersion,omitempty"`
	Bundle         string `json:"bundle,omitempty"`
	BundleVersion  string `json:"bundleVersion,omitempty"`
	Provider       string `json:"provider,omitempty"`
	Precision      string `json:"precision,omitempty"`
	Degraded       bool   `json:"degraded"` // the provider is not the one that was wanted
	DegradedReason string `json:"degradedReason,omitempty"`

	Cameras        int `json:"cameras"`
	CamerasRunning int `json:"camerasRunning"` // that deliver pictures, sharp or not

	Temperature *Temperature `json:"temperature,omitempty"` // the hottest zone
	HeadroomK   *float64     `json:"headroomK,omitempty"`   // below throttling
	Throttled   string       `json:"throttled,omitempty"`   // the brake that is on
	PowerW      *float64     `json:"powerW,omitempty"`

	OutboxDepth      int     `json:"outboxDepth"`
	OutboxBytes      int64   `json:"outboxBytes"`
	OutboxAgeSeconds float64 `json:"outboxAgeSeconds"` // of the oldest message
	OutboxDropped    uint64  `json:"outboxDropped"`    // since its vegad started
	OutboxFailure    string  `json:"outboxFailure,omitempty"`

	FrameHz          *float64 `json:"frameHz,omitempty"` // in the period of the last statistics, as what follows
	ObservationHz    *float64 `json:"observationHz,omitempty"`
	QuestionP95Ms    *float64 `json:"questionP95Ms,omitempty"`
	CameraReconnects uint64   `json:"cameraReconnects"` // in its last hour
	BrokerReconnects uint64   `json:"brokerReconnects"` // in its last hour

	// Questions count over the last QuestionWindow statistics, and so do the rates made of them. AnswersPerMinute is nil
	// before the first statistics, AbstainedShare (0..1, of those answered or abstained) while there was no question.
	Questions        payload.Asked `json:"questions"`
	AnswersPerMinute *float64      `json:"answersPerMinute,omitempty"`
	AbstainedShare   *float64      `json:"abstainedShare,omitempty"`

	Position *Position `json:"position,omitempty"`
	PageURL  string    `json:"pageUrl,omitempty"`

	// Trouble is what is wrong now, Why the worst of it in words; see Trouble for the rule.
	Trouble  Trouble `json:"trouble"`
	Why      string  `json:"why,omitempty"`
	Revision uint64  `json:"revision"` // of the Registry, at the last message of this robot
}

// ID returns manufacturer and serial number with a slash between.
func (r *Robot) ID() string { return r.Manufacturer + "/" + r.Serial }

// Temperature is of one thermal zone.
type Temperature struct {
	Zone    string  `json:"zone"`
	Celsius float64 `json:"celsius"`
}

// Position is where a robot was. Positions compare only within one frame and epoch of one robot: each robot's map
// begins where it stood, and begins anew with every epoch.
type Position struct {
	Frame string    `json:"frame"`
	Epoch uint64    `json:"epoch"` // 0 is not told
	X     float64   `json:"x"`     // metres
	Y     float64   `json:"y"`
	Yaw   float64   `json:"yaw"` // radians, left positive
	At    time.Time `json:"at"`  // by the robot's clock
}

// QuestionWindow is how many statistics the rates of answers and abstentions cover: ten minutes at one a minute.
const QuestionWindow = 10

// questions is a ring of what the last statistics counted.
type questions struct {
	ring [QuestionWindow]asked
	next int
}

type asked struct {
	payload.Asked
	seconds float64
}

func (q *questions) add(a asked) {
	q.ring[q.next] = a
	q.next = (q.next + 1) % len(q.ring)
}

// sum fills the counts and rates of a robot.
func (q *questions) sum(r *Robot) {
	r.Questions = payload.Asked{}
	seconds := 0.0
	for _, a := range q.ring {
		seconds += a.seconds
		r.Questions.Answered += a.Answered
		r.Questions.Abstained += a.Abstained
		r.Questions.Refused += a.Refused
		r.Questions.Expired += a.Expired
	}
	r.AnswersPerMinute, r.AbstainedShare = nil, nil
	if seconds > 0 {
		r.AnswersPerMinute = new(float64(r.Questions.Answered) / seconds * 60)
	}
	if all := r.Questions.Answered + r.Questions.Abstained; all > 0 {
		r.AbstainedShare = new(float64(r.Questions.Abstained) / float64(all))
	}
}
