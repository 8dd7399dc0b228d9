package dashboard

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/scene"
)

const (
	askWithin = 10 * time.Second

	freeRange = scene.FreeRange
	client    = "dashboard" // the page's name among those who ask
)

//go:embed page
var embedded embed.FS

func (s *Server) routes() http.Handler {
	mux := s.site.Mux(s.files)
	mux.Handle("GET /live", s.site.Private(http.HandlerFunc(s.live)))
	mux.Handle("POST /ask", s.site.Private(http.HandlerFunc(s.ask)))
	mux.Handle("POST /watch", s.site.Private(http.HandlerFunc(s.watch)))
	mux.Handle("POST /record", s.site.Private(http.HandlerFunc(s.record)))
	if s.cfg.Metrics != nil {
		mux.Handle("GET /metrics", s.site.Private(s.cfg.Metrics))
	}
	return mux
}

// posted is what the page posts: a question, or the end of a standing one.
type posted struct {
	ID       string        `json:"id,omitempty"` // of the standing question to end
	Question string        `json:"question,omitempty"`
	Scope    payload.Scope `json:"scope,omitempty"`
	Cancel   bool          `json:"cancel,omitempty"`
}

// readPosted reads exactly one object of known fields.
func readPosted[T any](data []byte) (T, error) {
	var p, none T
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return none, fmt.Errorf("reading what was posted: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return none, errors.New("reading what was posted: something follows the object")
	}
	return p, nil
}

// toAsk makes the message of it that a robot gets over MQTT, with the same checks.
func (p posted) toAsk(id string) (payload.Ask, error) {
	data, err := json.Marshal(payload.Ask{
		RequestID: id, Question: p.Question, Scope: p.Scope, Client: client, DeadlineMs: askWithin.Milliseconds(),
	})
	if err != nil {
		return payload.Ask{}, fmt.Errorf("writing a question: %w", err)
	}
	return payload.DecodeAsk(data)
}

func (p posted) toWatch(id string) (payload.Watch, error) {
	if p.Cancel {
		id = p.ID
	}
	data, err := json.Marshal(payload.Watch{
		RequestID: id, Question: p.Question, Scope: p.Scope, Client: client, Cancel: p.Cancel,
	})
	if err != nil {
		return payload.Watch{}, fmt.Errorf("writing a standing question: %w", err)
	}
	return payload.DecodeWatch(data)
}

// receive reads what was posted, or refuses it.
func receive[T any](w http.ResponseWriter, r *http.Request) (p T, ok bool) {
	if r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, "want application/json", http.StatusUnsupportedMediaType)
		return p, false
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "what was posted is too large or was cut off", http.StatusRequestEntityTooLarge)
		return p, false
	}
	if p, err = readPosted[T](data); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return p, false
	}
	return p, true
}

// number names a question of the page; the start of the connection's clock keeps runs of the program apart.
func (s *Server) number() string { return "page-" + strconv.FormatUint(s.asked.Add(1), 10) }

func (s *Server) ask(w http.ResponseWriter, r *http.Request) {
	p, ok := receive[posted](w, r)
	if !ok {
		return
	}
	ask, err := p.toAsk(s.number())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer := s.cfg.Answerer.Ask(r.Context(), ask)
	answer.RequestID, answer.Question = ask.RequestID, ask.Question
	s.reply(w, s.keep(answer, client))
}

func (s *Server) watch(w http.ResponseWriter, r *http.Request) {
	p, ok := receive[posted](w, r)
	if !ok {
		return
	}
	watch, err := p.toWatch(s.number())
	if err == nil {
		err = s.cfg.Answerer.Watch(watch)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.reply(w, posted{ID: watch.RequestID, Question: watch.Question, Cancel: watch.Cancel})
}

func (s *Server) reply(w http.ResponseWriter, v any) {
	m := s.encode(v)
	if m.data == nil {
		http.Error(w, "the answer cannot be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(m.data) // a viewer who has gone needs no answer
}
