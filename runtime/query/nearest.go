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

// nearest picks the thing closest to the robot or to another thing; with the order farthest, the one farthest away,
// and with an ordinal the second, third and so on.
func (e *executor) nearest() Answer {
	r := *e.q.Target
	order, place := r.Order, max(r.Ordinal, 1)
	if order != "" && order != ByNearest && order != ByFarthest {
		return e.a.refuse(ReasonInvalid, "Nearest takes the orders nearest and farthest only.")
	}
	r.Order, r.Ordinal = "", 0
	list, ok := e.measured(&r)
	if !ok {
		return e.notSeen(e.q.From)
	}
	slices.SortStableFunc(list, func(a, b measured) int {
		if order == ByFarthest {
			a, b = b, a
		}
		return cmp.Compare(a.value, b.value)
	})
	if len(list) < place {
		return e.notSeen(&r)
	}
	return e.chosen(list, place-1, order)
}

// measured returns everything that the referent can mean with its distance; ok is false when what is measured from
// was not seen.
func (e *executor) measured(r *Referent) ([]measured, bool) {
	var from *scene.Object
	if e.q.From != nil {
		c := e.meant(e.q.From)
		if len(c) == 0 {
			return nil, false
		}
		from = c[0].object
	}
	var list []measured
	for _, c := range e.meant(r) {
		switch {
		case c.p < 0.5*c.object.Existence || c.object == from:
			continue
		case from == nil:
			list = append(list, measured{c, measureFromRobot(c.object, e.snap)})
		default:
			list = append(list, measured{c, measureBetween(c.object, from)})
		}
	}
	if from != nil {
		e.add(from, Origin)
	}
	return list, true
}

// chosen answers with the thing at a place of the sorted list. The confidence is the probability that every thing
// before it is really before it and every thing after it after, if their errors are independent.
func (e *executor) chosen(list []measured, at int, order Ranking) Answer {
	c := list[at]
	confidence := c.p
	for i, other := range list {
		first, second := c.gap, other.gap
		if (i < at) != (order == ByFarthest) {
			first, second = second, first
		}
		first.sigma *= e.widen
		second.sigma *= e.widen
		if i != at {
			confidence *= probabilityLess(first, second)
		}
	}
	e.a.Confidence = confidence
	e.a.Choice = c.object.Label
	e.add(c.object, Target)
	e.a.Objects = moveLastFirst(e.a.Objects)
	for _, other := range list[at+1 : min(at+1+runnersUp, len(list))] {
		e.add(other.object, Alternative)
	}
	if confidence < e.opt.MinConfidence {
		return e.a.abstain(ReasonUncertain, "Several things are about equally far, I cannot tell which one it is.")
	}
	return e.length(c.gap, nearestText(e.phrase(c.object), e.fromText()))
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
