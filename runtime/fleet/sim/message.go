package sim

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

// Message is what a robot would send, on its way past every broker.
type Message struct {
	Topic   string
	Payload []byte
}

// Feed makes the messages of one robot without a connection: for whoever keeps what a fleet tells, and for tests of it.
type Feed struct {
	*Robot
	prefix string
	ids    map[string]uint32
}

// NewFeed returns the feed of a robot; empty is the prefix vegad.
func NewFeed(r *Robot, prefix string) *Feed {
	if prefix == "" {
		prefix = "vegad"
	}
	return &Feed{Robot: r, prefix: prefix, ids: make(map[string]uint32)}
}

// Hello returns what every connection begins with, as of a moment.
func (f *Feed) Hello(now time.Time) ([]Message, error) {
	sheet, state := f.Factsheet(), f.Robot.State(0)
	return f.all(now, map[string]stamped{
		"connection": &payload.Connection{ConnectionState: payload.Online, SessionID: f.Serial + ".1"},
		"factsheet":  &sheet, "state": &state,
	})
}

// State returns the next state.
func (f *Feed) State(now time.Time, up time.Duration) ([]Message, error) {
	state := f.Robot.State(up)
	return f.all(now, map[string]stamped{"state": &state})
}

// Stats returns the next statistics.
func (f *Feed) Stats(now time.Time, period time.Duration) ([]Message, error) {
	stats := f.Robot.Stats(period)
	return f.all(now, map[string]stamped{"stats": &stats})
}

type stamped interface{ Stamp(payload.Header) }

func (f *Feed) all(now time.Time, bodies map[string]stamped) ([]Message, error) {
	out := make([]Message, 0, len(bodies))
	for name, body := range bodies {
		f.ids[name]++
		body.Stamp(payload.Header{
			HeaderID: f.ids[name], Timestamp: payload.Time{Time: now}, Version: payload.Version,
			Manufacturer: f.Manufacturer, SerialNumber: f.Serial,
		})
		data, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("writing %s of robot %s: %w", name, f.Serial, err)
		}
		topic := fmt.Sprintf("%s/v1/%s/%s/%s", f.prefix, f.Manufacturer, f.Serial, name)
		out = append(out, Message{Topic: topic, Payload: data})
	}
	return out, nil
}
