package room

import (
	"math/bits"
	"math/rand/v2"
)

// Labels are the kinds of things, in the order of their indices.
var Labels = [...]string{
	"ball", "bed", "bin", "box", "cabinet", "chair", "door", "fridge",
	"lamp", "monitor", "plant", "shelf", "sofa", "stool", "table", "window",
}

// The index of each label.
const (
	ball = iota
	bed
	bin
	box
	cabinet
	chair
	door
	fridge
	lamp
	monitor
	plant
	shelf
	sofa
	stool
	table
	window
)

// thing is one piece of furniture: parts in its own frame, and where that frame stands in the room.
type thing struct {
	label, color int
	parts        []part
	mats         []material
	lo, hi       vec // tight bounds of the parts in the own frame
	pos          vec // the own origin in the room: middle of the footprint, at the foot
	yaw          float64
	turn         turn
	center       vec // of the bounding sphere, in the room
	radius       float64
	top          float64 // height of the surface that other things may stand on, 0 for none
	wall         bool    // stands with its back to a wall
}

// maker collects the parts of one thing. Material 0 carries the colour word; 1 is the trim.
type maker struct {
	rng *rand.Rand
	s   style
	t   *thing
}

func (m *maker) size(lo, hi float64) float64 { return m.s.stretch(m.rng, lo, hi) }
func (m *maker) chance(p float64) bool       { return m.rng.Float64() < p }

// block adds a cuboid from its footprint's middle, foot and full extents.
//
//nolint:revive // a place and an extent read best as six plain numbers, forty times in the catalogue
func (m *maker) block(mat uint8, x, y, z, dx, dy, dz float64) {
	m.t.parts = append(m.t.parts, part{
		shape: cuboid, mat: mat, center: vec{x, y, z + dz/2}, half: vec{dx / 2, dy / 2, dz / 2},
	})
}

// post adds an upright round body with a foot radius r and a top radius taper*r.
//
//nolint:revive // as block
func (m *maker) post(mat uint8, x, y, z, r, dz, taper float64) {
	m.t.parts = append(m.t.parts, part{
		shape: frustum, mat: mat, center: vec{x, y, z + dz/2}, half: vec{r, r, dz / 2}, taper: taper,
	})
}

func (m *maker) blob(mat uint8, c, radii vec) {
	m.t.parts = append(m.t.parts, part{shape: ellipsoid, mat: mat, center: c, half: radii})
}

// legs stands four legs of the given height under a top of dx by dy.
func (m *maker) legs(mat uint8, dx, dy, h float64) {
	w, round := m.size(0.03, 0.07), m.chance(0.5)
	inset := m.size(0, 0.06)
	for _, sx := range [2]float64{-1, 1} {
		for _, sy := range [2]float64{-1, 1} {
			x, y := sx*(dx/2-w/2-inset*dx), sy*(dy/2-w/2-inset*dy)
			if round {
				m.post(mat, x, y, 0, w/2, h, 1)
			} else {
				m.block(mat, x, y, 0, w, w, h)
			}
		}
	}
}

// build makes a thing of the label with the given colour word; its frame is not placed yet.
func build(rng *rand.Rand, label, color int, s style) *thing {
	t := &thing{label: label, color: color}
	m := &maker{rng: rng, s: s, t: t}
	trim := [...]int{brown, black, white, grey}[rng.IntN(4)]
	t.mats = []material{dress(rng, color, s), dress(rng, trim, style{})}
	t.mats[1].pattern = plain
	makers[label](m)
	t.measure()
	return t
}

var makers = [len(Labels)]func(*maker){
	ball: makeBall, bed: makeBed, bin: makeBin, box: makeBox, cabinet: makeCabinet, chair: makeChair,
	door: makeDoor, fridge: makeFridge, lamp: makeLamp, monitor: makeMonitor, plant: makePlant,
	shelf: makeShelf, sofa: makeSofa, stool: makeStool, table: makeTable, window: makeWindow,
}

// measure finds the tight bounds and moves the own origin under their middle, so that a yaw turns about it.
func (t *thing) measure() {
	t.lo, t.hi = vec{1e9, 1e9, 1e9}, vec{-1e9, -1e9, -1e9}
	for i := range t.parts {
		a, b := t.parts[i].bounds()
		t.lo = vec{min(t.lo.x, a.x), min(t.lo.y, a.y), min(t.lo.z, a.z)}
		t.hi = vec{max(t.hi.x, b.x), max(t.hi.y, b.y), max(t.hi.z, b.z)}
	}
	shift := vec{(t.lo.x + t.hi.x) / 2, (t.lo.y + t.hi.y) / 2, t.lo.z}
	for i := range t.parts {
		p := &t.parts[i]
		p.center = p.center.sub(shift)
		p.lo, p.hi = p.bounds()
	}
	t.lo, t.hi = t.lo.sub(shift), t.hi.sub(shift)
	t.place(vec{}, 0)
}

// place stands the thing in the room.
func (t *thing) place(pos vec, yaw float64) {
	t.pos, t.yaw, t.turn = pos, wrap(yaw), turnOf(yaw)
	half := t.hi.sub(t.lo).scale(0.5)
	t.center = pos.add(vec{0, 0, (t.lo.z + t.hi.z) / 2})
	t.radius = half.length() + 1e-6
}

// misses reports that a ray passes the bounding sphere or ends before it: the cheapest test comes first.
func (t *thing) misses(r *ray, far float64) bool {
	to := t.center.sub(r.o)
	along := to.dot(r.d)
	if along < -t.radius || along > far+t.radius {
		return true
	}
	return to.dot(to)-float64(along*along) > t.radius*t.radius
}

// local takes a ray of the room into the thing's own frame, where o is its origin; distances along it stay the same.
func (t *thing) local(r *ray, o vec) ray {
	d := t.turn.inverse(r.d)
	return ray{o: o, d: d, inv: vec{1 / d.x, 1 / d.y, r.inv.z}}
}

// origin is the place p in the thing's own frame.
func (t *thing) origin(p vec) vec { return t.turn.inverse(p.sub(t.pos)) }

// touch is the nearest place found so far along a ray: where, and on which face of which part of which thing.
type touch struct {
	t    float64
	who  int // the thing's number, cutCorner, or outerWall
	part int
	face face
}

// Hits that belong to no thing.
const (
	outerWall = -1
	cutCorner = -2
)

// meet looks for a hit of the thing nearer than best.t, for a ray whose origin is o in the own frame. Only the parts
// of the set, a bit each, are tried. It leaves best.who to the caller.
func (t *thing) meet(r *ray, o vec, parts uint32, best *touch) bool {
	if t.misses(r, best.t) {
		return false
	}
	l := t.local(r, o)
	found := false
	for ; parts != 0; parts &= parts - 1 {
		i := bits.TrailingZeros32(parts)
		if d, f, ok := t.parts[i].meet(&l, best.t); ok {
			best.t, best.part, best.face, found = d, i, f, true
		}
	}
	return found
}

// all is the set of all parts.
func (t *thing) all() uint32 { return 1<<len(t.parts) - 1 }

// surface describes the place that meet found, in the frame of the room.
func (t *thing) surface(r *ray, o vec, at *touch) hit {
	h := t.parts[at.part].surface(&ray{o: o, d: t.turn.inverse(r.d)}, at.t, at.face)
	h.normal, h.who, h.part = t.turn.apply(h.normal), at.who, at.part
	return h
}

// blocks reports whether any part of the set stops the ray before distance far.
func (t *thing) blocks(r *ray, parts uint32, far float64) bool {
	l := t.local(r, t.origin(r.o))
	for ; parts != 0; parts &= parts - 1 {
		if _, _, ok := t.parts[bits.TrailingZeros32(parts)].meet(&l, far); ok {
			return true
		}
	}
	return false
}
