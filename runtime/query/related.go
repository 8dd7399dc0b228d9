package query

import (
	"slices"
	"strings"

	"github.com/vega-edge/vegad/runtime/scene"
)

// related answers the three forms of questions about relations: whether one holds, what stands in one, and which of
// several things is nearer or larger.
func (e *executor) related() Answer {
	switch {
	case e.q.Relation != nil:
		return e.holds()
	case len(e.q.Among) > 0:
		return e.compared()
	}
	return e.listed()
}

// holds decides whether the target stands in the relation.
func (e *executor) holds() Answer {
	target, ok := e.one(e.q.Target, Target)
	if !ok {
		return e.notSeen(e.q.Target)
	}
	rel, sure := e.q.Relation, target.p
	ends := [2]*scene.Object{}
	for i, r := range []*Referent{rel.To, rel.And} {
		if r == nil {
			continue
		}
		c, ok := e.third(r, target.object, ends[0])
		if !ok {
			return e.notSeen(r)
		}
		ends[i], sure = c.object, sure*c.p
	}
	p := e.chance(rel, target.object, ends[0], ends[1])
	if rel.Not {
		p = 1 - p
	}
	e.a.Choice, e.a.Confidence = "yes", p*sure
	if p < 0.5 {
		e.a.Choice, e.a.Confidence = "no", (1-p)*sure
	}
	if max(p, 1-p) < e.opt.MinDecision {
		return e.a.unsure("It is too close to call.")
	}
	// When the things are not what they were taken for, anything may hold.
	interval := [2]float64{p * sure, 1 - (1-p)*sure}
	text := holdsText(e.phrase(target.object), e.relationText(rel, ends), e.a.Choice == "yes")
	return e.a.answer(p, "1", interval, text)
}

// third resolves the other end of a relation: neither the target nor the first end.
func (e *executor) third(r *Referent, target, end *scene.Object) (candidate, bool) {
	list := keep(e.meant(r), func(o *scene.Object) bool { return o != target && o != end })
	if len(list) == 0 {
		return candidate{}, false
	}
	e.a.Objects = slices.DeleteFunc(e.a.Objects, func(o ObjectRef) bool {
		return o.Role == Alternative && o.is(list[0].object)
	})
	e.add(list[0].object, Anchor)
	return list[0], true
}

// listed names everything that stands in the target's relations.
func (e *executor) listed() Answer {
	for i := range e.q.Target.Relations {
		rel := &e.q.Target.Relations[i]
		for _, r := range []*Referent{rel.To, rel.And} {
			if r != nil && len(e.meant(r)) == 0 {
				return e.notSeen(r)
			}
		}
	}
	list := slices.DeleteFunc(e.meant(e.q.Target), func(c candidate) bool { return c.p < 0.5*c.object.Existence })
	words := make([]string, 0, len(list))
	e.a.Confidence = 1
	for _, c := range list {
		e.add(c.object, Target)
		words = append(words, e.phrase(c.object))
		e.a.Confidence *= c.p
	}
	if len(words) == 0 {
		return e.listedAs("nothing", "I have seen "+nothingLike(e.q.Target)+".", 0)
	}
	e.a.Choice = list[0].object.Label
	shown := words
	if len(shown) > maxAlternatives {
		shown = append(slices.Clone(shown[:maxAlternatives]), "more")
	}
	return e.listedAs(list[0].object.Label, sentence("there is "+allText(shown, "and")), len(words))
}

func (e *executor) listedAs(choice, text string, n int) Answer {
	e.a.Choice = choice
	return e.a.answer(float64(n), "objects", [2]float64{float64(n), float64(n)}, text)
}

// compared answers which of the things in among is nearer, farther, larger, smaller, taller or shorter.
func (e *executor) compared() Answer {
	order := e.q.Order
	from, ok := e.from()
	if !ok {
		return e.notSeen(e.q.From)
	}
	list, missing := e.closestOfEach(from)
	if missing != nil {
		return e.notSeen(missing)
	}
	if order != ByNearest && order != ByFarthest {
		list = e.sizes(list)
	}
	down := order == ByFarthest || order == ByLargest || order == ByTallest
	direction := ByNearest
	if down {
		direction = ByFarthest
	}
	byDistance(list, direction)
	sure := e.surePlace(list, 0, direction)
	e.a.Confidence = list[0].p * sure
	e.a.Choice = list[0].object.Label
	words := make([]string, len(list))
	for i, m := range list {
		role := Alternative
		if i == 0 {
			role = Target
		}
		e.add(m.object, role)
		words[i] = e.phrase(m.object) + " with " + e.quantityText(m.value)
	}
	if e.q.From != nil {
		e.a.Objects = append(e.a.Objects[1:], e.a.Objects[0])
	}
	if sure < e.opt.MinDecision && len(list) == 2 || e.a.Confidence < e.opt.MinConfidence {
		return e.a.unsure("They are too close to each other to tell.")
	}
	text := sentence(words[0] + " is " + comparative(order) + "; then " + strings.Join(words[1:], ", "))
	if order == ByLargest || order == BySmallest {
		return e.a.say(e.a.Choice, text)
	}
	half := 1.96 * list[0].sigma * e.widen
	return e.measure(list[0].value, half, func(string) string { return text })
}

// sizes replaces the distances by volumes or heights. A volume's relative error is that of its three extents together.
func (e *executor) sizes(list []measured) []measured {
	for i := range list {
		o := list[i].object
		s, v := o.Box.Size, o.SizeVar
		switch e.q.Order {
		case ByTallest, ByShortest:
			list[i].gap = gap{value: s.Z, sigma: root(v.Z), reach: s.Z}
		default:
			relative := v.X/(s.X*s.X) + v.Y/(s.Y*s.Y) + v.Z/(s.Z*s.Z)
			list[i].gap = gap{value: o.Box.Volume(), sigma: o.Box.Volume() * root(relative), reach: o.Box.Volume()}
		}
	}
	return list
}
