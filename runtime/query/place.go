package query

import (
	"math"

	"github.com/vega-edge/vegad/runtime/scene"
)

// direction is the bearing of the centre, as seen by the robot or from the viewpoint, in the words that are asked for.
func (e *executor) direction() Answer {
	target, ok := e.one(e.q.Target, Target)
	if !ok {
		return e.notSeen(e.q.Target)
	}
	b := e.eye.bearing(target.object.Box.Center)
	sigma, distance := e.eye.bearingSigma(target.object)
	sigma *= e.widen
	half := 1.96 * sigma
	choice, p := wordFor(e.q.Words, b, sigma)
	e.a.Choice, e.a.Confidence = choice, target.p*p
	switch {
	case distance < 0.1:
		return e.a.unsure("It is too near to tell a direction.")
	case e.q.Words == "" && half > e.opt.MaxBearing:
		return e.a.unsure("I know its place too badly to tell a direction.")
	case e.q.Words != "" && p < e.leastSure():
		return e.a.unsure("It is too close to the line between two directions to tell which one it is.")
	}
	text := directionText(e.phrase(target.object), e.q.Words, choice, b)
	return e.a.answer(b, "rad", [2]float64{b - half, b + half}, text)
}

// leastSure is the probability that a word must have: more among two than among several.
func (e *executor) leastSure() float64 {
	if e.q.Words == Sides || e.q.Words == Ends {
		return e.opt.MinDecision
	}
	return e.opt.MinConfidence
}

// unsure abstains and takes the choice back.
func (a Answer) unsure(text string) Answer {
	a.Choice = ""
	return a.abstain(ReasonUncertain, text)
}

// wordFor returns the word for a bearing and the probability that it is the right one.
func wordFor(words Words, bearing, sigma float64) (word string, p float64) {
	list := arcs(words)
	for _, a := range list {
		if within(bearing, 0, a.low, a.high) >= 0.5 { // half where it lies on the line between two words
			return a.word, within(bearing, sigma, a.low, a.high)
		}
	}
	return list[0].word, 0 // no bearing is outside of all arcs, but for what is no number
}

// arc is the range of bearings that a word stands for; it may reach over the back.
type arc struct {
	word      string
	low, high float64 // rad, left positive
}

// backAngle is where "back" begins beside left and right.
const backAngle = 3 * math.Pi / 4

func arcs(words Words) []arc {
	const half, quarter = math.Pi, math.Pi / 2
	switch words {
	case Sides:
		return []arc{{"left", 0, half}, {"right", -half, 0}}
	case SidesBack:
		return []arc{{"left", 0, backAngle}, {"right", -backAngle, 0}, {"back", backAngle, 2*half - backAngle}}
	case Ends:
		return []arc{{"front", -quarter, quarter}, {"back", quarter, half + quarter}}
	case Quadrants:
		return []arc{
			{"front-left", 0, quarter},
			{"back-left", quarter, half},
			{"front-right", -quarter, 0},
			{"back-right", -half, -quarter},
		}
	case Turns:
		const straight = math.Pi / 8
		return []arc{
			{"straight", -straight, straight},
			{"left", straight, backAngle},
			{"right", -backAngle, -straight},
			{"back", backAngle, 2*half - backAngle},
		}
	}
	list := make([]arc, 0, 8)
	for i, word := range sectors() {
		center := scene.WrapAngle(float64(i) * math.Pi / 4)
		list = append(list, arc{word, center - math.Pi/8, center + math.Pi/8})
	}
	return list
}

// locate tells where a thing is: its box in both frames, and in words distance and direction. It abstains when the
// place itself is not known: when its error is as large as its distance.
func (e *executor) locate() Answer {
	target, ok := e.one(e.q.Target, Target)
	if !ok {
		return e.notSeen(e.q.Target)
	}
	e.a.Confidence = target.p
	g := e.eye.reach(target.object)
	if 1.96*longerAxis(target.object.CenterCov)*e.widen > max(e.opt.PlaceFloor, e.opt.MaxPlace*g.reach) {
		return e.a.abstain(ReasonUncertain, "I know its place too badly.")
	}
	b := e.eye.bearing(target.object.Box.Center)
	e.a.Choice = sector(b)
	return e.measure(g.value, 1.96*g.sigma*e.widen, locateText(e.phrase(target.object), b))
}

// longerAxis returns the standard deviation along the worst horizontal direction.
func longerAxis(c scene.Cov) float64 {
	mean, diff := (c[0]+c[4])/2, (c[0]-c[4])/2
	return root(mean + math.Hypot(diff, (c[1]+c[3])/2))
}
