package scene

import "math"

// defaultDepthSigma is the standard deviation of ln(depth) when the networks do not tell.
const defaultDepthSigma = 0.1

// eye is the camera of one observation, in map.
type eye struct {
	view       *View
	origin     Vec3
	yaw        float64
	sin, cos   float64 // of the pitch
	tanH, tanV float64 // of half the fields of view
	usable     bool
}

func newEye(v *View, robot Pose) eye {
	e := eye{view: v, origin: robot.Apply(v.Position), yaw: robot.Yaw + v.Yaw}
	e.sin, e.cos = math.Sincos(v.Pitch)
	e.tanH, e.tanV = math.Tan(v.HFOV/2), math.Tan(v.VFOV/2)
	e.usable = v.HFOV > 0 && v.VFOV > 0
	return e
}

// project returns where a point of map falls in the picture: -1..1 from left to right and from top to bottom.
func (e *eye) project(p Vec3) (u, v float64, ok bool) {
	l := Box{Center: e.origin, Yaw: e.yaw}.toLocal(p)
	forward := l.X*e.cos - l.Z*e.sin
	up := l.X*e.sin + l.Z*e.cos
	if forward < 0.05 {
		return 0, 0, false
	}
	u, v = -l.Y/forward/e.tanH, -up/forward/e.tanV
	return u, v, math.Abs(u) < 1 && math.Abs(v) < 1
}

// depthAt returns the predicted distance along the ray at a place in the picture and its standard deviation of the
// logarithm; ok is false where nothing was predicted.
func (e *eye) depthAt(u, v float64) (depth, sigma float64, ok bool) {
	if len(e.view.Depth) == 0 {
		return 0, 0, false
	}
	col := min(int((u+1)/2*float64(e.view.Cols)), e.view.Cols-1)
	row := min(int((v+1)/2*float64(e.view.Rows)), e.view.Rows-1)
	i := row*e.view.Cols + col
	depth, sigma = float64(e.view.Depth[i]), defaultDepthSigma
	if len(e.view.DepthSigma) > 0 {
		sigma = float64(e.view.DepthSigma[i])
	}
	return depth, sigma, depth > 0
}

// What one ray toward a remembered thing tells about its absence: 1 when the camera sees far behind its front.
const (
	rayAtIt    = 0.3  // something is there at its distance, though it was not recognised
	rayUnknown = 0.25 // no depth was predicted here
	rayHidden  = 0.05 // less than this: something nearer hides it
)

// samples returns the points of a box that rays are sent to, in units of its half extents.
func samples() [9]Vec3 {
	const s = 0.7
	return [9]Vec3{
		{0, 0, 0},
		{-s, -s, -s},
		{s, -s, -s},
		{-s, s, -s},
		{s, s, -s},
		{-s, -s, s},
		{s, -s, s},
		{-s, s, s},
		{s, s, s},
	}
}

// leastOpen is how many of the points must be in the picture and not hidden: less of a thing is not recognised anyway.
const leastOpen = 3

// looked returns how much the camera's not detecting t speaks against it: 1 when it looked right through the place
// where t should be, 0 when t was hidden, out of view or too far away.
func (m *Memory) looked(e *eye, t *track) float64 {
	if !e.usable || t.box.Center.Sub(e.origin).Norm() > m.cfg.MaxRange {
		return 0
	}
	sigma := math.Sqrt(trace(t.cov) / 3)
	half := t.box.Size.Scale(0.5)
	points := samples()
	sum, open := 0.0, 0
	for _, s := range points {
		p := t.box.fromLocal(Vec3{s.X * half.X, s.Y * half.Y, s.Z * half.Z})
		if one := m.ray(e, t, p, sigma); one > rayHidden {
			sum += one
			open++
		}
	}
	if open < leastOpen {
		return 0
	}
	share := sum / float64(len(points))
	// A thing whose place is known worse than its size may stand beside the place the camera looked at.
	blur := sigma / (halfSize(t.box) + 0.1)
	return share / (1 + blur*blur)
}

// ray judges one line of sight from the camera to a point of t.
func (m *Memory) ray(e *eye, t *track, p Vec3, sigma float64) float64 {
	u, v, ok := e.project(p)
	if !ok {
		return 0
	}
	dir := p.Sub(e.origin)
	dir = dir.Scale(1 / dir.Norm())
	enter, _, ok := t.box.rayEntry(e.origin, dir)
	if !ok || enter == 0 || m.coveredBefore(e.origin, dir, enter-2*sigma-0.05) {
		return 0
	}
	depth, logSigma, ok := e.depthAt(u, v)
	if !ok {
		return rayUnknown
	}
	// The farther behind its front the camera sees, the less can the thing be there; the farther before, the less can
	// it be seen.
	behind := (depth - enter) / (logSigma*depth + sigma + 0.025)
	fits := math.Exp(-behind * behind / 2)
	if behind < 0 {
		return rayAtIt * fits
	}
	return 1 - (1-rayAtIt)*fits
}

// coveredBefore says whether a thing detected in this observation stands in the way within a distance.
func (m *Memory) coveredBefore(origin, dir Vec3, distance float64) bool {
	for r := range m.meas {
		if enter, _, ok := m.meas[r].box.rayEntry(origin, dir); ok && enter < distance {
			return true
		}
	}
	return false
}
