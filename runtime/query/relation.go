package query

import (
	"math"

	"github.com/vega-edge/vegad/runtime/scene"
)

// The limits of the relations; docs/questions.md draws them.
const (
	nearLimit    = 1.0  // m between the closest points
	supportGap   = 0.15 // m between a thing's bottom and the top of what it stands on
	supportEdge  = 0.05 // m that a thing's centre may stick out over what it stands on
	underMargin  = 0.05 // m that a thing's top must stay below the top of what it lies under
	betweenShare = 0.3  // of the distance between the two ends, how far off the line a thing may be
	betweenLeast = 0.3  // m, always allowed
)

// coneCos is the cosine of the half angle of the cones of left, right, front and behind: 60 degrees.
const coneCos = 0.5

// frame is the place from where left and right are told: the robot.
type frame struct{ x, y, cos, sin float64 }

func robotFrame(s *scene.Snapshot) frame {
	sin, cos := math.Sincos(s.Robot.Yaw)
	return frame{s.Robot.X, s.Robot.Y, cos, sin}
}

// holds says whether a stands in a relation to b; b nil is the robot.
func (f frame) holds(name RelationName, a, b *scene.Object) bool {
	switch name {
	case LeftOf, RightOf, InFrontOf, Behind:
		return f.inCone(name, a, b)
	case Near:
		if b == nil {
			return a.Box.FootprintDistance(f.x, f.y) <= nearLimit
		}
		return scene.Distance(a.Box, b.Box) <= nearLimit
	case On:
		return b != nil && standsOn(a.Box, b.Box)
	case Under:
		return b != nil && liesUnder(a.Box, b.Box)
	}
	return false
}

// inCone decides left, right, front and behind. Against the robot, the axis is its heading. Against a thing, it is the
// line of sight from the robot to that thing: in front is on the robot's side of it.
func (f frame) inCone(name RelationName, a, b *scene.Object) bool {
	ox, oy, ax, ay := f.x, f.y, f.cos, f.sin
	if b != nil {
		if b.Box.ContainsXY(a.Box.Center.X, a.Box.Center.Y, 0) {
			return false
		}
		ox, oy = b.Box.Center.X, b.Box.Center.Y
		n := math.Hypot(ox-f.x, oy-f.y)
		if n == 0 {
			return false
		}
		ax, ay = (f.x-ox)/n, (f.y-oy)/n // from the thing toward the robot
	}
	dx, dy := a.Box.Center.X-ox, a.Box.Center.Y-oy
	front, left := dx*ax+dy*ay, -dx*ay+dy*ax
	if b != nil {
		left = -left // the robot looks against the axis
	}
	value := coneAxis(name, front, left)
	return value > 0 && value >= coneCos*math.Hypot(dx, dy)
}

// coneAxis returns the coordinate that a direction's cone opens along.
func coneAxis(name RelationName, front, left float64) float64 {
	switch name {
	case InFrontOf:
		return front
	case Behind:
		return -front
	case LeftOf:
		return left
	default:
		return -left
	}
}

// standsOn says whether a rests on b's top.
func standsOn(a, b scene.Box) bool {
	return math.Abs(a.Bottom()-b.Top()) <= supportGap && b.ContainsXY(a.Center.X, a.Center.Y, supportEdge)
}

// liesUnder says whether a is below b's top, inside its footprint.
func liesUnder(a, b scene.Box) bool {
	return a.Top() <= b.Top()-underMargin && b.ContainsXY(a.Center.X, a.Center.Y, 0)
}

// between says whether a stands between b and c on the floor; an end that is nil is the robot.
func (f frame) between(a, b, c *scene.Object) bool {
	bx, by := f.place(b)
	cx, cy := f.place(c)
	length := math.Hypot(cx-bx, cy-by)
	if length == 0 {
		return false
	}
	ux, uy := (cx-bx)/length, (cy-by)/length
	dx, dy := a.Box.Center.X-bx, a.Box.Center.Y-by
	along, off := dx*ux+dy*uy, math.Abs(dx*uy-dy*ux)
	return along > 0 && along < length && off <= max(betweenLeast, betweenShare*length)
}

func (f frame) place(o *scene.Object) (x, y float64) {
	if o == nil {
		return f.x, f.y
	}
	return o.Box.Center.X, o.Box.Center.Y
}
