package fleet

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

// The topics that tell about a robot.
const (
	connectionTopic = "connection"
	stateTopic      = "state"
	statsTopic      = "stats"
	factsheetTopic  = "factsheet"
	sceneTopic      = "scene"
)

// Bounds of what is believed.
const (
	maxText     = 200    // characters of one text
	maxCameras  = 1000   // counted
	maxSeconds  = 1e9    // of an age or an uptime
	maxRate     = 1e6    // a second
	coldest     = -273.0 // degrees Celsius
	hottest     = 1000.0
	maxWatts    = 1e6
	maxKelvin   = 1e3
	maxLatency  = 1e9           // milliseconds
	maxMessages = 1_000_000_000 // in one count
)

// read checks a message and returns how to enter it, and when it was made. Nothing is to be entered for a topic that
// tells nothing.
func read(name string, data []byte) (apply func(*entry), at time.Time, err error) {
	if n := len(data); n > payload.MaxAnswerBytes {
		return nil, at, fmt.Errorf("message has %d bytes, more than %d", n, payload.MaxAnswerBytes)
	}
	switch name {
	case connectionTopic:
		c, err := payload.DecodeConnection(data)
		return func(e *entry) { e.takeConnection(&c) }, instant(c.Timestamp), err
	case stateTopic:
		return parse(data, (*entry).takeState)
	case statsTopic:
		return parse(data, (*entry).takeStats)
	case factsheetTopic:
		return parse(data, (*entry).takeFactsheet)
	case sceneTopic:
		return parse(data, (*entry).takeScene)
	}
	return nil, at, nil
}

// stamp is what every message begins with.
type stamp struct {
	Timestamp payload.Time `json:"timestamp"`
}

func (s *stamp) at() time.Time { return instant(s.Timestamp) }

// instant is the zero time for one whose year cannot be written.
func instant(t payload.Time) time.Time {
	if y := t.Year(); y < 1 || y > 9999 {
		return time.Time{}
	}
	return t.Time
}

// news is a message of which only what is needed here is read.
type news[T any] interface {
	*T
	at() time.Time
}

// parse reads a message. The standard decoder bounds its depth, and the caller its size.
func parse[T any, N news[T]](data []byte, take func(*entry, N)) (apply func(*entry), at time.Time, err error) {
	message := N(new(T))
	if len(data) == 0 || data[0] != '{' {
		return nil, at, errors.New("message is not a JSON object")
	}
	if err := json.Unmarshal(data, message); err != nil {
		return nil, at, fmt.Errorf("reading a message: %w", err)
	}
	return func(e *entry) { take(e, message) }, message.at(), nil
}

// takeConnection enters whether the robot is connected, unless it is the word of an earlier session of the same run: a
// last will can come late.
func (e *entry) takeConnection(c *payload.Connection) {
	id := clean(c.SessionID)
	if id != e.robot.SessionID && sameRun(id, e.robot.SessionID) && c.HeaderID < e.headerID {
		return
	}
	e.headerID = c.HeaderID
	e.robot.Connection, e.robot.SessionID = c.ConnectionState, id
}

// sameRun reports whether two sessions are of one run of vegad: they differ in the number at their end only.
func sameRun(a, b string) bool {
	i, j := strings.LastIndexByte(a, '.'), strings.LastIndexByte(b, '.')
	return i > 0 && j > 0 && a[:i] == b[:j]
}

type factsheetNews struct {
	stamp
	VegadVersion string `json:"vegadVersion"`
	Provider     string `json:"provider"`
	Precision    string `json:"precision"`
	Bundle       struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	} `json:"bundle"`
}

func (e *entry) takeFactsheet(f *factsheetNews) {
	r := &e.robot
	set(&r.Version, f.VegadVersion)
	set(&r.Bundle, f.Bundle.Name)
	set(&r.BundleVersion, f.Bundle.Version)
	if r.Provider == "" { // state knows it better
		set(&r.Provider, f.Provider)
		set(&r.Precision, f.Precision)
	}
}

type sceneNews struct {
	stamp
	Frame       string       `json:"frame"`
	Epoch       uint64       `json:"epoch"`
	CaptureTime payload.Time `json:"captureTime"`
	Pose        *poseNews    `json:"pose"`
}

func (e *entry) takeScene(s *sceneNews) {
	if s.Pose != nil {
		e.robot.Position = s.Pose.position(s.Frame, s.Epoch, s.CaptureTime, e.robot.Position)
	}
}

type poseNews struct {
	X   float64 `json:"x"`
	Y   float64 `json:"y"`
	Yaw float64 `json:"yaw"`
}

// position returns the place, or the former one when this one is none.
func (p *poseNews) position(frame string, epoch uint64, at payload.Time, former *Position) *Position {
	if math.Abs(p.X) > payload.MaxPosition || math.Abs(p.Y) > payload.MaxPosition || math.Abs(p.Yaw) > 2*math.Pi {
		return former
	}
	return &Position{
		Frame: clean(or(frame, "map")), Epoch: epoch, X: p.X, Y: p.Y, Yaw: p.Yaw, At: instant(at),
	}
}

// set replaces a text by a clean one. An equal one is kept, so that the old bytes go on being shared.
func set(to *string, text string) {
	if text = clean(text); text != *to {
		*to = text
	}
}

// clean cuts a text to maxText characters and drops what a terminal or a page would obey instead of show.
func clean(text string) string {
	harmless := true
	for i := range len(text) {
		harmless = harmless && text[i] >= ' ' && text[i] < 0x7f
	}
	if harmless && len(text) <= maxText {
		return text
	}
	var out strings.Builder
	n := 0
	for _, c := range text {
		if !unicode.IsPrint(c) {
			continue
		}
		if n++; n > maxText {
			break
		}
		out.WriteRune(c)
	}
	return out.String()
}

// within returns a pointer to a copy of a number that lies within bounds, and nil otherwise.
func within(v *float64, low, high float64) *float64 {
	if v == nil || *v < low || *v > high {
		return nil
	}
	return new(*v)
}

func clamp(v, high float64) float64 { return min(max(v, 0), high) }
