package scene

import (
	"math"
	"time"
)

// stepsKept is how many observations a late pose can still correct.
const stepsKept = 32

// part is the share that one observation has in the position of one track.
type part struct {
	track  *track
	serial uint64 // of the track then; its memory may be used for another one by now
	gain   float64
	share  float64 // what later observations have left of the gain
}

// step is one recent observation: where the robot was believed to be, and what was placed from there.
type step struct {
	mono  time.Duration
	pose  Pose
	parts []part
}

// steps is a ring of the recent observations.
type steps struct {
	ring  [stepsKept]step
	first int
	n     int
}

func (s *steps) reset() { s.n = 0 }

func (s *steps) at(i int) *step { return &s.ring[(s.first+i)%stepsKept] }

func (s *steps) newest() *step { return s.at(s.n - 1) }

// begin appends an observation, in place of the oldest one when the ring is full.
func (s *steps) begin(mono time.Duration, pose Pose) {
	if s.n == stepsKept {
		s.first = (s.first + 1) % stepsKept
		s.n--
	}
	s.n++
	e := s.newest()
	e.mono, e.pose, e.parts = mono, pose, e.parts[:0]
}

// note records that the newest observation has moved a track by gain, 0..1, of the way to where it showed it.
func (s *steps) note(t *track, gain float64) {
	if s.n == 0 {
		return
	}
	e := s.newest()
	e.parts = append(e.parts, part{track: t, serial: t.serial, gain: gain})
}

// catchUp takes a pose into account that may belong to an instant already observed.
func (m *Memory) catchUp() {
	if !m.observed || m.jumped {
		return
	}
	if !m.anchored && !m.anchorLate() {
		return
	}
	m.reapply()
	m.place()
	if odo, ok := m.odometryAt(m.mono); ok {
		m.pose, m.poseCov, m.odometry, m.source = odo.Pose, odo.Cov, odo, PoseOdometry
	}
	moved := m.stood.Inverse().Compose(m.pose)
	if math.Hypot(moved.X, moved.Y) > cellSize/4 || math.Abs(moved.Yaw) > 0.01 {
		m.lookAround() // too dear for each of a hundred poses a second
	}
}

// anchorLate makes the odometry's frame map's by the first recent observation whose instant it knows.
func (m *Memory) anchorLate() bool {
	for i := range m.steps.n {
		e := m.steps.at(i)
		if odo, ok := m.odometryAt(e.mono); ok {
			m.anchor(odo.Pose, e.pose)
			return true
		}
	}
	return false
}

// reapply corrects recent observations by what the odometry tells of their instants by now: poses come late, and
// what is not known yet is extrapolated or reckoned meanwhile. Each track moves by the share that the observation has
// in its position. Between two instants that the odometry knows the correction is interpolated; beyond the last one
// it stays, because the motion since then was reckoned from there.
func (m *Memory) reapply() {
	s := &m.steps
	s.share()
	var from Pose
	for i := 0; i < s.n; {
		j := i
		var to Pose
		known := false
		for ; j < s.n && !known; j++ {
			to, known = m.correction(s.at(j))
		}
		if !known {
			to = from
		}
		for k := i; k < j; k++ {
			s.at(k).shift(from.between(to, float64(k-i+1)/float64(j-i)))
		}
		from, i = to, j
	}
	if s.n > 0 && negligible(from) {
		return
	}
	m.pose = from.Compose(m.pose)
}

// correction returns the transform of map that puts an observation where the odometry saw it.
func (m *Memory) correction(s *step) (Pose, bool) {
	odo, ok := m.odometryAt(s.mono)
	if !ok {
		return Pose{}, false
	}
	return odo.Pose.Compose(s.pose.Inverse()), true
}

// share computes what each observation has left in the tracks' positions, newest first.
func (s *steps) share() {
	for i := range s.n {
		for _, p := range s.at(i).parts {
			p.track.left = 1
		}
	}
	for i := s.n - 1; i >= 0; i-- {
		parts := s.at(i).parts
		for k := range parts {
			p := &parts[k]
			if p.track.serial != p.serial {
				continue
			}
			p.share = p.track.left * p.gain
			p.track.left *= 1 - p.gain
		}
	}
}

func negligible(p Pose) bool { return math.Hypot(p.X, p.Y) < 1e-4 && math.Abs(p.Yaw) < 1e-4 }

// shift moves an observation and its share of what it placed.
func (s *step) shift(by Pose) {
	if negligible(by) {
		return
	}
	s.pose = by.Compose(s.pose)
	for _, p := range s.parts {
		if p.track.serial != p.serial || p.track.dead {
			continue
		}
		b := &p.track.box
		moved := by.Apply(b.Center)
		b.Center = b.Center.Add(moved.Sub(b.Center).Scale(p.share))
		b.Yaw = WrapAngle(b.Yaw + p.share*by.Yaw)
	}
}
