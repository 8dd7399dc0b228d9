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
	lo, hi vec // center -+ half, kept by measure
	taper  float64
}

// hit is where a ray meets a surface: distance along the ray, outward normal, and surface coordinates in metres.
type hit struct {
	t      float64
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

// meet reports the first hit of the part beyond the ray's origin and nearer than h.t, and stores it in h.
func (p *part) meet(r *ray, h *hit) bool {
	switch p.shape {
	case frustum:
		return p.meetFrustum(r, h)
	case ellipsoid:
		return p.meetEllipsoid(r, h)
	default:
		return p.meetCuboid(r, h)
	}
}

func (p *part) meetCuboid(r *ray, h *hit) bool {
	in, out := slab(r, &p.lo, &p.hi)
	if in > out || out < nearest || in >= h.t {
		return false
	}
	if in < nearest { // the camera never stands inside a part; a shadow ray leaving one starts on its skin
		return false
	}
	q := r.o.along(in, r.d).sub(p.center)
	dx, dy, dz := math.Abs(q.x)/p.half.x, math.Abs(q.y)/p.half.y, math.Abs(q.z)/p.half.z
	*h = hit{t: in, mat: p.mat}
	switch {
	case dx >= dy && dx >= dz:
		h.normal, h.u, h.v = vec{math.Copysign(1, q.x), 0, 0}, q.y, q.z
	case dy >= dz:
		h.normal, h.u, h.v = vec{0, math.Copysign(1, q.y), 0}, q.x, q.z
	default:
		h.normal, h.u, h.v = vec{0, 0, math.Copysign(1, q.z)}, q.x, q.y
	}
	return true
}

func (p *part) meetEllipsoid(r *ray, h *hit) bool {
	k := vec{1 / p.half.x, 1 / p.half.y, 1 / p.half.z}
	o, d := r.o.sub(p.center).mul(k), r.d.mul(k)
	a, b, c := d.dot(d), o.dot(d), o.dot(o)-1
	disc := float64(b*b) - float64(a*c)
	if disc < 0 {
		return false
	}
	t := (-b - math.Sqrt(disc)) / a
	if t < nearest || t >= h.t {
		return false
	}
	q := o.along(t, d)
	*h = hit{t: t, mat: p.mat, normal: q.mul(k).unit(), u: around(q) * p.half.x, v: q.z * p.half.z}
	return true
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

func (p *part) meetFrustum(r *ray, h *hit) bool {
	o := r.o.sub(p.center)
	r0, r1 := p.half.x, p.half.x*p.taper
	slope := (r1 - r0) / (2 * p.half.z)
	m := (r0 + r1) / 2
	rad, drad := m+float64(slope*o.z), slope*r.d.z
	a := float64(r.d.x*r.d.x) + float64(r.d.y*r.d.y) - float64(drad*drad)
	b := float64(o.x*r.d.x) + float64(o.y*r.d.y) - float64(rad*drad)
	c := float64(o.x*o.x) + float64(o.y*o.y) - float64(rad*rad)
	found := p.meetCaps(r, o, h)
	disc := float64(b*b) - float64(a*c)
	if disc < 0 || a == 0 {
		return found
	}
	t := (-b - math.Sqrt(disc)) / a
	if t < nearest || t >= h.t {
		return found
	}
	q := o.along(t, r.d)
	if math.Abs(q.z) > p.half.z || m+slope*q.z < 0 {
		return found
	}
	n := vec{q.x, q.y, -slope * (m + float64(slope*q.z))}.unit()
	*h = hit{t: t, mat: p.mat, normal: n, u: around(q) * m * 1.57, v: q.z}
	return true
}

func (p *part) meetCaps(r *ray, o vec, h *hit) bool {
	side := -math.Copysign(1, r.d.z) // the cap that faces the ray
	t := (float64(side*p.half.z) - o.z) * r.inv.z
	if t < nearest || t >= h.t {
		return false
	}
	q := o.along(t, r.d)
	rad := p.half.x
	if side > 0 {
		rad *= p.taper
	}
	if float64(q.x*q.x)+float64(q.y*q.y) > rad*rad {
		return false
	}
	*h = hit{t: t, mat: p.mat, normal: vec{0, 0, side}, u: q.x, v: q.y}
	return true
}
