package main

import (
	"math"

	"github.com/vega-edge/vegad/camera/room"
	"github.com/vega-edge/vegad/runtime/scene"
)

// The shares of a picture that a thing must fill. What fills less than seenShare of every picture was not seen; what
// fills wellShare, with most of it unhidden, can be recognised by anybody.
const (
	seenShare = 0.001
	wellShare = 0.006
	wellWhole = 0.6 // of the thing's own pixels
	wellTimes = 8   // pictures that must show it so
)

// sight is one thing as the robot has come to know it by a frame. The geometry follows docs/questions.md.
type sight struct {
	label    string
	box      scene.Box // in base_link at that frame
	distance float64   // m, horizontal, from the origin of base_link to the nearest point of the box
	bearing  float64   // rad, of the box's centre, left positive
	pixels   int       // that show it in that frame
	well     bool      // that frame shows it well
	times    int       // frames so far that showed it well
}

// sights lists the things that were seen in the film's frames up to the given one, from 0, in their truth's order.
func sights(t *room.Truth, frame int) []sight {
	whole := float64(t.Width * t.Height)
	byID := make(map[int]*sight)
	for i, f := range t.Frames[:frame+1] {
		for _, shown := range f.Visible {
			share := float64(shown.Pixels) / whole
			if share < seenShare {
				continue
			}
			s := byID[shown.ID]
			if s == nil {
				s = &sight{}
				byID[shown.ID] = s
			}
			well := share >= wellShare && float64(shown.Pixels) >= wellWhole*float64(shown.Whole)
			if well {
				s.times++
			}
			if i == frame {
				s.pixels, s.well = shown.Pixels, well
			}
		}
	}
	toBase := poseOf(t.Frames[frame]).Inverse()
	var seen []sight
	for _, o := range t.Objects {
		s := byID[o.ID]
		if s == nil {
			continue
		}
		s.label, s.box = o.Label, toBase.ApplyBox(boxOf(o))
		s.distance = s.box.FootprintDistance(0, 0)
		s.bearing = math.Atan2(s.box.Center.Y, s.box.Center.X)
		seen = append(seen, *s)
	}
	return seen
}

func poseOf(f room.TruthFrame) scene.Pose { return scene.Pose{X: f.X, Y: f.Y, Yaw: f.Yaw} }

func boxOf(o room.TruthObject) scene.Box {
	return scene.Box{
		Center: scene.Vec3{X: o.Center[0], Y: o.Center[1], Z: o.Center[2]},
		Size:   scene.Vec3{X: o.Size[0], Y: o.Size[1], Z: o.Size[2]}, Yaw: o.Yaw,
	}
}

// labelled returns the sights of a label.
func labelled(seen []sight, label string) []sight {
	var out []sight
	for _, s := range seen {
		if s.label == label {
			out = append(out, s)
		}
	}
	return out
}

// nearestOf returns the sight with the least distance, and false when there is none.
func nearestOf(seen []sight) (sight, bool) {
	if len(seen) == 0 {
		return sight{}, false
	}
	best := seen[0]
	for _, s := range seen[1:] {
		if s.distance < best.distance {
			best = s
		}
	}
	return best, true
}
