package query

import (
	"cmp"
	"slices"

	"github.com/vega-edge/vegad/runtime/scene"
)

// measured is a thing with its distance from what the question measures from.
type measured struct {
	candidate
	gap
}

// runnersUp is how many of the next things in the order are listed as alternatives.
const runnersUp = 3

// nearest picks the thing closest to who looks or to another thing; with the order farthest, the one farthest away,
// and with an ordinal the second, third and so on.
func (e *executor) nearest() Answer {
	r := *e.q.Target
	order, place := r.Order, max(r.Ordinal, 1)
	if order != "" && order != ByNearest && order != ByFarthest {
		return e.a.refuse(ReasonInvalid, "Nearest takes the orders nearest and farthest only.")
	}
	r.Order, r.Ordinal = "", 0
	from, ok := e.from()
	if !ok {
		return e.notSeen(e.q.From)
	}
	list := e.measured(&r, from)
	if len(e.q.Among) > 0 {
		each, missing := e.closestOfEach(from)
		if missing != nil {
			return e.notSeen(missing)
		}
		list = each
	}
	byDistance(list, order)
	if len(list) < place {
		return e.notSeen(&r)
	}
	return e.chosen(list, place-1, order)
}

func byDistance(list []measured, order Ranking) {
	slices.SortStableFunc(list, func(a, b measured) int {
		if order == ByFarthest {
			a, b = b, a
		}
		return cmp.Compare(a.value, b.value)
	})
}

// from resolves what is measured from; nil is who looks. It is false when that was not seen.
func (e *executor) from() (*scene.Object, bool) {
	if e.q.From == nil {
		return nil, true
	}
	c := e.known(e.q.From)
	if len(c) == 0 {
		return nil, false
	}
	e.add(c[0].object, Origin)
	return c[0].object, true
}

// measured returns everything that the referent can mean with its distance.
func (e *executor) measured(r *Referent, from *scene.Object) []measured {
	meant := e.known(r)
	list := make([]measured, 0, len(meant))
	for _, c := range meant {
		switch {
		case c.p < 0.5*c.object.Existence || c.object == from:
			continue
		case from == nil:
			list = append(list, measured{c, e.eye.reach(c.object)})
		default:
			list = append(list, measured{c, measureBetween(c.object, from)})
		}
	}
	return list
}

// closestOfEach returns of everything in among the closest thing; missing is what has not been seen.
func (e *executor) closestOfEach(from *scene.Object) (list []measured, missing *Referent) {
	for i := range e.q.Among {
		all := e.measured(&e.q.Among[i], from)
		if len(all) == 0 {
			return nil, &e.q.Among[i]
		}
		byDistance(all, ByNearest)
		if !slices.ContainsFunc(list, func(m measured) bool { return m.object == all[0].object }) {
			list = append(list, all[0])
		}
	}
	return list, nil
}

// chosen answers with the thing at a place of the sorted list.
func (e *executor) chosen(list []measured, at int, order Ranking) Answer {
	c := list[at]
	confidence := c.p * e.surePlace(list, at, order)
	e.a.Confidence = confidence
	e.a.Choice = c.object.Label
	e.add(c.object, Target)
	e.a.Objects = moveLastFirst(e.a.Objects)
	for _, other := range list[at+1 : min(at+1+runnersUp, len(list))] {
		e.add(other.object, Alternative)
	}
	if confidence < e.opt.MinConfidence {
		return e.a.unsure("Several things are about equally far, I cannot tell which one it is.")
	}
	text := nearestText(e.phrase(c.object), e.fromText())
	if len(e.q.Among) > 0 { // the question is which; how far may be told as badly as it is known
		return e.measure(c.value, 1.96*c.sigma*e.widen, text)
	}
	return e.length(c.gap, text)
}

// surePlace is the probability that every thing before a place of the list is really before it and every thing after
// it after, if their errors are independent.
func (e *executor) surePlace(list []measured, at int, order Ranking) float64 {
	p := 1.0
	for i, other := range list {
		if i == at {
			continue
		}
		first, second := list[at].gap, other.gap
		if (i < at) != (order == ByFarthest) {
			first, second = second, first
		}
		first.sigma *= e.widen
		second.sigma *= e.widen
		p *= probabilityLess(first, second)
	}
	return p
}

// moveLastFirst puts the target before what was measured from.
func moveLastFirst(refs []ObjectRef) []ObjectRef {
	last := refs[len(refs)-1]
	copy(refs[1:], refs)
	refs[0] = last
	return refs
}

func (e *executor) fromText() string {
	if e.q.From == nil {
		return ""
	}
	return " from " + definite(e.q.From)
}
