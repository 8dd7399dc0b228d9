package dashboard

import (
	"context"
	"sync"
	"time"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

// reportEvery is the time between two reports.
const reportEvery = time.Second

// tell follows the robot until ctx ends: the scene and overlays after each observation, the report and the log once a
// second, each only while a page is in front.
func (s *Server) tell(ctx context.Context) {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	var logged uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.observed:
			if s.hub.looking() {
				s.hub.put(sceneSlot, s.encode(newScene(s.cfg.Robot.Scene())), (*viewer).looking)
				s.drawOverlays(time.Now())
			}
		case now := <-tick.C:
			if s.hub.looking() {
				s.hub.put(reportSlot, s.encode(s.report(now)), (*viewer).looking)
			}
			logged = s.tellLog(logged)
		}
	}
}

// logMessage is what was logged since the last one.
type logMessage struct {
	Type  string `json:"type"` // log
	Lines []Line `json:"lines"`
}

// tellLog sends the lines after the given number and returns the number of the newest. Hidden pages get them too: a
// person wants to read later what happened meanwhile.
func (s *Server) tellLog(after uint64) uint64 {
	if s.cfg.Tail == nil {
		return after
	}
	if s.hub.count() == 0 {
		return s.cfg.Tail.newest()
	}
	lines := s.cfg.Tail.after(after)
	if len(lines) == 0 {
		return after
	}
	s.hub.queue(s.encode(logMessage{Type: "log", Lines: lines}))
	return lines[len(lines)-1].Number
}

// greet hands a new viewer what it needs at once, so that the page is whole before the next observation.
func (s *Server) greet(v *viewer) {
	a := s.cfg.About
	h := hello{
		Type: "hello", Version: a.Version, Manufacturer: a.Manufacturer, Serial: a.Serial, Bundle: a.Bundle,
		Labels: list(a.Labels), Colors: list(a.Colors), Kinds: list(a.Kinds),
		FreeRange: freeRange, Answers: s.answers.list(), Log: []Line{},
	}
	for _, e := range s.cfg.Eyes {
		h.Cameras = append(h.Cameras, newEyeView(e))
	}
	if s.cfg.Tail != nil {
		h.Log = s.cfg.Tail.after(0)
	}
	v.push(s.encode(h))
	v.put(sceneSlot, s.encode(newScene(s.cfg.Robot.Scene())))
}

// answersKept is how many answers a page that is opened shows.
const answersKept = 20

// entry is an answer in the history.
type entry struct {
	Type   string         `json:"type"` // answer
	Number uint64         `json:"number"`
	Time   payload.Time   `json:"time"`
	Client string         `json:"client,omitempty"`
	Answer payload.Answer `json:"answer"`
}

// history keeps the newest answers.
type history struct {
	mu      sync.Mutex
	number  uint64
	entries []entry
}

func (h *history) add(a payload.Answer, client string) entry {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.number++
	e := entry{Type: "answer", Number: h.number, Time: payload.Time{Time: time.Now()}, Client: client, Answer: a}
	if len(h.entries) == answersKept {
		h.entries = append(h.entries[:0], h.entries[1:]...)
	}
	h.entries = append(h.entries, e)
	return e
}

func (h *history) list() []entry {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]entry{}, h.entries...)
}
