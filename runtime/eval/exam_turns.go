package eval

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/vega-edge/vegad/runtime/scene"
)

// A bearing is behind from here on, and straight ahead up to there.
const (
	behindAngle   = 135 * math.Pi / 180
	straightAngle = 22.5 * math.Pi / 180
)

// bearing is the angle by which one who stands at a and faces b turns left to face c; ok is false where two of them are
// too close to each other to tell.
func bearing(a, b, c scene.Box) (angle float64, ok bool) {
	to := func(p scene.Box) (heading, far float64) {
		dx, dy := p.Center.X-a.Center.X, p.Center.Y-a.Center.Y
		return math.Atan2(dy, dx), math.Hypot(dx, dy)
	}
	front, fb := to(b)
	side, fc := to(c)
	return scene.WrapAngle(side - front), min(fb, fc) >= leastLeg
}

// clearOf says whether an angle lies off all of some edges, to either side.
func clearOf(angle float64, edges ...float64) bool {
	return !slices.ContainsFunc(edges, func(edge float64) bool {
		return math.Abs(math.Abs(angle)-edge) < edgeMargin
	})
}

func side(angle float64) string {
	if angle > 0 {
		return "left"
	}
	return "right"
}

// directions asks all three levels about the same three things.
func (e *examiner) directions() {
	for range askedPerKind {
		three := e.draw(3)
		if len(three) < 3 {
			return
		}
		angle, ok := bearing(e.box(three[0]), e.box(three[1]), e.box(three[2]))
		if ok && !e.directed(three) {
			e.direct(three, angle)
		}
	}
}

// directed says whether three things were asked about already.
func (e *examiner) directed(three []int) bool {
	return slices.ContainsFunc(e.list, func(q Question) bool {
		return strings.HasPrefix(q.Kind, "object_rel_direction") && slices.Equal(q.labels, e.namesOf(three))
	})
}

func (e *examiner) namesOf(residents []int) []string {
	out := make([]string, len(residents))
	for i, r := range residents {
		out[i] = e.name(r)
	}
	return out
}

func (e *examiner) direct(three []int, angle float64) {
	labels := e.namesOf(three)
	ask := func(kind, list, rule string, right string, options ...string) {
		text := fmt.Sprintf("If I am standing by the %s and facing the %s, is the %s to my %s?%s",
			labels[0], labels[1], labels[2], list, rule)
		e.choose(kind, text, rightFirst(right, options), labels)
	}
	if clearOf(angle, 0, math.Pi) {
		ask(RelDirectionEasy, "left or my right", "", side(angle), "left", "right")
	}
	if clearOf(angle, 0, behindAngle, math.Pi) || math.Abs(angle) > behindAngle+edgeMargin {
		word := side(angle)
		if math.Abs(angle) > behindAngle {
			word = "back"
		}
		ask(RelDirectionMedium, "left, right, or back",
			" An object is to my back if I would have to turn at least 135 degrees in order to face it.",
			word, "left", "right", "back")
	}
	if clearOf(angle, 0, math.Pi/2, math.Pi) {
		end := "front-"
		if math.Abs(angle) > math.Pi/2 {
			end = "back-"
		}
		ask(RelDirectionHard, "front-left, front-right, back-left, or back-right",
			" The directions refer to the quadrants of a Cartesian plane "+
				"(if I am standing at the origin and facing along the positive y-axis).",
			end+side(angle), "front-left", "front-right", "back-left", "back-right")
	}
}

func rightFirst(right string, options []string) []string {
	return append([]string{right}, slices.DeleteFunc(slices.Clone(options), func(o string) bool { return o == right })...)
}

// routes asks for the turns along two or three legs.
func (e *examiner) routes() {
	for i := range 4 * askedPerKind {
		stops := e.draw(4 + i%2)
		if len(stops) < 4 || e.asked(RoutePlanning) == askedPerKind {
			return
		}
		turns, ok := e.turns(stops)
		if !ok {
			continue
		}
		labels := e.namesOf(stops)
		text := routeText(labels)
		if !slices.ContainsFunc(e.list, func(q Question) bool { return q.Text == text }) {
			e.choose(RoutePlanning, text, e.otherTurns(turns), labels)
		}
	}
}

// turns names the turn at each stop but the last; the first two stops are the beginning and what is faced there.
func (e *examiner) turns(stops []int) ([]string, bool) {
	at, facing := e.box(stops[0]), e.box(stops[1])
	var words []string
	for _, stop := range stops[2:] {
		angle, ok := bearing(at, facing, e.box(stop))
		if !ok || math.Abs(angle) < straightAngle+edgeMargin || !clearOf(angle, behindAngle) {
			return nil, false
		}
		word := side(angle)
		if math.Abs(angle) > behindAngle {
			word = "back"
		}
		words = append(words, word)
		next := e.box(stop)
		facing.Center = next.Center.Add(next.Center.Sub(at.Center)) // straight on
		at = next
	}
	return words, true
}

func routeText(labels []string) string {
	var b strings.Builder
	last := labels[len(labels)-1]
	fmt.Fprintf(&b, "You are a robot beginning at the %s facing the %s. You want to navigate to the %s. You will perform "+
		"the following actions (Note: for each [please fill in], choose either 'turn back,' 'turn left,' or "+
		"'turn right.'):", labels[0], labels[1], last)
	for i, stop := range labels[2:] {
		fmt.Fprintf(&b, " %d. [please fill in] %d. Go forward until the %s", 2*i+1, 2*i+2, stop)
	}
	b.WriteString(". You have reached the final destination.")
	return b.String()
}

// turnText writes turns as VSI-Bench's options do.
func turnText(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = "Turn " + strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(out, ", ")
}

// otherTurns returns the right turns and three others.
func (e *examiner) otherTurns(right []string) []string {
	words := []string{"left", "right", "back"}
	out := []string{turnText(right)}
	for len(out) < choices {
		other := make([]string, len(right))
		for i := range other {
			other[i] = words[e.rng.IntN(len(words))]
		}
		if text := turnText(other); !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}
