package room

import (
	"math"
	"math/bits"
)

// light is a point that shines, with a map of which things may stand in its way in each direction.
type light struct {
	pos, power vec
	mask       [cells * cells]uint64
	near       [64]float64 // distance to the nearest point of each thing's bounding sphere
}

const (
	cells    = 64 // the octahedral map has cells x cells directions
	notchBit = 63 // the cut corner's bit in a mask; the things have those of their numbers
)

// light hangs lamps under the ceiling and lets daylight in, and prepares the shadow maps.
func (r *Room) light() {
	rng := r.rng
	warm := mix(vec{1, 0.82, 0.6}, vec{0.9, 0.95, 1}, rng.Float64())
	if r.style.shift && rng.Float64() < 0.4 { // coloured light, unseen in training
		warm = hsv(rng.Float64(), between(rng, 0.2, 0.45), 1)
	}
	lamp := vec{between(rng, 0.25, 0.75) * r.Length, between(rng, 0.25, 0.75) * r.Width, r.Height - 0.15}
	r.addLight(lamp, warm.scale(between(rng, 3, 9)))
	for _, t := range r.things {
		if t.label == window && len(r.lights) < 2 {
			at := t.pos.add(t.turn.apply(vec{0.35, 0, t.hi.z * 0.6}))
			r.addLight(at, vec{0.8, 0.92, 1.05}.scale(between(rng, 2, 9)))
		}
	}
	if len(r.lights) < 2 && rng.Float64() < 0.5 {
		second := vec{between(rng, 0.15, 0.85) * r.Length, between(rng, 0.15, 0.85) * r.Width, r.Height - 0.15}
		r.addLight(second, warm.scale(between(rng, 2, 6)))
	}
	r.ambient = mix(warm, vec{1, 1, 1}, 0.5).scale(between(rng, 0.15, 0.5))
}

func (r *Room) addLight(pos, power vec) {
	l := light{pos: pos, power: power}
	for i := range r.things {
		l.shade(r.things[i], i)
	}
	if r.notch != nil {
		l.shade(r.notch, notchBit)
	}
	r.lights = append(r.lights, l)
}

// shade marks every direction in which t could stop this light: first by its bounding sphere, then by its box, grown by
// what the cell's directions spread to at its far end.
func (l *light) shade(t *thing, number int) {
	bit := uint64(1) << number
	to := t.center.sub(l.pos)
	d := to.length()
	l.near[number] = d - t.radius
	if d <= t.radius*1.01 {
		for i := range l.mask {
			l.mask[i] |= bit
		}
		return
	}
	dir := to.scale(1 / d)
	sin := t.radius / d
	cos := math.Sqrt(1 - float64(sin*sin))
	o := t.origin(l.pos)
	for i := range l.mask {
		c := &cones[i] // the angle between is at most the sum of both half angles
		if dir.dot(c.axis) < float64(cos*c.cos)-float64(sin*c.sin)-1e-4 {
			continue
		}
		grow := (d + t.radius) * c.sin / c.cos
		lo, hi := t.lo.sub(vec{grow, grow, grow}), t.hi.add(vec{grow, grow, grow})
		r := newRay(o, t.turn.inverse(c.axis))
		if in, out := slab(&r, &lo, &hi); in <= out && out >= 0 {
			l.mask[i] |= bit
		}
	}
}

// cone holds all directions of one cell of the octahedral map.
type cone struct {
	axis     vec
	sin, cos float64 // of the half angle
}

// cones never changes after the program has started.
var cones = newCones()

func newCones() *[cells * cells]cone {
	var out [cells * cells]cone
	for i := range out {
		x, y := float64(i%cells), float64(i/cells)
		mid := unfold((x+0.5)/cells, (y+0.5)/cells)
		cos := 1.0
		for _, c := range [4][2]float64{{x, y}, {x + 1, y}, {x, y + 1}, {x + 1, y + 1}} {
			cos = min(cos, mid.dot(unfold(c[0]/cells, c[1]/cells)))
		}
		cos = 1 - float64(1.2*(1-cos)) // a margin for edges that bulge between the corners
		out[i] = cone{axis: mid, cos: cos, sin: math.Sqrt(1 - float64(cos*cos))}
	}
	return &out
}

// unfold maps the unit square onto the sphere (octahedral mapping).
func unfold(u, v float64) vec {
	x, y := 2*u-1, 2*v-1
	z := 1 - math.Abs(x) - math.Abs(y)
	if z < 0 {
		x, y = math.Copysign(1-math.Abs(y), x), math.Copysign(1-math.Abs(x), y)
	}
	return vec{x, y, z}.unit()
}

// cell is the inverse of unfold, as the index of a cell.
func cell(d vec) int {
	k := 1 / (math.Abs(d.x) + math.Abs(d.y) + math.Abs(d.z))
	x, y := d.x*k, d.y*k
	if d.z < 0 {
		x, y = math.Copysign(1-math.Abs(y), x), math.Copysign(1-math.Abs(x), y)
	}
	cx, cy := int((x+1)*0.5*cells), int((y+1)*0.5*cells)
	return min(cx, cells-1) + cells*min(cy, cells-1)
}

// shine is the light that reaches a surface point with normal n, before the surface's own colour, and the highlight
// that an observer in direction -d sees.
func (r *Room) shine(l *light, p, n, d vec) (diffuse vec, highlight float64) {
	to := l.pos.sub(p)
	dist := to.length()
	dir := to.scale(1 / dist)
	facing := n.dot(dir)
	if facing <= 0 {
		return vec{}, 0
	}
	fall := 1 / (0.6 + float64(dist*dist))
	if mask := l.mask[cell(dir.scale(-1))]; mask != 0 {
		back := ray{o: p.along(1e-3, n), d: dir, inv: vec{z: 1 / dir.z}} // things turn about z: they need no more
		if r.shadowed(l, mask, &back, dist) {
			return vec{}, 0
		}
	}
	half := dir.sub(d).unit().dot(n)
	half *= half // power of 32 by squaring
	half *= half
	half *= half
	half *= half
	half *= half
	return l.power.scale(facing * fall), half * fall
}

// shadowed reports whether any thing of the mask stops the ray on its way to the light, which is far away. What is
// farther from the light than the surface cannot.
func (r *Room) shadowed(l *light, mask uint64, ray *ray, far float64) bool {
	for ; mask != 0; mask &= mask - 1 {
		i := bits.TrailingZeros64(mask)
		if l.near[i] > far {
			continue
		}
		t := r.notch
		if i != notchBit {
			t = r.things[i]
		}
		if t.blocks(ray, far) {
			return true
		}
	}
	return false
}
