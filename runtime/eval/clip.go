package eval

import (
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/camera/room"
	"github.com/vega-edge/vegad/runtime/scene"
)

// A clip is three seconds of one walk.
const (
	clipFrames = 24
	clipFPS    = 8
	// observeEvery is how many frames pass between two observations, as a daemon with 4 observations a second does.
	observeEvery = 2
)

// A thing is asked about when a picture of 160 x 120 shows so many of its pixels and that share of what would show if
// nothing stood before it. Training asks for the same.
const (
	visiblePixels = 12.0 / (160 * 120) // as a share of the picture
	visibleShare  = 0.15
)

// thing is a true thing that the last picture shows, in base_link.
type thing struct {
	label int // index into the bundle's labels
	box   scene.Box
}

// clip is one walk through a room, and the truth about its last picture.
type clip struct {
	seed   uint64
	frames []*camera.Frame
	poses  []scene.Pose // base_link in the room at each frame
	lens   camera.Calibration
	mount  camera.Mount
	things []thing
	depth  []float32 // mean distance along the rays of each grid cell of the last picture, m
	labels int       // how many labels the bundle has
}

// studio draws clips of one size. One goroutine uses it at a time.
type studio struct {
	view       view
	labelOf    []int // index into the bundle's labels of each label of the rooms, -1 where the bundle has none
	labels     int
	cols, rows int
	draw       *room.Renderer
	pic        *room.Picture
}

// view is the camera that the networks see through.
type view struct {
	width, height int
	hfov          float64
}

func (cfg *Config) studio() *studio {
	m := cfg.Manifest
	s := &studio{
		view:    view{m.View.Width, m.View.Height, m.View.HFOVRad},
		labelOf: indices(m.Labels), labels: len(m.Labels), cols: m.Grid.Cols, rows: m.Grid.Rows,
		draw: room.NewRenderer(m.View.Width, m.View.Height, m.View.HFOVRad),
	}
	s.pic = s.draw.NewPicture()
	return s
}

// indices finds the rooms' labels among the bundle's.
func indices(labels []string) []int {
	out := make([]int, len(room.Labels))
	for i, name := range room.Labels {
		out[i] = -1
		for j, label := range labels {
			if label == name {
				out[i] = j
			}
		}
	}
	return out
}

// film walks through the room of a seed and draws every picture.
func (s *studio) film(seed uint64) *clip {
	m := room.Generate(seed)
	walk, sensor := m.Walk(0), m.NewSensor(0)
	c := s.clip(seed, walk)
	for i := range clipFrames {
		at := walk.Pose()
		s.draw.Render(m, at, sensor, s.pic)
		c.poses = append(c.poses, scene.Pose{X: at.X, Y: at.Y, Yaw: at.Yaw})
		c.frames = append(c.frames, s.frame(i))
		walk.Advance(1. / clipFPS)
	}
	s.know(c, m)
	return c
}

// glance is film without pictures: only the truth about the end of the walk.
func (s *studio) glance(seed uint64) *clip {
	m := room.Generate(seed)
	walk := m.Walk(0)
	c := s.clip(seed, walk)
	var at room.Pose
	for range clipFrames {
		at = walk.Pose()
		walk.Advance(1. / clipFPS)
	}
	c.poses = append(c.poses, scene.Pose{X: at.X, Y: at.Y, Yaw: at.Yaw})
	s.draw.Trace(m, at, s.pic)
	s.know(c, m)
	return c
}

// clip knows the camera as its robot does: its lens, and its mount without the rocking.
func (s *studio) clip(seed uint64, walk *room.Walk) *clip {
	height, pitch := walk.Mount()
	c := &clip{
		seed: seed, labels: s.labels, mount: camera.Mount{Height: height, Pitch: pitch},
		lens: camera.AssumedCalibration(s.view.width, s.view.height, s.view.hfov),
	}
	c.lens.Assumed = false
	return c
}

// frame copies the picture. The clock starts at one second, for zero means never.
func (s *studio) frame(i int) *camera.Frame {
	f := camera.NewFrame(s.view.width, s.view.height, camera.RGB8, nil)
	copy(f.Pix, s.pic.RGB)
	f.Seq = uint64(i) + 1
	f.Mono = time.Second + time.Duration(i)*time.Second/clipFPS
	f.Wall = time.Unix(0, 0).UTC().Add(f.Mono)
	return f
}

// know writes down the truth about the picture that was drawn last, seen from the clip's last pose.
func (s *studio) know(c *clip, m *room.Room) {
	base := c.poses[len(c.poses)-1].Inverse()
	for i, o := range m.Objects() {
		label := s.labelOf[o.Label]
		if label < 0 || !s.shown(i) {
			continue
		}
		c.things = append(c.things, thing{label, base.ApplyBox(scene.Box{
			Center: scene.Vec3{X: o.X, Y: o.Y, Z: o.Z},
			Size:   scene.Vec3{X: o.Size[0], Y: o.Size[1], Z: o.Size[2]}, Yaw: o.Yaw,
		})})
	}
	c.depth = s.cells()
}

func (s *studio) shown(i int) bool {
	seen := float64(s.pic.Visible[i])
	return seen >= visiblePixels*float64(s.view.width*s.view.height) && seen >= visibleShare*float64(s.pic.Whole[i])
}

// cells averages the depth over each cell of the grid.
func (s *studio) cells() []float32 {
	out := make([]float32, s.cols*s.rows)
	k := s.view.width / s.cols
	for y := range s.rows * k {
		for x := range s.cols * k {
			out[y/k*s.cols+x/k] += s.pic.Depth[y*s.view.width+x] / float32(k*k)
		}
	}
	return out
}

// count returns how many things of a label the last picture shows.
func (c *clip) count(label int) int {
	n := 0
	for i := range c.things {
		if c.things[i].label == label {
			n++
		}
	}
	return n
}
