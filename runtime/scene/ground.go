package scene

import (
	"math"
	"time"
)

// Geometry of the ground memory.
const (
	cellSize   = 0.1 // m
	cellsAside = 128 // cells of the square around the robot that fit, a power of two
)

// How cells learn and forget. Odds are natural logarithms; positive is occupied.
const (
	oddsFree     = -0.8
	oddsOccupied = 1.2
	oddsLimit    = 4.0
	oddsKnown    = 0.4             // nearer to zero than this nothing is known
	groundTime   = 2 * time.Minute // in which knowledge fades to 1/e
	groundBlur   = 0.25            // m², variance of motion in which it fades as much
	ownRadius    = 0.25            // m, the floor under the robot is free
)

// cell is a square of the floor. The zero value is unknown.
type cell struct {
	key    uint64  // which square of map it is, at present
	odds   float64 // when it was last written
	faded  float64 // reading of ground.fade then
	spread float64 // m², variance of its place, less the reading of ground.blurred then
}

// ground remembers which floor is free and which is not, in map, as far around the robot as its cells reach: a cell
// that the robot leaves behind is used for one ahead.
type ground struct {
	cells   []cell  // none before the first depth
	fade    float64 // grows with time and with motion that was not measured well
	blurred float64 // m², the sum of that motion's variance
	near    float64 // m, the floor closer than this is too low for the newest camera
}

func (g *ground) reset() { clear(g.cells) }

// blur makes everything less certain after a motion of the given variance in m².
func (g *ground) blur(variance float64) {
	g.blurred += variance
	g.fade += variance / groundBlur
}

// age makes everything less certain as time goes by.
func (g *ground) age(step time.Duration) { g.fade += max(step, 0).Seconds() / groundTime.Seconds() }

// at returns the cell for a place of map and the key that marks it as such.
func (g *ground) at(x, y float64) (*cell, uint64) {
	const bias = 1 << 30
	ix, iy := int(math.Floor(x/cellSize))+bias, int(math.Floor(y/cellSize))+bias
	key := uint64(ix)<<32 | uint64(iy)
	return &g.cells[(iy%cellsAside)*cellsAside+ix%cellsAside], key
}

// add takes evidence about a place into account; spread is the variance of its distance in m².
func (g *ground) add(x, y, odds, spread float64) {
	c, key := g.at(x, y)
	if c.key != key {
		*c = cell{key: key, spread: spread - g.blurred}
	} else {
		c.spread = 0.7*c.spread + 0.3*(spread-g.blurred)
	}
	c.odds = clamp(g.odds(c)+odds, -oddsLimit, oddsLimit)
	c.faded = g.fade
}

func (g *ground) odds(c *cell) float64 {
	if c.odds == 0 {
		return 0
	}
	return c.odds * math.Exp(c.faded-g.fade)
}

// read returns the odds of a place, 0 when nothing is known, and the variance of its distance.
func (g *ground) read(x, y float64) (odds, spread float64) {
	c, key := g.at(x, y)
	if c.key != key {
		return 0, 0
	}
	return g.odds(c), c.spread + g.blurred
}

// stripe is what one column of the depth picture says about the floor below it.
type stripe struct {
	near  float64 // m from the camera, where the floor comes into view
	clear float64 // m, up to here the floor is seen
	wall  float64 // m, here something stands; infinite when nothing does
	sigma float64 // ln, of the distances
}

// look marches along the columns of a depth picture: the floor before the nearest surface at an obstacle's height is
// free, the surface itself is not, and behind it nothing is known.
func (g *ground) look(v *View, robot Pose) {
	g.near = 0
	here := newEye(v, Pose{})
	if !here.usable || len(v.Depth) == 0 {
		return
	}
	if g.cells == nil {
		g.cells = make([]cell, cellsAside*cellsAside)
	}
	eye := newEye(v, robot)
	g.near = here.feet()
	for col := range v.Cols {
		if s := here.stripe(col); !math.IsInf(s.near, 1) {
			g.mark(&eye, col, s)
		}
	}
	for dx := -ownRadius; dx <= ownRadius; dx += cellSize {
		for dy := -ownRadius; dy <= ownRadius; dy += cellSize {
			g.add(robot.X+dx, robot.Y+dy, oddsFree, 0)
		}
	}
}

// mostFeet is the distance in metres up to which the floor at the robot's feet may stay out of view.
const mostFeet = 2.0

// feet is the distance from base_link from which on the whole width of the picture shows the floor.
func (e *eye) feet() float64 {
	dir := Vec3{e.cos - e.tanV*e.sin, -e.tanH, -e.sin - e.tanV*e.cos} // through a lower corner
	if dir.Z >= 0 {
		return mostFeet
	}
	reach := math.Hypot(dir.X, dir.Y) * e.origin.Z / -dir.Z
	return min(reach+math.Hypot(e.origin.X, e.origin.Y), mostFeet)
}

// stripe reads one column, from the camera's place on the floor.
func (e *eye) stripe(col int) stripe {
	s := stripe{near: math.Inf(1), wall: math.Inf(1), sigma: defaultDepthSigma}
	v := e.view
	for row := v.Rows - 1; row >= 0; row-- {
		i := row*v.Cols + col
		d := float64(v.Depth[i])
		if d <= 0 {
			continue
		}
		sigma := defaultDepthSigma
		if len(v.DepthSigma) > 0 {
			sigma = float64(v.DepthSigma[i])
		}
		p := e.point(col, row, d)
		ground := math.Hypot(p.X-e.origin.X, p.Y-e.origin.Y)
		// A wrong distance lifts the floor: it counts as an obstacle only where that cannot explain its height.
		lift := sigma * math.Abs(p.Z-e.origin.Z)
		switch {
		case p.Z > obstacleHigh || p.Z > obstacleLow && p.Z <= obstacleLow+lift:
		case p.Z > obstacleLow:
			if ground < s.wall {
				s.wall, s.sigma = ground, sigma
			}
			s.near = min(s.near, ground)
		default:
			s.clear = max(s.clear, ground*(1-sigma))
			s.near = min(s.near, ground)
		}
	}
	return s
}

// mark writes what a column tells along all lines between its edges.
func (g *ground) mark(e *eye, col int, s stripe) {
	end := min(s.clear, s.wall)
	if !math.IsInf(s.wall, 1) {
		end = s.wall // nothing stands in the air before it, and the floor is seen up to it or hidden by it alone
	}
	end = min(end, FreeRange+1)
	left, right := e.bearing(float64(col)), e.bearing(float64(col+1))
	lines := int(math.Ceil(math.Abs(WrapAngle(right-left))*end/cellSize)) + 1
	for i := range lines {
		sin, cos := math.Sincos(left + WrapAngle(right-left)*(float64(i)+0.5)/float64(lines))
		g.line(e.origin, Vec3{X: cos, Y: sin}, s, end)
	}
}

// bearing is the heading in map of a column's edge.
func (e *eye) bearing(col float64) float64 {
	u := col/float64(e.view.Cols)*2 - 1
	return e.yaw - math.Atan2(u*e.tanH, e.cos)
}

func (g *ground) line(from, dir Vec3, s stripe, end float64) {
	for r := s.near; r < end; r += cellSize {
		sigma := s.sigma * r
		trust := 1.0 // that this place lies before the surface
		if !math.IsInf(s.wall, 1) {
			trust = clamp((s.wall-r)/(sigma+cellSize)-0.5, 0, 1)
		}
		if trust > 0 {
			g.add(from.X+r*dir.X, from.Y+r*dir.Y, oddsFree*trust, sigma*sigma)
		}
	}
	if s.wall > FreeRange+1 {
		return
	}
	sigma := s.sigma * s.wall
	g.add(from.X+s.wall*dir.X, from.Y+s.wall*dir.Y, oddsOccupied, sigma*sigma)
}
