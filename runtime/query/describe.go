package query

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/vega-edge/vegad/runtime/scene"
)

// anchorReach is how far, in metres, a description looks for things to say where its own stands.
const anchorReach = 3.0

// describe tells of one thing, or of everything when no target is named.
func (e *executor) describe() Answer {
	if e.q.Target.isAny() {
		return e.overview()
	}
	target, ok := e.one(e.q.Target, Target)
	if !ok {
		return e.notSeen(e.q.Target)
	}
	o := target.object
	e.a.Confidence = target.p
	if e.q.Attribute == Color {
		return e.colored(o)
	}
	unit, factor := e.unit()
	g := e.eye.reach(o)
	text := "it is " + article(join(o.Color, o.Label)) + ", " + extentsText(o.Box.Size.Scale(factor), unit) + ". It is " +
		lengthText(g.value*factor, unit) + " away, " + turnText(e.eye.bearing(o.Box.Center))
	var where []string
	for _, a := range e.anchors(o) {
		where = append(where, e.anchorText(a))
		e.add(a.object, Anchor)
	}
	if len(where) > 0 {
		text += "; it is " + strings.Join(where, " and ")
	}
	return e.a.say(join(o.Color, o.Label), sentence(text))
}

// colored answers with the colour alone.
func (e *executor) colored(o *scene.Object) Answer {
	p := e.colorProbability(o.Color, o)
	e.a.Confidence *= p
	if o.Color == "" || e.a.Confidence < e.opt.MinConfidence {
		return e.a.abstain(ReasonUncertain, "I cannot tell its colour.")
	}
	return e.a.say(o.Color, sentence("the "+o.Label+" is "+o.Color))
}

// anchor is a thing that says where another one stands.
type anchor struct {
	object   *scene.Object
	name     RelationName
	distance float64
}

// strength orders relations: first what touches, then what is beside.
func (a anchor) strength() int {
	i := slices.Index([]RelationName{Inside, On, Under, Against}, a.name)
	if i < 0 {
		return 4
	}
	return i
}

// anchors returns the two things that say best where an object stands: those that it is inside, on, under or against,
// then the nearest ones within reach.
func (e *executor) anchors(o *scene.Object) []anchor {
	var list []anchor
	for i := range e.pool {
		b := &e.pool[i]
		if b == o || b.Existence < 0.5 {
			continue
		}
		d := scene.Distance(o.Box, b.Box)
		if d > anchorReach {
			continue
		}
		if name := e.standing(o, b); name != "" {
			list = append(list, anchor{b, name, d})
		}
	}
	slices.SortStableFunc(list, func(a, b anchor) int {
		return cmp.Or(cmp.Compare(a.strength(), b.strength()), cmp.Compare(a.distance, b.distance))
	})
	return list[:min(2, len(list))]
}

// standing returns the most telling relation of a to b; of left, right, front and behind the one whose axis is nearest.
func (e *executor) standing(a, b *scene.Object) RelationName {
	for _, name := range []RelationName{Inside, On, Under, Against} {
		if supports(name, &a.Box, &b.Box) {
			return name
		}
	}
	for _, name := range []RelationName{LeftOf, RightOf, InFrontOf, Behind} {
		if e.eye.inCone(name, &a.Box, &b.Box) && e.nearestAxis(name, a, b) {
			return name
		}
	}
	return ""
}

// nearestAxis says whether a lies within 45 degrees of a relation's axis as seen from b.
func (e *executor) nearestAxis(name RelationName, a, b *scene.Object) bool {
	sight := e.eye.turned(nil, &b.Box, false)
	sight.x, sight.y = b.Box.Center.X, b.Box.Center.Y
	bearing := sight.bearing(a.Box.Center) // 0 is away from who looks
	axis := map[RelationName]float64{Behind: 0, LeftOf: math.Pi / 2, InFrontOf: math.Pi, RightOf: -math.Pi / 2}[name]
	return math.Abs(scene.WrapAngle(bearing-axis)) <= math.Pi/4
}

func (e *executor) anchorText(a anchor) string {
	text := relationWords(a.name) + " " + e.phrase(a.object)
	if a.strength() < 4 {
		return text
	}
	unit, factor := e.unit()
	return text + ", " + lengthText(a.distance*factor, unit) + " from it"
}

// overview counts what there is by label, and tells the room's floor area where it is known.
func (e *executor) overview() Answer {
	counts := map[string]int{}
	var labels []string
	for i := range e.pool {
		o := &e.pool[i]
		if o.Existence < 0.5 {
			continue
		}
		if counts[o.Label] == 0 {
			labels = append(labels, o.Label)
		}
		counts[o.Label]++
		e.add(o, Target)
	}
	slices.Sort(labels)
	e.a.Confidence = 1
	words := make([]string, len(labels))
	for i, label := range labels {
		words[i] = numberOf(counts[label], label)
		for j := range e.pool {
			if e.pool[j].Label == label && e.pool[j].Existence >= 0.5 {
				e.a.Confidence *= e.probability(&Referent{Label: label}, &e.pool[j])
			}
		}
	}
	text := "I have seen nothing that I know."
	if len(words) > 0 {
		text = "There is " + allText(words, "and") + "."
	}
	if area := e.snap.Room.Area; area > 0 && e.q.Scope == Seen {
		unit, factor := e.unit()
		text += fmt.Sprintf(" The room has about %s.", areaText(area*factor*factor, unit))
	}
	return e.a.say(strings.Join(words, ", "), text)
}
