package query

import (
	"slices"
)

// hintWiden is the factor on standard deviations of an answer that rests on a hint: a weak peak may lie on a part of
// the thing, or beside it.
const hintWiden = 2

// presumes says whether a kind of question takes its target for granted: "where is the chair?" says that there is one.
func (k Kind) presumes() bool {
	return slices.Contains([]Kind{Locate, Distance, Direction, Size}, k)
}

// presumed returns the hint for a thing that the question takes for granted and that is not known in its scope: given
// that there is one, the best place for it is worth telling, with the score as confidence and with the doubt in words.
// Only a label, with or without a colour, can be taken for granted.
func (e *executor) presumed(r *Referent) []candidate {
	plain := Referent{Label: r.Label, Color: r.Color}
	if !e.q.Kind.presumes() || r != e.q.Target || r.Label == "" || !plainly(r) {
		return nil
	}
	s := selector{snap: e.snap, pool: e.snap.Hints, eye: e.eye}
	list := slices.DeleteFunc(s.plausible(&plain), func(c candidate) bool { return c.object.Existence < e.opt.MinHint })
	if e.weak = len(list) > 0; e.weak {
		e.widen *= hintWiden
	}
	return list
}

// plainly says whether nothing but a label and a colour describes the thing.
func plainly(r *Referent) bool {
	return r.ID == "" && r.Size == "" && r.Order == "" && r.Ordinal == 0 && r.Of == nil && len(r.Relations) == 0 &&
		len(r.Not) == 0
}

// doubtText says that a thing was not clearly seen.
func doubtText(r *Referent) string {
	return "I have not clearly seen " + indefinite(r) + ", but perhaps: "
}
