package payload

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Bounds of a standing question.
const (
	MaxWatchIntervalMs   = 3_600_000 // an hour
	MaxWatchLeaseSeconds = 86_400    // a day
	DefaultWatchLease    = 3600      // seconds
)

// Watch is the message on the topic watch: a standing question, or its end. It is answered on watch/{requestId} at
// once, and again whenever the answer has changed by more than its interval.
type Watch struct {
	RequestID     string          `json:"requestId"`          // ValidID; names the standing question
	Question      string          `json:"question,omitempty"` // English, at most MaxQuestionRunes
	Query         json.RawMessage `json:"query,omitempty"`    // an object, instead of the question
	Scope         Scope           `json:"scope,omitempty"`
	MinIntervalMs int64           `json:"minIntervalMs,omitempty"` // least time between two answers
	LeaseSeconds  int64           `json:"leaseSeconds,omitempty"`  // it ends then unless it is sent again; 0 is an hour
	Client        string          `json:"client,omitempty"`        // ValidID; who asks, for fair shares
	Cancel        bool            `json:"cancel,omitempty"`        // end it; nothing else is read then
}

// DecodeWatch reads and checks a standing question. With an error it still returns the RequestID where that could be
// read. A missing scope becomes Seen, a missing lease DefaultWatchLease.
func DecodeWatch(data []byte) (Watch, error) {
	var w Watch
	id, err := decode(data, &w)
	if err == nil {
		err = w.check()
	}
	if err != nil {
		return Watch{RequestID: id}, err
	}
	if w.Scope == "" {
		w.Scope = Seen
	}
	if w.LeaseSeconds == 0 {
		w.LeaseSeconds = DefaultWatchLease
	}
	return w, nil
}

func (w *Watch) check() error {
	if w.Cancel && ValidID(w.RequestID) {
		return nil
	}
	ask := Ask{RequestID: w.RequestID, Question: w.Question, Query: w.Query, Scope: w.Scope, Client: w.Client}
	if err := ask.check(); err != nil {
		return err
	}
	w.Query = ask.Query
	if w.MinIntervalMs < 0 || w.MinIntervalMs > MaxWatchIntervalMs {
		return fmt.Errorf("minIntervalMs must be 0 to %d", MaxWatchIntervalMs)
	}
	if w.LeaseSeconds < 0 || w.LeaseSeconds > MaxWatchLeaseSeconds {
		return fmt.Errorf("leaseSeconds must be 0 to %d", MaxWatchLeaseSeconds)
	}
	return nil
}

func checkClient(client string) error {
	if client != "" && !ValidID(client) {
		return errors.New("client must be 1 to 64 of A-Z a-z 0-9 _ . : -")
	}
	return nil
}
