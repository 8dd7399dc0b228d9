package scene

import "math"

const (
	alignRounds   = 8
	landmarkLimit = 9.2 // squared Mahalanobis distance in the plane up to which a thing stands where it stood: 99 %
	stepMove      = 0.005
	stepTurn      = 0.003 // m and rad, least standard deviation of a reckoned step
)

// locate decides which detections are which remembered things. Where the step was reckoned, the things that did not
// move say how far the robot really went; where nothing is known of the way, they alone say where it is.
func (m *Memory) locate() {
	if m.source == PoseOdometry {
		m.associate()
		return
	}
	if m.motion[0]+m.motion[4] > relocateMove*relocateMove && m.cfg.MinLandmarks > 0 {
		m.relocate()
	}
	m.associate()
	found, moved := m.align()
	switch {
	case found && (!m.blind || m.alike() >= blindLandmarks):
		m.source = PoseLandmarks
	case m.blind:
		m.drop()
		m.unlink()
		m.epoch++
	}
	if moved > m.cfg.CenterFloor {
		m.unlink()
		m.associate()
	}
}

// blindLandmarks is how many things must be found again, each with its label, to know map after a long gap.
const blindLandmarks = 2

// alike counts the detections that carry the label of the thing they are taken for.
func (m *Memory) alike() int {
	n := 0
	for r := range m.meas {
		if t := m.meas[r].track; t != nil && t.confirmed && t.post[m.meas[r].det.Label] > 0.3 {
			n++
		}
	}
	return n
}

// unlink takes back the assignment of the detections.
func (m *Memory) unlink() {
	for r := range m.meas {
		m.meas[r].track = nil
	}
}

// align corrects the robot's pose by the remembered things that are seen again: the rigid motion in the plane that
// fits them and the reckoned step best, each with its covariance, and outliers ever less. It reports whether enough
// of them agree, and how far the correction moves what was seen, in metres.
func (m *Memory) align() (found bool, moved float64) {
	prior, ok := m.motion.plus(unsettledBy(stepMove, stepTurn)).inverse()
	if !ok || m.cfg.MinLandmarks == 0 {
		return false, 0
	}
	var f fit
	for round := range alignRounds {
		f.begin(prior, max(landmarkLimit*2/float64(int(1)<<round), 4))
		for r := range m.meas {
			f.add(&m.meas[r], m.pose)
		}
		if !f.improve() {
			return false, 0
		}
	}
	if f.agreed < m.cfg.MinLandmarks {
		return false, 0
	}
	before := m.motion
	m.correct(f.delta, f.cov)
	m.learnScale(before, f.delta)
	return true, math.Hypot(f.delta.X, f.delta.Y) + 3*math.Abs(f.delta.Z)
}

// fit is one round of the alignment: normal equations over (x, y, yaw) of the robot in map axes.
type fit struct {
	delta  Vec3 // found so far; Z is the turn
	cov    Cov  // of delta
	h      Cov
	g      Vec3
	soft   float64 // squared distance at which a thing counts half
	agreed int
}

func (f *fit) begin(prior Cov, soft float64) {
	f.h, f.soft, f.agreed = prior, soft, 0
	f.g = prior.apply(f.delta).Scale(-1)
}

// add takes a detection and the thing it shows into account. robot is the pose before the correction.
func (f *fit) add(z *measurement, robot Pose) {
	t := z.track
	if t == nil || !t.confirmed || t.hits < 2 {
		return
	}
	sin, cos := math.Sincos(f.delta.Z)
	x, y := z.box.Center.X-robot.X, z.box.Center.Y-robot.Y
	x, y = cos*x-sin*y, sin*x+cos*y
	ex := t.box.Center.X - robot.X - f.delta.X - x
	ey := t.box.Center.Y - robot.Y - f.delta.Y - y
	a, b, d := t.before[0]+z.cov[0], t.before[1]+z.cov[1], t.before[4]+z.cov[4]
	det := a*d - b*b
	if det <= 0 {
		return
	}
	a, b, d = d/det, -b/det, a/det // the inverse, as [a b; b d]
	distance := a*ex*ex + 2*b*ex*ey + d*ey*ey
	if distance < landmarkLimit {
		f.agreed++
	}
	w := 1 / (1 + distance/f.soft)
	wx, wy := w*(a*ex+b*ey), w*(b*ex+d*ey)
	f.g = f.g.Add(Vec3{wx, wy, x*wy - y*wx})
	jx, jy := b*x-a*y, d*x-b*y // the weight times the derivative by the turn
	f.h = f.h.plus(Cov{a * w, b * w, jx * w, b * w, d * w, jy * w, jx * w, jy * w, (x*jy - y*jx) * w})
}

func (f *fit) improve() bool {
	inv, ok := f.h.inverse()
	if !ok {
		return false
	}
	f.delta = f.delta.Add(inv.apply(f.g))
	f.cov = inv.symmetric()
	return true
}

// correct moves the robot by delta in map axes, with what was seen, and replaces the uncertainty of the step.
func (m *Memory) correct(delta Vec3, cov Cov) {
	for t := range m.placed() {
		t.cov = t.before
		t.yawVar = max(t.yawVar-m.motion[8], 1e-6)
	}
	for i := range m.poseCov {
		m.poseCov[i] += cov[i] - m.motion[i]
	}
	m.poseCov = m.poseCov.symmetric()
	m.pose = Pose{m.pose.X + delta.X, m.pose.Y + delta.Y, WrapAngle(m.pose.Yaw + delta.Z)}
	m.motion = cov
	for r := range m.meas {
		if t := m.meas[r].track; t != nil {
			t.fixed = true // it tells where the robot is: the step has not made it less certain
		}
	}
	for t := range m.placed() {
		if !t.fixed {
			t.drift(m.pose, cov)
		}
		t.fixed = false
	}
	m.steps.newest().pose = m.pose
	m.place()
}

// wayScale is how far the robot really goes for each metre that the networks tell, learned from the landmarks: a
// network that is unsure of the way tells too little of it. It is a Kalman filter of one number; the zero value knows
// nothing.
type wayScale struct {
	excess float64 // the scale less one
	weight float64 // 1/variance, less that of the beginning
}

const (
	scaleSigma = 1.0  // of the scale before anything is learned
	scaleDrift = 2e-5 // variance that each step adds: another floor, another light
	leastScale = 0.5
	mostScale  = 3.0
)

func (w *wayScale) value() float64 { return clamp(1+w.excess, leastScale, mostScale) }

func (w *wayScale) variance() float64 { return 1 / (w.weight + 1/(scaleSigma*scaleSigma)) }

// learn takes in that a step told as told metres was progress metres, with a variance.
func (w *wayScale) learn(told, progress, variance float64) {
	v := w.variance() + scaleDrift
	gain := v * told / (told*told*v + variance)
	w.excess = w.value() - 1 + gain*(progress-w.value()*told)
	w.weight = max(1/((1-gain*told)*v)-1/(scaleSigma*scaleSigma), 0)
}

// learnScale compares the way that the landmarks alone tell with what the networks told. before is the covariance of
// the step as reckoned, delta the correction and m.motion what is left of the covariance: between them they tell what
// the landmarks had to say.
func (m *Memory) learnScale(before Cov, delta Vec3) {
	told := math.Hypot(m.reckoned.X, m.reckoned.Y)
	if told < 0.01 {
		return
	}
	way := Pose{Yaw: m.from.Yaw}.Apply(Vec3{X: m.reckoned.X / told, Y: m.reckoned.Y / told})
	q, left := before.Along(way), m.motion.Along(way)
	if left > 0.9*q {
		return
	}
	progress := m.scale.value()*told + delta.Dot(Vec3{X: way.X, Y: way.Y})*q/(q-left)
	m.scale.learn(told, progress, q*left/(q-left))
}
