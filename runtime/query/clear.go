package query

import (
	"math"

	"github.com/vega-edge/vegad/runtime/scene"
)

const (
	lowestObstacle = 0.05 // m, what is flatter can be driven over
	blindRadius    = 0.6  // m around base_link that the camera need not have seen: its foot, and the robot itself
	explained      = 0.1  // m, beside its error, between the end of a sector's free floor and the box that ends it
	lateralSlack   = 0.01 // m
)

// lane is the strip of floor that the robot would cover, in a frame that begins at base_link and looks along it.
type lane struct {
	eye
	heading       float64 // in base_link
	length, width float64
	goal          *scene.Object // where it leads; that is not in the way
}

// limit is where something ends the free floor of a lane.
type limit struct {
	gap
	object *scene.Object // nil is the free space's own end
	p      float64       // that it is there and reaches into the lane
}

// clear tells how far the floor of a lane is free, from the boxes and the free space. Floor that was not looked at is
// not clear.
func (e *executor) clear() Answer {
	l, missing := e.lane()
	if missing != nil {
		return e.notSeen(missing)
	}
	nearest, blocked := e.firstLimit(&l)
	if blocked < 0.5 && (!e.looked(&l) || l.length > scene.FreeRange) {
		return e.a.abstain(ReasonNotLooked, "I have not looked at all of the floor there.")
	}
	e.a.Choice, e.a.Confidence = "yes", 1-blocked
	if blocked >= 0.5 {
		e.a.Choice, e.a.Confidence = "no", blocked
	}
	if l.goal != nil {
		e.add(l.goal, Target)
	}
	if nearest.object != nil {
		e.add(nearest.object, Obstacle)
	}
	if e.a.Confidence < e.opt.MinDecision {
		return e.a.unsure("It is too close to call.")
	}
	if nearest.value > scene.FreeRange {
		nearest.gap = gap{value: scene.FreeRange}
	}
	return e.measure(nearest.value, 1.96*nearest.sigma*e.widen, e.clearText(&l, nearest))
}

// lane returns the lane of the query, or what it leads to when that was not seen.
func (e *executor) lane() (l lane, missing *Referent) {
	l = lane{eye: e.eye, length: 1, width: e.opt.RobotWidth}
	if e.q.LengthM > 0 {
		l.length = e.q.LengthM
	}
	if e.q.WidthM > 0 {
		l.width = e.q.WidthM
	}
	for i, word := range sectors() {
		if word == e.q.Heading {
			l.heading = scene.WrapAngle(float64(i) * math.Pi / 4)
		}
	}
	if !e.q.Target.isAny() {
		list := e.meant(e.q.Target)
		if len(list) == 0 {
			return l, e.q.Target
		}
		l.goal = list[0].object
		x, y := l.goal.Box.ClosestOnFootprint(l.x, l.y)
		l.heading, l.length = l.bearing(scene.Vec3{X: x, Y: y}), e.eye.reach(l.goal).value
	}
	sin, cos := math.Sincos(l.heading)
	l.cos, l.sin = l.cos*cos-l.sin*sin, l.sin*cos+l.cos*sin
	return l, nil
}

// inTheWay returns what a robot cannot drive over or under.
func (e *executor) inTheWay(except ...*scene.Object) []*scene.Object {
	list := make([]*scene.Object, 0, len(e.pool))
next:
	for i := range e.pool {
		o := &e.pool[i]
		if o.Existence < 0.5 || o.Box.Bottom() > e.opt.RobotHeight || o.Box.Top() < lowestObstacle {
			continue
		}
		for _, x := range except {
			if x != nil && (o == x || o.Box.ContainsXY(x.Box.Center.X, x.Box.Center.Y, 0)) {
				continue next // also what the goal stands on
			}
		}
		list = append(list, o)
	}
	return list
}

// firstLimit returns what ends the free floor first, and the probability that the lane is not free over its length:
// that of the likeliest thing in the way.
func (e *executor) firstLimit(l *lane) (first limit, blocked float64) {
	first.value = math.Inf(1)
	consider := func(m limit) {
		shut := m.p * cumulative(l.length-m.value, m.sigma*e.widen)
		if m.value == l.length && m.sigma == 0 {
			shut = 0
		}
		blocked = max(blocked, shut)
		if m.p >= 0.5 && m.value < first.value {
			first = m
		}
	}
	for _, o := range e.inTheWay(l.goal) {
		if m, ok := l.box(o, e.widen); ok {
			consider(m)
		}
	}
	for i := range e.snap.Free {
		if m, ok := l.sector(i, &e.snap.Free[i]); ok && !e.explains(i, &e.snap.Free[i]) {
			consider(m)
		}
	}
	return first, blocked
}

// box returns where an object's box ends the lane. Its p falls with the distance between lane and box, against the
// error across the lane.
func (l *lane) box(o *scene.Object, widen float64) (m limit, ok bool) {
	corners := o.Box.Corners()
	shape := make([]point, 0, 8)
	for _, c := range corners[:4] {
		f, s := l.local(c)
		shape = append(shape, point{f, s})
	}
	if shape = cut(shape, point{1, 0}, 0); len(shape) == 0 { // behind
		return m, false
	}
	start, _ := nearestOf(shape)
	shape = cut(shape, point{-1, 0}, -max(l.length, start+lateralSlack))
	_, side := nearestOf(shape)
	reach := max(l.width/2, side+lateralSlack)
	shape = cut(cut(shape, point{0, 1}, -reach), point{0, -1}, -reach)
	if len(shape) == 0 {
		return m, false
	}
	start, _ = nearestOf(shape)
	p, along := o.Box.Center, scene.Vec3{X: l.cos, Y: l.sin}
	across := scene.Vec3{X: -l.sin, Y: l.cos}
	m.gap = gap{value: start, sigma: root(varianceAlong(o, p, along)), reach: start}
	m.object = o
	m.p = o.Existence * cumulative(l.width/2-side, root(varianceAlong(o, p, across))*widen)
	return m, true
}

// point is a place in a lane: forward and left.
type point struct{ f, s float64 }

// nearestOf returns the least forward coordinate of a shape and its least distance from the lane's middle.
func nearestOf(shape []point) (start, side float64) {
	start, side = math.Inf(1), math.Inf(1)
	low, high := math.Inf(1), math.Inf(-1)
	for _, p := range shape {
		start = min(start, p.f)
		side = min(side, math.Abs(p.s))
		low, high = min(low, p.s), max(high, p.s)
	}
	if low < 0 && high > 0 {
		side = 0
	}
	return start, side
}

// cut keeps the part of a convex shape whose product with the normal is at least d.
func cut(shape []point, normal point, d float64) []point {
	out := make([]point, 0, len(shape)+1)
	for i, a := range shape {
		b := shape[(i+1)%len(shape)]
		da, db := a.f*normal.f+a.s*normal.s-d, b.f*normal.f+b.s*normal.s-d
		if da >= 0 {
			out = append(out, a)
		}
		if (da > 0 && db < 0) || (da < 0 && db > 0) {
			t := da / (da - db)
			out = append(out, point{a.f + t*(b.f-a.f), a.s + t*(b.s-a.s)})
		}
	}
	return out
}

// span returns the range of angles off the lane's axis that a sector covers, by their absolute values.
func (l *lane) span(i int) (low, high float64) {
	const width = 2 * math.Pi / scene.Sectors
	center := math.Abs(scene.WrapAngle((float64(i)+0.5)*width - math.Pi - l.heading))
	return max(center-width/2, 0), center + width/2
}

// sector returns where the end of a sector's free floor ends the lane.
func (l *lane) sector(i int, s *scene.Sector) (m limit, ok bool) {
	low, high := l.span(i)
	if !s.Known || low >= math.Pi/2 || s.Free >= scene.FreeRange || s.Free*math.Sin(low) >= l.width/2 {
		return m, false
	}
	edge := high
	if s.Free > l.width/2 {
		edge = min(high, math.Asin(l.width/2/s.Free))
	}
	value := s.Free * math.Cos(max(low, min(edge, math.Pi/2)))
	return limit{gap: gap{value: value, sigma: root(s.FreeVar), reach: value}, p: 1}, true
}

// explains says whether a remembered box ends the free floor of a sector: then the box itself says where.
func (e *executor) explains(i int, s *scene.Sector) bool {
	const width = 2 * math.Pi / scene.Sectors
	near := explained + root(s.FreeVar)*e.widen
	for step := range 5 {
		bearing := float64(i)*width - math.Pi + float64(step)*width/4
		end := e.snap.Robot.Apply(scene.Vec3{X: s.Free * math.Cos(bearing), Y: s.Free * math.Sin(bearing)})
		for j := range e.pool {
			if o := &e.pool[j]; o.Existence >= 0.5 && o.Box.FootprintDistance(end.X, end.Y) <= near {
				return true
			}
		}
	}
	return false
}

// looked says whether the floor of the lane was looked at, but for the blind place around the robot.
func (e *executor) looked(l *lane) bool {
	for i := range e.snap.Free {
		low, _ := l.span(i)
		if low >= math.Pi/2 || e.snap.Free[i].Known {
			continue
		}
		far := l.length / math.Cos(low)
		if side := math.Sin(low); side > 0 {
			far = min(far, l.width/2/side)
		}
		if far > blindRadius {
			return false
		}
	}
	return true
}
