package camera

import (
	"errors"
	"fmt"
	"math"
)

// maxSide bounds a picture's width and height in pixels, so that a typing error cannot ask for gigabytes.
const maxSide = 16384

// aspectTolerance is how far two picture sizes may differ in shape and still be the same view: sensors round.
const aspectTolerance = 0.01

// Calibration is how a camera maps rays to pixels. Pixel coordinates are those of ROS and OpenCV: the centre of the
// top left pixel is (0, 0).
type Calibration struct {
	Width, Height int     // pixels of the pictures it was made for
	Fx, Fy        float64 // focal lengths, pixels
	Cx, Cy        float64 // principal point, pixels
	Model         Model
	D             []float64 // distortion coefficients in the model's order; none means an ideal lens
	Assumed       bool      // true when nobody measured it, see AssumedCalibration
}

// AssumedCalibration is the ideal pinhole of a camera nobody calibrated: square pixels, centred, with the given
// horizontal field of view in radians. A field of view outside of (0, pi) gives a calibration that Validate refuses.
func AssumedCalibration(width, height int, hfov float64) Calibration {
	f := float64(width) / 2 / math.Tan(hfov/2)
	return Calibration{
		Width: width, Height: height, Fx: f, Fy: f,
		Cx: float64(width-1) / 2, Cy: float64(height-1) / 2,
		Model: ModelNone, Assumed: true,
	}
}

// Validate names everything that is wrong, at once.
func (c Calibration) Validate() error {
	var errs []error
	if c.Width < 1 || c.Height < 1 || c.Width > maxSide || c.Height > maxSide {
		errs = append(errs, fmt.Errorf("picture size %dx%d is outside of 1..%d", c.Width, c.Height, maxSide))
	}
	if !positive(c.Fx) || !positive(c.Fy) {
		errs = append(errs, fmt.Errorf("focal lengths %g and %g must be positive and finite", c.Fx, c.Fy))
	}
	if !finite(c.Cx) || !finite(c.Cy) {
		errs = append(errs, fmt.Errorf("principal point (%g, %g) must be finite", c.Cx, c.Cy))
	}
	return errors.Join(append(errs, c.validateDistortion())...)
}

func (c Calibration) validateDistortion() error {
	counts, err := c.Model.coefficients()
	if err != nil {
		return err
	}
	known := false
	for _, n := range counts {
		known = known || n == len(c.D)
	}
	if !known {
		return fmt.Errorf("distortion model %s takes %v coefficients, got %d", c.Model, counts, len(c.D))
	}
	for i, v := range c.D {
		if !finite(v) {
			return fmt.Errorf("distortion coefficient %d is %g, not a finite number", i+1, v)
		}
	}
	return nil
}

// Scaled is the calibration for the same camera delivering pictures of another size, as cameras do that bin or resize
// the whole sensor. Another aspect ratio means a crop, whose position nobody can guess, and is an error.
func (c Calibration) Scaled(width, height int) (Calibration, error) {
	if err := c.Validate(); err != nil {
		return Calibration{}, err
	}
	if width < 1 || height < 1 || width > maxSide || height > maxSide {
		return Calibration{}, fmt.Errorf("picture size %dx%d is outside of 1..%d", width, height, maxSide)
	}
	sx, sy := float64(width)/float64(c.Width), float64(height)/float64(c.Height)
	if math.Abs(sx/sy-1) > aspectTolerance {
		return Calibration{}, fmt.Errorf("calibration for %dx%d does not fit pictures of %dx%d: the aspect ratio "+
			"differs, calibrate the camera at the size it delivers", c.Width, c.Height, width, height)
	}
	s := c
	s.Width, s.Height = width, height
	s.Fx, s.Fy = c.Fx*sx, c.Fy*sy
	s.Cx, s.Cy = (c.Cx+0.5)*sx-0.5, (c.Cy+0.5)*sy-0.5
	return s, nil
}

// Mount is where the camera sits on the robot, in base_link (x forward, y left, z up). The angles are those of ROS:
// turn by Yaw about z, then by Pitch about the new y, then by Roll about the new x.
type Mount struct {
	X, Y   float64 // metres
	Height float64 // metres above the floor; zero or less is unknown
	Yaw    float64 // radians, positive turns left
	Pitch  float64 // radians, positive looks down
	Roll   float64 // radians, positive lowers the camera's right side
}

// Validate reports angles and offsets that cannot be: not finite, or a pitch beyond straight up or down.
func (m Mount) Validate() error {
	for _, v := range []float64{m.X, m.Y, m.Height, m.Yaw, m.Pitch, m.Roll} {
		if !finite(v) {
			return fmt.Errorf("camera mount %+v holds a value that is not finite", m)
		}
	}
	if math.Abs(m.Pitch) > math.Pi/2 {
		return fmt.Errorf("camera pitch %g rad is beyond straight up or down (%.4g)", m.Pitch, math.Pi/2)
	}
	return nil
}

// ToBase moves a point from the levelled camera frame (see View) to base_link. With an unknown height, z stays
// relative to the camera.
func (m Mount) ToBase(p [3]float64) [3]float64 {
	s, c := math.Sincos(m.Yaw)
	return [3]float64{c*p[0] - s*p[1] + m.X, s*p[0] + c*p[1] + m.Y, p[2] + max(m.Height, 0)}
}

// FromBase moves a point from base_link to the levelled camera frame; it is the inverse of ToBase.
func (m Mount) FromBase(p [3]float64) [3]float64 {
	s, c := math.Sincos(m.Yaw)
	x, y := p[0]-m.X, p[1]-m.Y
	return [3]float64{c*x + s*y, -s*x + c*y, p[2] - max(m.Height, 0)}
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

func positive(v float64) bool { return v > 0 && finite(v) }
