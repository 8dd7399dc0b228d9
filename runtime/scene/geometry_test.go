package scene

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func drawBox(t *rapid.T, name string) Box {
	f := func(low, high float64, what string) float64 { return rapid.Float64Range(low, high).Draw(t, name+what) }
	return Box{
		Center: Vec3{f(-3, 3, "x"), f(-3, 3, "y"), f(-1, 2, "z")},
		Size:   Vec3{f(0.05, 2, "sx"), f(0.05, 2, "sy"), f(0.05, 2, "sz")},
		Yaw:    f(-math.Pi, math.Pi, "yaw"),
	}
}

// surface calls visit with a grid of points all over the box, borders included.
func surface(b Box, n int, visit func(Vec3)) {
	at := func(i int) float64 { return float64(i)/float64(n) - 0.5 }
	for i := range n + 1 {
		for j := range n + 1 {
			for k := range n + 1 {
				visit(b.fromLocal(Vec3{at(i) * b.Size.X, at(j) * b.Size.Y, at(k) * b.Size.Z}))
			}
		}
	}
}

// pointDistance is the distance from a point to a solid box.
func pointDistance(b Box, p Vec3) float64 {
	l := b.toLocal(p)
	return Vec3{
		max(math.Abs(l.X)-b.Size.X/2, 0), max(math.Abs(l.Y)-b.Size.Y/2, 0), max(math.Abs(l.Z)-b.Size.Z/2, 0),
	}.Norm()
}

func TestDistanceAgainstSampling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawBox(t, "a"), drawBox(t, "b")
		const n = 12
		sampled := math.Inf(1)
		surface(a, n, func(p Vec3) { sampled = min(sampled, pointDistance(b, p)) })
		got := Distance(a, b)
		grid := a.Size.Norm() / n // a sample lies within half a cell of the closest point
		if got > sampled+1e-9 || got < sampled-grid {
			t.Fatalf("distance %g, sampled %g with a grid of %g", got, sampled, grid)
		}
		if back := Distance(b, a); math.Abs(back-got) > 1e-9 {
			t.Fatalf("not symmetric: %g and %g", got, back)
		}
	})
}

func TestClosestPointsLieInTheirBoxes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawBox(t, "a"), drawBox(t, "b")
		pa, pb := ClosestPoints(a, b)
		if pointDistance(a, pa) > 1e-9 || pointDistance(b, pb) > 1e-9 {
			t.Fatalf("points %v %v outside", pa, pb)
		}
	})
}

func TestDistanceOfKnownBoxes(t *testing.T) {
	unit := func(x, y, z, yaw float64) Box { return Box{Vec3{x, y, z}, Vec3{1, 1, 1}, yaw} }
	for _, c := range []struct {
		name string
		a, b Box
		want float64
	}{
		{"side by side", unit(0, 0, 0, 0), unit(3, 0, 0, 0), 2},
		{"above", unit(0, 0, 0, 0), unit(0.2, 0.3, 4, 1), 3},
		{"corner to side", unit(0, 0, 0, math.Pi/4), unit(3, 0, 0, 0), 2.5 - math.Sqrt2/2},
		{"skew", unit(0, 0, 0, 0), unit(3, 0, 4, 0), math.Hypot(2, 3)},
		{"inside", Box{Size: Vec3{4, 4, 4}}, unit(0.5, 0, 0, 1), 0},
		{"cross", Box{Size: Vec3{4, .2, 1}}, Box{Size: Vec3{.2, 4, 1}}, 0},
	} {
		if got := Distance(c.a, c.b); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%s: %g, want %g", c.name, got, c.want)
		}
	}
}

func TestFootprintDistanceAgainstSampling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawBox(t, "b")
		x, y := rapid.Float64Range(-4, 4).Draw(t, "x"), rapid.Float64Range(-4, 4).Draw(t, "y")
		const n = 20
		sampled := math.Inf(1)
		surface(b, n, func(p Vec3) { sampled = min(sampled, math.Hypot(p.X-x, p.Y-y)) })
		got := b.FootprintDistance(x, y)
		if got > sampled+1e-9 || got < sampled-math.Hypot(b.Size.X, b.Size.Y)/n {
			t.Fatalf("distance %g, sampled %g", got, sampled)
		}
		px, py := b.ClosestOnFootprint(x, y)
		if math.Abs(math.Hypot(px-x, py-y)-got) > 1e-9 {
			t.Fatalf("closest point (%g, %g) is not at %g", px, py, got)
		}
		if b.ContainsXY(x, y, 0) != (got == 0) {
			t.Fatalf("contains disagrees with distance %g", got)
		}
	})
}

func TestIoUAgainstSampling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawBox(t, "a"), drawBox(t, "b")
		b.Center = a.Center.Add(b.Center.Scale(0.2)) // near each other, or nearly every draw is 0
		const n = 60                                 // cells along each side of the footprint, judged at their middles
		inside := 0
		for i := range n * n {
			u, v := (float64(i%n)+0.5)/n-0.5, (float64(i/n)+0.5)/n-0.5
			p := a.fromLocal(Vec3{u * a.Size.X, v * a.Size.Y, 0})
			if l := b.toLocal(p); math.Abs(l.X) <= b.Size.X/2 && math.Abs(l.Y) <= b.Size.Y/2 {
				inside++
			}
		}
		low := max(a.Center.Z-a.Size.Z/2, b.Center.Z-b.Size.Z/2)
		high := min(a.Center.Z+a.Size.Z/2, b.Center.Z+b.Size.Z/2)
		inter := float64(inside) / (n * n) * a.Size.X * a.Size.Y * max(high-low, 0)
		want := inter / (a.Volume() + b.Volume() - inter)
		if got := IoU(a, b); math.Abs(got-want) > 0.04 {
			t.Fatalf("IoU %g, sampled %g", got, want)
		}
		if back := IoU(b, a); math.Abs(back-IoU(a, b)) > 1e-9 {
			t.Fatalf("not symmetric")
		}
	})
}

func TestBoundsHoldEveryCorner(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawBox(t, "b")
		low, high := b.Bounds()
		l, h := b.Center, b.Center
		for _, c := range b.Corners() {
			l = Vec3{min(l.X, c.X), min(l.Y, c.Y), min(l.Z, c.Z)}
			h = Vec3{max(h.X, c.X), max(h.Y, c.Y), max(h.Z, c.Z)}
		}
		if low.Sub(l).Norm() > 1e-9 || high.Sub(h).Norm() > 1e-9 {
			t.Fatalf("bounds %v %v, corners %v %v", low, high, l, h)
		}
	})
}

func TestIoUAxisAligned(t *testing.T) {
	a := Box{Vec3{0, 0, 0}, Vec3{2, 2, 2}, 0}
	b := Box{Vec3{1, 0, 0}, Vec3{2, 2, 2}, math.Pi / 2}
	if got := IoUAxisAligned(a, b); math.Abs(got-1.0/3) > 1e-9 {
		t.Fatalf("got %g, want 1/3", got)
	}
	if got := IoUAxisAligned(a, Box{Center: Vec3{9, 0, 0}, Size: Vec3{1, 1, 1}}); got != 0 {
		t.Fatalf("got %g for disjoint boxes", got)
	}
}

func TestRayEntryAgainstMarching(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawBox(t, "b")
		o := Vec3{rapid.Float64Range(-4, 4).Draw(t, "ox"), rapid.Float64Range(-4, 4).Draw(t, "oy"), 0.5}
		dir := b.Center.Sub(o).Add(Vec3{0, 0, rapid.Float64Range(-1, 1).Draw(t, "dz")})
		if dir.Norm() < 1e-3 {
			t.Skip("no direction")
		}
		dir = dir.Scale(1 / dir.Norm())
		enter, _, ok := b.rayEntry(o, dir)
		first := -1.0
		for s := 0.0; s < 12; s += 0.005 {
			if pointDistance(b, o.Add(dir.Scale(s))) == 0 {
				first = s
				break
			}
		}
		if first >= 0 && (!ok || math.Abs(enter-first) > 0.006) {
			t.Fatalf("entry %g %v, marched %g", enter, ok, first)
		}
	})
}

func TestWrapAngle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Float64Range(-100, 100).Draw(t, "a")
		w := WrapAngle(a)
		if w <= -math.Pi || w > math.Pi || math.Abs(math.Sin(a)-math.Sin(w)) > 1e-9 ||
			math.Abs(math.Cos(a)-math.Cos(w)) > 1e-9 {
			t.Fatalf("wrap %g is %g", a, w)
		}
	})
	if WrapAngle(-math.Pi) != math.Pi || WrapAngle(math.Pi) != math.Pi {
		t.Fatal("half a turn must be +pi")
	}
}
