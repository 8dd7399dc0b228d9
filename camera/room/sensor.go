package room

import (
	"math"
	"math/rand/v2"
)

// Sensor is the imperfect camera of one clip: its lens, its exposure and its noise.
type Sensor struct {
	target   float64 // mean linear brightness that the exposure aims at
	blur     float64 // share of the neighbours in the lens blur, 0..1
	read     float64 // constant noise, in display units 0..1
	shot     float64 // noise that grows with brightness
	tint     vec     // white balance error
	vignette float64 // darkening at the corners
	gain     float64 // current exposure; 0 before the first frame
	frame    uint32
	salt     uint32
}

// NewSensor draws the camera of a clip.
func (r *Room) NewSensor(clip uint64) *Sensor {
	rng := rand.New(rand.NewPCG(r.Seed, 0x73656e73+clip))
	k := r.style.noise()
	return &Sensor{
		target: between(rng, 0.1, 0.3), blur: between(rng, 0.1, 0.9), read: between(rng, 0.002, 0.02) * k,
		shot: between(rng, 0.002, 0.02) * k, tint: vec{between(rng, 0.88, 1.12), 1, between(rng, 0.88, 1.12)},
		vignette: between(rng, 0, 0.3), salt: rng.Uint32(),
	}
}

// smooth shoots a second ray through each pixel at the edge of a thing, towards its neighbours, and averages: a real
// pixel would see both.
func (r *Renderer) smooth(m *Room, e *eye, pic *Picture) {
	w := r.width
	for y := range r.height - 1 {
		for x := range w - 1 {
			at := y*w + x
			id := pic.Instance[at]
			if id == pic.Instance[at+1] && id == pic.Instance[at+w] {
				continue
			}
			c := r.sample(m, e, float64(x)+0.9, float64(y)+0.85)
			for i, v := range [3]float64{c.x, c.y, c.z} {
				r.linear[3*at+i] = (r.linear[3*at+i] + float32(v)) / 2
			}
		}
	}
}

// sample is the light that comes along one ray.
func (r *Renderer) sample(m *Room, e *eye, u, v float64) vec {
	ray := newRay(e.pos, r.direction(e, u, v).unit())
	best := touch{t: m.exit(&ray), who: outerWall}
	for _, s := range r.tiles[int(v)/tileSize*r.cols+int(u)/tileSize] {
		if t, o := r.thing(m, s.who); t.meet(&ray, o, s.parts, &best) {
			best.who = s.who
		}
	}
	return r.shade(m, &ray, &best)
}

// develop turns linear light into the bytes of a picture: blur, exposure, vignette, gamma, noise.
func (r *Renderer) develop(s *Sensor, pic *Picture) {
	r.expose(s)
	src := r.linear
	if s.blur > 0.05 {
		r.soften(float32(s.blur))
		src = r.blurred
	}
	s.frame++
	seed := s.salt ^ s.frame*0x9e3779b9
	gain := [3]float64{s.gain * s.tint.x, s.gain * s.tint.y, s.gain * s.tint.z}
	cx, cy := float64(r.width)/2, float64(r.height)/2
	edge := 1 / (float64(cx*cx) + float64(cy*cy))
	at := 0
	for y := range r.height {
		dy := float64(y) + 0.5 - cy
		for x := range r.width {
			dx := float64(x) + 0.5 - cx
			fall := 1 - float64(s.vignette*edge*(float64(dx*dx)+float64(dy*dy)))
			for c := range 3 {
				v := math.Sqrt(min(float64(src[at])*gain[c]*fall, 1))
				v += float64((s.read + float64(s.shot*v)) * gauss(uint32(at), seed))
				pic.RGB[at] = byte(clamp(v, 0, 1)*255 + 0.5)
				at++
			}
		}
	}
}

// gauss is noise of unit variance from a hash: the sum of four bytes is close to a normal distribution.
func gauss(i, seed uint32) float64 {
	h := i*0x9e3779b1 ^ seed
	h ^= h >> 16
	h *= 0x85ebca6b
	h ^= h >> 13
	h *= 0xc2b2ae35
	h ^= h >> 16
	sum := int(h&255) + int(h>>8&255) + int(h>>16&255) + int(h>>24)
	return float64(sum-510) * (1 / 147.8)
}

// expose follows the mean brightness as an automatic exposure does: at once for the first frame, then slowly.
func (r *Renderer) expose(s *Sensor) {
	sum := 0.0
	for i := 1; i < len(r.linear); i += 3 * 7 {
		sum += math.Min(float64(r.linear[i]), 2)
	}
	mean := sum / float64(len(r.linear)/21+1)
	want := s.target / max(mean, 1e-3)
	if s.gain == 0 {
		s.gain = want
		return
	}
	s.gain += 0.2 * (want - s.gain)
}

// soften is a 3x3 blur, separable, with the weight k/4 for either neighbour.
func (r *Renderer) soften(k float32) {
	side, mid := k/4, 1-k/2
	w := 3 * r.width
	tmp := r.blurred
	for y := range r.height {
		row, out := r.linear[y*w:(y+1)*w], tmp[y*w:(y+1)*w]
		copy(out[:3], row[:3])
		copy(out[w-3:], row[w-3:])
		for i := 3; i < w-3; i++ {
			out[i] = mid*row[i] + side*(row[i-3]+row[i+3])
		}
	}
	prev := r.linear[:w] // the unblurred picture is not needed any more: its first row serves as a buffer
	copy(prev, tmp[:w])
	for y := 1; y < r.height-1; y++ {
		row, next := tmp[y*w:(y+1)*w], tmp[(y+1)*w:(y+2)*w]
		for i := range row {
			v := row[i]
			row[i] = mid*v + side*(prev[i]+next[i])
			prev[i] = v
		}
	}
}
