package scene

import "math"

const (
	leastAgreeing  = 2    // things seen again that tell something
	turnSlack      = 0.02 // rad, of the heading between two observations
	leastAgreement = 0.05
	mostSurprise   = 25. // squared error that one thing counts at most
)

// agreement returns how well an observation fits what is remembered, 1 down to leastAgreement: one over the Birge ratio
// of the worse of two checks. Things seen again should stand where they stood, within their covariances; and the turn
// that the networks saw should be the one that the odometry tells.
func (m *Memory) agreement(obs *Observation) float64 {
	worst := max(1, m.landmarkRatio(), m.turnRatio(obs))
	return max(1/math.Sqrt(worst), leastAgreement)
}

// landmarkRatio is the mean squared distance, over its expectation, of the things seen again from where they stood.
func (m *Memory) landmarkRatio() float64 {
	sum, n := 0.0, 0
	for r := range m.meas {
		z := &m.meas[r]
		if z.track == nil || !z.track.confirmed || z.track.hits < 2 {
			continue
		}
		inv, ok := z.track.cov.plus(z.cov).inverse()
		if !ok {
			continue
		}
		d := z.box.Center.Sub(z.track.box.Center)
		sum += min(d.Dot(inv.apply(d)), mostSurprise)
		n++
	}
	if n < leastAgreeing {
		return 0
	}
	return sum / (3 * float64(n))
}

// turnRatio compares the turn that the networks saw with that of the odometry.
func (m *Memory) turnRatio(obs *Observation) float64 {
	if m.source != PoseOdometry || !obs.HasEgo || !m.observed || obs.Camera != m.last.camera {
		return 0
	}
	off := WrapAngle(m.pose.Yaw - m.from.Yaw - obs.Ego.Yaw)
	return min(off*off/(obs.Ego.VarYaw+m.motion[8]+turnSlack*turnSlack), mostSurprise)
}

// shared is the factor on the variances of a thing after so many hits. Views of one thing share more of their error
// than the filter counts; a thing seen once is as uncertain as that view says.
func (c *Config) shared(hits int) float64 {
	return 1 + (c.SharedError-1)*(1-1/float64(max(hits, 1)))
}
