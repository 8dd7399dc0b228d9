package scene

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// surroundings visits room, floor and free space.
func (f *full) surroundings(c *coder) {
	m := f.m
	for i := range m.room.sum {
		c.floats(&m.room.sum[i], &m.room.known[i])
	}
	c.float(&m.room.once)
	for i := range m.cover.seen {
		c.flag(&m.cover.seen[i])
		c.vec(&m.cover.from[i])
	}
	c.floats(&m.ground.fade, &m.ground.blurred, &m.ground.near)
	n := c.length(len(m.ground.cells), 8*4)
	if c.reading && n > 0 {
		f.bad = f.bad || n != cellsAside*cellsAside
		m.ground.cells = make([]cell, n)
	}
	for i := range m.ground.cells {
		e := &m.ground.cells[i]
		c.word(&e.key)
		c.floats(&e.odds, &e.faded, &e.spread)
	}
	for i := range m.free {
		c.flag(&m.free[i].Known)
		c.floats(&m.free[i].Free, &m.free[i].FreeVar)
	}
	c.pose(&m.stood)
	s := &m.stats
	for _, count := range []*uint64{
		&s.Observations, &s.RejectedObservations, &s.RejectedPoses, &s.Born, &s.Forgotten, &s.Evicted, &s.Dropped,
		&s.Merged, &s.Split, &s.Moved,
	} {
		c.word(count)
	}
}

// recent visits the newest observations.
func (f *full) recent(c *coder) {
	m := f.m
	n := c.length(m.steps.n, 8*5)
	if n > stepsKept {
		f.bad, n = true, 0
	}
	if c.reading {
		m.steps.first, m.steps.n = 0, n
	}
	for i := range n {
		f.step(c, m.steps.at(i))
	}
	f.measurements(c, &m.meas)
	f.measurements(c, &m.hints)
}

func (f *full) step(c *coder, s *step) {
	c.duration(&s.mono)
	c.pose(&s.pose)
	if !c.reading { // what belongs to a thing that nobody remembers moves nothing any more
		s = &step{parts: f.alive(s.parts)}
	}
	n := c.length(len(s.parts), 8*4)
	if c.reading {
		s.parts = make([]part, n)
	}
	for i := range s.parts {
		p := &s.parts[i]
		f.track(c, &p.track)
		c.word(&p.serial)
		c.floats(&p.gain, &p.share)
		f.bad = f.bad || p.track == nil
	}
}

func (f *full) alive(parts []part) []part {
	known := make(map[*track]bool, len(f.tracks))
	for _, t := range f.tracks {
		known[t] = true
	}
	var out []part
	for _, p := range parts {
		if known[p.track] && p.track.serial == p.serial {
			out = append(out, p)
		}
	}
	return out
}

func (f *full) measurements(c *coder, list *[]measurement) {
	n := c.length(len(*list), 8*32)
	if c.reading {
		*list = make([]measurement, n)
	}
	for i := range *list {
		z := &(*list)[i]
		if c.reading {
			z.det = &Detection{}
		}
		z.det.visit(c)
		c.vec(&z.box.Center)
		c.vec(&z.box.Size)
		c.float(&z.box.Yaw)
		c.cov(&z.cov)
		c.vec(&z.base)
		c.vec(&z.logVar)
		c.float(&z.yawVar)
		f.track(c, &z.track)
		c.int(&z.n)
		for k := range z.claims {
			c.int(&z.claims[k].label)
			c.float(&z.claims[k].score)
		}
	}
}

func (d *Detection) visit(c *coder) {
	c.int(&d.Label)
	c.float(&d.Score)
	c.vec(&d.Box.Center)
	c.vec(&d.Box.Size)
	c.float(&d.Box.Yaw)
	c.vec(&d.CenterVar)
	c.vec(&d.SizeVar)
	c.float(&d.YawVar)
	n := c.length(len(d.Colors), 8)
	if c.reading {
		d.Colors = make([]float32, n)
	}
	for i := range d.Colors {
		x := float64(d.Colors[i])
		c.float(&x)
		d.Colors[i] = float32(x)
	}
}

// check says what in a checkpoint could not have been written by a memory: what is used as an index or as a place.
func (f *full) check() error {
	m := f.m
	if f.bad {
		return errors.New("a reference or a count leads nowhere")
	}
	for _, p := range []Pose{m.pose, m.from, m.stood, m.odometry.Pose, m.suspect.Pose} {
		if !within(maxMap, p.X, p.Y, p.Yaw) {
			return errors.New("a pose is out of range")
		}
	}
	for _, t := range slices.Concat(f.tracks, m.glimpses) {
		if what := f.badTrack(t); what != "" {
			return fmt.Errorf("thing %d has a bad %s", t.number, what)
		}
	}
	for _, list := range [][]measurement{m.meas, m.hints} {
		for i := range list {
			if f.badMeasurement(&list[i]) {
				return errors.New("a measurement is out of range")
			}
		}
	}
	return nil
}

// badTrack names what is wrong with a track; of no track nothing is.
func (f *full) badTrack(t *track) string {
	if t == nil {
		return ""
	}
	c, z := t.box.Center, t.box.Size
	switch {
	case !within(maxMap, c.X, c.Y, c.Z, t.box.Yaw) || !within(maxMap, z.X, z.Y, z.Z):
		return "place"
	case len(t.labels) != len(f.m.cfg.Labels) || len(t.post) != len(t.labels) || len(t.colors) != len(f.m.cfg.Colors):
		return "description"
	case len(t.embedding) != 0 && len(t.embedding) != f.m.embedding:
		return "embedding"
	case math.IsNaN(t.logOdds):
		return "existence"
	}
	return ""
}

func (f *full) badMeasurement(z *measurement) bool {
	labels := len(f.m.cfg.Labels)
	bad := z.n < 1 || z.n > mostClaims || z.det.Label < 0 || z.det.Label >= labels ||
		len(z.det.Colors) > len(f.m.cfg.Colors)
	for _, c := range z.claims {
		bad = bad || c.label < 0 || c.label >= labels
	}
	return bad
}
