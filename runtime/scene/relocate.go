package scene

import "math"

const (
	relocateMove = 0.25 // m, standard deviation of a step from which on the robot is searched for among its things
	relocateMost = 12   // detections that take part
)

// relocate searches for the robot where the way to here is hardly known: each pair of a detection and a remembered
// thing that look alike proposes a pose, and the one under which most of the picture falls into place is taken.
func (m *Memory) relocate() {
	inv, ok := m.motion.inverse()
	if !ok {
		return
	}
	start, best := m.pose, m.pose
	m.search.begin(m)
	score := m.fits(start, 0)
	for r := range m.search.rows {
		z := &m.meas[r]
		for c, t := range m.search.tracks {
			if m.search.looks[r*len(m.search.tracks)+c] > moveCost {
				continue
			}
			for _, turned := range [2]bool{false, true} {
				p := proposal(start, z, t, turned)
				d := Vec3{p.X - start.X, p.Y - start.Y, WrapAngle(p.Yaw - start.Yaw)}
				prior := d.Dot(inv.apply(d))
				if prior > m.cfg.GateDistance {
					continue
				}
				if s := m.fits(p, score+1+prior/2) - prior/2; s > score+1 {
					score, best = s, p
				}
			}
		}
	}
	m.pose = best
	m.steps.newest().pose = best
	m.place()
}

// search is what a search for the robot looks at again and again: the things that a detection can be, wherever the
// robot may be, and how well each pair looks alike, which no pose changes.
type search struct {
	rows   int // detections that take part
	tracks []*track
	looks  []float64 // cost of the looks, row by row
}

// begin collects the things within reach. A thing beyond it is past the gate from every pose that the motion allows.
func (s *search) begin(m *Memory) {
	s.rows = min(len(m.meas), relocateMost)
	s.tracks, s.looks = s.tracks[:0], s.looks[:0]
	gate := m.cfg.GateDistance
	shift := math.Sqrt(gate * (m.motion[0] + m.motion[4]))
	turn := min(math.Sqrt(gate*m.motion[8]), 2) // a chord is at most twice its radius
	for _, t := range m.tracks {
		if t.confirmed && s.reaches(m, t, shift, turn) {
			s.tracks = append(s.tracks, t)
		}
	}
	for r := range s.rows {
		z := &m.meas[r]
		for _, t := range s.tracks {
			s.looks = append(s.looks, m.labelCost(z, t)+sizeCost(z, t))
		}
	}
}

// reaches tells whether a detection can fall on the thing if the robot is at most shift metres and turn radians from
// where it is believed to be.
func (s *search) reaches(m *Memory, t *track, shift, turn float64) bool {
	for r := range s.rows {
		z := &m.meas[r]
		reach := shift + turn*z.det.Box.Center.Norm() + math.Sqrt(m.cfg.GateDistance*spread(z, t))
		if d := z.box.Center.Sub(t.box.Center); d.Dot(d) <= reach*reach {
			return true
		}
	}
	return false
}

// spread is the mean variance of the distance between a detection and a thing before the step.
func spread(z *measurement, t *track) float64 { return (trace(t.before) + trace(z.cov)) / 3 }

// proposal is the pose of the robot from which z shows t: with the heading as reckoned, or turned so that the sides of
// both boxes are parallel too.
func proposal(start Pose, z *measurement, t *track, turned bool) Pose {
	p := start
	if turned {
		c, _ := aligned(start.ApplyBox(z.det.Box), t.box)
		p.Yaw = WrapAngle(start.Yaw + WrapAngle(t.box.Yaw-c.Yaw))
	}
	at := p.Apply(z.det.Box.Center)
	p.X += t.box.Center.X - at.X
	p.Y += t.box.Center.Y - at.Y
	return p
}

// fits tells how well the picture falls into place if the robot is at p: each detection counts up to the gate by how
// close it comes to a thing that looks like it. It gives up as soon as the rest cannot lift the sum above enough.
func (m *Memory) fits(p Pose, enough float64) float64 {
	sum, most := 0.0, m.cfg.GateDistance/2
	for r := range m.search.rows {
		if sum+most*float64(m.search.rows-r) <= enough {
			return sum
		}
		z := &m.meas[r]
		at := p.Apply(z.det.Box.Center)
		nearest := m.cfg.GateDistance
		looks := m.search.looks[r*len(m.search.tracks):]
		for c, t := range m.search.tracks {
			d := at.Sub(t.box.Center)
			if far := d.Dot(d) / spread(z, t); far < nearest {
				nearest = min(nearest, far+looks[c])
			}
		}
		sum += most - nearest/2
	}
	return sum
}
