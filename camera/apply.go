package camera

import "fmt"

// Apply writes the canonical view of a picture to dst as planar RGB, [3, Height, Width] of the canonical size with
// values from 0 to 1. It reads the frame once, allocates nothing, and does not release the frame. The frame must have
// the size of the view's calibration.
func (v *View) Apply(dst []float32, f *Frame) error {
	if err := v.check(dst, f); err != nil {
		return err
	}
	n := len(v.pixels)
	red, green, blue := dst[:n], dst[n:2*n], dst[2*n:3*n]
	if f.Format == BGR8 {
		red, blue = blue, red
	}
	v.remap([3][]float32{red, green, blue}, f.Pix, f.Stride)
	return nil
}

func (v *View) check(dst []float32, f *Frame) error {
	c := &v.calibration
	if f.Width != c.Width || f.Height != c.Height {
		return fmt.Errorf("frame of %dx%d does not fit the view's calibration for %dx%d: scale the calibration first",
			f.Width, f.Height, c.Width, c.Height)
	}
	if f.Format != BGR8 && f.Format != RGB8 {
		return fmt.Errorf("frame has the unknown pixel format %d", f.Format)
	}
	if f.Stride < 3*f.Width || len(f.Pix) < (f.Height-1)*f.Stride+3*f.Width {
		return fmt.Errorf("frame of %dx%d with stride %d holds %d bytes, too few", f.Width, f.Height, f.Stride, len(f.Pix))
	}
	if want := 3 * len(v.pixels); len(dst) != want {
		return fmt.Errorf("destination holds %d values, the view needs %d", len(dst), want)
	}
	return nil
}

// place is where the work has come to: the next output pixel, with its first run and weight.
type place struct{ pixel, run, weight int }

// scale turns a sum of weighted bytes into a value from 0 to 1. The sum is below 2^24, so that no bit is lost.
const scale = 1.0 / (255 * unit)

// remap is the hot loop. planes receive the first, second and third byte of the source pixels. Vector instructions
// read a little beyond a run, which the picture's last row does not allow: its pixels are done one by one.
func (v *View) remap(planes [3][]float32, pix []byte, stride int) {
	if !vectors() || v.calibration.Width < leastVectorWidth {
		v.plain(planes, pix, stride, place{}, len(v.pixels))
		return
	}
	at := place{}
	for _, last := range v.last {
		v.vector(planes, pix, stride, at, last.pixel)
		at = v.plain(planes, pix, stride, last, last.pixel+1)
	}
	v.vector(planes, pix, stride, at, len(v.pixels))
}

// group is how many taps the vector instructions take at once: a run's weights fill whole groups, the last with zeros.
const group = 8

// leastVectorWidth is the width from which on reading beyond a run ends within the next row.
const leastVectorWidth = 16

// vectorWork is what remapVector does: count output pixels to first, second and third. pixels and weights point to
// those of the first one, run is the index of its first run in runs. The order of the fields is known to the assembly.
type vectorWork struct {
	first, second, third *float32
	pixels               *viewPixel
	count                int
	runs                 *viewRun
	run                  int
	weights              *uint16
	pix                  *byte
	stride               int
}

// vector writes the pixels from a place up to end, none of which rests on the picture's last row.
func (v *View) vector(planes [3][]float32, pix []byte, stride int, from place, end int) {
	if from.pixel >= end || from.weight >= len(v.weights) {
		v.plain(planes, pix, stride, from, end) // no pixel, or nothing but grey
		return
	}
	i := from.pixel
	remapVector(&vectorWork{
		first: &planes[0][i], second: &planes[1][i], third: &planes[2][i], pixels: &v.pixels[i], count: end - i,
		runs: &v.runs[0], run: from.run, weights: &v.weights[from.weight], pix: &pix[0], stride: stride,
	})
}

// plain writes the pixels from a place up to end and returns the place behind them.
func (v *View) plain(planes [3][]float32, pix []byte, stride int, from place, end int) place {
	weights, run := v.weights[from.weight:], from.run
	for i := from.pixel; i < end; i++ {
		p := v.pixels[i]
		a, b, c := p.grey, p.grey, p.grey
		for _, r := range v.runs[run:p.end] {
			n := int(r.count)
			at := int(r.y)*stride + 3*int(r.x)
			row, w := pix[at:at+3*n], weights[:n]
			weights = weights[padded(n):]
			// Four taps at a time: with fixed-size arrays the compiler needs one bounds check for all twelve bytes.
			for len(w) >= 4 && len(row) >= 12 {
				s, q := (*[12]byte)(row), (*[4]uint16)(w)
				q0, q1, q2, q3 := uint32(q[0]), uint32(q[1]), uint32(q[2]), uint32(q[3])
				a += q0*uint32(s[0]) + q1*uint32(s[3]) + q2*uint32(s[6]) + q3*uint32(s[9])
				b += q0*uint32(s[1]) + q1*uint32(s[4]) + q2*uint32(s[7]) + q3*uint32(s[10])
				c += q0*uint32(s[2]) + q1*uint32(s[5]) + q2*uint32(s[8]) + q3*uint32(s[11])
				row, w = row[12:], w[4:]
			}
			for len(w) > 0 && len(row) >= 3 {
				q := uint32(w[0])
				a, b, c = a+q*uint32(row[0]), b+q*uint32(row[1]), c+q*uint32(row[2])
				row, w = row[3:], w[1:]
			}
		}
		run = int(p.end)
		planes[0][i], planes[1][i], planes[2][i] = float32(a)*scale, float32(b)*scale, float32(c)*scale
	}
	return place{pixel: end, run: run, weight: len(v.weights) - len(weights)}
}

// padded is how many weights a run of n taps fills.
func padded(n int) int { return (n + group - 1) / group * group }
