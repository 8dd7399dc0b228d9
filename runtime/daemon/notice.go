package daemon

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/scene"
)

// eventBurst is how many events may come at once: a robot that wakes up sees a whole room appear.
const eventBurst = 100

// attend follows the memory: events, standing questions, and what the outbox has given up, until ctx ends.
func (d *daemon) attend(ctx context.Context, n *noticer) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var told payload.Dropped
	var when time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.looked:
			g := d.glance()
			for _, event := range n.notice(g.snap) {
				d.tellEvent(event)
			}
			d.reply(g, time.Now())
		case now := <-tick.C:
			d.expire(now)
			if lost := d.link.Outbox().Dropped; lost != told && now.Sub(when) >= time.Minute {
				d.tellEvent(droppedEvent(told, lost))
				told, when = lost, now
			}
		}
	}
}

func (d *daemon) tellEvent(event payload.Event) {
	if !d.eventBudget.take(time.Now()) {
		d.suppressed.Add(1)
		return
	}
	d.noteEvent(event)
	d.told(d.link.PublishEvent(event))
}

func droppedEvent(before, now payload.Dropped) payload.Event {
	lost := payload.Dropped{
		Stats: now.Stats - before.Stats, Scene: now.Scene - before.Scene, Watches: now.Watches - before.Watches,
		Events: now.Events - before.Events, Answers: now.Answers - before.Answers,
	}
	n := lost.Stats + lost.Scene + lost.Watches + lost.Events + lost.Answers
	return payload.Event{
		Kind: payload.MessagesDropped, Text: fmt.Sprintf("%d messages were given up while the broker was away", n),
		Dropped: &lost,
	}
}

// thing is an object as it was last told.
type thing struct {
	object payload.Object
	sigma  float64       // of the centre on the floor, metres
	moved  time.Duration // when memory last found it at another place
}

// noticer tells what has changed from one snapshot to the next.
type noticer struct {
	cfg       config.Events
	epoch     uint32
	forgotten uint64
	things    map[string]thing
	blocked   bool
	doubt     int // observations in a row that say otherwise
}

// newNoticer takes what is in memory as known.
func newNoticer(cfg config.Events, s *scene.Snapshot) *noticer {
	n := &noticer{cfg: cfg, things: make(map[string]thing)}
	n.learn(s)
	return n
}

// learn takes a snapshot as it is, without a word.
func (n *noticer) learn(s *scene.Snapshot) {
	clear(n.things)
	n.epoch, n.forgotten = s.Epoch, s.Stats.Forgotten
	for i := range s.Seen {
		n.things[s.Seen[i].ID] = newThing(&s.Seen[i])
	}
}

func newThing(o *scene.Object) thing {
	variance := math.Max(o.CenterCov[0], o.CenterCov[4])
	return thing{object: remembered(o), sigma: math.Sqrt(max(0, variance)), moved: o.MovedMono}
}

// notice returns the events of a snapshot. When the frame map begins anew, places mean nothing: only what is new in
// memory is told then.
func (n *noticer) notice(s *scene.Snapshot) []payload.Event {
	var events []payload.Event
	if s.Epoch != n.epoch {
		old := n.things
		n.things = make(map[string]thing)
		for i := range s.Seen {
			if _, known := old[s.Seen[i].ID]; known {
				n.things[s.Seen[i].ID] = newThing(&s.Seen[i])
			}
		}
		n.epoch, n.forgotten = s.Epoch, s.Stats.Forgotten
	}
	here := make(map[string]bool, len(s.Seen))
	for i := range s.Seen {
		o := &s.Seen[i]
		here[o.ID] = true
		if event, ok := n.compare(o); ok {
			events = append(events, event)
		}
	}
	events = append(events, n.missing(s, here)...)
	if event, ok := n.path(s); ok {
		events = append(events, event)
	}
	for i := range events {
		events[i].CaptureTime = payload.Time{Time: s.Wall}
	}
	return events
}

// compare tells of a thing that is new or has moved.
func (n *noticer) compare(o *scene.Object) (payload.Event, bool) {
	now := newThing(o)
	old, known := n.things[o.ID]
	if !known {
		n.things[o.ID] = now
		text := fmt.Sprintf("%s appeared", name(&now.object))
		return payload.Event{Kind: payload.ObjectAppeared, Text: text, Object: &now.object}, true
	}
	from, to := old.object.Box.Center, now.object.Box.Center
	distance := math.Hypot(to.X-from.X, to.Y-from.Y)
	drifted := distance > n.cfg.MinMove+3*math.Hypot(old.sigma, now.sigma)
	if !drifted && (now.moved == old.moved || distance < n.cfg.MinMove) {
		old.moved = now.moved
		n.things[o.ID] = old
		return payload.Event{}, false
	}
	n.things[o.ID] = now
	text := fmt.Sprintf("%s moved by %.1f m", name(&now.object), distance)
	return payload.Event{Kind: payload.ObjectMoved, Text: text, Object: &now.object, From: &from}, true
}

func name(o *payload.Object) string {
	if o.Color == "" {
		return o.Label + " " + o.ID
	}
	return o.Color + " " + o.Label + " " + o.ID
}

// missing tells of the things that memory has let go because their place was seen empty; not of duplicates that were
// joined, or of what had to make room.
func (n *noticer) missing(s *scene.Snapshot, here map[string]bool) []payload.Event {
	var events []payload.Event
	seenEmpty := s.Stats.Forgotten > n.forgotten
	n.forgotten = s.Stats.Forgotten
	for id, old := range n.things {
		if here[id] {
			continue
		}
		delete(n.things, id)
		if !seenEmpty || n.joined(s, &old.object) {
			continue
		}
		events = append(events, payload.Event{
			Kind: payload.ObjectGone, Text: name(&old.object) + " is gone", Object: &old.object,
		})
	}
	return events
}

// joined says whether another thing of the label stands where this one stood.
func (n *noticer) joined(s *scene.Snapshot, o *payload.Object) bool {
	const reach = 0.5
	for i := range s.Seen {
		c := s.Seen[i].Box.Center
		if s.Seen[i].Label == o.Label && math.Hypot(c.X-o.Box.Center.X, c.Y-o.Box.Center.Y) < reach {
			return true
		}
	}
	return false
}

// Of the path ahead.
const (
	pathHalfAngle = 20 * math.Pi / 180
	pathMargin    = 1.2 // it is clear again when so much more is free
	pathSure      = 2   // observations in a row that must agree
)

// path tells when the way ahead becomes blocked or clear.
func (n *noticer) path(s *scene.Snapshot) (payload.Event, bool) {
	free, known := ahead(&s.Free)
	limit := n.cfg.Path
	if n.blocked {
		limit = min(limit*pathMargin, scene.FreeRange)
	}
	if !known || (free < limit) == n.blocked {
		n.doubt = 0
		return payload.Event{}, false
	}
	if n.doubt++; n.doubt < pathSure {
		return payload.Event{}, false
	}
	n.doubt, n.blocked = 0, !n.blocked
	event := payload.Event{Kind: payload.PathCleared, Path: &payload.Path{Wanted: n.cfg.Path, Free: free}}
	event.Text = fmt.Sprintf("the way ahead is free for %.1f m", free)
	if n.blocked {
		event.Kind, event.Text = payload.PathBlocked, fmt.Sprintf("the way ahead is blocked after %.1f m", free)
	}
	return event, true
}

// ahead returns how far the floor is free in front of the robot, as far as that is known.
func ahead(f *scene.FreeSpace) (free float64, known bool) {
	free = math.Inf(1)
	for i := scene.SectorOf(-pathHalfAngle); i <= scene.SectorOf(pathHalfAngle); i++ {
		if f[i].Known {
			free, known = min(free, f[i].Free), true
		}
	}
	return free, known
}
