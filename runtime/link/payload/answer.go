package payload

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Status says what became of a question.
type Status string

// The values of Status.
const (
	Answered  Status = "answered"
	Abstained Status = "abstained" // understood, but what was seen does not allow an answer; Reason says why
	Refused   Status = "refused"   // malformed, not understood or too many; Reason says why
	Expired   Status = "expired"   // the deadline passed first
)

// Answer is the message on the topics answer/{requestId} and watch/{requestId}. An answer is a measurement or an
// abstention, never a guess.
type Answer struct {
	Header
	Delivery
	RequestID   string          `json:"requestId"`
	Question    string          `json:"question,omitempty"` // the text that was asked
	Query       json.RawMessage `json:"query,omitempty"`    // the structured query it was understood as, an object
	Status      Status          `json:"status"`
	Reason      string          `json:"reason,omitempty"`     // why not, unless the status is answered
	Answer      *Value          `json:"answer,omitempty"`     // only when the status is answered
	Objects     []Object        `json:"objects"`              // what the answer rests on, in the frame map
	CaptureTime Time            `json:"captureTime,omitzero"` // of the newest frame the answer rests on
	AgeMs       float64         `json:"ageMs"`                // from capture to answer; 0 without a captureTime
	LatencyMs   Latency         `json:"latencyMs"`
	Model       *Model          `json:"model,omitempty"` // what ran; absent when nothing did
	Step        WorkStep        `json:"step,omitempty"`  // how much of its work vegad does now
	Gate        *Gate           `json:"gate,omitempty"`
	Consistency *float64        `json:"consistency,omitempty"` // 0..1, agreement of the geometry with itself
}

// Stamp fills the header and the empty array.
func (a *Answer) Stamp(header Header) {
	a.Header, a.Objects = header, list(a.Objects)
}

// DecodeAnswer reads an answer on the side of those who ask.
func DecodeAnswer(data []byte) (Answer, error) {
	var answer Answer
	if n := len(data); n > MaxAnswerBytes {
		return answer, fmt.Errorf("reading an answer: message has %d bytes, more than %d", n, MaxAnswerBytes)
	}
	_, err := decodeAny(data, &answer)
	if err == nil && !ValidID(answer.RequestID) {
		err = errors.New("requestId is missing or invalid")
	}
	if err != nil {
		return Answer{}, fmt.Errorf("reading an answer: %w", err)
	}
	return answer, nil
}

// Value is the answer itself. Which fields are set depends on the kind of question; Text always is.
type Value struct {
	Value      *float64    `json:"value,omitempty"`
	Unit       string      `json:"unit,omitempty"`       // of Value and Interval95: m, rad, m2 or 1
	Interval95 *[2]float64 `json:"interval95,omitempty"` // the value lies in here in 95 cases of 100
	Choice     string      `json:"choice,omitempty"`     // for yes or no, for a direction's word
	Text       string      `json:"text"`                 // for people
	Confidence float64     `json:"confidence"`           // 0..1 that the choice, the count or the object is right
	Steps      []Step      `json:"steps,omitempty"`      // of a route
	KnownShare *float64    `json:"knownShare,omitempty"` // of a route or a clear way, 0..1 of its floor that was looked at
}

// Step is one leg of a route: a turn on the spot, then straight on.
type Step struct {
	Turn     string  `json:"turn"` // straight, left, right or back
	TurnRad  float64 `json:"turnRad"`
	Distance float64 `json:"distanceM"`
	End      Vec3    `json:"end"` // in the frame map, on the floor
}

// Latency is where the time went, in milliseconds.
type Latency struct {
	Queue float64 `json:"queue"` // from the message's arrival to its turn
	Head  float64 `json:"head"`  // in the networks; 0 when no network ran for this question
	Total float64 `json:"total"` // from the message's arrival to the answer's dispatch
}

// Model names what really ran.
type Model struct {
	Bundle    string `json:"bundle"`
	Precision string `json:"precision"`
	Provider  string `json:"provider"`
	Degraded  bool   `json:"degraded"`
}

// Gate says how the two streams were mixed: 1 is all meaning, 0 is all geometry.
type Gate struct {
	Mean  float64 `json:"mean"`
	Shift float64 `json:"shift"` // of the mean, against an observation without a question
}
