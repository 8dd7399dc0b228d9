// Package payload holds the messages that vegad speaks over MQTT, their bounds and their JSON Schemas.
//
// Every message is one UTF-8 JSON object with camelCase names. Lengths are metres, angles radians, positions in the
// frame the message names; other units stand in the name (ageMs, uptimeSeconds). Messages that vegad sends begin with
// a Header after VDA 5050; messages that vegad receives need none, and fields that vegad does not know are ignored.
//
// The package imports nothing but the standard library, so that a client can import it alone.
package payload

import (
	"fmt"
	"time"
)

// Version is the version of the message set, in every Header.
const Version = "1.0.0"

// Bounds of the messages that vegad accepts. Whatever is larger is refused before it is parsed.
const (
	MaxMessageBytes  = 64 << 10 // of one incoming message
	MaxDepth         = 16       // of nested objects and arrays
	MaxQuestionRunes = 500      // of a question's text
	MaxIDBytes       = 64       // of a requestId
	MaxTopicBytes    = 256      // of a replyTo
	MaxDeadlineMs    = 600_000  // ten minutes
)

// MaxAnswerBytes bounds one message that vegad sends.
const MaxAnswerBytes = 256 << 10

// InvalidID stands for the requestId in the topic of an answer to an ask whose own requestId cannot be used.
const InvalidID = "invalid"

// Header opens every message that vegad sends. The link fills it; what a caller puts there is overwritten.
type Header struct {
	HeaderID     uint32 `json:"headerId"`  // counts the messages of one topic from 1; a gap is a message not sent
	Timestamp    Time   `json:"timestamp"` // when the message was made
	Version      string `json:"version"`   // Version
	Manufacturer string `json:"manufacturer"`
	SerialNumber string `json:"serialNumber"`
}

// Stamp replaces the header. Messages embed Header, so that every one of them can be stamped; those with arrays also
// turn their nil ones into empty ones, because an array of the contract is always there.
func (h *Header) Stamp(header Header) { *h = header }

func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}

// Time is an instant. On the wire it is RFC 3339 in UTC with milliseconds and a Z.
type Time struct{ time.Time }

const timeLayout = `"2006-01-02T15:04:05.000Z"`

// MarshalJSON writes the instant in UTC, cut to milliseconds.
func (t Time) MarshalJSON() ([]byte, error) {
	if y := t.UTC().Year(); y < 0 || y > 9999 {
		return nil, fmt.Errorf("writing a time: year %d has no four digits", y)
	}
	return []byte(t.UTC().Format(timeLayout)), nil
}

// UnmarshalJSON reads any RFC 3339 instant.
func (t *Time) UnmarshalJSON(data []byte) error {
	parsed, err := time.Parse(`"`+time.RFC3339Nano+`"`, string(data))
	if err != nil {
		return fmt.Errorf("reading a time: %.40s is not RFC 3339", data)
	}
	t.Time = parsed.UTC()
	return nil
}

// ValidID reports whether s may be a requestId: 1 to 64 of A-Z a-z 0-9 _ . : and -, because it becomes a topic level.
func ValidID(s string) bool {
	if s == "" || len(s) > MaxIDBytes {
		return false
	}
	for i := range len(s) {
		if !idByte(s[i]) {
			return false
		}
	}
	return true
}

func idByte(c byte) bool {
	switch {
	case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		return true
	}
	return c == '_' || c == '.' || c == ':' || c == '-'
}
