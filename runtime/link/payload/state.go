package payload

// Health is the robot's state in a word.
type Health string

// The values of Health.
const (
	HealthStarting Health = "starting" // no frame has gone through the networks yet
	HealthOK       Health = "ok"
	HealthDegraded Health = "degraded" // answers come, but slower, older or less sure than configured
	HealthFailed   Health = "failed"   // no answers can be given
)

// State is the retained message on the topic state, sent on change and at most 30 s apart.
type State struct {
	Header
	Health            Health        `json:"health"`
	Step              WorkStep      `json:"step,omitempty"`       // how much of its work vegad does
	StepReason        string        `json:"stepReason,omitempty"` // why not all of it
	UptimeSeconds     float64       `json:"uptimeSeconds"`
	ObservationRateHz float64       `json:"observationRateHz"`
	Cameras           []CameraState `json:"cameras"`
	Runtime           RuntimeState  `json:"runtime"`
	PoseSource        string        `json:"poseSource"`         // where the map frame comes from: odometry, visual or none
	Position          *Position     `json:"position,omitempty"` // of base_link; absent before the first observation
	Link              LinkState     `json:"link"`               // filled by the link
	Outbox            Outbox        `json:"outbox"`             // filled by the link
	Device            *Device       `json:"device,omitempty"`
	Errors            []Error       `json:"errors"` // empty when all is well
}

// Stamp fills the header and the empty arrays.
func (s *State) Stamp(header Header) {
	s.Header = header
	s.Cameras, s.Runtime.Tried, s.Errors = list(s.Cameras), list(s.Runtime.Tried), list(s.Errors)
}

// Position is a place on the floor in a map. Two of them compare only when frame and epoch are the same.
type Position struct {
	Pose2D
	Frame string `json:"frame"` // map
	Epoch uint32 `json:"epoch"` // counts the maps: it rises when coordinates from before mean nothing any more
}

// CameraState is how one camera does.
type CameraState struct {
	Name       string       `json:"name"`
	State      string       `json:"state"` // opening, running, black, blurred, stalled, frozen, wrongSize, lost or ended
	FPS        float64      `json:"fps"`   // frames a second, captured
	Skipped    uint64       `json:"skipped"`
	Reconnects uint64       `json:"reconnects"`
	Withheld   uint64       `json:"withheld"` // black pictures and repetitions, which nothing is concluded from
	Faults     CameraFaults `json:"faults"`
	LastError  string       `json:"lastError,omitempty"`
}

// CameraFaults counts what went wrong with a camera since vegad started.
type CameraFaults struct {
	Lost       uint64 `json:"lost"`       // failed openings and reads
	Stalled    uint64 `json:"stalled"`    // no picture came
	Frozen     uint64 `json:"frozen"`     // the same picture came again and again
	WrongSize  uint64 `json:"wrongSize"`  // pictures did not fit the calibration
	Black      uint64 `json:"black"`      // times that pictures became black
	Blurred    uint64 `json:"blurred"`    // times that pictures became blurred
	Damaged    uint64 `json:"damaged"`    // pictures that could not be decoded
	ClockJumps uint64 `json:"clockJumps"` // capture times that went back, and were corrected
}

// RuntimeState says what really runs the networks.
type RuntimeState struct {
	Provider  string          `json:"provider"`
	Precision string          `json:"precision"`
	Degraded  bool            `json:"degraded"` // not what was configured or expected
	Reason    string          `json:"reason,omitempty"`
	Tried     []TriedProvider `json:"tried"` // in order, those that lost

	Ran         []ProviderShare `json:"ran,omitempty"`         // by the sessions' own account, the longest first
	EngineBuild *EngineBuild    `json:"engineBuild,omitempty"` // absent when nothing is or was to be built
}

// ProviderShare is how much of the networks one provider ran, in the test at the start.
type ProviderShare struct {
	Provider string  `json:"provider"`
	Nodes    int     `json:"nodes"`
	TimeMs   float64 `json:"timeMs"`
}

// EngineBuild is how far TensorRT's engines are.
type EngineBuild struct {
	State            string  `json:"state"` // waiting, building, done, failed or cancelled
	Precision        string  `json:"precision,omitempty"`
	Graph            string  `json:"graph,omitempty"` // at work
	Done             int     `json:"done"`
	Total            int     `json:"total"`
	ElapsedSeconds   float64 `json:"elapsedSeconds"`
	RemainingSeconds float64 `json:"remainingSeconds,omitempty"` // after the last builds; absent if not known
	Reason           string  `json:"reason,omitempty"`
}

// TriedProvider is a provider that was tried and why it was not taken.
type TriedProvider struct {
	Provider string `json:"provider"`
	Reason   string `json:"reason"`
}

// LinkState counts what became of messages since vegad started.
type LinkState struct {
	Connections uint64 `json:"connections"` // to the broker, the first one included
	Published   uint64 `json:"published"`   // acknowledged by the broker, or written where no one acknowledges
	Dropped     uint64 `json:"dropped"`     // given up by the outbox, for want of room or for their age
	Unconfirmed uint64 `json:"unconfirmed"` // sent, but the connection broke before the broker acknowledged; sent again
	Refused     uint64 `json:"refused"`     // incoming messages that were malformed, too large or too many
}

// ErrorLevel grades an Error, after VDA 5050.
type ErrorLevel string

// The levels of an Error, from the mildest.
const (
	LevelWarning  ErrorLevel = "WARNING"
	LevelUrgent   ErrorLevel = "URGENT"
	LevelCritical ErrorLevel = "CRITICAL"
	LevelFatal    ErrorLevel = "FATAL"
)

// Error is one thing that is wrong now, in VDA 5050's shape.
type Error struct {
	ErrorType        string           `json:"errorType"`
	ErrorLevel       ErrorLevel       `json:"errorLevel"`
	ErrorDescription string           `json:"errorDescription,omitempty"`
	ErrorHint        string           `json:"errorHint,omitempty"` // what a person can do
	ErrorReferences  []ErrorReference `json:"errorReferences,omitempty"`
}

// ErrorReference names what an Error is about.
type ErrorReference struct {
	ReferenceKey   string `json:"referenceKey"`
	ReferenceValue string `json:"referenceValue"`
}
