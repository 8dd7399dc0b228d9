package payload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Scope says what a question is about.
type Scope string

// The values of Scope.
const (
	Now  Scope = "now"  // only what the camera sees at this moment
	Seen Scope = "seen" // all that is remembered; the default
)

// Ask is the message on the topic ask: one question, as text or as a structured query.
type Ask struct {
	RequestID  string          `json:"requestId"`          // ValidID; the asker makes it unique
	Question   string          `json:"question,omitempty"` // English, at most MaxQuestionRunes
	Query      json.RawMessage `json:"query,omitempty"`    // an object, instead of the question
	Scope      Scope           `json:"scope,omitempty"`
	DeadlineMs int64           `json:"deadlineMs,omitempty"` // from arrival; 0 is none
	ReplyTo    string          `json:"replyTo,omitempty"`    // topic for the answer, instead of answer/{requestId}
	Client     string          `json:"client,omitempty"`     // ValidID; who asks, for fair shares; a replyTo tells it too
}

// DecodeAsk reads and checks an ask. With an error it still returns the RequestID where that could be read, so that
// the refusal finds its way; the error's text is the refusal's reason. A missing scope becomes Seen.
func DecodeAsk(data []byte) (Ask, error) {
	var ask Ask
	id, err := decode(data, &ask)
	if err == nil {
		err = ask.check()
	}
	if err != nil {
		return Ask{RequestID: id}, err
	}
	if ask.Scope == "" {
		ask.Scope = Seen
	}
	return ask, nil
}

func (a *Ask) check() error {
	if !ValidID(a.RequestID) {
		return errors.New("requestId must be 1 to 64 of A-Z a-z 0-9 _ . : -")
	}
	if err := errors.Join(a.checkQuestion(), checkClient(a.Client)); err != nil {
		return err
	}
	if a.Scope != "" && a.Scope != Now && a.Scope != Seen {
		return fmt.Errorf("scope %.20q must be now or seen", string(a.Scope))
	}
	if a.DeadlineMs < 0 || a.DeadlineMs > MaxDeadlineMs {
		return fmt.Errorf("deadlineMs must be 0 to %d", MaxDeadlineMs)
	}
	if a.ReplyTo != "" {
		return CheckTopic(a.ReplyTo)
	}
	return nil
}

func (a *Ask) checkQuestion() error {
	query := bytes.TrimSpace(a.Query)
	hasQuery := len(query) > 0 && !bytes.Equal(query, []byte("null"))
	if !hasQuery {
		a.Query = nil
	}
	switch {
	case hasQuery && a.Question != "":
		return errors.New("question and query exclude each other")
	case hasQuery && query[0] != '{':
		return errors.New("query must be an object")
	case !hasQuery && strings.TrimSpace(a.Question) == "":
		return errors.New("question is empty")
	case utf8.RuneCountInString(a.Question) > MaxQuestionRunes:
		return fmt.Errorf("question is longer than %d characters", MaxQuestionRunes)
	}
	return nil
}

// CheckTopic reports why a message cannot be published on topic: wildcards, empty levels, control characters,
// a leading $, or more than MaxTopicBytes.
func CheckTopic(topic string) error {
	switch {
	case topic == "" || len(topic) > MaxTopicBytes:
		return fmt.Errorf("a topic must be 1 to %d bytes", MaxTopicBytes)
	case strings.ContainsAny(topic, "+#"):
		return errors.New("a topic must not hold the wildcards + and #")
	case topic[0] == '$':
		return errors.New("a topic must not begin with $")
	case strings.HasPrefix(topic, "/") || strings.HasSuffix(topic, "/") || strings.Contains(topic, "//"):
		return errors.New("a topic must not have empty levels")
	case !utf8.ValidString(topic) || strings.ContainsFunc(topic, control):
		return errors.New("a topic must be UTF-8 without control characters")
	}
	return nil
}

func control(r rune) bool { return r < 0x20 || (r >= 0x7f && r <= 0x9f) }
