package camera

import "math"

// footprint collects the weights that one output pixel gives to source pixels.
type footprint struct {
	samples []sample
	missed  int // samples outside of the source
	grid    []float64
	quant   []uint32
	rest    []float64
}

type sample struct{ x, y float64 }

// box is a rectangle of source pixels, both ends included.
type box struct{ x0, y0, x1, y1 int }

func (b box) width() int { return b.x1 - b.x0 + 1 }

func (f *footprint) reset() { f.samples, f.missed = f.samples[:0], 0 }

// add takes a sample at source position (x, y). The outer half of an edge pixel has the colour of that pixel.
func (f *footprint) add(x, y float64, c Calibration) {
	last := sample{float64(c.Width - 1), float64(c.Height - 1)}
	f.samples = append(f.samples, sample{min(max(x, 0), last.x), min(max(y, 0), last.y)})
}

// miss takes a sample that lies outside of the source.
func (f *footprint) miss() { f.missed++ }

// lost is the share of the samples that lie outside of the source.
func (f *footprint) lost() float64 { return float64(f.missed) / float64(f.missed+len(f.samples)) }

// emit appends the pixel's runs and weights to the view and returns its grey: what the lost samples contribute.
func (f *footprint) emit(v *View) uint32 {
	share := uint32(math.Round(unit * (1 - f.lost())))
	if len(f.samples) > 0 && share > 0 {
		b := f.bounds(v.calibration)
		f.spread(b, v.calibration)
		f.quantise(share)
		f.append(v, b)
	}
	return (unit - share) * 255 / 2
}

// bounds is the rectangle of all source pixels that the samples touch.
func (f *footprint) bounds(c Calibration) box {
	b := box{c.Width, c.Height, -1, -1}
	for _, s := range f.samples {
		x, y := int(s.x), int(s.y)
		b.x0, b.y0 = min(b.x0, x), min(b.y0, y)
		b.x1, b.y1 = max(b.x1, min(x+1, c.Width-1)), max(b.y1, min(y+1, c.Height-1))
	}
	return b
}

// spread adds up the bilinear weights of all samples.
func (f *footprint) spread(b box, c Calibration) {
	f.grid = append(f.grid[:0], make([]float64, b.width()*(b.y1-b.y0+1))...)
	each := 1 / float64(len(f.samples))
	for _, s := range f.samples {
		x0, y0 := int(s.x), int(s.y)
		x1, y1 := min(x0+1, c.Width-1), min(y0+1, c.Height-1)
		dx, dy := s.x-float64(x0), s.y-float64(y0)
		f.grid[(y0-b.y0)*b.width()+x0-b.x0] += each * (1 - dx) * (1 - dy)
		f.grid[(y0-b.y0)*b.width()+x1-b.x0] += each * dx * (1 - dy)
		f.grid[(y1-b.y0)*b.width()+x0-b.x0] += each * (1 - dx) * dy
		f.grid[(y1-b.y0)*b.width()+x1-b.x0] += each * dx * dy
	}
}

// quantise turns the weights into integers that add up to share exactly, so that a white wall stays white: the units
// that rounding down leaves over go, one by one, to the weights that lost most.
func (f *footprint) quantise(share uint32) {
	f.quant, f.rest = f.quant[:0], f.rest[:0]
	left := share
	for _, w := range f.grid {
		exact := w * float64(share)
		q := min(uint32(exact), left)
		f.quant, f.rest = append(f.quant, q), append(f.rest, exact-float64(q))
		left -= q
	}
	for ; left > 0; left-- {
		best := 0
		for i := range f.rest {
			if f.rest[i] > f.rest[best] {
				best = i
			}
		}
		f.quant[best]++
		f.rest[best]--
	}
}

// append stores each row's non-zero stretch as one run, from top to bottom, its weights filled up to whole groups.
func (f *footprint) append(v *View, b box) {
	n := b.width()
	for row := range len(f.quant) / n {
		w := f.quant[row*n : (row+1)*n]
		first, last := 0, n-1
		for first < n && w[first] == 0 {
			first++
		}
		for last > first && w[last] == 0 {
			last--
		}
		if first == n {
			continue
		}
		v.runs = append(v.runs, viewRun{x: uint16(b.x0 + first), y: uint16(b.y0 + row), count: uint16(last - first + 1)})
		for _, q := range w[first : last+1] {
			v.weights = append(v.weights, uint16(q))
		}
		for n := last - first + 1; n < padded(last-first+1); n++ {
			v.weights = append(v.weights, 0)
		}
	}
}
