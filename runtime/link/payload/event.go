package payload

// EventKind says what happened.
type EventKind string

// The kinds of events.
const (
	ObjectAppeared  EventKind = "objectAppeared"
	ObjectMoved     EventKind = "objectMoved"
	ObjectGone      EventKind = "objectGone" // its place was seen empty
	PathBlocked     EventKind = "pathBlocked"
	PathCleared     EventKind = "pathCleared"
	MessagesDropped EventKind = "messagesDropped" // from the outbox, for want of room or for their age
	ModelUpdate     EventKind = "modelUpdate"     // an ordered activation or a trial has ended
)

// Event is the message on the topic event/{kind}.
type Event struct {
	Header
	Delivery
	Kind        EventKind `json:"kind"`
	Text        string    `json:"text"`                 // for people
	CaptureTime Time      `json:"captureTime,omitzero"` // of the frame that showed it
	Object      *Object   `json:"object,omitempty"`     // of the three kinds about objects, in the frame map
	From        *Vec3     `json:"from,omitempty"`       // where the centre of a moved object was, in map
	Path        *Path     `json:"path,omitempty"`       // of the kinds about the path
	Dropped     *Dropped  `json:"dropped,omitempty"`    // of messagesDropped, since the last such event
	Model       *Update   `json:"model,omitempty"`      // of modelUpdate
}

// UpdateOutcome says what became of a bundle.
type UpdateOutcome string

// The outcomes of an activation and of a trial.
const (
	UpdateOnTrial   UpdateOutcome = "onTrial"   // it runs from the next start on, and has to prove itself
	UpdateRefused   UpdateOutcome = "refused"   // it was not activated
	UpdateConfirmed UpdateOutcome = "confirmed" // it has proved itself and stays
)

// Update is a bundle of networks and what became of it.
type Update struct {
	Name    string        `json:"name,omitempty"` // absent when no such bundle is installed
	Version string        `json:"version,omitempty"`
	Digest  string        `json:"digest,omitempty"` // SHA-256 of its manifest, hexadecimal
	Outcome UpdateOutcome `json:"outcome"`
}

// Path is the floor ahead of the robot.
type Path struct {
	Wanted float64 `json:"wanted"` // metres that should be free
	Free   float64 `json:"free"`   // metres that are
}

// Dropped counts messages that were given up, by class, from the one that goes first.
type Dropped struct {
	Stats   uint64 `json:"stats"`
	Scene   uint64 `json:"scene"`
	Watches uint64 `json:"watches"`
	Events  uint64 `json:"events"`
	Answers uint64 `json:"answers"`
}
