package query

import (
	"math"

	"github.com/vega-edge/vegad/runtime/scene"
)

// The limits of the relations; docs/questions.md draws them.
const (
	nearLimit    = 1.0  // m between the closest points
	againstLimit = 0.1  // m between the closest points
	supportGap   = 0.15 // m between a thing's bottom and the top of what it stands on
	supportEdge  = 0.05 // m that a thing's centre may stick out over what it stands on
	underMargin  = 0.05 // m that a thing's top must stay below the top of what it lies under
	betweenShare = 0.3  // of the distance between the two ends, how far off the line a thing may be
	betweenLeast = 0.3  // m, always allowed
)

// coneCos is the cosine of the half angle of the cones of left, right, front and behind: 60 degrees.
const coneCos = 0.5

// holds says whether a stands in a relation to b, and to c for between; nil is who looks.
func (v *eye) holds(rel *Relation, a, b, c *scene.Box) bool {
	switch rel.Name {
	case LeftOf, RightOf, InFrontOf, Behind:
		return v.inCone(rel.Name, a, b)
	case Near:
		limit := nearLimit
		if rel.WithinM > 0 {
			limit = rel.WithinM
		}
		if b == nil {
			return a.FootprintDistance(v.x, v.y) <= limit
		}
		return closerThan(a, b, limit)
	case Between:
		return v.between(a, b, c)
	}
	return b != nil && supports(rel.Name, a, b)
}

// supports decides the relations that hold or not wherever one stands.
func supports(name RelationName, a, b *scene.Box) bool {
	over := b.ContainsXY(a.Center.X, a.Center.Y, supportEdge)
	switch name {
	case On:
		return over && math.Abs(a.Bottom()-b.Top()) <= supportGap
	case Above:
		return over && a.Bottom() >= b.Top()-supportGap
	case Under:
		return a.Top() <= b.Top()-underMargin && b.ContainsXY(a.Center.X, a.Center.Y, 0)
	case Inside:
		return b.ContainsXY(a.Center.X, a.Center.Y, 0) && a.Center.Z >= b.Bottom() && a.Center.Z <= b.Top() &&
			a.Volume() < b.Volume()
	case Against:
		return closerThan(a, b, againstLimit) && !supports(On, a, b) && !supports(On, b, a)
	}
	return false
}

// closerThan says whether two boxes are at most so far apart. Most pairs are told by their centres and half diagonals.
func closerThan(a, b *scene.Box, limit float64) bool {
	centers := b.Center.Sub(a.Center).Norm()
	if centers <= limit {
		return true
	}
	return centers-(a.Size.Norm()+b.Size.Norm())/2 <= limit && scene.Distance(*a, *b) <= limit
}

// inCone decides left, right, front and behind. Against who looks, the axis is the heading. Against a thing, it is the
// line of sight from the eye to that thing: in front is on the eye's side of it.
func (v *eye) inCone(name RelationName, a, b *scene.Box) bool {
	ox, oy, ax, ay := v.x, v.y, v.cos, v.sin
	if b != nil {
		if b.ContainsXY(a.Center.X, a.Center.Y, 0) {
			return false
		}
		ox, oy = b.Center.X, b.Center.Y
		n := math.Hypot(ox-v.x, oy-v.y)
		if n == 0 {
			return false
		}
		ax, ay = (v.x-ox)/n, (v.y-oy)/n // from the thing toward the eye
	}
	dx, dy := a.Center.X-ox, a.Center.Y-oy
	front, left := dx*ax+dy*ay, -dx*ay+dy*ax
	if b != nil {
		left = -left // the eye looks against the axis
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

// between says whether a stands between b and c on the floor; an end that is nil is who looks.
func (v *eye) between(a, b, c *scene.Box) bool {
	bx, by := v.place(b)
	cx, cy := v.place(c)
	length := math.Hypot(cx-bx, cy-by)
	if length == 0 {
		return false
	}
	ux, uy := (cx-bx)/length, (cy-by)/length
	dx, dy := a.Center.X-bx, a.Center.Y-by
	along, off := dx*ux+dy*uy, math.Abs(dx*uy-dy*ux)
	return along > 0 && along < length && off <= max(betweenLeast, betweenShare*length)
}

func (v *eye) place(b *scene.Box) (x, y float64) {
	if b == nil {
		return v.x, v.y
	}
	return b.Center.X, b.Center.Y
}
