package room

import "math/rand/v2"

// ShiftSeed is the first seed whose rooms look unlike every training room: patterns, light, proportions and camera
// heights that those never show, and twice the sensor noise.
const ShiftSeed = 2_000_000

// style is the family that a room's look is drawn from.
type style struct{ shift bool }

func styleOf(seed uint64) style { return style{shift: seed >= ShiftSeed} }

func (s style) pattern(rng *rand.Rand) pattern {
	if s.shift && rng.Float64() < 0.7 {
		return dots + pattern(rng.IntN(int(allPatterns-dots)))
	}
	return 1 + pattern(rng.IntN(int(trainPatterns-1)))
}

// stretch widens a range of proportions for shift rooms.
func (s style) stretch(rng *rand.Rand, lo, hi float64) float64 {
	if s.shift {
		d := (hi - lo) * 0.25
		lo, hi = lo-d, hi+d
	}
	return between(rng, lo, hi)
}

// cameraHeight in metres, for a new clip.
func (s style) cameraHeight(rng *rand.Rand) float64 {
	if s.shift && rng.Float64() < 0.5 {
		return between(rng, 1.5, 1.8)
	}
	return between(rng, 0.2, 1.5)
}

func (s style) noise() float64 {
	if s.shift {
		return 2
	}
	return 1
}
