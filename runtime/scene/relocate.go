package scene

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
	score := m.fits(start)
	for r := range min(len(m.meas), relocateMost) {
		z := &m.meas[r]
		for _, t := range m.tracks {
			if !t.confirmed || m.labelCost(z, t)+sizeCost(z, t) > moveCost {
				continue
			}
			for _, turned := range [2]bool{false, true} {
				p := proposal(start, z, t, turned)
				d := Vec3{p.X - start.X, p.Y - start.Y, WrapAngle(p.Yaw - start.Yaw)}
				prior := d.Dot(inv.apply(d))
				if prior > m.cfg.GateDistance {
					continue
				}
				if s := m.fits(p) - prior/2; s > score+1 {
					score, best = s, p
				}
			}
		}
	}
	m.pose = best
	m.steps.newest().pose = best
	m.place()
}

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
// close it comes to a thing that looks like it.
func (m *Memory) fits(p Pose) float64 {
	sum := 0.0
	for r := range min(len(m.meas), relocateMost) {
		z := &m.meas[r]
		at := p.Apply(z.det.Box.Center)
		nearest := m.cfg.GateDistance
		for _, t := range m.tracks {
			d := at.Sub(t.box.Center)
			spread := (trace(t.before) + trace(z.cov)) / 3
			if far := d.Dot(d) / spread; t.confirmed && far < nearest {
				nearest = min(nearest, far+m.labelCost(z, t)+sizeCost(z, t))
			}
		}
		sum += (m.cfg.GateDistance - nearest) / 2
	}
	return sum
}
