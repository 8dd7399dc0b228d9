package query

import (
	"math"
	"strings"

	"github.com/vega-edge/vegad/runtime/scene"
)

// route leads from where the question looks, or from a thing, along other things to the target.
func (e *executor) route() Answer {
	target, ok := e.one(e.q.Target, Target)
	if !ok {
		return e.notSeen(e.q.Target)
	}
	e.a.Confidence = target.p
	stops := make([]*scene.Object, 0, len(e.q.Via)+1)
	for i := range e.q.Via {
		c, ok := e.another(&e.q.Via[i], Stop, target.object)
		if !ok {
			return e.notSeen(&e.q.Via[i])
		}
		stops = append(stops, c.object)
		e.a.Confidence *= c.p
	}
	stops = append(stops, target.object)
	if e.q.Words == Turns {
		return e.turns(stops)
	}
	return e.way(stops)
}

// turns names the turn before each straight leg between the centres of the stops.
func (e *executor) turns(stops []*scene.Object) Answer {
	view := e.eye
	words := make([]string, len(stops))
	for i, o := range stops {
		b := view.bearing(o.Box.Center)
		sigma, distance := view.bearingSigma(o)
		word, p := wordFor(Turns, b, sigma*e.widen)
		words[i] = word
		e.a.Confidence *= p
		e.a.Steps = append(e.a.Steps, Step{
			TurnRad: b, Turn: word, DistanceM: distance, EndM: [2]float64{o.Box.Center.X, o.Box.Center.Y},
		})
		view = view.moved(o)
	}
	if e.a.Confidence < e.opt.MinConfidence {
		e.a.Steps = nil
		return e.a.unsure("I know the places too badly to tell the turns.")
	}
	text := make([]string, len(stops))
	for i, o := range stops {
		text[i] = turnWord(words[i]) + ", go forward to " + e.phrase(o)
	}
	return e.a.say(strings.Join(words, ", "), sentence(strings.Join(text, "; ")))
}

// moved returns the eye after a straight leg to an object's centre.
func (v eye) moved(o *scene.Object) eye {
	dx, dy := o.Box.Center.X-v.x, o.Box.Center.Y-v.y
	next := eye{x: o.Box.Center.X, y: o.Box.Center.Y, cos: v.cos, sin: v.sin, at: o, facing: v.at}
	if n := math.Hypot(dx, dy); n > 0 {
		next.cos, next.sin = dx/n, dy/n
	}
	return next
}

// way plans the path around what stands between, one stop after the other.
func (e *executor) way(stops []*scene.Object) Answer {
	at, from := spot{e.eye.x, e.eye.y}, e.eye.at
	heading, turned := math.Atan2(e.eye.sin, e.eye.cos), e.q.From == nil
	if e.q.From != nil {
		c, ok := e.another(e.q.From, Origin, stops[len(stops)-1])
		if !ok {
			return e.notSeen(e.q.From)
		}
		at, from = spot{c.object.Box.Center.X, c.object.Box.Center.Y}, c.object
		e.a.Confidence *= c.p
	}
	total, known := 0.0, 0.0
	for _, goal := range stops {
		p := e.newPlanner(at, from, goal)
		points := p.way(at)
		if points == nil {
			e.a.Steps = nil
			return e.a.abstain(ReasonNoWay, "I see no way through to "+e.phrase(goal)+".")
		}
		length := 0.0
		for i := 1; i < len(points); i++ {
			s := stepTo(points[i-1], points[i], heading, turned)
			heading, turned = math.Atan2(points[i].y-points[i-1].y, points[i].x-points[i-1].x), true
			length += s.DistanceM
			e.a.Steps = append(e.a.Steps, s)
		}
		known += length * p.knownShare(points)
		total += length
		at, from = points[len(points)-1], goal
	}
	return e.led(stops[len(stops)-1], total, known)
}

// stepTo returns one leg. Without a heading to turn from, it is told as straight.
func stepTo(a, b spot, heading float64, turned bool) Step {
	s := Step{Turn: "straight", DistanceM: a.to(b), EndM: [2]float64{b.x, b.y}}
	if turned {
		s.TurnRad = scene.WrapAngle(math.Atan2(b.y-a.y, b.x-a.x) - heading)
		s.Turn, _ = wordFor(Turns, s.TurnRad, 0)
	}
	return s
}

// led answers with the length of the way, unless none of it was seen free or its end is not known.
func (e *executor) led(goal *scene.Object, total, known float64) Answer {
	share := 1.0
	if total > 0 {
		share = known / total
	}
	e.a.KnownShare = &share
	steps := e.a.Steps
	half := 1.96 * longerAxis(goal.CenterCov) * e.widen
	e.a.Steps = nil
	if share == 0 && total > blindRadius {
		return e.a.abstain(ReasonNotLooked, "I have not looked at any of the floor on the way.")
	}
	if half > max(e.opt.PlaceFloor, e.opt.MaxPlace*total) {
		return e.a.abstain(ReasonUncertain, "I know its place too badly to lead there.")
	}
	e.a.Choice = "here"
	if len(steps) > 0 {
		e.a.Choice = steps[0].Turn
	}
	e.a.Steps = steps
	return e.measure(total, half, e.wayText(goal, steps, share))
}
