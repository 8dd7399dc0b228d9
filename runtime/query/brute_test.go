package query

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/vega-edge/vegad/runtime/scene"
)

// The functions below answer questions a second time, written without the package's geometry.

// edge is the number of steps along each edge of a box.
const edge = 5

// cloud returns a grid of points over a box.
func cloud(b scene.Box) [][3]float64 {
	var points [][3]float64
	for i := range edge + 1 {
		for j := range edge + 1 {
			for k := range edge + 1 {
				lx, ly := (float64(i)/edge-0.5)*b.Size.X, (float64(j)/edge-0.5)*b.Size.Y
				points = append(points, [3]float64{
					b.Center.X + lx*math.Cos(b.Yaw) - ly*math.Sin(b.Yaw),
					b.Center.Y + lx*math.Sin(b.Yaw) + ly*math.Cos(b.Yaw),
					b.Center.Z + (float64(k)/edge-0.5)*b.Size.Z,
				})
			}
		}
	}
	return points
}

// clouds returns the least distance between the points of two boxes, an upper bound within a grid cell of the truth.
func clouds(a, b scene.Box) (distance, cell float64) {
	distance = math.Inf(1)
	pb := cloud(b)
	for _, p := range cloud(a) {
		for _, q := range pb {
			distance = min(distance, math.Hypot(math.Hypot(p[0]-q[0], p[1]-q[1]), p[2]-q[2]))
		}
	}
	return distance, (a.Size.Norm() + b.Size.Norm()) / edge
}

func drawScene(t *rapid.T) *scene.Snapshot {
	f := func(low, high float64, what string) float64 { return rapid.Float64Range(low, high).Draw(t, what) }
	robot := scene.Pose{X: f(-2, 2, "rx"), Y: f(-2, 2, "ry"), Yaw: f(-3, 3, "ryaw")}
	items := make([]item, rapid.IntRange(1, 9).Draw(t, "n"))
	for i := range items {
		items[i] = item{
			label: rapid.SampledFrom([]string{"chair", "table", "box"}).Draw(t, "label"),
			color: rapid.SampledFrom([]string{"red", "green"}).Draw(t, "color"),
			x:     f(-4, 4, "x"), y: f(-4, 4, "y"), z: f(0, 0.5, "z"),
			size: scene.Vec3{X: f(.1, 1, "sx"), Y: f(.1, 1, "sy"), Z: f(.1, 1, "sz")}, yaw: f(-3, 3, "yaw"),
		}
	}
	return build(robot, items...)
}

func drawReferent(t *rapid.T) *Referent {
	return &Referent{
		Label: rapid.SampledFrom([]string{"chair", "table", "box"}).Draw(t, "wanted"),
		Color: rapid.SampledFrom([]string{"", "red", "green"}).Draw(t, "wanted color"),
	}
}

// matches lists the objects with the referent's label and colour.
func matches(s *scene.Snapshot, r *Referent) []scene.Object {
	var list []scene.Object
	for _, o := range s.Seen {
		if o.Label == r.Label && (r.Color == "" || o.Color == r.Color) {
			list = append(list, o)
		}
	}
	return list
}

func TestCountAndExistsAgainstBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, r := drawScene(t), drawReferent(t)
		want := len(matches(s, r))
		count := Execute(Query{Kind: Count, Target: r}, s, DefaultOptions())
		if *count.Value != float64(want) || *count.Interval95 != [2]float64{float64(want), float64(want)} {
			t.Fatalf("count %g in %v, want %d", *count.Value, *count.Interval95, want)
		}
		exists := Execute(Query{Kind: Exists, Target: r}, s, DefaultOptions())
		if (exists.Choice == "yes") != (want > 0) {
			t.Fatalf("exists %s with %d", exists.Choice, want)
		}
	})
}

// inBase returns a point in the robot's frame.
func inBase(p scene.Pose, x, y float64) (float64, float64) {
	dx, dy := x-p.X, y-p.Y
	return dx*math.Cos(p.Yaw) + dy*math.Sin(p.Yaw), dy*math.Cos(p.Yaw) - dx*math.Sin(p.Yaw)
}

func TestRobotCenteredKindsAgainstBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, r := drawScene(t), drawReferent(t)
		list := matches(s, r)
		d := Execute(Query{Kind: Distance, Target: r}, s, DefaultOptions())
		if len(list) == 0 {
			if d.Reason != ReasonNotSeen {
				t.Fatalf("reason %q", d.Reason)
			}
			return
		}
		floor := func(o scene.Object) (best, cell float64) {
			best = math.Inf(1)
			for _, p := range cloud(o.Box) {
				best = min(best, math.Hypot(p[0]-s.Robot.X, p[1]-s.Robot.Y))
			}
			return best, o.Box.Size.Norm() / edge
		}
		least, cell := math.Inf(1), 0.0
		for _, o := range list {
			v, c := floor(o)
			least, cell = min(least, v), max(cell, c)
		}
		if *d.Value > least+1e-9 || *d.Value < least-cell {
			t.Fatalf("distance %g, brute force %g", *d.Value, least)
		}
		direction := Execute(Query{Kind: Direction, Target: &Referent{ID: d.Objects[0].ID}}, s, DefaultOptions())
		o := list[slices.IndexFunc(list, func(o scene.Object) bool { return o.ID == d.Objects[0].ID })]
		x, y := inBase(s.Robot, o.Box.Center.X, o.Box.Center.Y)
		if direction.Status == Answered && math.Abs(*direction.Value-math.Atan2(y, x)) > 1e-9 {
			t.Fatalf("direction %g, want %g", *direction.Value, math.Atan2(y, x))
		}
		where := Execute(Query{Kind: Locate, Target: &Referent{ID: o.ID}}, s, DefaultOptions())
		if where.Objects[0].CenterM != triple(o.Box.Center) || math.Abs(where.Objects[0].BaseCenterM[0]-x) > 1e-9 {
			t.Fatalf("located at %+v, want %+v", where.Objects[0], o)
		}
	})
}

func TestDistanceBetweenThingsAgainstBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		if len(s.Seen) < 2 {
			return
		}
		a, b := s.Seen[0], s.Seen[len(s.Seen)-1]
		got := Execute(Query{
			Kind: Distance, Target: &Referent{ID: a.ID}, From: &Referent{ID: b.ID},
		}, s, DefaultOptions())
		want, cell := clouds(a.Box, b.Box)
		if *got.Value > want+1e-9 || *got.Value < want-cell {
			t.Fatalf("distance %g, brute force %g ± %g", *got.Value, want, cell)
		}
	})
}

func TestNearestAgainstBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		from := s.Seen[0]
		got := Execute(Query{Kind: Nearest, From: &Referent{ID: from.ID}}, s, DefaultOptions())
		if len(s.Seen) == 1 {
			if got.Reason != ReasonNotSeen {
				t.Fatalf("reason %q", got.Reason)
			}
			return
		}
		if got.Status != Answered { // several overlap it
			return
		}
		i := slices.IndexFunc(s.Seen, func(o scene.Object) bool { return o.ID == got.Objects[0].ID })
		chosen, _ := clouds(s.Seen[i].Box, from.Box)
		for _, o := range s.Seen[1:] {
			if d, cell := clouds(o.Box, from.Box); d < chosen-cell-0.5 {
				t.Fatalf("%s at %g is nearer than %s at %g", o.ID, d, got.Objects[0].ID, chosen)
			}
		}
	})
}

// TestConesAgainstBearings decides left, right, front and behind from bearings as an observer would.
func TestConesAgainstBearings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScene(t)
		a := &s.Seen[0]
		f := robotEye(s)
		x, y := inBase(s.Robot, a.Box.Center.X, a.Box.Center.Y)
		angle := math.Atan2(y, x) * 180 / math.Pi
		for name, axis := range map[RelationName]float64{InFrontOf: 0, LeftOf: 90, Behind: 180, RightOf: -90} {
			off := math.Abs(math.Remainder(angle-axis, 360))
			if math.Abs(off-60) > 1e-6 && f.holds(&Relation{Name: name}, &a.Box, nil, nil) != (off < 60) {
				t.Fatalf("%s of the robot at %g degrees", name, angle)
			}
		}
		if len(s.Seen) < 2 {
			return
		}
		b := &s.Seen[1]
		if b.Box.ContainsXY(a.Box.Center.X, a.Box.Center.Y, 0) {
			return
		}
		// Where the line of sight to b points up the page, left is 90 degrees counter-clockwise from it.
		sight := math.Atan2(b.Box.Center.Y-s.Robot.Y, b.Box.Center.X-s.Robot.X)
		away := math.Atan2(a.Box.Center.Y-b.Box.Center.Y, a.Box.Center.X-b.Box.Center.X)
		turn := (away - sight) * 180 / math.Pi
		for name, axis := range map[RelationName]float64{Behind: 0, LeftOf: 90, InFrontOf: 180, RightOf: -90} {
			off := math.Abs(math.Remainder(turn-axis, 360))
			if math.Abs(off-60) > 1e-6 && f.holds(&Relation{Name: name}, &a.Box, &b.Box, nil) != (off < 60) {
				t.Fatalf("%s at %g degrees from the line of sight", name, turn)
			}
		}
	})
}

// crowd is a snapshot of n uncertain things.
func crowd(n int) *scene.Snapshot {
	items := make([]item, n)
	labels, colors := testLexicon().Labels(), testLexicon().Colors()
	for i := range items {
		items[i] = item{
			labels[i%len(labels)], colors[i%len(colors)],
			float64(i%20) - 10, float64(i/20) - 5, 0, cube(0.3 + float64(i%5)/10), float64(i),
		}
	}
	s := build(scene.Pose{}, items...)
	for i := range s.Seen {
		s.Seen[i].Existence = 0.6 + 0.4*float64(i%10)/10
		s.Seen[i].CenterCov = scene.Cov{.01, 0, 0, 0, .01, 0, 0, 0, .01}
	}
	return s
}
