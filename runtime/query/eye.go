package query

import (
	"math"

	"github.com/vega-edge/vegad/runtime/scene"
)

// eye is from where left and right are told, and from where distances are measured when nothing else is named: the
// robot, or a viewpoint beside a thing.
type eye struct {
	x, y, cos, sin float64
	at, facing     *scene.Object // what the place and the heading rest on; nil is the robot's own
}

func robotEye(s *scene.Snapshot) eye {
	sin, cos := math.Sincos(s.Robot.Yaw)
	return eye{x: s.Robot.X, y: s.Robot.Y, cos: cos, sin: sin}
}

// turned returns an eye at the place of one box that looks at another one, or away from it.
func (v eye) turned(at, facing *scene.Box, away bool) eye {
	if at != nil {
		v.x, v.y = at.Center.X, at.Center.Y
	}
	dx, dy := facing.Center.X-v.x, facing.Center.Y-v.y
	n := math.Hypot(dx, dy)
	if n == 0 {
		return v
	}
	if away {
		n = -n
	}
	v.cos, v.sin = dx/n, dy/n
	return v
}

// local returns a point of map as forward and left of the eye.
func (v *eye) local(p scene.Vec3) (forward, left float64) {
	dx, dy := p.X-v.x, p.Y-v.y
	return v.cos*dx + v.sin*dy, -v.sin*dx + v.cos*dy
}

// bearing returns the direction of a point, left positive.
func (v *eye) bearing(p scene.Vec3) float64 {
	forward, left := v.local(p)
	return math.Atan2(left, forward)
}

// bearingSigma returns the standard deviation of an object's bearing and the horizontal distance of its centre.
//
// The bearing is the angle of the line to the object less that of the heading. To first order each end of a line of
// length n turns it by its shift across the line over n, so that the place of the eye, where it rests on a thing,
// moves both lines at once.
func (v *eye) bearingSigma(o *scene.Object) (sigma, distance float64) {
	toObject, distance := v.across(o)
	if o == v.facing {
		return 0, distance
	}
	variance := o.CenterCov.Along(toObject)
	own := toObject
	if v.facing != nil {
		toFacing, _ := v.across(v.facing)
		variance += v.facing.CenterCov.Along(toFacing)
		own = own.Sub(toFacing)
	}
	if v.at != nil {
		variance += v.at.CenterCov.Along(own)
	}
	return root(variance), distance
}

// across returns the change of an object's bearing with its place, and its horizontal distance.
func (v *eye) across(o *scene.Object) (gradient scene.Vec3, distance float64) {
	dx, dy := o.Box.Center.X-v.x, o.Box.Center.Y-v.y
	distance = math.Hypot(dx, dy)
	square := max(distance*distance, 1e-9)
	return scene.Vec3{X: -dy / square, Y: dx / square}, distance
}

// reach measures the horizontal distance from the eye to the nearest point of an object's box.
func (v *eye) reach(o *scene.Object) gap {
	x, y := o.Box.ClosestOnFootprint(v.x, v.y)
	u := scene.Vec3{X: x - v.x, Y: y - v.y}
	d := u.Norm()
	toCenter := scene.Vec3{X: o.Box.Center.X - v.x, Y: o.Box.Center.Y - v.y}
	if d == 0 { // the eye stands inside the box: take the line to its centre
		u = toCenter
	}
	u = unit(u)
	variance := varianceAlong(o, scene.Vec3{X: x, Y: y, Z: o.Box.Center.Z}, u)
	if v.at != nil {
		variance += v.at.CenterCov.Along(u)
	}
	return gap{value: d, sigma: root(variance), reach: toCenter.Norm()}
}

// observe moves the selector's eye to a viewpoint. It returns what of the viewpoint was not seen, or nil.
func (s *selector) observe(v *Viewpoint) (missing *Referent) {
	if v == nil {
		return nil
	}
	next := s.eye
	if v.At != nil {
		list := s.known(v.At)
		if len(list) == 0 {
			return v.At
		}
		next.at = list[0].object
	}
	list := keep(s.known(v.Facing), func(o *scene.Object) bool { return o != next.at })
	if len(list) == 0 {
		return v.Facing
	}
	next.facing = list[0].object
	var at *scene.Box
	if next.at != nil {
		at = &next.at.Box
	}
	s.eye = next.turned(at, &next.facing.Box, v.Away)
	return nil
}
