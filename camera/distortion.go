package camera

import (
	"fmt"
	"math"
)

// Model names how a lens bends rays, in the words of ROS.
type Model string

// The distortion models and the coefficients they take, in the order of ROS and OpenCV.
const (
	ModelNone     Model = "none"                // no coefficients
	ModelPlumbBob Model = "plumb_bob"           // k1 k2 p1 p2 [k3]
	ModelRational Model = "rational_polynomial" // k1 k2 p1 p2 k3 k4 k5 k6
	ModelFisheye  Model = "fisheye"             // k1 k2 k3 k4 of the equidistant model
)

// Bounds of the search for the ray at which a polynomial folds back on itself.
const (
	foldStep  = 0.005
	foldReach = 20.0 // tangent of the angle to the axis; 87 degrees
)

// coefficients says how many numbers a model may carry; no numbers at all always mean an ideal lens.
func (m Model) coefficients() ([]int, error) {
	switch m {
	case ModelNone:
		return []int{0}, nil
	case ModelPlumbBob:
		return []int{0, 4, 5}, nil
	case ModelRational:
		return []int{0, 8}, nil
	case ModelFisheye:
		return []int{0, 4}, nil
	}
	return nil, fmt.Errorf("distortion model %q is unknown: use none, plumb_bob, rational_polynomial or fisheye "+
		"(equidistant)", string(m))
}

// lens bends ideal image coordinates (x right, y down, on the plane one unit ahead) as the glass does.
type lens struct {
	fisheye bool
	k       [6]float64 // radial terms; rational: three of the numerator, three of the denominator
	p1, p2  float64
	reach   float64 // largest radius that the model maps one to one; rays beyond it are not in the picture
}

func newLens(c Calibration) lens {
	var l lens
	d := make([]float64, 8)
	copy(d, c.D)
	switch c.Model {
	case ModelFisheye:
		l.fisheye = true
		copy(l.k[:], d[:4])
	case ModelPlumbBob, ModelRational:
		l.p1, l.p2 = d[2], d[3]
		l.k = [6]float64{d[0], d[1], d[4], d[5], d[6], d[7]}
	case ModelNone:
	}
	l.reach = l.fold()
	return l
}

// fold finds the radius from which on the radial curve no longer rises. Beyond it a polynomial maps rays from far
// outside of the picture back into it, which would paint ghosts.
func (l *lens) fold() float64 {
	last := 0.0
	for r := foldStep; r < foldReach; r += foldStep {
		bent := r * l.radial(r)
		if bent <= last || math.IsNaN(bent) {
			return r - foldStep
		}
		last = bent
	}
	return foldReach
}

// radial is the factor by which a point at radius r moves away from the centre.
func (l *lens) radial(r float64) float64 {
	if l.fisheye {
		return l.equidistant(r)
	}
	r2 := r * r
	over := 1 + r2*(l.k[0]+r2*(l.k[1]+r2*l.k[2]))
	under := 1 + r2*(l.k[3]+r2*(l.k[4]+r2*l.k[5]))
	return over / under
}

func (l *lens) equidistant(r float64) float64 {
	if r < 1e-9 {
		return 1
	}
	a := math.Atan(r)
	a2 := a * a
	return a * (1 + a2*(l.k[0]+a2*(l.k[1]+a2*(l.k[2]+a2*l.k[3])))) / r
}

// bend returns where the lens puts the ray (x, y, 1), and whether the model still holds there.
func (l *lens) bend(x, y float64) (float64, float64, bool) {
	r2 := x*x + y*y
	r := math.Sqrt(r2)
	if r > l.reach {
		return 0, 0, false
	}
	f := l.radial(r)
	if l.fisheye {
		return x * f, y * f, true
	}
	return x*f + 2*l.p1*x*y + l.p2*(r2+2*x*x), y*f + l.p1*(r2+2*y*y) + 2*l.p2*x*y, true
}
