package scene

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// checkpointMagic stands at the beginning of a checkpoint; it counts the versions of the format too.
const checkpointMagic = "vegackp4"

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
	m.step, m.cruise, m.lenses = o.step, o.cruise, o.lenses
	m.motion, m.reckoned, m.from, m.blind, m.scale = o.motion, o.reckoned, o.from, o.blind, o.scale
	m.pending, m.arriving, m.unsettled = o.pending, o.arriving, o.unsettled
	m.tracks, m.spare, m.gone, m.glimpses = o.tracks, o.spare, o.gone, o.glimpses
	m.numbers, m.serials, m.embedding = o.numbers, o.serials, o.embedding
	m.room, m.cover, m.ground, m.free, m.stood, m.stats = o.room, o.cover, o.ground, o.free, o.stood, o.stats
	m.meas, m.dets, m.weak, m.colors, m.hints = o.meas, o.dets, o.weak, o.colors, o.hints
	m.near, m.cost, m.assign = o.near, o.cost, o.assign
	m.changed()
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
	f.lenses(c)
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
	f.glimpses(c)
}

// glimpses visits the best hint of each label, where there is one. Nothing refers to them.
func (f *full) glimpses(c *coder) {
	m := f.m
	n := c.length(len(m.glimpses), 8)
	if c.reading && n > 0 {
		f.bad = f.bad || n != len(m.cfg.Labels)
		m.glimpses = make([]*track, n)
	}
	for i := range m.glimpses {
		known := m.glimpses[i] != nil
		c.flag(&known)
		if known && c.reading {
			m.glimpses[i] = &track{}
		}
		if known {
			m.glimpses[i].whole(c)
		}
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
