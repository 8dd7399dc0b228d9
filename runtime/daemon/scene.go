package daemon

import (
	"cmp"
	"math"
	"slices"

	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/scene"
)

// publishScene sends what memory holds if an observation came since seq, and returns the newest.
func (d *daemon) publishScene(seq uint64) uint64 {
	snap := d.memory.Snapshot()
	if snap.Empty() || snap.Seq == seq {
		return seq
	}
	if err := d.link.PublishScene(SceneMessage(snap)); err != nil {
		d.log.Debug("scene not sent", "err", err)
	}
	return snap.Seq
}

// SceneMessage writes a snapshot as the message on the topic scene. Of more things than a message holds it takes the
// nearest, and tells how many it leaves out.
func SceneMessage(snap *scene.Snapshot) payload.Scene {
	s := payload.Scene{
		Epoch: snap.Epoch, CaptureTime: payload.Time{Time: snap.Wall}, PoseSource: string(snap.PoseSource),
		Pose:    payload.Pose2D{X: snap.Robot.X, Y: snap.Robot.Y, Yaw: snap.Robot.Yaw},
		Objects: make([]payload.Object, 0, min(len(snap.Seen), payload.MaxSceneObjects)),
	}
	for _, i := range nearest(snap, payload.MaxSceneObjects) {
		s.Objects = append(s.Objects, remembered(&snap.Seen[i]))
	}
	s.LeftOut = len(snap.Seen) - len(s.Objects)
	if r := snap.Room; r.Area > 0 {
		s.Room = &payload.Room{Length: r.Length, Width: r.Width, Height: r.Height, Area: r.Area}
	}
	for i, f := range snap.Free {
		if f.Known {
			width := 2 * math.Pi / float64(len(snap.Free))
			bearing := (float64(i)+0.5)*width - math.Pi
			s.FreeSpace = append(s.FreeSpace, payload.FreeSector{Bearing: bearing, Width: width, Free: f.Free})
		}
	}
	return s
}

// nearest returns the places in Seen of the most things nearest to the robot, in the order of Seen.
func nearest(snap *scene.Snapshot, most int) []int {
	places := make([]int, len(snap.Seen))
	for i := range places {
		places[i] = i
	}
	if len(places) <= most {
		return places
	}
	away := func(i int) float64 {
		c := snap.Seen[i].Box.Center
		return math.Hypot(c.X-snap.Robot.X, c.Y-snap.Robot.Y)
	}
	slices.SortFunc(places, func(a, b int) int { return cmp.Compare(away(a), away(b)) })
	places = places[:most]
	slices.Sort(places)
	return places
}

// remembered writes a thing as messages show it.
func remembered(o *scene.Object) payload.Object {
	sigma := func(i int) float64 { return math.Sqrt(max(0, o.CenterCov[4*i])) }
	b := o.Box
	return payload.Object{
		ID: o.ID, Label: o.Label, Color: o.Color, Score: o.LabelProbs[o.LabelIndex], Existence: o.Existence,
		Box: payload.Box{
			Center: payload.Vec3{X: b.Center.X, Y: b.Center.Y, Z: b.Center.Z},
			Size:   payload.Vec3{X: b.Size.X, Y: b.Size.Y, Z: b.Size.Z}, Yaw: b.Yaw,
		},
		Sigma:     payload.Vec3{X: sigma(0), Y: sigma(1), Z: sigma(2)},
		FirstSeen: payload.Time{Time: o.FirstWall}, LastSeen: payload.Time{Time: o.LastWall},
	}
}
