package query

import (
	"cmp"
	"slices"
	"strings"

	"github.com/vega-edge/vegad/runtime/scene"
)

// order sorts the things of among by when the first of each was first seen.
func (e *executor) order() Answer {
	type entry struct {
		name   string
		object *scene.Object
	}
	list := make([]entry, 0, len(e.q.Among))
	confidence := 1.0
	for i := range e.q.Among {
		r := &e.q.Among[i]
		first, ok := e.earliest(r)
		if !ok {
			return e.notSeen(r)
		}
		confidence *= first.p
		list = append(list, entry{noun(r, false), first.object})
	}
	slices.SortStableFunc(list, func(a, b entry) int { return cmp.Compare(a.object.FirstMono, b.object.FirstMono) })
	words := make([]string, len(list))
	for i, en := range list {
		words[i] = en.name
		e.add(en.object, Target)
		if i > 0 && list[i-1].object.FirstMono == en.object.FirstMono {
			confidence /= 2 // one picture showed both first
		}
	}
	e.a.Confidence = confidence
	if confidence < e.opt.MinConfidence {
		return e.a.unsure("I saw several of them for the first time at once.")
	}
	return e.a.say(strings.Join(words, ", "), orderText(words))
}

// earliest returns the first thing seen of those that are likely what the referent says.
func (e *executor) earliest(r *Referent) (candidate, bool) {
	list := slices.DeleteFunc(e.known(r), func(c candidate) bool { return c.p < 0.5*c.object.Existence })
	if len(list) == 0 {
		return candidate{}, false
	}
	return slices.MinFunc(list, func(a, b candidate) int {
		return cmp.Compare(a.object.FirstMono, b.object.FirstMono)
	}), true
}
