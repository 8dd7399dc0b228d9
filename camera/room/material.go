package room

import (
	"math"
	"math/rand/v2"
)

// pattern names how a material's two colours share a surface.
type pattern uint8

const (
	plain pattern = iota
	checker
	planks
	tiles
	stripes
	speckle
	grain
	patches
	// The patterns below are kept for the shift rooms: no training room shows them.
	dots
	bricks
	zigzag
	trainPatterns = dots
	allPatterns   = zigzag + 1
)

// material is what a surface is made of; colours are linear light, 0..1.
type material struct {
	base, second vec
	pattern      pattern
	size         float64 // period of the pattern, m
	salt         uint32  // makes the noise of two materials differ
	gloss        float64 // strength of the highlight, 0..1
	glow         float64 // light of its own: a window, a screen, a lit shade
}

// Colors are the colour words that things are labelled with, in the order of their indices.
var Colors = [...]string{
	"red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey",
}

// The index of each colour word.
const (
	red = iota
	orange
	yellow
	green
	blue
	purple
	pink
	brown
	black
	white
	grey
)

// tone gives hue (turns), saturation and value ranges of each colour word; they do not overlap.
var tone = [len(Colors)][6]float64{
	red: {-0.02, 0.02, 0.7, 0.95, 0.45, 0.9}, orange: {0.055, 0.085, 0.8, 1, 0.8, 1},
	yellow: {0.13, 0.17, 0.7, 1, 0.8, 1}, green: {0.27, 0.42, 0.5, 0.95, 0.3, 0.75},
	blue: {0.56, 0.66, 0.6, 0.95, 0.35, 0.9}, purple: {0.73, 0.8, 0.4, 0.8, 0.35, 0.7},
	pink: {0.89, 0.94, 0.3, 0.55, 0.85, 1}, brown: {0.04, 0.085, 0.45, 0.75, 0.22, 0.48},
	black: {0, 1, 0, 0.25, 0.02, 0.12}, white: {0, 1, 0, 0.07, 0.88, 1}, grey: {0, 1, 0, 0.07, 0.35, 0.65},
}

func between(rng *rand.Rand, lo, hi float64) float64 { return lo + float64(rng.Float64()*(hi-lo)) }

// paint draws one shade of a colour word, in linear light.
func paint(rng *rand.Rand, color int) vec {
	t := tone[color]
	return linear(hsv(between(rng, t[0], t[1]), between(rng, t[2], t[3]), between(rng, t[4], t[5])))
}

// hsv converts a hue in turns, a saturation and a value to display colours.
func hsv(h, s, v float64) vec {
	h = (h - math.Floor(h)) * 6
	i := math.Floor(h)
	f := h - i
	p, q, t := v*(1-s), v*(1-float64(s*f)), v*(1-float64(s*(1-f)))
	switch int(i) {
	case 0:
		return vec{v, t, p}
	case 1:
		return vec{q, v, p}
	case 2:
		return vec{p, v, t}
	case 3:
		return vec{p, q, v}
	case 4:
		return vec{t, p, v}
	default:
		return vec{v, p, q}
	}
}

// linear takes display colours to linear light with a gamma of two, which the sensor undoes.
func linear(c vec) vec { return c.mul(c) }

// dress makes a material of the given colour word; furniture is often plain, sometimes patterned in close shades.
func dress(rng *rand.Rand, color int, s style) material {
	base := paint(rng, color)
	m := material{base: base, second: base.scale(between(rng, 0.55, 0.9)), salt: rng.Uint32()}
	m.size = between(rng, 0.03, 0.25)
	m.gloss = float64(rng.Float64() * rng.Float64() * 0.6)
	if rng.Float64() < 0.45 {
		m.pattern = s.pattern(rng)
	}
	return m
}

// cover makes a material for floor, wall or ceiling: any hue, low saturation, larger pattern.
func cover(rng *rand.Rand, s style, lo, hi, strength float64) material {
	h, sat, v := rng.Float64(), rng.Float64()*rng.Float64()*0.7, between(rng, lo, hi)
	base := linear(hsv(h, sat, v))
	other := linear(hsv(h+between(rng, -0.06, 0.06), clamp(sat+between(rng, -0.1, 0.2), 0, 1),
		clamp(v*between(rng, 1-strength, 1+strength/3), 0.03, 1)))
	m := material{base: base, second: other, salt: rng.Uint32(), size: between(rng, 0.1, 0.8)}
	m.gloss = float64(rng.Float64() * rng.Float64() * 0.4)
	if rng.Float64() < 0.7 {
		m.pattern = s.pattern(rng)
	}
	return m
}

// lattice is a hash of an integer point, 0..1.
func lattice(x, y int32, salt uint32) float64 {
	h := uint32(x)*0x8da6b343 ^ uint32(y)*0xd8163841 ^ salt
	h ^= h >> 15
	h *= 0x2c1b3c6d
	h ^= h >> 12
	h *= 0x297a2d39
	h ^= h >> 15
	return float64(h>>8) * (1.0 / (1 << 24))
}

// noise is value noise with a period of one unit, 0..1.
func noise(x, y float64, salt uint32) float64 {
	fx, fy := math.Floor(x), math.Floor(y)
	ix, iy := int32(fx), int32(fy)
	tx, ty := x-fx, y-fy
	tx, ty = tx*tx*(3-2*tx), ty*ty*(3-2*ty)
	a, b := lattice(ix, iy, salt), lattice(ix+1, iy, salt)
	c, d := lattice(ix, iy+1, salt), lattice(ix+1, iy+1, salt)
	a += float64(tx * (b - a))
	c += float64(tx * (d - c))
	return a + float64(ty*(c-a))
}

func odd(x, y float64) float64 { return float64((int64(math.Floor(x)) + int64(math.Floor(y))) & 1) }

func frac(x float64) float64 { return x - math.Floor(x) }

// at returns the colour at surface coordinates u, v (metres) when a pixel covers width metres of the surface. A
// pattern finer than the pixel fades to its mean, as a lens would blur it.
func (m *material) at(u, v, width float64) vec {
	if m.pattern == plain {
		return m.base
	}
	fade := clamp(1.6-float64(2*width/m.size), 0, 1)
	w := 0.5
	if fade > 0 {
		w += float64(fade * (m.weave(u/m.size, v/m.size) - 0.5))
	}
	return mix(m.base, m.second, w)
}

// weave is the share of the second colour, 0..1, at coordinates counted in periods.
func (m *material) weave(u, v float64) float64 {
	switch m.pattern {
	case checker:
		return odd(u, v)
	case planks:
		row := math.Floor(v * 3)
		tone := lattice(int32(row), int32(math.Floor(u/3+float64(row*0.37))), m.salt)
		return clamp(tone+float64(0.4*(noise(u*2, v*24, m.salt)-0.5)), 0, 1)
	case tiles:
		if frac(u) < 0.05 || frac(v) < 0.05 {
			return 1
		}
		return 0.3 * lattice(int32(math.Floor(u)), int32(math.Floor(v)), m.salt)
	case stripes:
		return odd(u*2, 0)
	case speckle:
		return noise(u*8, v*8, m.salt)
	case grain:
		return frac(float64(u*0.8) + float64(1.5*noise(u, v*0.3, m.salt)))
	case patches:
		return float64(0.6*noise(u, v, m.salt)) + float64(0.4*noise(u*3, v*3, m.salt+1))
	case dots:
		x, y := frac(u)-0.5, frac(v)-0.5
		return step(float64(x*x)+float64(y*y) < 0.09)
	case bricks:
		row := math.Floor(v * 2)
		return step(frac(v*2) < 0.1 || frac(u+float64(row*0.5)) < 0.06)
	default:
		return odd(u+math.Abs(float64(2*frac(v))-1), 0)
	}
}

func step(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
