package perception

import (
	"cmp"
	"math"
	"slices"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/runtime/scene"
)

// Channels of the head's box output; see models/train/net.py.
const (
	boxDX, boxDY, boxDistance, boxSize, boxSin2, boxCos2, boxSin, boxCos = 0, 1, 2, 3, 6, 7, 8, 9

	spreadOffset, spreadDistance, spreadSize, spreadYaw = 0, 1, 2, 3
)

// How many channels and values the outputs have, and the input rays.
const rayChannels, boxChannels, spreadChannels, depthChannels, egoValues, roomValues = 4, 10, 4, 2, 6, 8

// assumedWidening multiplies the variances of a camera that nobody calibrated: a field of view that is wrong by a fifth
// moves and scales everything with it.
const assumedWidening = 4

// peak is a cell of the heat map that stands out among its neighbours.
type peak struct {
	label, cell int
	logit       float32
}

// decoder reads the head's outputs. It owns its buffers and is guarded by the pipeline.
type decoder struct {
	m          *models.Manifest
	cells      int
	cols, rows int
	stride     float64 // canonical pixels a cell
	focal      float64 // canonical pixels
	widen      float64

	heat, box, spread, attributes, embedding, depth, motion, room []float32

	rays    []float32 // what the head is told of the view's geometry
	view    *camera.View
	peaks   []peak
	colors  []float32 // storage of all detections' colours, embeddings and of the depth
	ids     []float32
	embed   int
	ranges  []float32
	sigmas  []float32
	looking scene.View
}

func (d *decoder) init(m *models.Manifest, head Graph) {
	d.m, d.cols, d.rows = m, m.Grid.Cols, m.Grid.Rows
	d.cells = d.cols * d.rows
	d.stride = float64(m.View.Width) / float64(d.cols)
	d.heat, d.box, d.spread = head.Output("heat"), head.Output("box"), head.Output("box_logvar")
	d.attributes, d.embedding = head.Output("attributes"), head.Output("embedding")
	d.depth, d.motion, d.room = head.Output("depth"), head.Output("ego"), head.Output("room")
	d.rays = head.Input("rays")
	d.embed = len(d.embedding) / d.cells
	n := m.Decode.MaxDetections
	// Peaks of one label are never neighbours, so that no more than every second cell of every second row is one.
	d.peaks = make([]peak, 0, (d.cols+1)/2*((d.rows+1)/2)*len(m.Labels))
	n += len(m.Labels) // of each label a hint
	d.colors, d.ids = make([]float32, n*len(m.Colors)), make([]float32, n*d.embed)
	d.ranges, d.sigmas = make([]float32, d.cells), make([]float32, d.cells)
}

// look takes over the geometry of a new view.
func (d *decoder) look(v *camera.View, assumed bool) {
	d.view, d.focal, d.widen = v, v.Canonical().Focal(), 1
	if assumed {
		d.widen = assumedWidening
	}
	mount := v.Mount()
	d.looking = scene.View{
		Position: scene.Vec3{X: mount.X, Y: mount.Y, Z: max(mount.Height, 0)}, Yaw: mount.Yaw, Pitch: mount.Pitch,
		HFOV: v.Canonical().HFOV, VFOV: v.Canonical().VFOV(), Depth: d.ranges, DepthSigma: d.sigmas,
		Cols: d.cols, Rows: d.rows,
	}
}

// read fills the observation with everything but its identity, its gate and the robot's motion.
func (d *decoder) read(o *scene.Observation) {
	d.find()
	o.Detections = o.Detections[:0]
	for _, p := range d.peaks {
		if len(o.Detections) == cap(o.Detections) {
			break
		}
		det := d.detection(p, len(o.Detections))
		if sane(&det) && !repeats(o.Detections, &det) {
			o.Detections = append(o.Detections, det)
		}
	}
	d.hint(o)
	d.measure()
	o.View, o.Room = d.looking, d.enclosure()
	o.Consistency = d.agreement(o.Detections)
}

// measure fills the depth of the view. What is no number becomes 0, which is unknown.
func (d *decoder) measure() {
	scale := 0.5 * math.Log(d.m.Decode.VarianceScale.Depth*d.widen)
	for i := range d.ranges {
		far := math.Exp(float64(d.depth[i]))
		sigma := math.Exp(0.5*float64(d.depth[d.cells+i]) + scale)
		if !within(maxRange, far) || !within(maxVariance, sigma) {
			far, sigma = 0, 0
		}
		d.ranges[i], d.sigmas[i] = float32(far), float32(sigma)
	}
}

// enclosure is the room, or the zero room, which is unknown, when an extent is no number.
func (d *decoder) enclosure() scene.Room {
	r := scene.Room{
		Length: math.Exp(float64(d.room[0])), Width: math.Exp(float64(d.room[1])), Height: math.Exp(float64(d.room[2])),
		Area:   math.Exp(float64(d.room[3])),
		LogVar: math.Exp(float64(d.room[7])) * d.m.Decode.VarianceScale.Room * d.widen,
	}
	if !within(maxRange, r.Length, r.Width, r.Height) || !within(maxRange*maxRange, r.Area) ||
		!within(maxVariance, r.LogVar) {
		return scene.Room{}
	}
	if r.Width > r.Length {
		r.Length, r.Width = r.Width, r.Length
	}
	return r
}

// find lists the cells that exceed the threshold and their eight neighbours of the same label, strongest first.
func (d *decoder) find() {
	d.peaks = d.peaks[:0]
	t := d.m.Decode.ScoreThreshold
	threshold := float32(math.Log(t / (1 - t)))
	for label := range d.m.Labels {
		heat := d.heat[label*d.cells : (label+1)*d.cells]
		for cell, v := range heat {
			if v >= threshold && d.tops(heat, cell) {
				d.peaks = append(d.peaks, peak{label, cell, v})
			}
		}
	}
	slices.SortFunc(d.peaks, func(a, b peak) int { // of equal ones the first label, then the first cell
		return cmp.Or(cmp.Compare(b.logit, a.logit), cmp.Compare(a.label, b.label), cmp.Compare(a.cell, b.cell))
	})
}

// tops reports whether no neighbour is higher; of equal ones the first wins.
func (d *decoder) tops(heat []float32, cell int) bool {
	x, y := cell%d.cols, cell/d.cols
	for j := max(y-1, 0); j <= min(y+1, d.rows-1); j++ {
		for i := max(x-1, 0); i <= min(x+1, d.cols-1); i++ {
			at := j*d.cols + i
			if heat[at] > heat[cell] || (heat[at] == heat[cell] && at < cell) {
				return false
			}
		}
	}
	return true
}

func (d *decoder) at(field []float32, channel, cell int) float64 {
	return float64(field[channel*d.cells+cell])
}

// detection reads the box at a peak, in base_link. n is its place in the storage for colours and embeddings.
func (d *decoder) detection(p peak, n int) scene.Detection {
	c := p.cell
	u := (float64(c%d.cols) + 0.5 + d.at(d.box, boxDX, c)) * d.stride
	v := (float64(c/d.cols) + 0.5 + d.at(d.box, boxDY, c)) * d.stride
	cell := d.view.Ray((float64(c%d.cols)+0.5)*d.stride, (float64(c/d.cols)+0.5)*d.stride)
	ray := d.view.Ray(u, v)
	far := math.Exp(d.at(d.box, boxDistance, c))
	mount := d.view.Mount()
	center := mount.ToBase([3]float64{ray[0] * far, ray[1] * far, ray[2] * far})
	size := scene.Vec3{
		X: math.Exp(d.at(d.box, boxSize, c)), Y: math.Exp(d.at(d.box, boxSize+1, c)), Z: math.Exp(d.at(d.box, boxSize+2, c)),
	}
	out := scene.Detection{
		Label: p.label, Score: sigmoid(p.logit),
		Box: scene.Box{
			Center: scene.Vec3{X: center[0], Y: center[1], Z: center[2]}, Size: size,
			Yaw: scene.WrapAngle(d.heading(c) + math.Atan2(cell[1], cell[0]) + mount.Yaw),
		},
	}
	d.doubt(&out, c, far, ray)
	d.describe(&out, c, n)
	return out
}

// heading is the yaw against the direction of the cell: the doubled angle gives the axis, the single one its front.
func (d *decoder) heading(c int) float64 {
	axis := 0.5 * math.Atan2(d.at(d.box, boxSin2, c), d.at(d.box, boxCos2, c))
	s, k := math.Sincos(axis)
	if k*d.at(d.box, boxCos, c)+s*d.at(d.box, boxSin, c) < 0 {
		return axis + math.Pi
	}
	return axis
}

// doubt turns the predicted ln variances into variances along the base_link axes. The centre is uncertain along the ray
// (distance) and across it (offset in cells).
func (d *decoder) doubt(out *scene.Detection, c int, far float64, ray [3]float64) {
	s := d.m.Decode.VarianceScale
	across := far * d.stride / d.focal
	lateral := math.Exp(d.at(d.spread, spreadOffset, c)) * s.Center * d.widen * across * across
	radial := math.Exp(d.at(d.spread, spreadDistance, c)) * s.Distance * d.widen * far * far
	mount := d.view.Mount()
	sin, cos := math.Sincos(mount.Yaw)
	dir := [3]float64{cos*ray[0] - sin*ray[1], sin*ray[0] + cos*ray[1], ray[2]}
	axis := func(k float64) float64 { return radial*k*k + lateral*(1-k*k) }
	out.CenterVar = scene.Vec3{X: axis(dir[0]), Y: axis(dir[1]), Z: axis(dir[2])}
	size := math.Exp(d.at(d.spread, spreadSize, c)) * s.Size * d.widen
	b := out.Box.Size
	out.SizeVar = scene.Vec3{X: size * b.X * b.X, Y: size * b.Y * b.Y, Z: size * b.Z * b.Z}
	// The four yaw channels are sines and cosines of a and 2a: their mean square error is 5/4 of the angle's.
	out.YawVar = math.Exp(d.at(d.spread, spreadYaw, c)) * s.Yaw * 0.8
}

// describe fills colours (softmax) and identity.
func (d *decoder) describe(out *scene.Detection, c, n int) {
	k := len(d.m.Colors)
	out.Colors = d.colors[n*k : (n+1)*k]
	top := math.Inf(-1)
	for i := range k {
		top = max(top, d.at(d.attributes, i, c))
	}
	sum := 0.0
	for i := range k {
		sum += math.Exp(d.at(d.attributes, i, c) - top)
	}
	for i := range k {
		out.Colors[i] = float32(math.Exp(d.at(d.attributes, i, c)-top) / sum)
	}
	out.Embedding = d.ids[n*d.embed : (n+1)*d.embed]
	for i := range d.embed {
		out.Embedding[i] = d.embedding[i*d.cells+c]
	}
}

// repeats reports whether a stronger detection already claims the same place. The labels may differ: a stool is easily
// taken for a chair, and one thing must not be counted as both.
func repeats(kept []scene.Detection, d *scene.Detection) bool {
	for i := range kept {
		limit := 0.5
		if kept[i].Label == d.Label {
			limit = 0.25
		}
		if scene.IoU(kept[i].Box, d.Box) > limit {
			return true
		}
	}
	return false
}

// ego is the displacement of base_link for a time that is share of the clip's last stride, and false when the head gave
// no numbers. The head sees the motion of the camera; a camera that sits off the robot's middle swings about it when
// the robot turns, and its own axes are turned by the mount's yaw.
func (d *decoder) ego(share float64) (scene.Motion, bool) {
	mount := d.view.Mount()
	x, y, yaw := float64(d.motion[0])*share, float64(d.motion[1])*share, float64(d.motion[2])*share
	ms, mc := math.Sincos(mount.Yaw)
	ts, tc := math.Sincos(yaw)
	k := d.m.Decode.VarianceScale.Ego * d.widen * share * share
	ahead, aside := math.Exp(float64(d.motion[3]))*k, math.Exp(float64(d.motion[4]))*k
	turn := math.Exp(float64(d.motion[5])) * k
	swingX, swingY := tc*mount.X-ts*mount.Y, ts*mount.X+tc*mount.Y // where the turn takes the camera
	out := scene.Motion{
		X: mount.X + mc*x - ms*y - swingX, Y: mount.Y + ms*x + mc*y - swingY, Yaw: yaw,
		VarX:   mc*mc*ahead + ms*ms*aside + swingY*swingY*turn,
		VarY:   ms*ms*ahead + mc*mc*aside + swingX*swingX*turn,
		VarYaw: turn,
	}
	return out, within(maxRange, out.X, out.Y, out.Yaw) && within(maxVariance, out.VarX, out.VarY, out.VarYaw)
}
