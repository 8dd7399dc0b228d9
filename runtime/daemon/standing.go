package daemon

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/query"
	"github.com/vega-edge/vegad/runtime/record"
)

// standing is a question that is answered again when its answer changes.
type standing struct {
	id, client string
	question   string
	query      query.Query
	interval   time.Duration   // least time between two answers
	until      time.Time       // end of the lease
	last       *payload.Answer // that was sent
	sent       time.Time
}

// watches are the standing questions. They outlive connections to the broker, not the daemon.
type watches struct {
	mu   sync.Mutex
	byID map[string]*standing
}

func (w *watches) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.byID)
}

// HandleWatch begins, renews or ends a standing question. It is answered at once.
func (a *answerer) HandleWatch(_ context.Context, m payload.Watch) {
	d := a.d
	if m.Cancel {
		d.watches.remove(m.RequestID)
		d.clearWatch(m.RequestID)
		return
	}
	if err := d.stand(m); err != nil {
		refused := payload.Answer{Question: m.Question, Status: payload.Refused, Reason: err.Error()}
		d.told(d.link.PublishWatch(m.RequestID, refused, false))
	}
}

// stand takes a standing question and answers it.
func (d *daemon) stand(m payload.Watch) error {
	q, err := d.understand(payload.Ask{Question: m.Question, Query: m.Query, Scope: m.Scope})
	if err != nil {
		return err
	}
	err = d.watches.add(d.newStanding(m, q), d.cfg.Limits.MaxWatches, d.cfg.Limits.MaxWatchesPerClient)
	if err != nil {
		return err
	}
	d.reply(d.glance(), time.Now())
	return nil
}

func (d *daemon) newStanding(m payload.Watch, q query.Query) *standing {
	least := time.Duration(float64(time.Second) / d.cfg.Limits.MaxWatchPerSecond)
	return &standing{
		id: m.RequestID, client: m.Client, question: m.Question, query: q,
		interval: max(least, time.Duration(m.MinIntervalMs)*time.Millisecond),
		until:    time.Now().Add(time.Duration(m.LeaseSeconds) * time.Second),
	}
}

// add takes a standing question, in place of one with the same name of the same client.
func (w *watches) add(s *standing, most, mostPerClient int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	own := 0
	for _, other := range w.byID {
		if other.client == s.client && other.id != s.id {
			own++
		}
	}
	old, known := w.byID[s.id]
	switch {
	case known && old.client != s.client:
		return fmt.Errorf("standing question %s belongs to another client", s.id)
	case !known && len(w.byID) >= most:
		return fmt.Errorf("there are %d standing questions already", most)
	case own >= mostPerClient:
		return fmt.Errorf("one client may have %d standing questions", mostPerClient)
	}
	w.byID[s.id] = s
	return nil
}

func (w *watches) remove(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.byID, id)
}

// end removes the standing question of that name, or all where it is empty, and returns their names.
func (w *watches) end(name string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ended []string
	for id := range w.byID {
		if name == "" || id == name {
			ended = append(ended, id)
			delete(w.byID, id)
		}
	}
	return ended
}

// lapsed removes and returns the standing questions whose lease has ended.
func (w *watches) lapsed(now time.Time) []*standing {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []*standing
	for id, s := range w.byID {
		if now.After(s.until) {
			out = append(out, s)
			delete(w.byID, id)
		}
	}
	return out
}

// due returns the standing questions that may be answered now, in the order of their names.
func (w *watches) due(now time.Time) []*standing {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []*standing
	for _, s := range w.byID {
		if s.last == nil || now.Sub(s.sent) >= s.interval {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b *standing) int { return cmp.Compare(a.id, b.id) })
	return out
}

// reply answers the standing questions whose answers have changed. The networks do not run again for them: the memory
// of the newest observation answers.
func (d *daemon) reply(g glance, now time.Time) {
	d.replying.Lock()
	defer d.replying.Unlock()
	for _, s := range d.watches.due(now) {
		out := payload.Answer{Question: s.question, Query: encode(s.query), Step: d.step()}
		d.fill(&out, g.execute(s.query), g.snap)
		out.Gate = &payload.Gate{Mean: g.snap.GateMean, Shift: g.snap.GateShift}
		if s.last != nil && !differs(s.last, &out) {
			continue
		}
		s.last, s.sent = &out, now
		d.noteAnswer(s.id, out, record.Answer{
			Snapshot: g.mark, Client: s.client, Scope: string(s.query.Scope), Standing: true,
		})
		d.told(d.link.PublishWatch(s.id, out, true))
	}
}

// expire ends the standing questions that nobody has renewed: a last word, then the retained answer goes.
func (d *daemon) expire(now time.Time) {
	for _, s := range d.watches.lapsed(now) {
		last := payload.Answer{
			Question: s.question, Query: encode(s.query), Status: payload.Expired, Reason: "the lease has ended: send it again",
		}
		d.told(d.link.PublishWatch(s.id, last, false))
		d.clearWatch(s.id)
	}
}

func (d *daemon) clearWatch(id string) { d.told(d.link.ClearWatch(id)) }

// told logs what could not be handed to the link.
func (d *daemon) told(err error) {
	if err != nil {
		d.log.Warn("message not sent", "err", err)
	}
}

// differs says whether an answer has changed by more than the uncertainty of the one that was sent: the outcome or the
// choice is another, the value has left its interval, or the thing in question is another or has left its place.
func differs(old, now *payload.Answer) bool {
	if old.Status != now.Status || old.Answer == nil || now.Answer == nil {
		return old.Status != now.Status || old.Reason != now.Reason
	}
	a, b := old.Answer, now.Answer
	switch {
	case a.Choice != b.Choice, (a.Value == nil) != (b.Value == nil):
		return true
	case a.Value != nil:
		return outside(a, *b.Value)
	case len(old.Objects) > 0 && len(now.Objects) > 0:
		return displaced(&old.Objects[0], &now.Objects[0])
	case len(old.Objects) != len(now.Objects):
		return true
	}
	return a.Choice == "" && a.Text != b.Text
}

func outside(sent *payload.Value, value float64) bool {
	if sent.Interval95 == nil {
		return *sent.Value != value
	}
	return value < sent.Interval95[0] || value > sent.Interval95[1]
}

func displaced(old, now *payload.Object) bool {
	const z = 1.96
	from, to := old.Box.Center, now.Box.Center
	return old.ID != now.ID || math.Abs(to.X-from.X) > z*old.Sigma.X+placeFloor ||
		math.Abs(to.Y-from.Y) > z*old.Sigma.Y+placeFloor || math.Abs(to.Z-from.Z) > z*old.Sigma.Z+placeFloor
}

// placeFloor is a move, in metres, that is none even where a place is certain.
const placeFloor = 0.05
