package perception

import (
	"math"

	"github.com/vega-edge/vegad/runtime/scene"
)

// What the checks of the geometry allow for beside the predicted variances.
const (
	floorReach  = 5.0  // m along the ray, beyond which the camera's rocking moves the floor too much
	floorSlack  = 0.06 // of ln(depth) on the floor: the camera rocks, the mount is measured by hand
	floorLow    = -2.0 // standard deviations before the floor from which something stands there
	leastFloor  = 8    // cells of floor that tell something
	standSlack  = 0.05 // m of a thing's bottom under the floor
	mostSquare  = 25.0 // largest squared error that one place counts
	halfSquare  = 0.5  // expectation of the squared positive part of a standard normal error
	leastAgrees = 0.05
)

// ratio gathers squared errors over what is expected of them if the predicted variances are right.
type ratio struct{ sum, expected float64 }

func (r *ratio) add(z, expected float64) {
	r.sum += min(z*z, mostSquare)
	r.expected += expected
}

// agreement returns how well what the head says fits together, 1 down to leastAgrees: one over the Birge ratio of the
// worst check, so that standard deviations divided by it are as wide as the contradiction shows that they must be.
func (d *decoder) agreement(detections []scene.Detection) float64 {
	worst := 1.0
	for _, r := range [...]ratio{d.floorCheck(), d.standCheck(detections), d.depthCheck(detections)} {
		if r.expected > 0 {
			worst = max(worst, r.sum/r.expected)
		}
	}
	return max(1/math.Sqrt(worst), leastAgrees)
}

// floorCheck holds the depth against the floor at the known height of the camera: nothing is seen below it. Cells
// that show something standing before it do not count.
func (d *decoder) floorCheck() ratio {
	var r ratio
	n := 0
	inverse := d.rays[3*d.cells:]
	for i, inv := range inverse[:d.cells] {
		if inv <= 1/floorReach || d.ranges[i] <= 0 {
			continue
		}
		s := float64(d.sigmas[i])
		z := math.Log(float64(d.ranges[i])*float64(inv)) / math.Sqrt(s*s+floorSlack*floorSlack)
		if z < floorLow {
			continue
		}
		r.add(max(z, 0), halfSquare)
		n++
	}
	if n < leastFloor {
		return ratio{}
	}
	return r
}

// standCheck holds the bottoms of the boxes against the floor: nothing reaches below it.
func (d *decoder) standCheck(detections []scene.Detection) ratio {
	var r ratio
	if d.view.Mount().Height <= 0 {
		return r
	}
	for i := range detections {
		o := &detections[i]
		sigma := math.Sqrt(o.CenterVar.Z + o.SizeVar.Z/4 + standSlack*standSlack)
		r.add(max(-o.Box.Bottom()/sigma, 0), 1)
	}
	return r
}

// depthCheck holds the boxes against the depth behind their centres' place in the picture: who sees a thing sees no
// farther than its back. What hides its middle may be nearer.
func (d *decoder) depthCheck(detections []scene.Detection) ratio {
	var r ratio
	mount := d.view.Mount()
	eye := scene.Vec3{X: mount.X, Y: mount.Y, Z: max(mount.Height, 0)}
	for i := range detections {
		o := &detections[i]
		c := o.Box.Center
		u, v, ok := d.view.Project(mount.FromBase([3]float64{c.X, c.Y, c.Z}))
		if !ok {
			continue
		}
		cell := min(int(v/d.stride), d.rows-1)*d.cols + min(int(u/d.stride), d.cols-1)
		depth, s := float64(d.ranges[cell]), float64(d.sigmas[cell])
		if depth <= 0 {
			continue
		}
		back := c.Sub(eye).Norm() + o.Box.Longest()/2
		sigma := math.Sqrt(s*s*depth*depth + (o.CenterVar.X+o.CenterVar.Y+o.CenterVar.Z)/3 + standSlack*standSlack)
		r.add(max((depth-back)/sigma, 0), 1)
	}
	return r
}
