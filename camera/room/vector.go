package room

import "math"

// vec is a point or direction in metres. Products are converted before they are added so that no compiler may fuse
// them into one rounding: the same seed must draw the same picture on every machine.
type vec struct{ x, y, z float64 }

func (a vec) add(b vec) vec       { return vec{a.x + b.x, a.y + b.y, a.z + b.z} }
func (a vec) sub(b vec) vec       { return vec{a.x - b.x, a.y - b.y, a.z - b.z} }
func (a vec) scale(s float64) vec { return vec{a.x * s, a.y * s, a.z * s} }
func (a vec) mul(b vec) vec       { return vec{a.x * b.x, a.y * b.y, a.z * b.z} }
func (a vec) dot(b vec) float64   { return float64(a.x*b.x) + float64(a.y*b.y) + float64(a.z*b.z) }
func (a vec) length() float64     { return math.Sqrt(a.dot(a)) }
func (a vec) along(s float64, d vec) vec {
	return vec{a.x + float64(s*d.x), a.y + float64(s*d.y), a.z + float64(s*d.z)}
}

func (a vec) unit() vec {
	l := a.length()
	if l == 0 {
		return a
	}
	return a.scale(1 / l)
}

func mix(a, b vec, t float64) vec {
	return vec{a.x + float64(t*(b.x-a.x)), a.y + float64(t*(b.y-a.y)), a.z + float64(t*(b.z-a.z))}
}

// turn is a rotation about +z.
type turn struct{ c, s float64 }

// turnOf rounds the sine and cosine to a billionth: they then agree on machines whose libraries differ in the last bit.
func turnOf(yaw float64) turn {
	s, c := math.Sincos(yaw)
	return turn{c: math.Round(c*1e9) / 1e9, s: math.Round(s*1e9) / 1e9}
}

func (t turn) apply(a vec) vec {
	return vec{float64(t.c*a.x) - float64(t.s*a.y), float64(t.s*a.x) + float64(t.c*a.y), a.z}
}

func (t turn) inverse(a vec) vec {
	return vec{float64(t.c*a.x) + float64(t.s*a.y), float64(t.c*a.y) - float64(t.s*a.x), a.z}
}

func clamp(x, lo, hi float64) float64 { return max(lo, min(hi, x)) }

// wrap brings an angle into (-pi, pi].
func wrap(a float64) float64 {
	a = math.Mod(a, 2*math.Pi)
	if a > math.Pi {
		return a - 2*math.Pi
	}
	if a <= -math.Pi {
		return a + 2*math.Pi
	}
	return a
}
