package query

import (
	"math"

	"github.com/vega-edge/vegad/runtime/scene"
)

const (
	finestCell   = 0.1  // m
	gridSide     = 100  // cells at most along each axis of a plan
	detour       = 3.0  // m around start and goal that a way may lead through
	arrivalSlack = 0.25 // m between the robot and the thing where it has arrived
	unseenCost   = 1.5  // what a metre of floor counts that was not seen free
)

// spot is a place on the floor, in map.
type spot struct{ x, y float64 }

func (s spot) to(b spot) float64 { return math.Hypot(b.x-s.x, b.y-s.y) }

// planner finds ways over the floor.
type planner struct {
	snap      *scene.Snapshot
	obstacles []obstacle
	goal      *scene.Box
	radius    float64 // m, of the robot
	reach     float64 // m, half of the longer side of the square around the goal
}

// obstacle is a box that the robot's centre keeps away from.
type obstacle struct {
	box  *scene.Box
	keep float64 // m
	own  float64 // m from where the way begins
}

// newPlanner prepares the way from a place to a thing. What the robot already stands closer to than its own radius
// keeps it no farther away than that.
func (e *executor) newPlanner(start spot, from, goal *scene.Object) *planner {
	p := &planner{snap: e.snap, goal: &goal.Box, radius: e.opt.RobotWidth / 2}
	if e.q.WidthM > 0 {
		p.radius = e.q.WidthM / 2
	}
	low, high := goal.Box.Bounds()
	p.reach = max(high.X-low.X, high.Y-low.Y) / 2
	for _, o := range e.inTheWay(from, goal) {
		own := o.Box.FootprintDistance(start.x, start.y)
		if own > 0 {
			p.obstacles = append(p.obstacles, obstacle{&o.Box, min(p.radius, own), own})
		}
	}
	return p
}

// arrival is how near to the goal's box the way ends.
func (p *planner) arrival() float64 { return p.radius + arrivalSlack }

func (p *planner) toGoal(s spot) float64 { return p.goal.FootprintDistance(s.x, s.y) }

// way returns the corners of the way, start and end included, or nil when there is none.
func (p *planner) way(start spot) []spot {
	d := p.toGoal(start)
	if d <= p.arrival() {
		return []spot{start}
	}
	x, y := p.goal.ClosestOnFootprint(start.x, start.y)
	share := (d - p.arrival()) / d
	end := spot{start.x + share*(x-start.x), start.y + share*(y-start.y)}
	if p.free(start, end) {
		return []spot{start, end}
	}
	return p.around(start)
}

// free says whether nothing is too near to a straight line. The distance to a convex shape is convex along a line, so
// that halving finds its least value.
func (p *planner) free(a, b spot) bool {
	length := a.to(b)
	for _, o := range p.obstacles {
		reach := math.Hypot(o.box.Size.X, o.box.Size.Y)/2 + o.keep
		if (spot{o.box.Center.X, o.box.Center.Y}).toSegment(a, b) > reach {
			continue
		}
		low, high := 0.0, 1.0
		for range 24 {
			third := (high - low) / 3
			if o.along(a, b, low+third) < o.along(a, b, high-third) {
				high -= third
			} else {
				low += third
			}
		}
		if o.along(a, b, (low+high)/2) < o.keep-1e-6*length {
			return false
		}
	}
	return true
}

// along returns the distance to a share of a line.
func (o *obstacle) along(a, b spot, t float64) float64 {
	return o.box.FootprintDistance(a.x+t*(b.x-a.x), a.y+t*(b.y-a.y))
}

func (s spot) toSegment(a, b spot) float64 {
	dx, dy := b.x-a.x, b.y-a.y
	t := ((s.x-a.x)*dx + (s.y-a.y)*dy) / max(dx*dx+dy*dy, 1e-12)
	t = min(max(t, 0), 1)
	return s.to(spot{a.x + t*dx, a.y + t*dy})
}

// known says whether a place was seen to be free floor, or lies in the blind place around the robot.
func (p *planner) known(s spot) bool {
	if p.underfoot(s) {
		return true
	}
	b := p.snap.ToBase(scene.Vec3{X: s.x, Y: s.y})
	r := math.Hypot(b.X, b.Y)
	sector := p.snap.Free[scene.SectorOf(math.Atan2(b.Y, b.X))]
	return sector.Known && r <= sector.Free
}

// underfoot says whether a place lies in the blind place around the robot.
func (p *planner) underfoot(s spot) bool {
	return s.to(spot{p.snap.Robot.X, p.snap.Robot.Y}) <= blindRadius
}

// knownShare returns how much of a way leads over known floor, the blind place left out.
func (p *planner) knownShare(way []spot) float64 {
	known, all := 0, 0
	for i := 1; i < len(way); i++ {
		n := max(int(way[i-1].to(way[i])/finestCell), 1)
		for k := range n {
			t := (float64(k) + 0.5) / float64(n)
			at := spot{way[i-1].x + t*(way[i].x-way[i-1].x), way[i-1].y + t*(way[i].y-way[i-1].y)}
			if p.underfoot(at) {
				continue
			}
			all++
			if p.known(at) {
				known++
			}
		}
	}
	if all == 0 {
		return 1
	}
	return float64(known) / float64(all)
}
