package eval

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/camera/room"
	"github.com/vega-edge/vegad/runtime/scene"
)

// A tour is a walk of 20 to 60 seconds. The robot moves as under a camera of 15 pictures a second, of which every
// fourth is drawn and observed: the bundle's clip is made of pictures a quarter of a second apart, so the pictures
// between would not be looked at.
const (
	tourFPS       = 15
	tourStep      = 4
	shortestTour  = 20 // s
	longestTour   = 60 // s
	knownLooks    = 3  // looks that must show a thing well, for questions to be about it
	appearanceGap = 1. // s between first appearances whose order is asked for
)

// resident is a thing of the room as the tour shows it.
type resident struct {
	label int       // index into the bundle's labels
	box   scene.Box // in the room
	looks int       // that show it well
	any   bool      // some look shows at least one pixel of it
	first int       // the first look that shows it well, -1 without one
}

// look is one observed moment of a tour.
type look struct {
	frame *camera.Frame // nil where only the truth is wanted
	pose  scene.Pose    // base_link in the room
	shown []int         // residents that it shows well, or of which it shows a part after it showed them well before
	depth []float32     // mean distance along the rays of each grid cell, m
}

// tour is a walk through a room and the truth about all of it.
type tour struct {
	seed      uint64
	looks     []look
	lens      camera.Calibration
	mount     camera.Mount
	residents []resident
	room      scene.Room
}

// tourLooks draws how many looks the tour through a room has.
func tourLooks(seed uint64) int {
	// Any reproducible draw will do.
	seconds := shortestTour + (longestTour-shortestTour)*rand.New(rand.NewPCG(seed, 0x746f7572)).Float64()
	return int(seconds*tourFPS) / tourStep
}

// tour walks through the room of a seed. Without pixels it only learns the truth. It ends early, with an incomplete
// tour, when the context does.
func (s *studio) tour(ctx context.Context, seed uint64, pixels bool) *tour {
	m := room.Generate(seed)
	walk, sensor := m.Walk(0), m.NewSensor(0)
	height, pitch := walk.Mount()
	t := &tour{
		seed: seed, mount: camera.Mount{Height: height, Pitch: pitch},
		lens: camera.AssumedCalibration(s.view.width, s.view.height, s.view.hfov),
		room: scene.Room{
			Length: max(m.Length, m.Width), Width: min(m.Length, m.Width), Height: m.Height, Area: m.Area(),
		},
	}
	t.lens.Assumed = false
	index := s.settle(t, m)
	for i := range tourLooks(seed) {
		if ctx.Err() != nil {
			break
		}
		at := walk.Pose()
		s.draw.Trace(m, at, s.pic)
		l := look{pose: scene.Pose{X: at.X, Y: at.Y, Yaw: at.Yaw}}
		if pixels {
			s.draw.Develop(sensor, s.pic)
			l.frame, l.depth = s.frame(i), s.cells()
			l.frame.Mono = time.Second + time.Duration(i)*tourStep*time.Second/tourFPS
			l.frame.Wall = time.Unix(0, 0).UTC().Add(l.frame.Mono)
		}
		s.witness(t, &l, index)
		t.looks = append(t.looks, l)
		walk.Advance(tourStep * 1. / tourFPS)
	}
	return t
}

// settle lists the things whose labels the bundle knows. It returns each thing's place in that list, -1 for the rest.
func (s *studio) settle(t *tour, m *room.Room) []int {
	objects := m.Objects()
	index := make([]int, len(objects))
	for i, o := range objects {
		index[i] = -1
		if label := s.labelOf[o.Label]; label >= 0 {
			index[i] = len(t.residents)
			t.residents = append(t.residents, resident{label: label, first: -1, box: scene.Box{
				Center: scene.Vec3{X: o.X, Y: o.Y, Z: o.Z},
				Size:   scene.Vec3{X: o.Size[0], Y: o.Size[1], Z: o.Size[2]}, Yaw: o.Yaw,
			}})
		}
	}
	return index
}

// witness writes down what the look shows of each thing.
func (s *studio) witness(t *tour, l *look, index []int) {
	for i, at := range index {
		if at < 0 || s.pic.Visible[i] == 0 {
			continue
		}
		r := &t.residents[at]
		r.any = true
		if s.shown(i) {
			r.looks++
			if r.first < 0 {
				r.first = len(t.looks)
			}
		}
		if r.first >= 0 {
			l.shown = append(l.shown, at)
		}
	}
}

// well says whether the tour shows the resident well enough to ask about it.
func (r *resident) well() bool { return r.looks >= knownLooks }

// when is the time of a look since the start of the tour, in seconds.
func when(look int) float64 { return float64(look) * tourStep / tourFPS }
