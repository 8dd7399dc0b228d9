package query

import (
	"slices"
	"strings"
)

// hintWiden is the factor on standard deviations of an answer that rests on a hint: a weak peak may lie on a part of
// the thing, or beside it.
const hintWiden = 2

// presumes says whether a kind of question takes its things for granted: "where is the chair?" says that there is one.
func (k Kind) presumes() bool {
	return slices.Contains([]Kind{Locate, Distance, Direction, Size, Nearest, Order, Route}, k)
}

// known returns what a referent can mean, or else the hint of it.
func (s *selector) known(r *Referent) []candidate {
	if list := s.meant(r); len(list) > 0 {
		return list
	}
	return s.presumed(r)
}

// presumed returns the hint for a thing that the question takes for granted and that is not known in its scope: given
// that there is one, the best place for it is worth telling, with the score as confidence and with the doubt in words.
// Only a label, with or without a colour, can be taken for granted.
func (s *selector) presumed(r *Referent) []candidate {
	if len(s.hints) == 0 || r.Label == "" || !plainly(r) {
		return nil
	}
	plain := Referent{Label: r.Label, Color: r.Color}
	pool := selector{snap: s.snap, pool: s.hints, eye: s.eye}
	list := slices.DeleteFunc(pool.plausible(&plain), func(c candidate) bool { return c.object.Existence < s.minHint })
	if len(list) > 0 {
		s.doubt(r)
	}
	return list
}

// doubt notes that the answer rests on a hint.
func (s *selector) doubt(r *Referent) {
	name := indefinite(r)
	if slices.Contains(s.doubted, name) {
		return
	}
	if len(s.doubted) == 0 {
		s.widen *= hintWiden
	}
	s.doubted = append(s.doubted, name)
}

// plainly says whether nothing but a label and a colour describes the thing.
func plainly(r *Referent) bool {
	return r.ID == "" && r.Size == "" && r.Order == "" && r.Ordinal == 0 && r.Of == nil && len(r.Relations) == 0 &&
		len(r.Not) == 0
}

// doubtText says what was not clearly seen.
func doubtText(things []string) string {
	last := len(things) - 1
	list := things[last]
	if last > 0 {
		list = strings.Join(things[:last], ", ") + " or " + list
	}
	return "I have not clearly seen " + list + ", but perhaps: "
}
