package camera

import (
	"fmt"
	"math"
)

// Canonical is the one pinhole camera that every network of a bundle sees through: square pixels, the principal point
// in the middle, no distortion. Its pixel coordinates put the centre of the top left pixel at (0.5, 0.5).
type Canonical struct {
	Width, Height int     // pixels
	HFOV          float64 // horizontal field of view, radians, below pi
}

// Validate reports a size or a field of view that no pinhole camera has.
func (c Canonical) Validate() error {
	if c.Width < 1 || c.Height < 1 || c.Width > maxSide || c.Height > maxSide {
		return fmt.Errorf("canonical view of %dx%d is outside of 1..%d", c.Width, c.Height, maxSide)
	}
	if !(c.HFOV > 0 && c.HFOV < math.Pi) {
		return fmt.Errorf("canonical field of view %g rad is outside of (0, pi)", c.HFOV)
	}
	return nil
}

// Focal is the focal length in pixels, the same for both axes.
func (c Canonical) Focal() float64 { return float64(c.Width) / 2 / math.Tan(c.HFOV/2) }

// VFOV is the vertical field of view in radians.
func (c Canonical) VFOV() float64 { return 2 * math.Atan(float64(c.Height)/2/c.Focal()) }

// optical is the ray through (u, v) in camera_optical, with one unit of depth: right and down.
func (c Canonical) optical(u, v float64) (right, down float64) {
	f := c.Focal()
	return (u - float64(c.Width)/2) / f, (v - float64(c.Height)/2) / f
}

// Ray is the unit vector through canonical pixel coordinates (u, v) in the levelled camera frame: the origin in the
// camera, x along the horizontal projection of the optical axis, y left, z up.
func (v *View) Ray(u, w float64) [3]float64 {
	right, down := v.canon.optical(u, w)
	x := v.cosPitch - down*v.sinPitch
	y := -right
	z := -v.sinPitch - down*v.cosPitch
	n := 1 / math.Sqrt(x*x+y*y+z*z)
	return [3]float64{x * n, y * n, z * n}
}

// Project returns the canonical pixel coordinates of a point in the levelled camera frame, and whether the point lies
// ahead of the camera and inside of the picture. The coordinates of a point ahead but outside are valid all the same;
// those of a point behind are zero.
func (v *View) Project(p [3]float64) (u, w float64, ok bool) {
	depth := v.cosPitch*p[0] - v.sinPitch*p[2]
	if !(depth > 1e-9) {
		return 0, 0, false
	}
	up := v.sinPitch*p[0] + v.cosPitch*p[2]
	f := v.canon.Focal()
	u = float64(v.canon.Width)/2 - f*p[1]/depth
	w = float64(v.canon.Height)/2 - f*up/depth
	ok = u >= 0 && w >= 0 && u <= float64(v.canon.Width) && w <= float64(v.canon.Height)
	return u, w, ok
}

// Rays is the geometry of a grid over the canonical view, as a [4, rows, cols] map: channels 0 to 2 hold the unit ray
// through the middle of each cell in the levelled camera frame, channel 3 the inverse of the distance along that ray
// to the floor, 1/m. Channel 3 is zero where the ray does not go down and when the mount's height is unknown.
func (v *View) Rays(cols, rows int) []float32 {
	if cols < 1 || rows < 1 {
		return nil
	}
	out := make([]float32, 4*rows*cols)
	stepX, stepY := float64(v.canon.Width)/float64(cols), float64(v.canon.Height)/float64(rows)
	for i := range rows * cols {
		ray := v.Ray((float64(i%cols)+0.5)*stepX, (float64(i/cols)+0.5)*stepY)
		for ch, value := range ray {
			out[ch*rows*cols+i] = float32(value)
		}
		if v.mount.Height > 0 && ray[2] < 0 {
			out[3*rows*cols+i] = float32(-ray[2] / v.mount.Height)
		}
	}
	return out
}
