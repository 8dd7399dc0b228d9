package scene

import (
	"math"
	"time"
)

// stride is the way from the observation before to this one, reckoned without odometry.
type stride struct {
	pose   Pose // at its end
	motion Cov  // of the way alone, in map axes, over (x, y, yaw)
	cov    Cov  // of the end, against the origin of map
	told   bool // by the networks; otherwise nothing measured it
}

// Where nothing measures the motion its uncertainty grows with the time, up to these.
const (
	mostUnknownMove = 2.0         // m, standard deviation
	mostUnknownTurn = math.Pi / 3 // rad
)

// advance moves the robot to where it was when the observation was made, and makes what is remembered less certain.
func (m *Memory) advance(obs *Observation) {
	s := m.reckon(obs)
	m.from = m.pose
	odo, known := m.odometryAt(obs.Mono)
	if !known || m.arriving {
		m.reckonOn(obs, s)
		return
	}
	motion := s.motion
	if m.source == PoseOdometry && m.anchored && !m.jumped {
		motion = m.odometryMotion(odo)
	}
	m.drift(motion)
	m.pose, m.motion, m.blind = s.pose, motion, false
	switch {
	case m.jumped:
		m.land(odo, s.told)
	case !m.anchored:
		m.anchor(odo.Pose, m.pose)
	}
	m.steps.begin(obs.Mono, m.pose)
	m.reapply()
	m.pose, m.poseCov, m.odometry, m.source = odo.Pose, odo.Cov, odo, PoseOdometry
}

// odometryAt returns where the odometry saw the robot at an instant. While its newest pose does not follow from those
// before, nothing is carried on from them.
func (m *Memory) odometryAt(mono time.Duration) (Odometry, bool) {
	reach := m.cfg.PoseReach
	if m.suspected {
		reach = 0
	}
	return m.history.at(mono, m.cfg.PoseGap, reach)
}

// reckonOn continues without odometry.
func (m *Memory) reckonOn(obs *Observation, s stride) {
	m.drift(s.motion)
	m.pose, m.poseCov, m.motion = s.pose, s.cov, s.motion
	m.blind = m.observed && !s.told && obs.Mono-m.mono > m.cfg.BlindGap
	m.source = PoseNone
	if s.told {
		m.source = PoseEgomotion
	}
	m.steps.begin(obs.Mono, m.pose)
}

// reckon continues from the last pose by the networks' ego-motion, or stays there with a wide error without one, or
// with one that no robot can have made.
func (m *Memory) reckon(obs *Observation) stride {
	m.step = Pose{}
	if !m.observed {
		return stride{pose: m.pose, motion: m.unsettled, cov: m.poseCov.plus(m.unsettled)}
	}
	gap := (obs.Mono - m.mono).Seconds()
	grow := math.Sqrt(max(gap, 1))
	move := min(m.cfg.UnknownMove*grow, max(mostUnknownMove, m.cfg.UnknownMove))
	turn := min(m.cfg.UnknownTurn*grow, max(mostUnknownTurn, m.cfg.UnknownTurn))
	stepCov := unsettledBy(move, turn)
	m.reckoned = Motion{}
	step, share, told := m.way(obs)
	m.steer(obs, told)
	if told {
		stepCov = m.toldCov(obs, step, share)
	} else if on, cov, ok := m.coast(obs); ok {
		step, stepCov, told = on, cov, true
	}
	m.step = step
	return stride{
		pose:   m.pose.Compose(step),
		motion: rotated(Vec3{stepCov[0], stepCov[4], stepCov[8]}, m.pose.Yaw),
		cov:    m.pose.ComposeCov(m.poseCov, step, stepCov).symmetric().bounded(),
		told:   told,
	}
}

// toldCov is the covariance of a step that the networks told, and notes what they told of it.
func (m *Memory) toldCov(obs *Observation, step Pose, share float64) Cov {
	e := obs.Ego
	scale, unsure := m.scale.value(), m.scale.variance()
	e.X, e.Y, e.Yaw = step.X/scale, step.Y/scale, step.Yaw
	m.reckoned = e
	if m.cfg.MinLandmarks == 0 { // nothing will ever tell the scale
		unsure = 0
	}
	return Cov{share*e.VarX + unsure*e.X*e.X, 0, 0, 0, share*e.VarY + unsure*e.Y*e.Y, 0, 0, 0, share * e.VarYaw}
}

// possible says whether a robot can move like this in the time.
func (c *Config) possible(way Pose, in time.Duration) bool {
	seconds := math.Abs(in.Seconds())
	return math.Hypot(way.X, way.Y) <= c.JumpMove+c.MaxSpeed*seconds &&
		math.Abs(WrapAngle(way.Yaw)) <= c.JumpTurn+c.MaxTurnRate*seconds
}

// follows says whether one robot can have been at both poses.
func (c *Config) follows(a, b *Odometry) bool {
	return c.possible(Pose{b.Pose.X - a.Pose.X, b.Pose.Y - a.Pose.Y, b.Pose.Yaw - a.Pose.Yaw}, b.Mono-a.Mono)
}

// odometryMotion returns the covariance of the motion between two poses of the odometry. A covariance that grows tells
// it; one that does not (a localiser's) leaves the drift ratio.
func (m *Memory) odometryMotion(o Odometry) Cov {
	moved := m.cfg.DriftRatio * math.Hypot(o.Pose.X-m.odometry.Pose.X, o.Pose.Y-m.odometry.Pose.Y)
	turned := m.cfg.DriftRatio * WrapAngle(o.Pose.Yaw-m.odometry.Pose.Yaw)
	grown := func(i int) float64 { return max(o.Cov[i]-m.odometry.Cov[i], 0) }
	return Cov{
		grown(0) + moved*moved, 0, 0,
		0, grown(4) + moved*moved, 0,
		0, 0, grown(8) + turned*turned,
	}
}

func (m *Memory) drift(motion Cov) {
	for t := range m.placed() {
		t.drift(m.pose, motion)
	}
}

// unsettledBy returns the covariance of a pose or a step that is known up to move metres and turn radians.
func unsettledBy(move, turn float64) Cov {
	return Cov{move * move, 0, 0, 0, move * move, 0, 0, 0, turn * turn}
}
