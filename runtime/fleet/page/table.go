package page

import (
	"crypto/rand"
	"encoding/json"
	"math"
	"sync"
	"time"

	"github.com/vega-edge/vegad/runtime/fleet"
)

// freshFor is how long rows are good for all pages: however many there are, rows are made twice a second at most.
const freshFor = 500 * time.Millisecond

// table holds the rows as they were last made, each with the version of the table in which it has last changed.
type table struct {
	registry *fleet.Registry

	mu      sync.Mutex
	run     string // changes when a robot was forgotten: then pages begin anew
	made    time.Time
	version uint64
	rows    map[string]*row
}

// row is one robot.
type row struct {
	version  uint64 // of the table
	revision uint64 // of the registry
	trouble  fleet.Trouble
	text     json.RawMessage
}

func newTable(registry *fleet.Registry) table {
	return table{registry: registry, run: rand.Text(), rows: make(map[string]*row)}
}

// since returns the rows that have changed after a point.
func (t *table) since(p point) reply {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := time.Now(); now.Sub(t.made) >= freshFor {
		t.make()
		t.made = now
	}
	full := p.run != t.run || p.version > t.version
	out := reply{Run: t.run, Version: t.version, Full: full, Robots: []json.RawMessage{}}
	for _, r := range t.rows {
		if full || r.version > p.version {
			out.Robots = append(out.Robots, r.text)
		}
	}
	return out
}

// make brings the rows up to date. Only those of robots that were heard, or came into trouble, are written anew.
func (t *table) make() {
	robots := t.registry.Snapshot(fleet.ByName)
	t.version++
	if len(robots) < len(t.rows) || !t.update(robots) {
		// Somebody was forgotten, which happens once in a while: everything begins anew.
		t.run, t.version, t.rows = rand.Text(), 1, make(map[string]*row, len(robots))
		t.update(robots)
	}
}

// update returns false when rows are left over that no robot has.
func (t *table) update(robots []fleet.Robot) bool {
	for i := range robots {
		r := &robots[i]
		id := r.ID()
		known := t.rows[id]
		if known != nil && known.revision == r.Revision && known.trouble == r.Trouble {
			continue
		}
		t.rows[id] = &row{t.version, r.Revision, r.Trouble, encode(r)}
	}
	return len(t.rows) == len(robots)
}

// encode writes a row: an array, for ten thousand times the names of the columns would be most of the message. The
// page's store.js reads it by position.
func encode(r *fleet.Robot) json.RawMessage {
	var place [5]any // frame, epoch, x, y, yaw
	if p := r.Position; p != nil {
		place = [5]any{p.Frame, p.Epoch, round(p.X), round(p.Y), round(p.Yaw)}
	}
	var celsius *float64
	if r.Temperature != nil {
		celsius = &r.Temperature.Celsius
	}
	text, err := json.Marshal([...]any{
		r.ID(), uint16(r.Trouble), r.Why, r.Connection, r.Health, r.Step, runs(r), bundle(r), r.Version,
		celsius, r.HeadroomK, r.PowerW, r.OutboxDepth, r.OutboxAgeSeconds, r.OutboxDropped,
		tenth(r.AnswersPerMinute), r.AbstainedShare, r.ObservationHz, r.QuestionP95Ms, r.LastHeard.UnixMilli(),
		place[0], place[1], place[2], place[3], place[4], r.PageURL, r.Error, r.CamerasRunning, r.Cameras, r.Uptime,
	})
	if err != nil {
		return json.RawMessage("null") // the registry lets no number through that cannot be written
	}
	return text
}

// round cuts metres to millimetres.
func round(x float64) float64 { return math.Round(x*1e3) / 1e3 }

func tenth(x *float64) *float64 {
	if x == nil {
		return nil
	}
	return new(math.Round(*x*10) / 10)
}

// runs says what the networks run on.
func runs(r *fleet.Robot) string { return join(r.Provider, r.Precision) }

func bundle(r *fleet.Robot) string { return join(r.Bundle, r.BundleVersion) }

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + " " + b
}
