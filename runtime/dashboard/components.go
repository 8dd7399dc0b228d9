package dashboard

import (
	"math"
	"slices"
)

// How the main directions are followed.
const (
	firstRounds = 24  // of the iteration, when nothing is known yet
	laterRounds = 2   // from the directions of the map before, which are nearly right
	fullSpread  = 2.5 // standard deviations that are shown between black and full
	memory      = 0.9 // of the spread, from map to map: keeps colours from flickering
)

// components finds the three directions in which the tokens of a map differ most, and shows each token's place along
// them as red, green and blue. The directions are followed from map to map by subspace iteration: the same thing keeps
// its colour, and a map costs a few passes over its values.
type components struct {
	channels int
	axes     [3][]float64
	spread   [3]float64
	rows     [][]float64 // the map, channel by channel, without its mean
	along    [3][]float64
}

// paint returns one byte a colour and token. values holds channels rows of cells values.
func (c *components) paint(values []float32, channels, cells int) []byte {
	rounds := laterRounds
	if c.channels != channels || len(c.rows[0]) != cells {
		c.begin(channels, cells)
		rounds = firstRounds
	}
	c.center(values)
	for range rounds {
		c.project()
		c.turn()
	}
	c.project()
	out := make([]byte, 3*cells)
	for k := range c.axes {
		c.widen(k, rounds == firstRounds)
		scale := 0.0
		if c.spread[k] > 1e-9 {
			scale = 127 / (fullSpread * c.spread[k])
		}
		for i, x := range c.along[k] {
			out[3*i+k] = byte(min(max(128+scale*x, 0), 255))
		}
	}
	return out
}

// begin takes fixed first directions: the same map always gets the same colours.
func (c *components) begin(channels, cells int) {
	*c = components{channels: channels, rows: make([][]float64, channels)}
	for i := range c.rows {
		c.rows[i] = make([]float64, cells)
	}
	for k := range c.axes {
		c.along[k] = make([]float64, cells)
		c.axes[k] = make([]float64, channels)
		for i := range c.axes[k] {
			c.axes[k][i] = math.Cos(float64((k+1)*(2*i+1)) * 1.234)
		}
	}
}

// center copies the map without its mean. What is no number counts as zero.
func (c *components) center(values []float32) {
	for ch, row := range c.rows {
		sum := 0.0
		for i := range row {
			x := float64(values[ch*len(row)+i])
			if math.IsNaN(x) || math.IsInf(x, 0) {
				x = 0
			}
			row[i] = x
			sum += x
		}
		mean := sum / float64(len(row))
		for i := range row {
			row[i] -= mean
		}
	}
}

// project computes every token's place along the directions.
func (c *components) project() {
	for k, axis := range c.axes {
		clear(c.along[k])
		for ch, row := range c.rows {
			w, along := axis[ch], c.along[k][:len(row)]
			for i, x := range row {
				along[i] += w * x
			}
		}
	}
}

// turn moves each direction to where the tokens spread that lie along it, and makes them orthonormal again.
func (c *components) turn() {
	for k, axis := range c.axes {
		before := slices.Clone(axis)
		for ch, row := range c.rows {
			sum, along := 0.0, c.along[k][:len(row)]
			for i, x := range row {
				sum += x * along[i]
			}
			axis[ch] = sum
		}
		for _, other := range c.axes[:k] {
			subtract(axis, other)
		}
		if !normalize(axis) { // the tokens differ in fewer ways than this
			copy(axis, before)
		}
	}
}

// widen follows the spread along a direction.
func (c *components) widen(k int, first bool) {
	sum := 0.0
	for _, x := range c.along[k] {
		sum += x * x
	}
	now := math.Sqrt(sum / float64(len(c.along[k])))
	if first {
		c.spread[k] = now
		return
	}
	c.spread[k] = memory*c.spread[k] + (1-memory)*now
}

// subtract takes the part along a unit vector away.
func subtract(v, unit []float64) {
	dot := 0.0
	for i := range v {
		dot += v[i] * unit[i]
	}
	for i := range v {
		v[i] -= dot * unit[i]
	}
}

func normalize(v []float64) bool {
	sum := 0.0
	for _, x := range v {
		sum += x * x
	}
	if sum < 1e-24 {
		return false
	}
	scale := 1 / math.Sqrt(sum)
	for i := range v {
		v[i] *= scale
	}
	return true
}
