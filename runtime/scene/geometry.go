package scene

import "math"

// Add returns v + w.
func (v Vec3) Add(w Vec3) Vec3 { return Vec3{v.X + w.X, v.Y + w.Y, v.Z + w.Z} }

// Sub returns v - w.
func (v Vec3) Sub(w Vec3) Vec3 { return Vec3{v.X - w.X, v.Y - w.Y, v.Z - w.Z} }

// Scale returns v with every component multiplied by s.
func (v Vec3) Scale(s float64) Vec3 { return Vec3{v.X * s, v.Y * s, v.Z * s} }

// Dot returns the scalar product of v and w.
func (v Vec3) Dot(w Vec3) float64 { return v.X*w.X + v.Y*w.Y + v.Z*w.Z }

// Norm returns the length of v.
func (v Vec3) Norm() float64 { return math.Sqrt(v.Dot(v)) }

// WrapAngle returns the angle in radians that equals a modulo one turn and lies in (-pi, pi].
func WrapAngle(a float64) float64 {
	a = math.Mod(a, 2*math.Pi)
	if a > math.Pi {
		return a - 2*math.Pi
	}
	if a <= -math.Pi {
		return a + 2*math.Pi
	}
	return a
}

// toLocal turns a point of the outer frame into the box's own axes, with the centre as origin.
func (b Box) toLocal(p Vec3) Vec3 {
	sin, cos := math.Sincos(b.Yaw)
	d := p.Sub(b.Center)
	return Vec3{cos*d.X + sin*d.Y, -sin*d.X + cos*d.Y, d.Z}
}

// fromLocal is the inverse of toLocal.
func (b Box) fromLocal(p Vec3) Vec3 {
	sin, cos := math.Sincos(b.Yaw)
	return b.Center.Add(Vec3{cos*p.X - sin*p.Y, sin*p.X + cos*p.Y, p.Z})
}

// Bottom returns the height of the lower face.
func (b Box) Bottom() float64 { return b.Center.Z - b.Size.Z/2 }

// Top returns the height of the upper face.
func (b Box) Top() float64 { return b.Center.Z + b.Size.Z/2 }

// Volume returns the volume in cubic metres.
func (b Box) Volume() float64 { return b.Size.X * b.Size.Y * b.Size.Z }

// Longest returns the largest of the three extents.
func (b Box) Longest() float64 { return max(b.Size.X, b.Size.Y, b.Size.Z) }

// Corners returns the eight corners: the lower face counter-clockwise from (-X, -Y), then the upper face likewise.
func (b Box) Corners() [8]Vec3 {
	foot := b.footprint()
	var c [8]Vec3
	for i, p := range foot {
		c[i] = Vec3{p.X, p.Y, b.Bottom()}
		c[i+4] = Vec3{p.X, p.Y, b.Top()}
	}
	return c
}

// footprint returns the corners of the box on the floor plane, counter-clockwise, with Z zero.
func (b Box) footprint() [4]Vec3 {
	hx, hy := b.Size.X/2, b.Size.Y/2
	flat := Box{Center: Vec3{b.Center.X, b.Center.Y, 0}, Yaw: b.Yaw}
	return [4]Vec3{
		flat.fromLocal(Vec3{-hx, -hy, 0}), flat.fromLocal(Vec3{hx, -hy, 0}),
		flat.fromLocal(Vec3{hx, hy, 0}), flat.fromLocal(Vec3{-hx, hy, 0}),
	}
}

// ClosestOnFootprint returns the point of the box's footprint closest to (x, y); the point itself when it is inside.
func (b Box) ClosestOnFootprint(x, y float64) (px, py float64) {
	l := b.toLocal(Vec3{x, y, b.Center.Z})
	l.X = clamp(l.X, -b.Size.X/2, b.Size.X/2)
	l.Y = clamp(l.Y, -b.Size.Y/2, b.Size.Y/2)
	p := b.fromLocal(l)
	return p.X, p.Y
}

// FootprintDistance returns the horizontal distance from (x, y) to the box, zero when the point is inside.
func (b Box) FootprintDistance(x, y float64) float64 {
	l := b.toLocal(Vec3{x, y, b.Center.Z})
	dx := max(math.Abs(l.X)-b.Size.X/2, 0)
	dy := max(math.Abs(l.Y)-b.Size.Y/2, 0)
	return math.Hypot(dx, dy)
}

// ContainsXY says whether (x, y) lies in the footprint enlarged by margin metres on every side.
func (b Box) ContainsXY(x, y, margin float64) bool {
	l := b.toLocal(Vec3{x, y, b.Center.Z})
	return math.Abs(l.X) <= b.Size.X/2+margin && math.Abs(l.Y) <= b.Size.Y/2+margin
}

// Bounds returns the corners of the smallest axis-aligned box around b.
func (b Box) Bounds() (low, high Vec3) {
	sin, cos := math.Sincos(b.Yaw)
	hx := (math.Abs(cos)*b.Size.X + math.Abs(sin)*b.Size.Y) / 2
	hy := (math.Abs(sin)*b.Size.X + math.Abs(cos)*b.Size.Y) / 2
	h := Vec3{hx, hy, b.Size.Z / 2}
	return b.Center.Sub(h), b.Center.Add(h)
}

// Distance returns the distance between the closest points of two boxes, zero when they touch or overlap. It is
// exact: both boxes are upright, so the horizontal distance of their footprints and the vertical gap are independent.
func Distance(a, b Box) float64 {
	pa, pb := ClosestPoints(a, b)
	return pb.Sub(pa).Norm()
}

// ClosestPoints returns a point of a and a point of b whose distance is Distance(a, b). When the boxes overlap both
// are the same point inside both.
func ClosestPoints(a, b Box) (pa, pb Vec3) {
	pa, pb = closestFootprints(a, b)
	low, high := max(a.Bottom(), b.Bottom()), min(a.Top(), b.Top())
	switch {
	case low <= high:
		pa.Z, pb.Z = (low+high)/2, (low+high)/2
	case a.Bottom() > b.Top():
		pa.Z, pb.Z = a.Bottom(), b.Top()
	default:
		pa.Z, pb.Z = a.Top(), b.Bottom()
	}
	return pa, pb
}

// closestFootprints solves ClosestPoints in the floor plane. For two disjoint convex shapes the shortest connection
// starts at a corner of one of them, so eight clamps find it.
func closestFootprints(a, b Box) (pa, pb Vec3) {
	if p, overlap := commonPoint(a, b); overlap {
		return p, p
	}
	best := math.Inf(1)
	for _, c := range a.footprint() {
		x, y := b.ClosestOnFootprint(c.X, c.Y)
		if d := math.Hypot(x-c.X, y-c.Y); d < best {
			best, pa, pb = d, Vec3{c.X, c.Y, 0}, Vec3{x, y, 0}
		}
	}
	for _, c := range b.footprint() {
		x, y := a.ClosestOnFootprint(c.X, c.Y)
		if d := math.Hypot(x-c.X, y-c.Y); d < best {
			best, pa, pb = d, Vec3{x, y, 0}, Vec3{c.X, c.Y, 0}
		}
	}
	return pa, pb
}

// commonPoint returns a point in both footprints, if there is one.
func commonPoint(a, b Box) (Vec3, bool) {
	poly := intersectFootprints(a, b)
	if poly.n == 0 {
		return Vec3{}, false
	}
	var sum Vec3
	for _, p := range poly.p[:poly.n] {
		sum = sum.Add(p)
	}
	return sum.Scale(1 / float64(poly.n)), true
}

// IoUAxisAligned returns the intersection over union of the axis-aligned bounds of two boxes, 0..1.
func IoUAxisAligned(a, b Box) float64 {
	la, ha := a.Bounds()
	lb, hb := b.Bounds()
	inter := overlap(la.X, ha.X, lb.X, hb.X) * overlap(la.Y, ha.Y, lb.Y, hb.Y) * overlap(la.Z, ha.Z, lb.Z, hb.Z)
	sa, sb := ha.Sub(la), hb.Sub(lb)
	return ratio(inter, sa.X*sa.Y*sa.Z+sb.X*sb.Y*sb.Z-inter)
}

// IoU returns the intersection over union of two oriented boxes, 0..1.
func IoU(a, b Box) float64 {
	height := overlap(a.Bottom(), a.Top(), b.Bottom(), b.Top())
	if height == 0 {
		return 0
	}
	poly := intersectFootprints(a, b)
	inter := poly.area() * height
	return ratio(inter, a.Volume()+b.Volume()-inter)
}

// overlap returns the length of the intersection of two intervals.
func overlap(la, ha, lb, hb float64) float64 { return max(min(ha, hb)-max(la, lb), 0) }

// ratio returns a/b within 0..1, and 0 where b is not positive.
func ratio(a, b float64) float64 {
	if b <= 0 {
		return 0
	}
	return clamp(a/b, 0, 1)
}

func clamp(x, low, high float64) float64 { return min(max(x, low), high) }

// polygon is a convex polygon in the floor plane. A rectangle cut by four half-planes has at most eight corners.
type polygon struct {
	p [8]Vec3
	n int
}

// intersectFootprints clips the footprint of a with the four sides of b.
func intersectFootprints(a, b Box) polygon {
	var poly polygon
	foot := a.footprint()
	poly.n = copy(poly.p[:], foot[:])
	sin, cos := math.Sincos(b.Yaw)
	for _, s := range [4]struct{ x, y, half float64 }{
		{cos, sin, b.Size.X / 2},
		{-cos, -sin, b.Size.X / 2},
		{-sin, cos, b.Size.Y / 2},
		{sin, -cos, b.Size.Y / 2},
	} {
		poly = poly.clip(s.x, s.y, s.x*b.Center.X+s.y*b.Center.Y+s.half)
	}
	return poly
}

// clip keeps the part of the polygon where nx*x + ny*y <= limit.
func (g polygon) clip(nx, ny, limit float64) polygon {
	var out polygon
	for i := range g.n {
		p, q := g.p[i], g.p[(i+1)%g.n]
		dp, dq := nx*p.X+ny*p.Y-limit, nx*q.X+ny*q.Y-limit
		if dp <= 0 {
			out.add(p)
		}
		if (dp < 0 && dq > 0) || (dp > 0 && dq < 0) {
			out.add(p.Add(q.Sub(p).Scale(dp / (dp - dq))))
		}
	}
	return out
}

// add appends a corner; rounding can never make a ninth one matter, so it is dropped.
func (g *polygon) add(p Vec3) {
	if g.n < len(g.p) {
		g.p[g.n] = p
		g.n++
	}
}

// area returns the area by the shoelace formula.
func (g polygon) area() float64 {
	sum := 0.0
	for i := range g.n {
		p, q := g.p[i], g.p[(i+1)%g.n]
		sum += p.X*q.Y - q.X*p.Y
	}
	return math.Abs(sum) / 2
}

// rayEntry returns where the ray from origin along the unit vector dir enters and leaves the box; ok is false when
// it misses. An origin inside the box enters at zero.
func (b Box) rayEntry(origin, dir Vec3) (enter, leave float64, ok bool) {
	o := b.toLocal(origin)
	d := Box{Yaw: b.Yaw}.toLocal(dir)
	enter, leave = 0, math.Inf(1)
	for _, s := range [3][3]float64{{o.X, d.X, b.Size.X / 2}, {o.Y, d.Y, b.Size.Y / 2}, {o.Z, d.Z, b.Size.Z / 2}} {
		if s[1] == 0 {
			if math.Abs(s[0]) > s[2] {
				return 0, 0, false
			}
			continue
		}
		t0, t1 := (-s[2]-s[0])/s[1], (s[2]-s[0])/s[1]
		enter, leave = max(enter, min(t0, t1)), min(leave, max(t0, t1))
	}
	return enter, leave, enter <= leave
}
