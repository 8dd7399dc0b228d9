package room

import (
	"math"
)

// Picture is one rendered frame with the truth about each of its pixels.
type Picture struct {
	Width, Height int
	RGB           []byte    // red, green, blue; row by row
	Depth         []float32 // distance along the pixel's ray, m
	Instance      []uint8   // 0 is the room itself, else the thing's number plus one
	Visible       []int     // pixels that show each thing
	Whole         []int     // pixels that would show each thing if nothing stood before it
}

// Renderer draws rooms at one size and field of view. It owns its buffers, so one goroutine uses it at a time.
type Renderer struct {
	width, height int
	focal         float64   // pixels
	pixel         float64   // angle that a pixel covers, rad
	shorten       []float64 // 1 over the length of each pixel's ray whose part along the axis is 1
	linear        []float32
	blurred       []float32
	tiles         [][]shown
	origins       [MaxThings + 1]vec // the camera in each thing's own frame; the cut corner is last
	cols, rows    int
}

const tileSize = 8

// shown are the parts of one thing that may show in a tile, a bit each.
type shown struct {
	who   int // the thing's number, or cutCorner
	parts uint32
}

// NewRenderer makes a renderer for pictures of width x height pixels and a horizontal field of view in radians.
func NewRenderer(width, height int, hfov float64) *Renderer {
	f := float64(width) / 2 / math.Tan(hfov/2)
	r := &Renderer{
		width: width, height: height, focal: f, pixel: 1 / f,
		linear: make([]float32, 3*width*height), blurred: make([]float32, 3*width*height),
		cols: (width + tileSize - 1) / tileSize, rows: (height + tileSize - 1) / tileSize,
	}
	r.tiles = make([][]shown, r.cols*r.rows)
	r.shorten = make([]float64, width*height)
	for i := range r.shorten {
		a, b := r.offset(float64(i%width)+0.5, float64(i/width)+0.5)
		r.shorten[i] = 1 / vec{1, a, b}.length()
	}
	return r
}

// NewPicture allocates a picture of the renderer's size.
func (r *Renderer) NewPicture() *Picture {
	n := r.width * r.height
	return &Picture{
		Width: r.width, Height: r.height, RGB: make([]byte, 3*n), Depth: make([]float32, n), Instance: make([]uint8, n),
		Visible: make([]int, MaxThings), Whole: make([]int, MaxThings),
	}
}

// eye is a camera in the room: its place and the axes of its picture.
type eye struct{ pos, forward, right, down vec }

func eyeOf(p Pose) eye {
	t, tilt, lean := turnOf(p.Yaw), turnOf(p.Pitch), turnOf(p.Roll)
	forward := vec{t.c * tilt.c, t.s * tilt.c, -tilt.s}
	right := vec{t.s, -t.c, 0}
	down := vec{-t.c * tilt.s, -t.s * tilt.s, -tilt.c}
	return eye{
		pos: vec{p.X, p.Y, p.Height}, forward: forward,
		right: right.scale(lean.c).add(down.scale(lean.s)),
		down:  down.scale(lean.c).sub(right.scale(lean.s)),
	}
}

// Render draws the room from the pose into pic. Frames of one clip share the Sensor.
func (r *Renderer) Render(m *Room, p Pose, s *Sensor, pic *Picture) {
	r.Trace(m, p, pic)
	r.Develop(s, pic)
}

// Trace is the first half of Render: the light that arrives, and everything in pic but its colours. It depends on no
// other frame, so several renderers may trace frames of one clip at once.
func (r *Renderer) Trace(m *Room, p Pose, pic *Picture) {
	e := eyeOf(p)
	r.cull(m, e)
	clear(pic.Visible)
	clear(pic.Whole)
	for y := range r.height {
		for x := range r.width {
			r.shoot(m, &e, x, y, pic)
		}
	}
	r.smooth(m, &e, pic)
}

// Develop is the second half of Render: it turns what this renderer traced last into the colours of pic. The sensor's
// exposure follows from frame to frame, so frames of one clip are developed in order, one at a time, each once.
func (r *Renderer) Develop(s *Sensor, pic *Picture) { r.develop(s, pic) }

// offset is how far a picture point lies right of and below the optical axis, at distance 1. Pixel centres are at +0.5.
func (r *Renderer) offset(u, v float64) (right, down float64) {
	return (u - float64(r.width)/2) * r.pixel, (v - float64(r.height)/2) * r.pixel
}

// direction of the ray through a picture point, of any length.
func (r *Renderer) direction(e *eye, u, v float64) vec {
	a, b := r.offset(u, v)
	return e.forward.along(a, e.right).along(b, e.down)
}

// shoot finds what one pixel shows.
func (r *Renderer) shoot(m *Room, e *eye, x, y int, pic *Picture) {
	at := y*r.width + x
	ray := newRay(e.pos, r.direction(e, float64(x)+0.5, float64(y)+0.5).scale(r.shorten[at]))
	best := touch{t: m.exit(&ray), who: outerWall}
	for _, s := range r.tiles[y/tileSize*r.cols+x/tileSize] {
		hit := touch{t: best.t, who: s.who}
		if s.who >= 0 {
			hit.t = math.Inf(1) // also what is hidden counts
		}
		t, o := r.thing(m, s.who)
		if !t.meet(&ray, o, s.parts, &hit) {
			continue
		}
		if s.who >= 0 {
			pic.Whole[s.who]++
		}
		if hit.t < best.t {
			best = hit
		}
	}
	pic.Depth[at] = float32(best.t)
	pic.Instance[at] = 0
	if best.who >= 0 {
		pic.Instance[at] = uint8(best.who + 1)
		pic.Visible[best.who]++
	}
	c := r.shade(m, &ray, &best)
	r.linear[3*at], r.linear[3*at+1], r.linear[3*at+2] = float32(c.x), float32(c.y), float32(c.z)
}

// thing returns a thing or the cut corner, and where the camera is in its own frame.
func (r *Renderer) thing(m *Room, who int) (*thing, vec) {
	if who == cutCorner {
		return m.notch, r.origins[MaxThings]
	}
	return m.things[who], r.origins[who]
}

// shade is the light that comes from the place that a ray of the camera met.
func (r *Renderer) shade(m *Room, ray *ray, at *touch) vec {
	if at.who == outerWall {
		h := hit{t: at.t, who: outerWall}
		return m.light3(ray, &h, m.shell(ray.o.along(at.t, ray.d), &h), r.pixel)
	}
	t, o := r.thing(m, at.who)
	h := t.surface(ray, o, at)
	return m.light3(ray, &h, &t.mats[h.mat], r.pixel)
}

// exit is the distance at which a ray that starts inside leaves the outer walls.
func (m *Room) exit(r *ray) float64 {
	far := func(o, inv, size float64) float64 {
		if inv > 0 {
			return (size - o) * inv
		}
		return -o * inv
	}
	return min(far(r.o.x, r.inv.x, m.Length), far(r.o.y, r.inv.y, m.Width), far(r.o.z, r.inv.z, m.Height))
}

// light3 is the light that leaves a hit of the material towards the ray's origin.
func (m *Room) light3(r *ray, h *hit, mat *material, pixel float64) vec {
	p := r.o.along(h.t, r.d)
	if h.normal.dot(r.d) > 0 {
		h.normal = h.normal.scale(-1)
	}
	slant := max(-h.normal.dot(r.d), 0.15)
	albedo := mat.at(h.u, h.v, h.t*pixel/slant)
	light := m.ambient.scale(0.75 + float64(0.25*h.normal.z))
	shiny := 0.0
	for i := range m.lights {
		diffuse, highlight := m.shine(&m.lights[i], p, h, r.d)
		light = light.add(diffuse)
		shiny += highlight
	}
	c := albedo.mul(light)
	if mat.glow > 0 {
		c = c.along(mat.glow, albedo)
	}
	s := shiny * mat.gloss
	return vec{c.x + s, c.y + s, c.z + s}
}

// shell fills the hit with the surface of floor, ceiling or outer wall at p and returns its material.
func (m *Room) shell(p vec, h *hit) *material {
	const on = 1e-6
	switch {
	case p.z < on:
		h.normal, h.u, h.v = vec{0, 0, 1}, p.x, p.y
		return &m.floor
	case p.z > m.Height-on:
		h.normal, h.u, h.v = vec{0, 0, -1}, p.x, p.y
		return &m.ceiling
	case p.x < on:
		h.normal, h.u, h.v = vec{1, 0, 0}, p.y, p.z
		return &m.walls[0]
	case p.x > m.Length-on:
		h.normal, h.u, h.v = vec{-1, 0, 0}, p.y, p.z
		return &m.walls[1]
	case p.y < on:
		h.normal, h.u, h.v = vec{0, 1, 0}, p.x, p.z
		return &m.walls[2]
	default:
		h.normal, h.u, h.v = vec{0, -1, 0}, p.x, p.z
		return &m.walls[3]
	}
}

// cull lists for each tile of the picture the parts that may show in it.
func (r *Renderer) cull(m *Room, e eye) {
	for i := range r.tiles {
		r.tiles[i] = r.tiles[i][:0]
	}
	if m.notch != nil {
		r.origins[MaxThings] = m.notch.origin(e.pos)
		r.list(cutCorner, m.notch, e)
	}
	for i, t := range m.things {
		r.origins[i] = t.origin(e.pos)
		r.list(i, t, e)
	}
}

// list adds the parts of a thing to the tiles that they can show in: those in the rectangle around a part's projected
// box.
func (r *Renderer) list(who int, t *thing, e eye) {
	for i := range t.parts {
		x0, y0, x1, y1 := r.project(t, &t.parts[i], e)
		for ty := max(0, int(y0)/tileSize); ty <= min(r.rows-1, int(y1)/tileSize); ty++ {
			for tx := max(0, int(x0)/tileSize); tx <= min(r.cols-1, int(x1)/tileSize); tx++ {
				tile := &r.tiles[ty*r.cols+tx]
				if n := len(*tile); n == 0 || (*tile)[n-1].who != who {
					*tile = append(*tile, shown{who: who})
				}
				(*tile)[len(*tile)-1].parts |= 1 << i
			}
		}
	}
}

// project bounds what shows of a part's box before the camera in picture coordinates, clipped to the picture. The
// range is empty (x0 > x1) when nothing of it can show.
func (r *Renderer) project(t *thing, p *part, e eye) (x0, y0, x1, y1 float64) {
	const near = 0.02
	w, h := float64(r.width), float64(r.height)
	x0, y0, x1, y1 = w, h, -tileSize-1, -tileSize-1
	var corner [8]vec // in the axes of the picture: right, down, forward
	for i := range corner {
		c := p.lo
		if i&1 != 0 {
			c.x = p.hi.x
		}
		if i&2 != 0 {
			c.y = p.hi.y
		}
		if i&4 != 0 {
			c.z = p.hi.z
		}
		q := t.pos.add(t.turn.apply(c)).sub(e.pos)
		corner[i] = vec{q.dot(e.right), q.dot(e.down), q.dot(e.forward)}
	}
	widen := func(c vec) {
		u, v := w/2+c.x*r.focal/c.z, h/2+c.y*r.focal/c.z
		x0, y0, x1, y1 = min(x0, u-1), min(y0, v-1), max(x1, u+1), max(y1, v+1)
	}
	for i, a := range corner {
		if a.z >= near {
			widen(a)
		}
		for _, bit := range [3]int{1, 2, 4} { // edges that cross the near plane
			b := corner[i^bit]
			if a.z < near && b.z > near {
				widen(mix(a, b, (near-a.z)/(b.z-a.z)))
			}
		}
	}
	if x1 < 0 || y1 < 0 || x0 > w || y0 > h {
		return 1, 1, -tileSize - 1, -tileSize - 1
	}
	return max(x0, 0), max(y0, 0), min(x1, w), min(y1, h)
}
