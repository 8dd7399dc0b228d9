package room

import "math"

// shape names the solids that furniture is made of.
type shape uint8

const (
	cuboid    shape = iota // axis-aligned in the thing's own frame
	frustum                // upright, round; half.x is the radius at the foot, taper*half.x at the top
	ellipsoid              // half holds the three radii
)

// part is one solid of a thing, in the thing's own frame: x to its front, y to its left, z up from its foot.
type part struct {
	shape  shape
	mat    uint8 // index into the thing's materials
	center vec
	half   vec
	lo, hi vec // the bounds, kept by measure
	taper  float64
}

// hit is where a ray meets a surface: distance along the ray, which part of which thing, outward normal, and surface
// coordinates in metres.
type hit struct {
	t      float64
	who    int // as in touch
	part   int
	normal vec
	u, v   float64
	mat    uint8
}

// ray is a half line with a unit direction; inv holds the reciprocals for the slab test.
type ray struct{ o, d, inv vec }

func newRay(o, d vec) ray {
	return ray{o: o, d: d, inv: vec{1 / d.x, 1 / d.y, 1 / d.z}}
}

const nearest = 1e-4 // a surface this close to the ray's origin is the one that it leaves

// slab returns the distances at which the ray enters and leaves an axis-aligned box.
func slab(r *ray, lo, hi *vec) (in, out float64) {
	ax, bx := (lo.x-r.o.x)*r.inv.x, (hi.x-r.o.x)*r.inv.x
	ay, by := (lo.y-r.o.y)*r.inv.y, (hi.y-r.o.y)*r.inv.y
	az, bz := (lo.z-r.o.z)*r.inv.z, (hi.z-r.o.z)*r.inv.z
	if ax > bx {
		ax, bx = bx, ax
	}
	if ay > by {
		ay, by = by, ay
	}
	if az > bz {
		az, bz = bz, az
	}
	in, out = ax, bx
	if ay > in {
		in = ay
	}
	if az > in {
		in = az
	}
	if by < out {
		out = by
	}
	if bz < out {
		out = bz
	}
	return in, out
}

// bounds are the lowest and the highest corner of the box around the part.
func (p *part) bounds() (lo, hi vec) {
	h := p.half
	if p.shape == frustum && p.taper > 1 {
		h.x, h.y = h.x*p.taper, h.y*p.taper
	}
	return p.center.sub(h), p.center.add(h)
}

// face says which surface of a part a ray met.
type face uint8

const (
	side  face = iota // of a frustum; the only one of an ellipsoid
	cap0              // of a frustum, upper or lower: the one that faces the ray
	faceX             // of a cuboid, across the named axis
	faceY
	faceZ
)

// meet returns the distance of the part's first surface beyond the ray's origin and nearer than far; false when there
// is none. It leaves out what only the nearest surface of all needs: that is surface's work.
func (p *part) meet(r *ray, far float64) (t float64, f face, found bool) {
	switch p.shape {
	case frustum:
		return p.meetFrustum(r, far)
	case ellipsoid:
		t, found = p.meetEllipsoid(r, far)
		return t, side, found
	default:
		t, out := slab(r, &p.lo, &p.hi)
		// The camera never stands inside a part; a shadow ray leaving one starts on its skin.
		return t, faceX, t <= out && t >= nearest && t < far
	}
}

// surface describes the place at distance t where the ray met the face of the part.
func (p *part) surface(r *ray, t float64, f face) hit {
	q := r.o.along(t, r.d).sub(p.center)
	h := hit{t: t, mat: p.mat}
	switch {
	case f == cap0:
		h.normal, h.u, h.v = vec{0, 0, -math.Copysign(1, r.d.z)}, q.x, q.y
	case p.shape == frustum:
		m, slope := p.cone()
		h.normal = vec{q.x, q.y, -slope * (m + float64(slope*q.z))}.unit()
		h.u, h.v = around(q)*m*1.57, q.z
	case p.shape == ellipsoid:
		k := vec{1 / p.half.x, 1 / p.half.y, 1 / p.half.z}
		e := q.mul(k)
		h.normal, h.u, h.v = e.mul(k).unit(), around(e)*p.half.x, q.z
	default:
		h.normal, h.u, h.v = p.facet(q)
	}
	return h
}

// facet is the normal and the surface coordinates of a cuboid at a point of its skin, counted from its middle.
func (p *part) facet(q vec) (normal vec, u, v float64) {
	dx, dy, dz := math.Abs(q.x)/p.half.x, math.Abs(q.y)/p.half.y, math.Abs(q.z)/p.half.z
	switch {
	case dx >= dy && dx >= dz:
		return vec{math.Copysign(1, q.x), 0, 0}, q.y, q.z
	case dy >= dz:
		return vec{0, math.Copysign(1, q.y), 0}, q.x, q.z
	default:
		return vec{0, 0, math.Copysign(1, q.z)}, q.x, q.y
	}
}

func (p *part) meetEllipsoid(r *ray, far float64) (float64, bool) {
	k := vec{1 / p.half.x, 1 / p.half.y, 1 / p.half.z}
	o, d := r.o.sub(p.center).mul(k), r.d.mul(k)
	a, b, c := d.dot(d), o.dot(d), o.dot(o)-1
	disc := float64(b*b) - float64(a*c)
	if disc < 0 {
		return 0, false
	}
	t := (-b - math.Sqrt(disc)) / a
	return t, t >= nearest && t < far
}

// around is a cheap stand-in for the angle about +z, in (-2, 2]: textures need a coordinate, not an angle.
func around(q vec) float64 {
	s := math.Abs(q.x) + math.Abs(q.y)
	if s == 0 {
		return 0
	}
	if q.x >= 0 {
		return q.y / s
	}
	return math.Copysign(2, q.y) - q.y/s
}

// cone is the radius of a frustum at half of its height, and how it changes with height.
func (p *part) cone() (middle, slope float64) {
	top := p.half.x * p.taper
	return (p.half.x + top) / 2, (top - p.half.x) / (2 * p.half.z)
}

func (p *part) meetFrustum(r *ray, far float64) (float64, face, bool) {
	o := r.o.sub(p.center)
	m, slope := p.cone()
	rad, drad := m+float64(slope*o.z), slope*r.d.z
	a := float64(r.d.x*r.d.x) + float64(r.d.y*r.d.y) - float64(drad*drad)
	b := float64(o.x*r.d.x) + float64(o.y*r.d.y) - float64(rad*drad)
	c := float64(o.x*o.x) + float64(o.y*o.y) - float64(rad*rad)
	end, found := p.meetCap(r, o, far)
	if found {
		far = end
	}
	disc := float64(b*b) - float64(a*c)
	if disc < 0 || a == 0 {
		return end, cap0, found
	}
	t := (-b - math.Sqrt(disc)) / a
	if t < nearest || t >= far {
		return end, cap0, found
	}
	z := o.z + float64(t*r.d.z)
	if math.Abs(z) > p.half.z || m+slope*z < 0 {
		return end, cap0, found
	}
	return t, side, true
}

func (p *part) meetCap(r *ray, o vec, far float64) (float64, bool) {
	up := -math.Copysign(1, r.d.z) // the cap that faces the ray
	t := (float64(up*p.half.z) - o.z) * r.inv.z
	if t < nearest || t >= far {
		return 0, false
	}
	x, y := o.x+float64(t*r.d.x), o.y+float64(t*r.d.y)
	rad := p.half.x
	if up > 0 {
		rad *= p.taper
	}
	return t, float64(x*x)+float64(y*y) <= rad*rad
}
