// Package room draws furnished rooms as a robot's camera would see them, and knows the truth about every pixel.
//
// A room is built from a seed alone and is the same on every machine. It is a rectangle or an L, with textured
// surfaces, doors, windows and furniture made of boxes, cylinders and ellipsoids that stand on the floor, on tables or
// against walls without touching each other. Rendering is ray casting with shadows, lens blur and sensor noise.
//
// Coordinates: metres, z up, the room spans [0, Length] x [0, Width] x [0, Height]. Yaw is counterclockwise from +x.
// A thing's own frame has x to its front; its box is counted in that frame.
package room

import (
	"math"
	"math/rand/v2"
)

// Room is one furnished room. It is immutable after Generate and may be rendered by several goroutines.
type Room struct {
	Seed                  uint64
	Length, Width, Height float64 // m; for an L the bounding rectangle
	things                []*thing
	notch                 *thing // the solid corner that makes a rectangle an L, or nil
	floor, ceiling        material
	walls                 [4]material
	lights                []light
	ambient               vec
	rng                   *rand.Rand
	style                 style
}

// Object is the truth about one thing of a room.
type Object struct {
	ID     int // index of the thing in the room, and its number in Picture.Instance minus one
	Label  int // index into Labels
	Color  int // index into Colors
	X, Y   float64
	Z      float64    // centre of the box, not its foot
	Size   [3]float64 // full extents along the own x (front), y (left) and z, m
	Yaw    float64
	OnTop  bool // stands on another thing
	InWall bool // a door or a window
}

// palette lists the colour words that a kind comes in; repeated words are likelier.
var palette = [len(Labels)][]int{
	bed:     {red, blue, green, white, grey, brown, pink, purple, yellow},
	ball:    {red, orange, yellow, green, blue, purple, pink, white, black},
	bin:     {grey, black, blue, green, red, white, yellow},
	box:     {brown, brown, brown, white, blue, red, green, yellow, orange},
	cabinet: {brown, brown, white, grey, black, blue, green},
	chair:   {black, brown, red, blue, green, white, grey, orange, yellow},
	door:    {brown, white, grey, green, blue, red},
	fridge:  {white, white, grey, black, red},
	lamp:    {white, yellow, orange, red, blue, green, black},
	monitor: {black, black, grey, white},
	plant:   {green},
	shelf:   {brown, white, black, grey, red},
	sofa:    {grey, brown, blue, red, green, black, white, purple, orange},
	stool:   {brown, white, black, red, blue, green, yellow},
	table:   {brown, brown, white, black, grey, green},
	window:  {white, white, brown, black, grey},
}

func (r *Room) color(label int) int {
	if r.style.shift && r.rng.Float64() < 0.3 && label != plant {
		return r.rng.IntN(len(Colors))
	}
	p := palette[label]
	return p[r.rng.IntN(len(p))]
}

// Generate builds the room of a seed.
func Generate(seed uint64) *Room {
	r := &Room{Seed: seed, rng: rand.New(rand.NewPCG(seed, 0x726f6f6d)), style: styleOf(seed)}
	rng := r.rng
	r.Length, r.Width = r.style.stretch(rng, 3, 8), r.style.stretch(rng, 2.8, 6.5)
	r.Height = r.style.stretch(rng, 2.3, 3.1)
	r.floor = cover(rng, r.style, 0.15, 0.85, 0.5)
	r.ceiling = cover(rng, r.style, 0.75, 1, 0.1)
	wall := cover(rng, r.style, 0.35, 1, 0.25)
	for i := range r.walls {
		r.walls[i] = wall
		if rng.Float64() < 0.15 {
			r.walls[i] = cover(rng, r.style, 0.3, 0.95, 0.25)
		}
	}
	if rng.Float64() < 0.25 {
		r.cutCorner(wall)
	}
	r.furnish()
	r.light()
	return r
}

// cutCorner fills one corner with a solid block as high as the room: what is left is an L.
func (r *Room) cutCorner(m material) {
	dx, dy := between(r.rng, 0.25, 0.45)*r.Length, between(r.rng, 0.25, 0.45)*r.Width
	t := &thing{label: -1, mats: []material{m}}
	t.parts = []part{{shape: cuboid, center: vec{0, 0, r.Height / 2}, half: vec{dx / 2, dy / 2, r.Height / 2}}}
	t.measure()
	corner := r.rng.IntN(4)
	x, y := dx/2, dy/2
	if corner&1 == 1 {
		x = r.Length - x
	}
	if corner&2 == 2 {
		y = r.Width - y
	}
	t.place(vec{x, y, 0}, 0)
	r.notch = t
}

// Area is the floor area in m².
func (r *Room) Area() float64 {
	a := r.Length * r.Width
	if r.notch != nil {
		a -= r.notch.hi.x * r.notch.hi.y * 4
	}
	return a
}

// Objects lists the truth about every thing.
func (r *Room) Objects() []Object {
	out := make([]Object, len(r.things))
	for i, t := range r.things {
		out[i] = Object{
			ID: i, Label: t.label, Color: t.color, X: t.pos.x, Y: t.pos.y, Z: t.pos.z + t.hi.z/2,
			Size: [3]float64{2 * t.hi.x, 2 * t.hi.y, t.hi.z}, Yaw: t.yaw,
			InWall: t.label == door || t.label == window,
		}
		out[i].OnTop = t.pos.z > 0.01 && !out[i].InWall
	}
	return out
}

// solids calls f with every thing that stops light and robots, the cut corner included.
func (r *Room) solids(f func(*thing) bool) bool {
	if r.notch != nil && !f(r.notch) {
		return false
	}
	for _, t := range r.things {
		if !f(t) {
			return false
		}
	}
	return true
}

// inside reports whether a disc on the floor lies within the outer walls.
func (r *Room) inside(x, y, radius float64) bool {
	return x > radius && y > radius && x < r.Length-radius && y < r.Width-radius
}

// gap is the distance on the floor from a point to the footprint of t, 0 inside.
func (t *thing) gap(x, y float64) float64 {
	q := t.turn.inverse(vec{x - t.pos.x, y - t.pos.y, 0})
	dx, dy := max(math.Abs(q.x)-t.hi.x, 0), max(math.Abs(q.y)-t.hi.y, 0)
	return math.Sqrt(float64(dx*dx) + float64(dy*dy))
}
