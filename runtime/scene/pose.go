package scene

import (
	"math"
	"time"
)

// Pose is a planar position and heading of base_link in another frame.
type Pose struct {
	X, Y float64 // m
	Yaw  float64 // rad, left positive
}

// Cov is a 3x3 covariance over (x, y, yaw) or over (x, y, z), row by row. It is symmetric.
type Cov [9]float64

// Compose walks p first and then q, given in p's own axes.
func (p Pose) Compose(q Pose) Pose {
	sin, cos := math.Sincos(p.Yaw)
	return Pose{
		X: p.X + cos*q.X - sin*q.Y, Y: p.Y + sin*q.X + cos*q.Y,
		Yaw: WrapAngle(p.Yaw + q.Yaw),
	}
}

// Inverse returns the pose that undoes p: p.Compose(p.Inverse()) is the origin.
func (p Pose) Inverse() Pose {
	sin, cos := math.Sincos(p.Yaw)
	return Pose{X: -cos*p.X - sin*p.Y, Y: sin*p.X - cos*p.Y, Yaw: WrapAngle(-p.Yaw)}
}

// Apply turns a point of base_link into the frame that the pose is given in.
func (p Pose) Apply(v Vec3) Vec3 {
	sin, cos := math.Sincos(p.Yaw)
	return Vec3{p.X + cos*v.X - sin*v.Y, p.Y + sin*v.X + cos*v.Y, v.Z}
}

// ApplyBox turns a box of base_link into the frame that the pose is given in.
func (p Pose) ApplyBox(b Box) Box {
	return Box{Center: p.Apply(b.Center), Size: b.Size, Yaw: WrapAngle(b.Yaw + p.Yaw)}
}

// ComposeCov returns the covariance of p.Compose(q) to first order, when p and q are independent.
func (p Pose) ComposeCov(covP Cov, q Pose, covQ Cov) Cov {
	sin, cos := math.Sincos(p.Yaw)
	jp := Cov{1, 0, -sin*q.X - cos*q.Y, 0, 1, cos*q.X - sin*q.Y, 0, 0, 1}
	jq := Cov{cos, -sin, 0, sin, cos, 0, 0, 0, 1}
	return jp.sandwich(covP).plus(jq.sandwich(covQ))
}

// InverseCov returns the covariance of p.Inverse() to first order.
func (p Pose) InverseCov(cov Cov) Cov {
	sin, cos := math.Sincos(p.Yaw)
	j := Cov{
		-cos, -sin, sin*p.X - cos*p.Y,
		sin, -cos, cos*p.X + sin*p.Y,
		0, 0, -1,
	}
	return j.sandwich(cov)
}

// between interpolates from p to q, t in 0..1, along the shorter turn. Values beyond 0..1 extrapolate.
func (p Pose) between(q Pose, t float64) Pose {
	return Pose{
		X: p.X + t*(q.X-p.X), Y: p.Y + t*(q.Y-p.Y),
		Yaw: WrapAngle(p.Yaw + t*WrapAngle(q.Yaw-p.Yaw)),
	}
}

// Odometry is one pose message of the robot: base_link in the odometry's own frame.
type Odometry struct {
	Pose Pose
	Cov  [9]float64    // over (x, y, yaw), row by row
	Mono time.Duration // the instant it is valid for, on the clock of the observations
}

// PoseSource says what the robot's pose in map rests on.
type PoseSource string

// The sources of the robot's pose.
const (
	PoseNone      PoseSource = "none"      // nothing told where the robot moved since the observation before
	PoseEgomotion PoseSource = "egomotion" // summed up from the networks' own ego-motion
	PoseLandmarks PoseSource = "landmarks" // the same, or nothing, corrected by remembered things seen again
	PoseOdometry  PoseSource = "odometry"  // the odometry that the robot feeds
)

// poseHistory keeps the latest odometry in the order of its time, whatever order it arrived in.
type poseHistory struct {
	entries []Odometry
	limit   int
}

// add inserts a pose. One for an instant that is already known replaces the old one, one that is older than a full
// history has no place in it.
func (h *poseHistory) add(o Odometry) {
	i := len(h.entries)
	for i > 0 && h.entries[i-1].Mono > o.Mono {
		i--
	}
	if i > 0 && h.entries[i-1].Mono == o.Mono {
		h.entries[i-1] = o
		return
	}
	if len(h.entries) == h.limit {
		if i == 0 {
			return
		}
		copy(h.entries, h.entries[1:i])
		h.entries[i-1] = o
		return
	}
	h.entries = append(h.entries, Odometry{})
	copy(h.entries[i+1:], h.entries[i:])
	h.entries[i] = o
}

// around returns the entries next to an instant, nil where there is none. One for the very instant counts as none: a
// new one replaces it.
func (h *poseHistory) around(mono time.Duration) (before, after *Odometry) {
	for i := range h.entries {
		switch e := &h.entries[i]; {
		case e.Mono < mono:
			before = e
		case e.Mono > mono:
			return before, e
		}
	}
	return before, nil
}

// at returns the pose at an instant: interpolated between two neighbours no more than gap apart, or carried on from
// the newest ones for no more than reach.
func (h *poseHistory) at(mono, gap, reach time.Duration) (Odometry, bool) {
	n := len(h.entries)
	if n == 0 || mono < h.entries[0].Mono {
		return Odometry{}, false
	}
	i := n
	for i > 0 && h.entries[i-1].Mono > mono {
		i--
	}
	before := h.entries[i-1]
	if before.Mono == mono {
		return before, true
	}
	if i == n {
		return h.extrapolate(mono, gap, reach)
	}
	after := h.entries[i]
	if after.Mono-before.Mono > gap {
		return Odometry{}, false
	}
	t := float64(mono-before.Mono) / float64(after.Mono-before.Mono)
	out := Odometry{Pose: before.Pose.between(after.Pose, t), Mono: mono}
	for k := range out.Cov {
		out.Cov[k] = (1-t)*before.Cov[k] + t*after.Cov[k]
	}
	return out, true
}

// extrapolate carries the newest motion on: pose messages are often a little later than the pictures.
func (h *poseHistory) extrapolate(mono, gap, reach time.Duration) (Odometry, bool) {
	last := h.entries[len(h.entries)-1]
	ahead := mono - last.Mono
	if ahead > reach {
		return Odometry{}, false
	}
	out := last
	out.Mono = mono
	if len(h.entries) < 2 {
		return out, true
	}
	prev := h.entries[len(h.entries)-2]
	if step := last.Mono - prev.Mono; step <= gap {
		out.Pose = prev.Pose.between(last.Pose, 1+float64(ahead)/float64(step))
		moved := math.Hypot(out.Pose.X-last.Pose.X, out.Pose.Y-last.Pose.Y)
		turned := WrapAngle(out.Pose.Yaw - last.Pose.Yaw)
		out.Cov[0] += moved * moved / 4
		out.Cov[4] += moved * moved / 4
		out.Cov[8] += turned * turned / 4
	}
	return out, true
}
