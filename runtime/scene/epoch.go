package scene

import (
	"fmt"
	"math"
)

// admit puts a pose into the history. A pose that does not follow from the one before is held back until the next one
// agrees with it: then the odometry has jumped, while a single stray pose is only that.
func (m *Memory) admit(o Odometry) error {
	n := len(m.history.entries)
	if n == 0 || o.Mono > m.history.entries[n-1].Mono {
		return m.admitNewest(o, n)
	}
	before, after := m.history.around(o.Mono)
	if before != nil && !m.cfg.follows(before, &o) || after != nil && !m.cfg.follows(&o, after) {
		return fmt.Errorf("late pose does not fit those around it: %w", ErrRejected)
	}
	m.history.add(o)
	return nil
}

func (m *Memory) admitNewest(o Odometry, n int) error {
	if n == 0 || m.cfg.follows(&m.history.entries[n-1], &o) {
		m.suspected = false
		m.history.add(o)
		return nil
	}
	if !m.suspected || o.Mono <= m.suspect.Mono || !m.cfg.follows(&m.suspect, &o) {
		m.suspect, m.suspected = o, true
		return nil
	}
	m.history.entries = m.history.entries[:0]
	m.history.add(m.suspect)
	m.history.add(o)
	m.suspected, m.jumped = false, m.anchored
	return nil
}

// anchor makes the odometry's frame map's, in which the robot was at odo when it was believed to be at pose:
// everything remembered moves with the robot.
func (m *Memory) anchor(odo, pose Pose) {
	m.anchored = true
	shift := odo.Compose(pose.Inverse())
	if negligible(shift) {
		return
	}
	if m.observed || len(m.tracks) > 0 {
		m.epoch++
	}
	m.rebase(shift)
}

// land begins a new epoch after the odometry has jumped. Where the networks followed the motion across the jump, the
// robot stands where it stood among its things, and they move into the new frame with it. Otherwise it may have been
// carried anywhere, and they are dropped.
func (m *Memory) land(odo Odometry, followed bool) {
	m.jumped = false
	m.epoch++
	if !followed {
		m.drop()
		m.pose = odo.Pose
		return
	}
	m.rebase(odo.Pose.Compose(m.pose.Inverse()))
}

// rebase moves the robot and everything remembered into another frame.
func (m *Memory) rebase(shift Pose) {
	sin, cos := math.Sincos(shift.Yaw)
	turn := Cov{cos, -sin, 0, sin, cos, 0, 0, 0, 1}
	for t := range m.placed() {
		t.box = shift.ApplyBox(t.box)
		t.movedFrom = shift.Apply(t.movedFrom)
		t.cov = turn.sandwich(t.cov).symmetric()
		t.before = turn.sandwich(t.before).symmetric()
	}
	for _, g := range m.gone.list {
		g.box = shift.ApplyBox(g.box)
	}
	m.forgetBeside()
	m.pose = shift.Compose(m.pose)
	m.motion = turn.sandwich(m.motion).symmetric()
	m.poseCov = turn.sandwich(m.poseCov).symmetric()
	m.cover = coverage{}
	m.ground.reset()
	for i := range m.steps.n {
		e := m.steps.at(i)
		e.pose = shift.Compose(e.pose)
	}
}

// drop forgets every thing, the room and the free space.
func (m *Memory) drop() {
	for _, t := range m.tracks {
		m.forget(t, &m.stats.Dropped)
	}
	m.compact()
	clear(m.glimpses)
	m.forgetBeside()
	for _, t := range m.gone.list {
		m.release(t)
	}
	m.gone.list = m.gone.list[:0]
	m.cover, m.room, m.free = coverage{}, roomEstimate{}, FreeSpace{}
	m.ground.reset()
	m.steps.reset()
}

// Clear forgets every thing, the room and the free space and begins a new epoch. The pose, and the counter that keeps
// ids from being used again, stay.
func (m *Memory) Clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	defer m.changed()
	m.drop()
	m.meas, m.hints = m.meas[:0], m.hints[:0]
	m.epoch++
}
