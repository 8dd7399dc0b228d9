package camera

import (
	"fmt"
	"math"
)

// maxSamples bounds the samples per output pixel and axis. Each sample reaches two source pixels wide, so that even a
// view sixteen times smaller than its source leaves no source pixel out.
const maxSamples = 8

// unit is the sum of the weights of one output pixel. It is the largest power of two with which a single weight fits
// fifteen bits, as vector instructions want it, and 255*unit fits the 24 bits that a float32 holds without loss.
const unit = 1 << 14

// View rectifies the pictures of one camera to the canonical camera. That camera stands where the physical one does
// and looks along the same axis, but is ideal and turned about this axis until its horizon is level: the mount's roll
// is removed, its pitch and yaw stay. Everything is computed once; afterwards a View never changes and may be used by
// several goroutines.
//
// Each output pixel is a weighted sum over its footprint in the source, stored as short horizontal runs. That is area
// sampling, so that fine texture does not alias when the picture shrinks, at the price of one multiplication a tap.
type View struct {
	canon              Canonical
	calibration        Calibration
	mount              Mount
	sinPitch, cosPitch float64
	pixels             []viewPixel
	runs               []viewRun
	weights            []uint16
	last               []place // of the pixels that rest on the picture's last row
	coverage           float64
}

// viewPixel is one output pixel: its runs end at end (and start where those of the pixel before it end), and grey is
// the share of its footprint that lies outside of the source, as mid-grey in weight units.
type viewPixel struct {
	end  uint32
	grey uint32
}

// viewRun is count neighbouring source pixels of row y, from column x on.
type viewRun struct {
	x, y, count uint16
}

// NewView precomputes the remap from pictures of the calibration's size. A camera that delivers another size of the
// same aspect ratio needs Calibration.Scaled first.
func NewView(c Canonical, cal Calibration, mount Mount) (*View, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := cal.Validate(); err != nil {
		return nil, fmt.Errorf("checking calibration: %w", err)
	}
	if err := mount.Validate(); err != nil {
		return nil, err
	}
	v := &View{canon: c, calibration: cal, mount: mount, pixels: make([]viewPixel, c.Width*c.Height)}
	v.sinPitch, v.cosPitch = math.Sincos(mount.Pitch)
	newMapper(v).fill()
	return v, nil
}

// Canonical is the camera that the view shows.
func (v *View) Canonical() Canonical { return v.canon }

// Mount is where that camera sits.
func (v *View) Mount() Mount { return v.mount }

// Calibration is that of the pictures that Apply takes.
func (v *View) Calibration() Calibration { return v.calibration }

// Coverage is the share of the view, 0 to 1, that the camera sees. The rest is mid-grey: a narrower lens than the
// canonical one, or a rolled mount, leaves borders about which nothing is known.
func (v *View) Coverage() float64 { return v.coverage }

// mapper follows rays of the canonical camera to source coordinates and collects the weights of each output pixel.
type mapper struct {
	view             *View
	lens             lens
	sinRoll, cosRoll float64
	bins             footprint
}

func newMapper(v *View) *mapper {
	m := &mapper{view: v, lens: newLens(v.calibration)}
	m.sinRoll, m.cosRoll = math.Sincos(v.mount.Roll)
	return m
}

func (m *mapper) fill() {
	v := m.view
	var outside float64
	for i := range v.pixels {
		x, y := float64(i%v.canon.Width), float64(i/v.canon.Width)
		m.bins.reset()
		m.sample(x, y)
		outside += m.bins.lost()
		first := place{pixel: i, run: len(v.runs), weight: len(v.weights)}
		v.pixels[i].grey = m.bins.emit(v)
		v.pixels[i].end = uint32(len(v.runs))
		if n := len(v.runs); n > first.run && int(v.runs[n-1].y) == v.calibration.Height-1 {
			v.last = append(v.last, first)
		}
	}
	v.coverage = 1 - outside/float64(len(v.pixels))
}

// sample spreads a grid of samples over output pixel (x, y), at least one per source pixel up to maxSamples.
func (m *mapper) sample(x, y float64) {
	nx, ny := m.density(x, y)
	for j := range ny {
		for i := range nx {
			u, w := x+(float64(i)+0.5)/float64(nx), y+(float64(j)+0.5)/float64(ny)
			if sx, sy, ok := m.source(u, w); ok && m.inside(sx, sy) {
				m.bins.add(sx, sy, m.view.calibration)
			} else {
				m.bins.miss()
			}
		}
	}
}

// density is how many source pixels the output pixel spans along its two axes.
func (m *mapper) density(x, y float64) (nx, ny int) {
	return m.span(x, y+0.5, x+1, y+0.5), m.span(x+0.5, y, x+0.5, y+1)
}

func (m *mapper) span(u0, w0, u1, w1 float64) int {
	x0, y0, ok0 := m.source(u0, w0)
	x1, y1, ok1 := m.source(u1, w1)
	if !ok0 || !ok1 {
		return maxSamples
	}
	// A hundredth of a pixel of slack keeps rounding from turning an exact 4 into 5.
	return min(max(int(math.Ceil(math.Hypot(x1-x0, y1-y0)-0.01)), 1), maxSamples)
}

// source follows the ray of canonical coordinates (u, w) to source coordinates, where the centre of the top left
// pixel is (0, 0). It is false where the lens model does not hold.
func (m *mapper) source(u, w float64) (float64, float64, bool) {
	right, down := m.view.canon.optical(u, w)
	// A camera whose right side hangs lower sees what is level rise to its right.
	x, y, ok := m.lens.bend(m.cosRoll*right+m.sinRoll*down, m.cosRoll*down-m.sinRoll*right)
	c := &m.view.calibration
	return c.Fx*x + c.Cx, c.Fy*y + c.Cy, ok
}

// inside tells whether a source position lies on the picture, whose pixels reach half a pixel around their centres.
func (m *mapper) inside(x, y float64) bool {
	c := &m.view.calibration
	return x >= -0.5 && y >= -0.5 && x <= float64(c.Width)-0.5 && y <= float64(c.Height)-0.5
}
