package room

import (
	"math"
)

const (
	// MaxThings bounds the things in a room, doors and windows included.
	MaxThings = 28
	skin      = 0.02 // smallest distance between two things, m
)

// furnish places doors and windows, then big furniture along the walls, then what stands free, then what stands on top.
func (r *Room) furnish() {
	rng := r.rng
	for range 1 + rng.IntN(2) {
		r.tryWall(r.make(door), 0)
	}
	for range rng.IntN(3) {
		r.tryWall(r.make(window), between(rng, 0.75, 1.0))
	}
	area := r.Area()
	big := [...]int{sofa, bed, cabinet, shelf, fridge, cabinet, shelf}
	for range 2 + rng.IntN(2+int(area/12)) {
		r.tryWall(r.make(big[rng.IntN(len(big))]), 0)
	}
	for range 1 + rng.IntN(2) {
		r.tryTable()
	}
	free := [...]int{chair, stool, lamp, plant, box, bin, ball, chair, box, table, sofa}
	for range 3 + rng.IntN(3+int(area/8)) {
		r.tryFree(r.make(free[rng.IntN(len(free))]))
	}
	small := [...]int{monitor, monitor, box, plant, ball, lamp}
	for range 1 + rng.IntN(4) {
		r.tryTop(small[rng.IntN(len(small))])
	}
	if rng.Float64() < 0.25 {
		r.tryWall(r.make(monitor), between(rng, 1.0, 1.5))
	}
}

func (r *Room) make(label int) *thing { return build(r.rng, label, r.color(label), r.style) }

// tryWall stands a thing with its back to a random wall, at height z.
func (r *Room) tryWall(t *thing, z float64) bool {
	if z+t.hi.z > r.Height-0.05 {
		return false
	}
	for range 12 {
		side := r.rng.IntN(4)
		yaw := [...]float64{0, math.Pi / 2, math.Pi, -math.Pi / 2}[side]
		depth := t.hi.x + skin
		if t.label != door && t.label != window {
			depth += float64(r.rng.Float64() * 0.08)
		}
		along := r.rng.Float64()
		x, y := depth, depth
		switch side {
		case 0, 2:
			y = t.hi.y + skin + float64(along*(r.Width-2*t.hi.y-2*skin))
		default:
			x = t.hi.y + skin + float64(along*(r.Length-2*t.hi.y-2*skin))
		}
		if side == 2 {
			x = r.Length - depth
		}
		if side == 3 {
			y = r.Width - depth
		}
		t.place(vec{x, y, z}, yaw)
		if r.fits(t) {
			r.things = append(r.things, t)
			return true
		}
	}
	return false
}

// tryFree stands a thing somewhere on the floor at any angle.
func (r *Room) tryFree(t *thing) bool {
	for range 12 {
		reach := math.Hypot(t.hi.x, t.hi.y) + skin
		if 2*reach > min(r.Length, r.Width) {
			return false
		}
		x := reach + float64(r.rng.Float64()*(r.Length-2*reach))
		y := reach + float64(r.rng.Float64()*(r.Width-2*reach))
		t.place(vec{x, y, 0}, between(r.rng, -math.Pi, math.Pi))
		if r.fits(t) {
			r.things = append(r.things, t)
			return true
		}
	}
	return false
}

// tryTable stands a table and some chairs that face it.
func (r *Room) tryTable() {
	t := r.make(table)
	if !r.tryFree(t) {
		return
	}
	for i := range r.rng.IntN(5) {
		c := r.make(chair)
		side := t.turn.apply([...]vec{{1, 0, 0}, {-1, 0, 0}, {0, 1, 0}, {0, -1, 0}}[i%4])
		reach := t.hi.x
		if i%4 >= 2 {
			reach = t.hi.y
		}
		pos := t.pos.add(side.scale(reach + c.hi.x + between(r.rng, 0.03, 0.3)))
		if !r.inside(pos.x, pos.y, math.Hypot(c.hi.x, c.hi.y)) {
			continue
		}
		c.place(pos, math.Atan2(-side.y, -side.x)+between(r.rng, -0.35, 0.35))
		if r.fits(c) {
			r.things = append(r.things, c)
		}
	}
}

// tryTop stands a small thing on a table or a low cabinet.
func (r *Room) tryTop(label int) {
	n := len(r.things)
	for range 8 {
		under := r.things[r.rng.IntN(n)]
		if under.top == 0 {
			continue
		}
		t := r.make(label)
		reach := math.Hypot(t.hi.x, t.hi.y)
		free := vec{under.hi.x - reach, under.hi.y - reach, 0}
		if label == monitor { // stands square to the table, so only its extents must fit
			free = vec{under.hi.x - t.hi.x, under.hi.y - t.hi.y, 0}
		}
		if free.x < 0 || free.y < 0 || under.top+t.hi.z > r.Height-0.1 {
			continue
		}
		off := vec{between(r.rng, -free.x, free.x), between(r.rng, -free.y, free.y), under.top}
		yaw := between(r.rng, -math.Pi, math.Pi)
		if label == monitor {
			yaw = under.yaw
			if !under.wall && r.rng.Float64() < 0.5 {
				yaw += math.Pi
			}
		}
		t.place(under.pos.add(under.turn.apply(off)), yaw)
		if r.fits(t) {
			r.things = append(r.things, t)
			return
		}
	}
}

// fits reports whether t keeps clear of the walls, of every other thing and of the space in front of doors.
func (r *Room) fits(t *thing) bool {
	if len(r.things) >= MaxThings {
		return false
	}
	ex := float64(math.Abs(t.turn.c)*t.hi.x) + float64(math.Abs(t.turn.s)*t.hi.y)
	ey := float64(math.Abs(t.turn.s)*t.hi.x) + float64(math.Abs(t.turn.c)*t.hi.y)
	if t.pos.x < ex || t.pos.y < ey || t.pos.x > r.Length-ex || t.pos.y > r.Width-ey {
		return false
	}
	return r.solids(func(o *thing) bool {
		if o.overlaps(t, skin) {
			return false
		}
		if o.label != door || t.pos.z > 0.3 {
			return true
		}
		front := *o // a door must open: keep the floor before it free
		front.hi.x = 0.4
		front.place(o.pos.add(o.turn.apply(vec{0.4 + o.hi.x, 0, 0})), o.yaw)
		return !front.overlaps(t, 0)
	})
}

// overlaps reports whether two upright boxes come closer than margin (sideways), by separating axes. Surfaces that
// stand on one another may touch.
func (t *thing) overlaps(o *thing, margin float64) bool {
	const rest = 1e-3
	if t.pos.z+t.hi.z <= o.pos.z+rest || o.pos.z+o.hi.z <= t.pos.z+rest {
		return false
	}
	d := vec{o.pos.x - t.pos.x, o.pos.y - t.pos.y, 0}
	for _, axis := range [4]vec{
		{t.turn.c, t.turn.s, 0}, {-t.turn.s, t.turn.c, 0}, {o.turn.c, o.turn.s, 0}, {-o.turn.s, o.turn.c, 0},
	} {
		if math.Abs(d.dot(axis)) > t.reach(axis)+o.reach(axis)+margin {
			return false
		}
	}
	return true
}

// reach is half the extent of the footprint along a unit axis of the floor.
func (t *thing) reach(axis vec) float64 {
	a := axis.dot(vec{t.turn.c, t.turn.s, 0})
	b := axis.dot(vec{-t.turn.s, t.turn.c, 0})
	return float64(math.Abs(a)*t.hi.x) + float64(math.Abs(b)*t.hi.y)
}
