package room

import "math"

// light is a point that shines, with a map of what may stand in its way in each direction.
type light struct {
	pos, power vec
	begin      [cells*cells + 1]int32 // where the occluders of each cell begin
	lit        [cells * cells]float32 // distance up to which none of the cell's directions is in shadow
	dark       [cells * cells]float32 // distance from which on all of the cell's directions are in shadow
	occluders  []occluder             // cell by cell
}

// occluder is one thing in one cell of a light's map.
type occluder struct {
	cell  int16
	who   int16   // the thing's number, or cutCorner
	parts uint32  // those that may be met, a bit each
	near  float32 // what is nearer to the light than this is not in the thing's shadow
}

const cells = 96 // the octahedral map has cells x cells directions

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
	for i := range l.dark {
		l.lit[i], l.dark[i] = math.MaxFloat32, math.MaxFloat32
	}
	found := make([]occluder, 0, 2*cells*cells)
	for i := range r.things {
		found = l.shade(r.things[i], i, found)
	}
	if r.notch != nil {
		found = l.shade(r.notch, cutCorner, found)
	}
	l.sort(found)
	r.lights = append(r.lights, l)
}

// shade marks every direction in which t could stop this light: first by its bounding sphere, then by the boxes of its
// parts, grown by what the cell's directions spread to at its far end. It appends to found.
func (l *light) shade(t *thing, who int, found []occluder) []occluder {
	to := t.center.sub(l.pos)
	d := to.length()
	o := occluder{who: int16(who)}
	if d <= t.radius*1.01 {
		o.parts = t.all()
		for i := range l.dark {
			o.cell = int16(i)
			found = append(found, o)
		}
		return found
	}
	dir := to.scale(1 / d)
	sin := t.radius / d
	cos := math.Sqrt(1 - float64(sin*sin))
	origin := t.origin(l.pos)
	for i := range l.dark {
		c := &cones[i] // the angle between is at most the sum of both half angles
		if dir.dot(c.axis) < float64(cos*c.cos)-float64(sin*c.sin)-1e-4 {
			continue
		}
		axis := newRay(origin, t.turn.inverse(c.axis))
		parts, near, dark := t.shadow(&axis, (d+t.radius)*c.sin/c.cos)
		if parts == 0 {
			continue
		}
		o.cell, o.parts, o.near = int16(i), parts, float32(max(near, d-t.radius)-1e-3)
		found = append(found, o)
		l.dark[i] = min(l.dark[i], float32(dark))
	}
	return found
}

// sort stores the occluders cell by cell.
func (l *light) sort(found []occluder) {
	for _, o := range found {
		l.begin[o.cell+1]++
	}
	for i := range l.dark {
		l.begin[i+1] += l.begin[i]
	}
	next := l.begin
	l.occluders = make([]occluder, len(found))
	for _, o := range found {
		l.occluders[next[o.cell]] = o
		l.lit[o.cell] = min(l.lit[o.cell], o.near)
		next[o.cell]++
	}
}

// shadow follows a bundle of rays in the own frame that spreads to grow around its axis. It returns the parts that any
// of them may meet; the distance up to which none does; and the one from which on a cuboid surely stops all of them,
// infinite when none does.
func (t *thing) shadow(axis *ray, grow float64) (parts uint32, near, dark float64) {
	g := vec{grow, grow, grow}
	near, dark = math.Inf(1), math.Inf(1)
	for i := range t.parts {
		p := &t.parts[i]
		lo, hi := p.lo.sub(g), p.hi.add(g)
		in, out := slab(axis, &lo, &hi)
		if in > out || out < 0 {
			continue
		}
		parts |= 1 << i
		near = min(near, in)
		lo, hi = p.lo.add(g), p.hi.sub(g)
		if p.shape != cuboid || lo.x >= hi.x || lo.y >= hi.y || lo.z >= hi.z {
			continue
		}
		if in, out := slab(axis, &lo, &hi); in <= out && in > 0 {
			dark = min(dark, in+float64(2*grow)+1e-3)
		}
	}
	return parts, near, dark
}

// cone holds all directions from a light of one cell of the octahedral map, which is folded by the opposite directions:
// most light comes from above, and the upper half needs no folding.
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
		out[i] = cone{axis: mid.scale(-1), cos: cos, sin: math.Sqrt(1 - float64(cos*cos))}
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

// cell is the index of the cell for light that arrives from the direction d, of any length.
func cell(d vec) int {
	k := 1 / (math.Abs(d.x) + math.Abs(d.y) + math.Abs(d.z))
	x, y := d.x*k, d.y*k
	if d.z < 0 {
		x, y = math.Copysign(1-math.Abs(y), x), math.Copysign(1-math.Abs(x), y)
	}
	cx, cy := int((x+1)*0.5*cells), int((y+1)*0.5*cells)
	return min(cx, cells-1) + cells*min(cy, cells-1)
}

// shine is the light that reaches the place p of a hit, before the surface's own colour, and the highlight that an
// observer in direction -d sees.
func (r *Room) shine(l *light, p vec, h *hit, d vec) (diffuse vec, highlight float64) {
	to := l.pos.sub(p)
	facing := h.normal.dot(to)
	if facing <= 0 {
		return vec{}, 0
	}
	square := to.dot(to)
	dist := math.Sqrt(square)
	dir := to.scale(1 / dist)
	at := cell(to)
	if dist > float64(l.dark[at]) {
		return vec{}, 0
	}
	if dist > float64(l.lit[at]) {
		back := ray{o: p.along(1e-3, h.normal), d: dir, inv: vec{z: 1 / dir.z}} // things turn about z: they need no more
		if r.shadowed(l.occluders[l.begin[at]:l.begin[at+1]], &back, h, dist) {
			return vec{}, 0
		}
	}
	fall := 1 / (0.6 + square)
	half := dir.sub(d)
	cos := half.dot(h.normal)
	shiny := float64(cos*cos) / half.dot(half) // the square of the cosine; its power of 16 by squaring
	shiny *= shiny
	shiny *= shiny
	shiny *= shiny
	shiny *= shiny
	return l.power.scale(facing / dist * fall), shiny * fall
}

// shadowed reports whether any of the occluders stops a ray from the hit to the light, which is far away. The part that
// was hit does not: it is convex and its surface faces the light.
func (r *Room) shadowed(occluders []occluder, back *ray, h *hit, far float64) bool {
	for i := range occluders {
		o := &occluders[i]
		if float64(o.near) > far {
			continue
		}
		t, parts := r.notch, o.parts
		if o.who != cutCorner {
			t = r.things[o.who]
		}
		if int(o.who) == h.who {
			parts &^= 1 << h.part
		}
		if parts != 0 && t.blocks(back, parts, far) {
			return true
		}
	}
	return false
}
