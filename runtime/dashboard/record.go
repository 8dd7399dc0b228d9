package dashboard

import (
	"net/http"

	"github.com/vega-edge/vegad/runtime/record"
)

// Recorder records on behalf of the page.
type Recorder interface {
	// Order begins or ends a recording; either twice does nothing.
	Order(start bool) (record.Status, error)
	// Status tells how it does.
	Status() record.Status
}

// recording is what the page shows of it.
type recording struct {
	Able      bool    `json:"able"`      // there is a folder for recordings
	Recording bool    `json:"recording"` // somebody has pressed the button
	Ring      bool    `json:"ring"`      // the ring runs beside
	Seconds   float64 `json:"seconds"`   // since the button was pressed
	Bytes     int64   `json:"bytes"`     // written since then, or since the ring began
	Kept      int64   `json:"keptBytes"` // of all recordings that do not fall out of the ring
	Dropped   uint64  `json:"dropped"`   // records that the disk or the processor could not follow
	Failure   string  `json:"failure,omitempty"`
}

func (s *Server) recording() recording {
	if s.cfg.Recorder == nil {
		return recording{}
	}
	return newRecording(s.cfg.Recorder.Status())
}

func newRecording(s record.Status) recording {
	return recording{
		Able: true, Recording: s.Recording, Ring: s.Ring, Seconds: s.Lasted.Seconds(), Bytes: s.Bytes, Kept: s.Kept,
		Dropped: s.Dropped, Failure: s.Failure,
	}
}

// button is what the page posts when it is pressed.
type button struct {
	Record *bool `json:"record"` // required
}

// record begins or ends a recording.
func (s *Server) record(w http.ResponseWriter, r *http.Request) {
	b, ok := receive[button](w, r)
	switch {
	case !ok:
		return
	case b.Record == nil:
		http.Error(w, "want record: true or false", http.StatusBadRequest)
		return
	case s.cfg.Recorder == nil:
		const why = "nothing can be recorded: there is no folder (set record.dir), or more than one camera"
		http.Error(w, why, http.StatusConflict)
		return
	}
	status, err := s.cfg.Recorder.Order(*b.Record)
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	s.log.Info("the page's button for recordings was pressed", "record", *b.Record)
	s.reply(w, newRecording(status))
}
