package perception_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/runtime/perception"
	"github.com/vega-edge/vegad/runtime/scene"
)

// optics is the test's own pinhole camera on a mount, written without the camera package.
type optics struct {
	x, y, height, yaw, pitch float64
}

func (o optics) mount() camera.Mount {
	return camera.Mount{X: o.x, Y: o.y, Height: o.height, Yaw: o.yaw, Pitch: o.pitch}
}

var focal = 80 / math.Tan(hfov/2)

// project returns the pixel of a point in base_link, its distance from the camera, and whether the camera sees it.
func (o optics) project(p scene.Vec3) (u, v, far float64, seen bool) {
	s, c := math.Sincos(-o.yaw)
	dx, dy, dz := p.X-o.x, p.Y-o.y, p.Z-o.height
	ahead, left := c*dx-s*dy, s*dx+c*dy
	// The optical axis points ahead and, with a positive pitch, down.
	axis := ahead*math.Cos(o.pitch) - dz*math.Sin(o.pitch)
	up := ahead*math.Sin(o.pitch) + dz*math.Cos(o.pitch)
	u, v = 80-focal*left/axis, 60-focal*up/axis
	return u, v, math.Sqrt(dx*dx + dy*dy + dz*dz), axis > 0 && u > 0 && u < 160 && v > 0 && v < 120
}

// bearing is the heading of the ray through a pixel, against the heading of the mount.
func (o optics) bearing(u, v float64) float64 {
	left, up := -(u-80)/focal, -(v-60)/focal
	ahead := math.Cos(o.pitch) + up*math.Sin(o.pitch)
	return math.Atan2(left, ahead)
}

// show writes a box of base_link into the head's outputs, as training writes its targets.
func (o optics) show(t *testing.T, n *network, label int, b scene.Box) {
	t.Helper()
	u, v, far, seen := o.project(b.Center)
	if !seen {
		t.Fatalf("the box at %+v is out of sight of %+v", b.Center, o)
	}
	col, row := math.Floor(u/cellPx), math.Floor(v/cellPx)
	at := int(row)*cols + int(col)
	a := b.Yaw - o.yaw - o.bearing((col+0.5)*cellPx, (row+0.5)*cellPx)
	n.head.out["heat"][label*cells+at] = 2
	n.cell("box", at, u/cellPx-col-0.5, v/cellPx-row-0.5, math.Log(far),
		math.Log(b.Size.X), math.Log(b.Size.Y), math.Log(b.Size.Z),
		math.Sin(2*a), math.Cos(2*a), math.Sin(a), math.Cos(a))
}

func TestBoxComesBackInBaseLink(t *testing.T) {
	for name, o := range map[string]optics{
		"level":     {height: 0.5},
		"pitched":   {height: 1.2, pitch: 0.4},
		"looks up":  {height: 0.1, pitch: -0.2},
		"turned":    {x: 0.3, y: -0.2, height: 0.8, yaw: 1.1, pitch: 0.2},
		"backwards": {x: -0.4, y: 0.1, height: 0.6, yaw: math.Pi, pitch: 0.15},
		"far right": {x: 0.1, y: -0.3, height: 0.7, yaw: -math.Pi / 2, pitch: 0.3},
	} {
		t.Run(name, func(t *testing.T) {
			for i, local := range []struct{ far, side, z, yaw float64 }{
				{2.5, 0.4, 0.45, 0}, {4, -1.1, 0.2, 3}, {3, 1.3, 0.9, -1.2}, {6, 0, 0.3, 1.5}, {2.2, -0.7, 0.4, -2.9},
			} {
				s, c := math.Sincos(o.yaw)
				want := scene.Box{
					Center: scene.Vec3{X: o.x + c*local.far - s*local.side, Y: o.y + s*local.far + c*local.side, Z: local.z},
					Size:   scene.Vec3{X: 0.5, Y: 1.7, Z: 0.9}, Yaw: local.yaw,
				}
				n := newNetwork()
				o.show(t, n, 2, want)
				cfg := config(n)
				cfg.Mount = o.mount()
				got := see(t, cfg).Detections
				if len(got) != 1 || got[0].Label != 2 {
					t.Fatalf("box %d: %d detections", i, len(got))
				}
				b := got[0].Box
				near(t, "x", b.Center.X, want.Center.X, 1e-4)
				near(t, "y", b.Center.Y, want.Center.Y, 1e-4)
				near(t, "z", b.Center.Z, want.Center.Z, 1e-4)
				near(t, "length", b.Size.X, 0.5, 1e-5)
				near(t, "width", b.Size.Y, 1.7, 1e-5)
				near(t, "height", b.Size.Z, 0.9, 1e-5)
				near(t, "yaw", math.Remainder(b.Yaw-want.Yaw, 2*math.Pi), 0, 1e-4)
				near(t, "score", got[0].Score, 1/(1+math.Exp(-2)), 1e-6)
			}
		})
	}
}

// The doubled angle is sharper than the single one: the front may be far off as long as it tells the side.
func TestYawFrontOnlyChoosesTheSide(t *testing.T) {
	for _, front := range []float64{0.6, -0.6, 0.6 + math.Pi, math.Pi - 0.6} {
		n := newNetwork()
		at := 7*cols + 10
		n.thing(0, at, 3, 2)
		n.cell("box", at, 0, 0, math.Log(2), 0, 0, 0, 0, 1, math.Sin(front), math.Cos(front)) // the axis is 0 or pi
		want := optics{}.bearing(84, 60)
		if math.Cos(front) < 0 {
			want += math.Pi
		}
		got := see(t, config(n)).Detections[0].Box.Yaw
		near(t, fmt.Sprint("front ", front), math.Remainder(got-want, 2*math.Pi), 0, 1e-5)
		if got <= -math.Pi || got > math.Pi {
			t.Errorf("yaw %g is not wrapped", got)
		}
	}
}

func TestVariances(t *testing.T) {
	n := newNetwork()
	at := 7*cols + 10 // the ray of its middle is (1, -4/focal, -0/focal), nearly straight ahead
	n.thing(1, at, 3, 4)
	n.cell("box", at, -0.5, 0, math.Log(4), math.Log(0.5), math.Log(2), math.Log(3), 0, 1, 0, 1) // exactly ahead
	n.cell("box_logvar", at, math.Log(0.04), math.Log(0.01), math.Log(0.09), math.Log(0.5))
	cfg := config(n)
	cfg.Mount = camera.Mount{Height: 1, Yaw: math.Pi / 2} // ahead of the camera is left of the robot
	s := &cfg.Manifest.Decode.VarianceScale
	s.Center, s.Distance, s.Size, s.Yaw = 2, 3, 5, 7
	d := see(t, cfg).Detections[0]
	near(t, "centre", d.Box.Center.Y, 4, 1e-4)
	across := 4 * cellPx / focal
	near(t, "across", d.CenterVar.X, 0.04*2*across*across, 1e-6)
	near(t, "up", d.CenterVar.Z, 0.04*2*across*across, 1e-6)
	near(t, "along", d.CenterVar.Y, 0.01*3*16, 1e-5)
	near(t, "length", d.SizeVar.X, 0.09*5*0.25, 1e-5)
	near(t, "width", d.SizeVar.Y, 0.09*5*4, 1e-5)
	near(t, "height", d.SizeVar.Z, 0.09*5*9, 1e-5)
	near(t, "yaw", d.YawVar, 0.5*7*0.8, 1e-5)

	cfg.Calibration = camera.Calibration{} // nobody calibrated: four times the variance
	w := see(t, cfg).Detections[0]
	near(t, "widened along", w.CenterVar.Y, 4*d.CenterVar.Y, 1e-5)
	near(t, "widened across", w.CenterVar.X, 4*d.CenterVar.X, 1e-6)
	near(t, "widened size", w.SizeVar.Y, 4*d.SizeVar.Y, 1e-5)
}

func TestPeaks(t *testing.T) {
	p := perception.Observe
	threshold := math.Log(0.3 / 0.7)
	for name, c := range map[string]struct {
		draw func(n *network)
		want string // label@column,row in order
	}{
		"nothing":          {func(*network) {}, ""},
		"at the threshold": {func(n *network) { n.thing(0, 45, threshold+1e-6, 3) }, "0@5,2"},
		"below":            {func(n *network) { n.thing(0, 45, threshold-1e-3, 3) }, ""},
		"neighbours are one": {func(n *network) {
			n.thing(0, 45, 1, 3)
			n.thing(0, 46, 2, 3)
			n.thing(0, 66, 1.5, 9)
		}, "0@6,2"},
		"equal neighbours: the first": {func(n *network) {
			n.thing(0, 45, 1, 3)
			n.thing(0, 46, 1, 3)
			n.thing(0, 65, 1, 3)
			n.thing(0, 66, 1, 3)
		}, "0@5,2"},
		"two apart are two": {func(n *network) {
			n.thing(0, 45, 1, 1)
			n.thing(0, 47, 2, 9)
		}, "0@7,2 0@5,2"},
		"the edge of a row is no neighbour of the next": {func(n *network) {
			n.thing(0, 59, 1, 3)
			n.thing(0, 60, 1, 3)
		}, "0@19,2 0@0,3"},
		"equal scores: label, then cell": {func(n *network) {
			n.thing(2, 45, 1, 1)
			n.thing(0, 250, 1, 9)
			n.thing(0, 55, 1, 5)
		}, "0@15,2 0@10,12 2@5,2"},
		"one thing under two labels: the stronger": {func(n *network) {
			n.thing(0, 150, 1, 3)
			n.thing(1, 150, 2, 3)
		}, "1@10,7"},
		"touching things of two labels stay": {func(n *network) { // an overlap of a third
			n.thing(0, 150, 1, 3)
			n.thing(1, 150, 2, 3)
			n.thing(0, 152, 1, 3)
			n.cell("box", 152, 0, 0, math.Log(3), 0, 0, 0, 0, 1, 0, 1)
		}, "1@10,7 0@12,7"},
		"NaN": {func(n *network) {
			fill(n.head.out["heat"], float32(math.NaN()))
			n.thing(2, 150, 1, 3)
		}, "2@10,7"},
		"infinite score": {func(n *network) { n.thing(2, 150, math.Inf(1), 3) }, "2@10,7"},
	} {
		n := newNetwork()
		c.draw(n)
		pipe := newPipeline(t, config(n))
		feed(t, pipe, picture(1, time.Second))
		got := ""
		for _, d := range observe(t, pipe, p).Detections {
			u, v, _, _ := optics{}.project(d.Box.Center)
			got += fmt.Sprintf(" %d@%d,%d", d.Label, int(u/cellPx), int(v/cellPx))
		}
		if got != "" {
			got = got[1:]
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestOverlapLimits(t *testing.T) {
	for _, c := range []struct {
		overlap float64 // of the second box with the first, as a share of its length
		same    bool    // label
		want    int
	}{
		{0.35, true, 2}, {0.45, true, 1}, // IoU 0.21 and 0.29 around 0.25
		{0.6, false, 2}, {0.75, false, 1}, // 0.43 and 0.6 around 0.5
	} {
		n := newNetwork()
		// Two unit boxes beside each other, 3 m ahead, one sideways by what is not overlapped.
		o := optics{height: 1}
		o.show(t, n, 0, scene.Box{Center: scene.Vec3{X: 3, Y: 0, Z: 1}, Size: scene.Vec3{X: 1, Y: 1, Z: 1}})
		label := 1
		if c.same {
			label = 0
		}
		o.show(t, n, label, scene.Box{
			Center: scene.Vec3{X: 3, Y: 1 - c.overlap, Z: 1}, Size: scene.Vec3{X: 1, Y: 1, Z: 1},
		})
		cfg := config(n)
		cfg.Mount = o.mount()
		if got := len(see(t, cfg).Detections); got != c.want {
			t.Errorf("overlap %g, same label %v: %d detections, want %d", c.overlap, c.same, got, c.want)
		}
	}
}

func TestMaxDetectionsKeepsTheStrongest(t *testing.T) {
	n := newNetwork()
	for i := range 30 {
		n.thing(i%3, 2*(i%10)+cols*4*(i/10), float64(i)/10, 2+float64(i))
	}
	cfg := config(n)
	got := see(t, cfg).Detections
	if len(got) != cfg.Manifest.Decode.MaxDetections {
		t.Fatalf("%d detections", len(got))
	}
	for i, d := range got {
		near(t, "score", d.Score, 1/(1+math.Exp(-float64(29-i)/10)), 1e-6)
	}
}

// A picture full of peaks, the densest there can be, keeps the strongest whatever its label.
func TestDensestPeaks(t *testing.T) {
	n := newNetwork()
	for label := range 3 {
		for at := range cells {
			if at%cols%2 == 0 && at/cols%2 == 0 {
				n.thing(label, at, 0.5, 1+float64(at)/4)
			}
		}
	}
	n.thing(2, cells-2, 5, 90)
	if got := see(t, config(n)).Detections[0]; got.Label != 2 || got.Score < 0.99 {
		t.Errorf("the strongest of all peaks is lost: label %d, score %g", got.Label, got.Score)
	}
}

func TestColorsAndIdentity(t *testing.T) {
	n := newNetwork()
	n.thing(0, 45, 2, 2)
	n.thing(1, 150, 1, 3)
	n.cell("attributes", 45, 1000, 1001) // a softmax must not overflow
	n.cell("attributes", 150, -3, -3)
	n.cell("embedding", 45, 1, 0, 0, 0)
	n.cell("embedding", 150, 0, 0.6, 0, -0.8)
	got := see(t, config(n)).Detections
	near(t, "red", float64(got[0].Colors[0]), 1/(1+math.E), 1e-6)
	near(t, "blue", float64(got[0].Colors[1]), math.E/(1+math.E), 1e-6)
	near(t, "even", float64(got[1].Colors[0]), 0.5, 1e-6)
	if fmt.Sprint(got[0].Embedding, got[1].Embedding) != "[1 0 0 0] [0 0.6 0 -0.8]" {
		t.Errorf("embeddings %v and %v", got[0].Embedding, got[1].Embedding)
	}
}
