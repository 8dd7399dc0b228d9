package main

import (
	"fmt"
	"math"

	"github.com/vega-edge/vegad/camera/room"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/query"
	"github.com/vega-edge/vegad/runtime/scene"
)

// judgement compares an answer with the truth, in words.
type judgement struct{ truth, deviation string }

const noDeviation = "-"

// judge says what was true at the frame that the answer rests on, and how far the answer is from that. Where the robot
// believed to be in map at that frame turns the answer's positions into base_link.
func judge(t *room.Truth, p planned, frame int, believed scene.Pose, a payload.Answer) judgement {
	seen := sights(t, frame)
	about := seen
	if p.label != "" {
		about = labelled(seen, p.label)
	}
	switch p.kind {
	case query.Count:
		return judgeNumber(fmt.Sprint(len(about)), a, func(v float64) string {
			return fmt.Sprintf("%+.0f", v-float64(len(about)))
		})
	case query.Exists:
		return judgeChoice(len(labelledIn(t, p.label)) > 0, a)
	}
	near, ok := nearestOf(about)
	if !ok {
		return judgement{"not seen yet", noDeviation}
	}
	switch p.kind {
	case query.Distance:
		return judgeNumber(fmt.Sprintf("%.2f m", near.distance), a, func(v float64) string {
			return lengthError(v-near.distance, near.distance)
		})
	case query.Nearest:
		return judgeNearest(near, a)
	case query.Direction:
		return judgeNumber(fmt.Sprintf("%.0f° (left is +)", degrees(near.bearing)), a, func(v float64) string {
			return fmt.Sprintf("%.0f°", degrees(math.Abs(scene.WrapAngle(v-near.bearing))))
		})
	default:
		return judgePlace(near, believed, a)
	}
}

// labelledIn returns all things of a label in the room, seen or not.
func labelledIn(t *room.Truth, label string) []room.TruthObject {
	var out []room.TruthObject
	for _, o := range t.Objects {
		if o.Label == label {
			out = append(out, o)
		}
	}
	return out
}

// judgeNumber compares the value of an answer.
func judgeNumber(truth string, a payload.Answer, deviation func(float64) string) judgement {
	if a.Status != payload.Answered || a.Answer == nil || a.Answer.Value == nil {
		return judgement{truth, noDeviation}
	}
	return judgement{truth, deviation(*a.Answer.Value)}
}

func judgeChoice(yes bool, a payload.Answer) judgement {
	truth := map[bool]string{true: "yes", false: "no"}[yes]
	switch {
	case a.Status != payload.Answered || a.Answer == nil:
		return judgement{truth, noDeviation}
	case a.Answer.Choice == truth:
		return judgement{truth, "right"}
	}
	return judgement{truth, "wrong"}
}

func judgeNearest(near sight, a payload.Answer) judgement {
	truth := fmt.Sprintf("%s, %.2f m", near.label, near.distance)
	return judgeNumber(truth, a, func(v float64) string {
		if a.Answer.Choice != near.label {
			return "another thing"
		}
		return lengthError(v-near.distance, near.distance)
	})
}

// judgePlace compares the centre of the first object, in base_link.
func judgePlace(near sight, believed scene.Pose, a payload.Answer) judgement {
	c := near.box.Center
	truth := fmt.Sprintf("(%.2f, %.2f, %.2f) m", c.X, c.Y, c.Z)
	if a.Status != payload.Answered || len(a.Objects) == 0 {
		return judgement{truth, noDeviation}
	}
	o := a.Objects[0].Box.Center
	told := believed.Inverse().Apply(scene.Vec3{X: o.X, Y: o.Y, Z: o.Z})
	return judgement{truth, lengthError(told.Sub(c).Norm(), c.Norm())}
}

// lengthError is how far off a length is, also relative where the length is long enough for that to mean something.
func lengthError(off, truth float64) string {
	off = math.Abs(off)
	if truth < 0.1 {
		return fmt.Sprintf("%.2f m", off)
	}
	return fmt.Sprintf("%.2f m (%.0f %%)", off, off/truth*100)
}
