package query_test

import (
	"container/heap"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/vega-edge/vegad/camera/room"
	"github.com/vega-edge/vegad/runtime/scene"
)

// The oracle answers questions a second time, from the definitions in docs/questions.md and a room's layout, by
// sampling and searching. It shares no geometry with the packages query and scene.

// solid is a thing of the room.
type solid struct {
	id           string
	label, color string
	x, y, z      float64 // centre
	dx, dy, dz   float64 // extents along its own axes
	yaw          float64
	seen         int // order of first appearance
}

// oracle is a room as its layout says it is, with a robot in it.
type oracle struct {
	solids        []solid
	length, width float64
	x, y, yaw     float64 // robot
}

func (s *solid) bottom() float64 { return s.z - s.dz/2 }
func (s *solid) top() float64    { return s.z + s.dz/2 }
func (s *solid) volume() float64 { return s.dx * s.dy * s.dz }

// clamp returns the point of the solid closest to a point.
func (s *solid) clamp(p [3]float64) [3]float64 {
	c, n := math.Cos(s.yaw), math.Sin(s.yaw)
	u := c*(p[0]-s.x) + n*(p[1]-s.y)
	v := c*(p[1]-s.y) - n*(p[0]-s.x)
	u = math.Max(-s.dx/2, math.Min(s.dx/2, u))
	v = math.Max(-s.dy/2, math.Min(s.dy/2, v))
	w := math.Max(s.bottom(), math.Min(s.top(), p[2]))
	return [3]float64{s.x + c*u - n*v, s.y + n*u + c*v, w}
}

// floorDistance is the horizontal distance from a point to the solid.
func (s *solid) floorDistance(x, y float64) float64 {
	q := s.clamp([3]float64{x, y, s.z})
	return math.Hypot(q[0]-x, q[1]-y)
}

// holdsPoint says whether a point of the floor lies under or in the solid, enlarged by a margin along its axes.
func (s *solid) holdsPoint(x, y, margin float64) bool {
	big := *s
	big.dx, big.dy = s.dx+2*margin, s.dy+2*margin
	return big.floorDistance(x, y) < 1e-12
}

// apart is the distance between two solids: going back and forth between the closest points of two convex bodies
// comes down to it.
func apart(a, b *solid) float64 {
	p := a.clamp([3]float64{b.x, b.y, b.z})
	last := math.Inf(1)
	for range 100000 {
		q := b.clamp(p)
		p = a.clamp(q)
		d := math.Hypot(math.Hypot(p[0]-q[0], p[1]-q[1]), p[2]-q[2])
		if last-d < 1e-13 {
			return d
		}
		last = d
	}
	return last
}

// turn is the angle in degrees by which one who stands at (x, y) and looks along heading turns left to face a point.
func turn(x, y, heading, px, py float64) float64 {
	d := (math.Atan2(py-y, px-x) - heading) * 180 / math.Pi
	for d > 180 {
		d -= 360
	}
	for d <= -180 {
		d += 360
	}
	return d
}

// obstructs says whether a robot of 1.5 m cannot pass over or under.
func (s *solid) obstructs() bool { return s.bottom() <= 1.5 && s.top() >= 0.05 }

// newOracle furnishes a room of the simulator. Its things get an order of appearance of their own.
func newOracle(seed uint64) (*oracle, *room.Room) {
	r := room.Generate(seed)
	p := r.Walk(seed).Pose()
	o := &oracle{length: r.Length, width: r.Width, x: p.X, y: p.Y, yaw: p.Yaw}
	for _, t := range r.Objects() {
		o.solids = append(o.solids, solid{
			id: "o" + strconv.Itoa(t.ID+1), label: room.Labels[t.Label], color: room.Colors[t.Color],
			x: t.X, y: t.Y, z: t.Z, dx: t.Size[0], dy: t.Size[1], dz: t.Size[2], yaw: t.Yaw,
			seen: (t.ID*7 + int(seed%97)) % 1009,
		})
	}
	return o, r
}

// snapshot is the memory of a robot that perceives perfectly.
func (o *oracle) snapshot(r *room.Room) *scene.Snapshot {
	s := &scene.Snapshot{
		Seq: 1, Mono: time.Hour, Wall: time.Unix(1000, 0).UTC(), PoseSource: scene.PoseOdometry,
		Robot: scene.Pose{X: o.x, Y: o.y, Yaw: o.yaw}, HFOV: math.Pi / 2, Looked: 1, Consistency: 1,
		Labels: room.Labels[:], Colors: room.Colors[:], Stats: scene.Stats{Observations: 1},
		Room: scene.RoomEstimate{
			Length: math.Max(r.Length, r.Width), Width: math.Min(r.Length, r.Width), Height: r.Height, Area: r.Area(),
			AreaVar: 1e-8, LengthVar: 1e-8, WidthVar: 1e-8, HeightVar: 1e-8,
		},
	}
	const tiny = 1e-8
	for i := range o.solids {
		t := &o.solids[i]
		labels, colors := make([]float64, len(s.Labels)), make([]float64, len(s.Colors))
		labels[slices.Index(s.Labels, t.label)] = 1
		colors[slices.Index(s.Colors, t.color)] = 1
		s.Seen = append(s.Seen, scene.Object{
			ID: t.id, Label: t.label, Color: t.color, LabelProbs: labels, ColorProbs: colors, Existence: 1, Hits: 9,
			LabelIndex: slices.Index(s.Labels, t.label),
			Box: scene.Box{
				Center: scene.Vec3{X: t.x, Y: t.y, Z: t.z}, Size: scene.Vec3{X: t.dx, Y: t.dy, Z: t.dz}, Yaw: t.yaw,
			},
			CenterCov: scene.Cov{tiny, 0, 0, 0, tiny, 0, 0, 0, tiny}, SizeVar: scene.Vec3{X: tiny, Y: tiny, Z: tiny},
			YawVar: tiny, FirstMono: time.Duration(t.seen) * time.Second, LastMono: s.Mono, LastWall: s.Wall,
		})
	}
	s.Now = s.Seen
	o.look(s)
	return s
}

// blocked says whether a place of the floor is outside of the room or inside of something.
func (o *oracle) blocked(x, y float64) bool {
	if x < 0 || y < 0 || x > o.length || y > o.width {
		return true
	}
	for i := range o.solids {
		if t := &o.solids[i]; t.obstructs() && t.holdsPoint(x, y, 0) {
			return true
		}
	}
	return false
}

// look fills the free space in the sectors before the robot and to its left; its back and its right stay unknown.
func (o *oracle) look(s *scene.Snapshot) {
	for i := range s.Free {
		from := float64(i)*10 - 180
		if from < -50 || from >= 120 {
			continue
		}
		free := scene.FreeRange
		for step := range 21 {
			bearing := (from+float64(step)/2)*math.Pi/180 + o.yaw
			for r := 0.0; r < free; r += 0.005 {
				if o.blocked(o.x+r*math.Cos(bearing), o.y+r*math.Sin(bearing)) {
					free = r
				}
			}
		}
		s.Free[i] = scene.Sector{Known: true, Free: free, FreeVar: 1e-8}
	}
}

// lane walks along a lane and returns where it is blocked first, and whether any of its floor beyond 0.6 m was not
// looked at. Sure is false where a hair decides that.
func (o *oracle) lane(heading, length, width float64) (free float64, unknown, sure bool) {
	free, sure = scene.FreeRange, true
	for f := 0.0; f < free || f <= length; f += 0.01 {
		for k := range 41 {
			side := (float64(k)/40 - 0.5) * width
			x := o.x + f*math.Cos(heading) - side*math.Sin(heading)
			y := o.y + f*math.Sin(heading) + side*math.Cos(heading)
			if f < free && o.blocked(x, y) {
				free = f
			}
			if f > length {
				continue
			}
			bearing, far := turn(o.x, o.y, o.yaw, x, y), math.Hypot(x-o.x, y-o.y)
			seen := bearing >= -50 && bearing < 120
			unknown = unknown || !seen && far > 0.6
			nearEdge := math.Min(math.Abs(bearing+50), math.Abs(bearing-120)) < 1
			sure = sure && (far < 0.55 || far > 0.65 || seen) && (far < 0.55 || !nearEdge)
		}
	}
	return free, unknown, sure
}

// cell of the floor search, and what it costs to get there.
type cell struct {
	i    int
	cost float64
}

type cells []cell

func (c cells) Len() int           { return len(c) }
func (c cells) Less(i, j int) bool { return c[i].cost < c[j].cost }
func (c cells) Swap(i, j int)      { c[i], c[j] = c[j], c[i] }
func (c *cells) Push(x any)        { *c = append(*c, x.(cell)) }
func (c *cells) Pop() any {
	last := (*c)[len(*c)-1]
	*c = (*c)[:len(*c)-1]
	return last
}

// walk finds the shortest way over a grid, in sixteen directions, from the robot to within arrival of the goal, keeping
// a distance from everything but what is excused. It returns infinity when there is none.
func (o *oracle) walk(goal *solid, keep, arrival float64, excused func(*solid) bool) float64 {
	const step, side = 0.08, 250
	var inWay []*solid
	for i := range o.solids {
		if t := &o.solids[i]; t.obstructs() && !excused(t) {
			inWay = append(inWay, t)
		}
	}
	x0, y0 := o.x-step*side/2, o.y-step*side/2
	at := func(i int) (x, y float64) { return x0 + step*float64(i%side), y0 + step*float64(i/side) }
	open := func(x, y float64) bool {
		for _, t := range inWay {
			if math.Hypot(x-t.x, y-t.y) < keep+math.Hypot(t.dx, t.dy)/2 &&
				t.floorDistance(x, y) < math.Min(keep, t.floorDistance(o.x, o.y)) {
				return false
			}
		}
		return x < max(goal.x, o.x)+4 && y < max(goal.y, o.y)+4 && x > min(goal.x, o.x)-4 && y > min(goal.y, o.y)-4
	}
	best, shut := make([]float64, side*side), make([]bool, side*side)
	for i := range best {
		best[i] = math.Inf(1)
		shut[i] = !open(at(i))
	}
	first := side*side/2 + side/2
	best[first] = 0
	queue := cells{{first, 0}}
	moves := [][2]int{
		{1, 0},
		{0, 1},
		{-1, 0},
		{0, -1},
		{1, 1},
		{-1, 1},
		{1, -1},
		{-1, -1},
		{2, 1},
		{1, 2},
		{-1, 2},
		{-2, 1},
		{-2, -1},
		{-1, -2},
		{1, -2},
		{2, -1},
	}
	for len(queue) > 0 {
		c := heap.Pop(&queue).(cell)
		x, y := at(c.i)
		if goal.floorDistance(x, y) <= arrival {
			return c.cost
		}
		if c.cost > best[c.i] {
			continue
		}
		for _, m := range moves {
			j := c.i + m[0] + m[1]*side
			next := c.cost + step*math.Hypot(float64(m[0]), float64(m[1]))
			if j < 0 || j >= side*side || next >= best[j] || shut[j] {
				continue
			}
			best[j] = next
			heap.Push(&queue, cell{j, next})
		}
	}
	return math.Inf(1)
}

func (s *solid) String() string {
	return fmt.Sprintf("%s %s %s at %.2f %.2f %.2f", s.id, s.color, s.label, s.x, s.y, s.z)
}
