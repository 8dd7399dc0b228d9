package scene

import "math"

// plus returns c + d.
func (c Cov) plus(d Cov) Cov {
	for i := range c {
		c[i] += d[i]
	}
	return c
}

// times returns the matrix product c·d.
func (c Cov) times(d Cov) Cov {
	var out Cov
	for r := range 3 {
		for k := range 3 {
			out[3*r+k] = c[3*r]*d[k] + c[3*r+1]*d[3+k] + c[3*r+2]*d[6+k]
		}
	}
	return out
}

// transposed returns the transpose of c.
func (c Cov) transposed() Cov {
	return Cov{c[0], c[3], c[6], c[1], c[4], c[7], c[2], c[5], c[8]}
}

// sandwich returns c·d·cᵀ, the covariance d seen through the linear map c.
func (c Cov) sandwich(d Cov) Cov { return c.times(d).times(c.transposed()) }

// apply returns the product of the matrix and a vector.
func (c Cov) apply(v Vec3) Vec3 {
	return Vec3{
		c[0]*v.X + c[1]*v.Y + c[2]*v.Z,
		c[3]*v.X + c[4]*v.Y + c[5]*v.Z,
		c[6]*v.X + c[7]*v.Y + c[8]*v.Z,
	}
}

// Along returns the variance in the direction of the unit vector u.
func (c Cov) Along(u Vec3) float64 { return u.Dot(c.apply(u)) }

// inverse returns the inverse of a positive definite matrix; ok is false when it is singular.
func (c Cov) inverse() (inv Cov, ok bool) {
	a := c[4]*c[8] - c[5]*c[7]
	b := c[5]*c[6] - c[3]*c[8]
	d := c[3]*c[7] - c[4]*c[6]
	det := c[0]*a + c[1]*b + c[2]*d
	if det <= 0 || math.IsInf(1/det, 0) {
		return Cov{}, false
	}
	inv = Cov{
		a, c[2]*c[7] - c[1]*c[8], c[1]*c[5] - c[2]*c[4],
		b, c[0]*c[8] - c[2]*c[6], c[2]*c[3] - c[0]*c[5],
		d, c[1]*c[6] - c[0]*c[7], c[0]*c[4] - c[1]*c[3],
	}
	for i := range inv {
		inv[i] /= det
	}
	return inv, true
}

// scaled multiplies every entry.
func (c Cov) scaled(k float64) Cov {
	for i := range c {
		c[i] *= k
	}
	return c
}

// symmetric removes the asymmetry that rounding leaves.
func (c Cov) symmetric() Cov {
	c[1] = (c[1] + c[3]) / 2
	c[2] = (c[2] + c[6]) / 2
	c[5] = (c[5] + c[7]) / 2
	c[3], c[6], c[7] = c[1], c[2], c[5]
	return c
}

// mostVariance bounds what drifts on for long: beyond it a place is not known at all.
const mostVariance = 1e5

// bounded scales a covariance down until no variance exceeds mostVariance.
func (c Cov) bounded() Cov {
	most := max(c[0], c[4], c[8])
	if most <= mostVariance {
		return c
	}
	for i := range c {
		c[i] *= mostVariance / most
	}
	return c
}

// rotated turns a diagonal covariance over (x, y, z) by an angle about z.
func rotated(diag Vec3, yaw float64) Cov {
	sin, cos := math.Sincos(yaw)
	xy := sin * cos * (diag.X - diag.Y)
	return Cov{
		cos*cos*diag.X + sin*sin*diag.Y, xy, 0,
		xy, sin*sin*diag.X + cos*cos*diag.Y, 0,
		0, 0, diag.Z,
	}
}
