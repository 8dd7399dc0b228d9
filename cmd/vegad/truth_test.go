package main

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vega-edge/vegad/camera/room"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/query"
	"github.com/vega-edge/vegad/runtime/scene"
)

// smallTruth is a film of three pictures of 100x100. The robot stands at (2, 1), looks along +y, and turns left by a
// quarter at the last picture. A sofa of 1 x 2 m stands 3 m ahead of it, a ball 2 m to its right and a second ball
// farther away, of which a glimpse too small to count is seen.
func smallTruth() *room.Truth {
	shown := func(id, pixels, whole int) room.TruthShown {
		return room.TruthShown{ID: id, Pixels: pixels, Whole: whole}
	}
	up := math.Pi / 2
	return &room.Truth{
		Seed: 7, Width: 100, Height: 100, FPS: 15,
		Objects: []room.TruthObject{
			{ID: 0, Label: "sofa", Center: [3]float64{2, 4, 0.4}, Size: [3]float64{1, 2, 0.8}, Yaw: -up},
			{ID: 1, Label: "ball", Center: [3]float64{4, 1, 0.1}, Size: [3]float64{0.2, 0.2, 0.2}},
			{ID: 2, Label: "ball", Center: [3]float64{9, 9, 0.1}, Size: [3]float64{0.2, 0.2, 0.2}},
			{ID: 3, Label: "lamp", Center: [3]float64{0, 1, 1}, Size: [3]float64{0.2, 0.2, 0.2}},
		},
		Frames: []room.TruthFrame{
			{X: 2, Y: 1, Yaw: up, Visible: []room.TruthShown{shown(0, 900, 1000), shown(2, 9, 9)}},
			{X: 2, Y: 1, Yaw: up, Visible: []room.TruthShown{shown(0, 500, 1000), shown(1, 80, 80)}},
			{X: 2, Y: 1, Yaw: -math.Pi, Visible: []room.TruthShown{shown(0, 70, 70), shown(3, 61, 61)}},
		},
	}
}

func TestSights(t *testing.T) {
	got := sights(smallTruth(), 1)
	want := []sight{
		// The sofa's x axis points back at the robot: 1 m deep, so that its front is 2.5 m away.
		{label: "sofa", distance: 2.5, bearing: 0, pixels: 500, times: 1, box: scene.Box{
			Center: scene.Vec3{X: 3, Z: 0.4}, Size: scene.Vec3{X: 1, Y: 2, Z: 0.8}, Yaw: math.Pi,
		}},
		// The ball's box is parallel to the robot's heading: its near side is 1.9 m to the right.
		{label: "ball", distance: 1.9, bearing: -math.Pi / 2, pixels: 80, well: true, times: 1, box: scene.Box{
			Center: scene.Vec3{Y: -2, Z: 0.1}, Size: scene.Vec3{X: 0.2, Y: 0.2, Z: 0.2}, Yaw: -math.Pi / 2,
		}},
	}
	near := cmpopts.EquateApprox(0, 1e-9)
	if diff := cmp.Diff(want, got, near, cmp.AllowUnexported(sight{})); diff != "" {
		t.Error(diff)
	}
}

func TestSightsAreRememberedAndTurnWithTheRobot(t *testing.T) {
	got := sights(smallTruth(), 2)
	if len(got) != 3 {
		t.Fatalf("%d things are seen, want the sofa, the near ball and the lamp: %+v", len(got), got)
	}
	sofa, ball, lamp := got[0], got[1], got[2]
	if math.Abs(sofa.bearing+math.Pi/2) > 1e-9 || sofa.times != 2 || !sofa.well {
		t.Errorf("after a turn to the left the sofa is on the right: %+v", sofa)
	}
	if math.Abs(math.Abs(ball.bearing)-math.Pi) > 1e-9 || ball.pixels != 0 || ball.well {
		t.Errorf("the ball is behind and out of view: %+v", ball)
	}
	if math.Abs(lamp.distance-1.9) > 1e-9 || math.Abs(lamp.bearing) > 1e-9 {
		t.Errorf("the lamp is ahead: %+v", lamp)
	}
	if near, _ := nearestOf(got); near.distance > 1.9+1e-9 {
		t.Errorf("the nearest is %+v", near)
	}
	if _, found := nearestOf(nil); found {
		t.Error("something is nearest of nothing")
	}
}

func answered(value float64, choice string) payload.Answer {
	return payload.Answer{Status: payload.Answered, Answer: &payload.Value{Value: &value, Choice: choice, Text: "."}}
}

func TestJudge(t *testing.T) {
	film := smallTruth()
	// The robot's odometry starts at its first pose: map is turned by a quarter and moved against the room. It believes
	// to have slipped forward by 0.1 m, so that what lies 3 m ahead lies at 3.1 m in map.
	believed := scene.Pose{X: 0.1}
	place := answered(2.5, "front")
	place.Objects = []payload.Object{{Label: "sofa", Box: payload.Box{Center: payload.Vec3{X: 3.4, Y: 0, Z: 0.4}}}}
	abstained := payload.Answer{Status: payload.Abstained, Reason: "not_seen"}
	about := func(kind query.Kind, label string) planned { return planned{kind: kind, label: label} }
	for name, c := range map[string]struct {
		p      planned
		answer payload.Answer
		want   judgement
	}{
		"count":            {about(query.Count, "ball"), answered(3, ""), judgement{"1", "+2"}},
		"count right":      {about(query.Count, "ball"), answered(1, ""), judgement{"1", "+0"}},
		"distance":         {about(query.Distance, "sofa"), answered(2.25, ""), judgement{"2.50 m", "0.25 m (10 %)"}},
		"distance to all":  {about(query.Distance, ""), answered(1.9, ""), judgement{"1.90 m", "0.00 m (0 %)"}},
		"nearest":          {about(query.Nearest, ""), answered(2, "ball"), judgement{"ball, 1.90 m", "0.10 m (5 %)"}},
		"another":          {about(query.Nearest, ""), answered(1.9, "sofa"), judgement{"ball, 1.90 m", "another thing"}},
		"direction":        {about(query.Direction, "ball"), answered(-1.5, ""), judgement{"-90° (left is +)", "4°"}},
		"around":           {about(query.Direction, "sofa"), answered(6.2, ""), judgement{"0° (left is +)", "5°"}},
		"locate":           {about(query.Locate, "sofa"), place, judgement{"(3.00, 0.00, 0.40) m", "0.30 m (10 %)"}},
		"exists":           {about(query.Exists, "sofa"), answered(0.9, "yes"), judgement{"yes", "right"}},
		"exists not":       {about(query.Exists, "bed"), answered(0.1, "no"), judgement{"no", "right"}},
		"exists wrongly":   {about(query.Exists, "bed"), answered(0.6, "yes"), judgement{"no", "wrong"}},
		"abstained":        {about(query.Distance, "sofa"), abstained, judgement{"2.50 m", noDeviation}},
		"abstained place":  {about(query.Locate, "sofa"), abstained, judgement{"(3.00, 0.00, 0.40) m", noDeviation}},
		"abstained exists": {about(query.Exists, "sofa"), abstained, judgement{"yes", noDeviation}},
		"not seen":         {about(query.Locate, "lamp"), abstained, judgement{"not seen yet", noDeviation}},
	} {
		if got := judge(film, c.p, 1, believed, c.answer); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}
