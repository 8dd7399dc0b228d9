package scene

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

// checkpointMagic stands at the beginning of a checkpoint; it counts the versions of the format too.
const checkpointMagic = "vegackp2"

// Checkpoint writes everything that later observations, poses and snapshots depend on, to the last bit: a memory of the
// same configuration that takes it over with Resume goes on exactly as this one. Save is for the next start of the
// robot; this is for telling again what happened. It takes some 500 KB, most of them zeros.
func (m *Memory) Checkpoint() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := coder{buf: append(make([]byte, 0, 1<<20), checkpointMagic+"........"...)}
	labels, colors := m.cfg.Labels, m.cfg.Colors
	c.texts(&labels)
	c.texts(&colors)
	full := full{m: m, tracks: append(append([]*track{}, m.tracks...), m.gone.list...)}
	full.visit(&c)
	binary.LittleEndian.PutUint64(c.buf[8:], uint64(crc32.Checksum(c.buf[16:], castagnoli())))
	return c.buf
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// Resume takes over a checkpoint in place of what is remembered. One that is damaged, or of other labels or colours, is
// refused with an error that wraps ErrRejected, and nothing changes.
func (m *Memory) Resume(checkpoint []byte) error {
	if err := m.resumeFrom(checkpoint); err != nil {
		return fmt.Errorf("taking over a checkpoint of the memory: %w: %w", err, ErrRejected)
	}
	return nil
}

func (m *Memory) resumeFrom(data []byte) error {
	if len(data) < 16 || !bytes.HasPrefix(data, []byte(checkpointMagic)) {
		return errors.New("it is none, or of another version")
	}
	if binary.LittleEndian.Uint64(data[8:]) != uint64(crc32.Checksum(data[16:], castagnoli())) {
		return errors.New("its checksum is wrong")
	}
	c := coder{buf: data[16:], reading: true}
	var labels, colors []string
	c.texts(&labels)
	c.texts(&colors)
	if fmt.Sprint(labels, colors) != fmt.Sprint(m.cfg.Labels, m.cfg.Colors) {
		return errors.New("it has other labels or colours")
	}
	fresh, err := New(m.cfg)
	if err != nil {
		return err
	}
	f := full{m: fresh}
	f.visit(&c)
	if c.short || len(c.buf) != 0 {
		return errors.New("its fields do not fill it")
	}
	if err := f.check(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.replaceBy(fresh)
	return nil
}

// replaceBy takes over all state of another memory but its lock and its configuration, which are the same.
func (m *Memory) replaceBy(o *Memory) {
	m.observed, m.mono, m.last = o.observed, o.mono, o.last
	m.epoch, m.pose, m.poseCov, m.source = o.epoch, o.pose, o.poseCov, o.source
	m.anchored, m.jumped, m.odometry, m.history = o.anchored, o.jumped, o.odometry, o.history
	m.suspect, m.suspected, m.steps = o.suspect, o.suspected, o.steps
	m.motion, m.reckoned, m.from, m.blind, m.scale = o.motion, o.reckoned, o.from, o.blind, o.scale
	m.pending, m.arriving, m.unsettled = o.pending, o.arriving, o.unsettled
	m.tracks, m.spare, m.gone = o.tracks, o.spare, o.gone
	m.numbers, m.serials, m.embedding = o.numbers, o.serials, o.embedding
	m.room, m.cover, m.ground, m.free, m.stood, m.stats = o.room, o.cover, o.ground, o.free, o.stood, o.stats
	m.meas, m.dets, m.weak, m.colors, m.hints = o.meas, o.dets, o.weak, o.colors, o.hints
	m.near, m.cost, m.assign = o.near, o.cost, o.assign
}

// full is a memory on its way into or out of a checkpoint. Tracks that others point to are told by their place in the
// list of all.
type full struct {
	m      *Memory
	tracks []*track
	bad    bool // a reference leads nowhere
}

// visit reads or writes everything, in the order of the format.
func (f *full) visit(c *coder) {
	f.robot(c)
	f.poses(c)
	f.things(c)
	f.surroundings(c)
	f.recent(c)
}

// robot visits where the robot is, and when that was.
func (f *full) robot(c *coder) {
	m := f.m
	c.flag(&m.observed)
	c.duration(&m.mono)
	l := &m.last
	c.word(&l.seq)
	c.stamp(&l.at)
	c.text(&l.camera)
	c.floats(&l.consistency, &l.gateMean, &l.gateShift, &l.hfov)
	epoch := uint64(m.epoch)
	c.word(&epoch)
	m.epoch = uint32(epoch)
	c.pose(&m.pose)
	c.cov(&m.poseCov)
	source := string(m.source)
	c.text(&source)
	m.source = PoseSource(source)
	c.cov(&m.motion)
	c.motion(&m.reckoned)
	c.pose(&m.from)
	c.flag(&m.blind)
	c.floats(&m.scale.excess, &m.scale.weight)
	c.cov(&m.unsettled)
	c.flag(&m.arriving)
	waits := m.pending != nil
	c.flag(&waits)
	if waits {
		if c.reading {
			m.pending = &arrival{}
		}
		c.stamp(&m.pending.at)
		c.flag(&m.pending.odometry)
	}
}

func (c *coder) pose(p *Pose) { c.floats(&p.X, &p.Y, &p.Yaw) }

func (c *coder) motion(m *Motion) { c.floats(&m.X, &m.Y, &m.Yaw, &m.VarX, &m.VarY, &m.VarYaw) }

func (c *coder) told(o *Odometry) {
	c.pose(&o.Pose)
	for i := range o.Cov {
		c.float(&o.Cov[i])
	}
	c.duration(&o.Mono)
}

// poses visits what the odometry told.
func (f *full) poses(c *coder) {
	m := f.m
	c.flag(&m.anchored)
	c.flag(&m.jumped)
	c.told(&m.odometry)
	c.told(&m.suspect)
	c.flag(&m.suspected)
	n := c.length(len(m.history.entries), 8*13)
	if c.reading {
		f.bad = f.bad || n > m.history.limit
		m.history.entries = make([]Odometry, n, max(n, m.history.limit))
	}
	for i := range m.history.entries {
		c.told(&m.history.entries[i])
	}
}

// things visits all tracks, also those that are gone.
func (f *full) things(c *coder) {
	m := f.m
	c.word(&m.numbers)
	c.word(&m.serials)
	c.int(&m.embedding)
	n, gone := c.length(len(f.tracks), leastThing), len(m.gone.list)
	c.int(&gone)
	if c.reading {
		f.bad = f.bad || gone < 0 || gone > min(n, goneKept)
		f.tracks = make([]*track, n)
	}
	for i := range f.tracks {
		if c.reading {
			f.tracks[i] = &track{}
		}
		f.tracks[i].whole(c)
	}
	if c.reading && !f.bad {
		m.tracks = append(m.tracks, f.tracks[:n-gone]...)
		m.gone.list = append(m.gone.list, f.tracks[n-gone:]...)
	}
}

// whole visits what visit does, and what a saved file leaves out.
func (t *track) whole(c *coder) {
	t.visit(c)
	c.word(&t.serial)
	c.flag(&t.confirmed)
	c.flag(&t.dead)
	c.flag(&t.kept)
	c.cov(&t.before)
	c.slice(&t.post)
	c.duration(&t.firstMono)
	c.duration(&t.lastMono)
	for i := range t.apart {
		c.word(&t.apart[i].serial)
		c.int(&t.apart[i].times)
	}
	c.int(&t.wide)
}

// track visits a reference; one that leads to a thing nobody remembers becomes nil.
func (f *full) track(c *coder, t **track) {
	at := -1
	for i, other := range f.tracks {
		if other == *t {
			at = i
		}
	}
	c.int(&at)
	if !c.reading {
		return
	}
	*t = nil
	if at >= 0 && at < len(f.tracks) {
		*t = f.tracks[at]
	}
	f.bad = f.bad || at < -1 || at >= len(f.tracks)
}

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
	for _, t := range f.tracks {
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

func (f *full) badTrack(t *track) string {
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
