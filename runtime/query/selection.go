package query

import (
	"cmp"
	"math"
	"slices"

	"github.com/vega-edge/vegad/runtime/scene"
)

// candidate is an object that a referent can mean, and the probability that it exists and is what the referent says.
type candidate struct {
	object *scene.Object
	p      float64
}

// leastPlausible is the probability below which an object is not counted at all.
const leastPlausible = 0.02

// colorShare is the probability from which a colour can be meant even though another one is more probable.
const colorShare = 0.35

// maxEnds bounds the things that each end of "between" can mean.
const maxEnds = 24

// selector finds what referents mean in one snapshot.
type selector struct {
	snap *scene.Snapshot
	pool []scene.Object
	eye  eye

	hints   []scene.Object // for things that the question takes for granted; none where it does not
	minHint float64        // the least existence of a hint
	doubted []string       // things that rest on a hint
	widen   float64        // factor on standard deviations
}

// meant returns what a referent can mean, the best first: of those at least half as certain as the most certain one,
// the nearest to who looks; then the rest, by distance too.
func (s *selector) meant(r *Referent) []candidate {
	list := s.filter(r, s.plausible(r))
	if r.Order != "" || r.Ordinal > 0 {
		return list
	}
	top := 0.0
	for _, c := range list {
		top = max(top, c.p)
	}
	slices.SortStableFunc(list, func(a, b candidate) int {
		if sure := (a.p >= top/2); sure != (b.p >= top/2) {
			if sure {
				return -1
			}
			return 1
		}
		return cmp.Compare(s.fromEye(a.object), s.fromEye(b.object))
	})
	return list
}

// counted returns everything that could be one of the referent's things, also what is probably something else.
func (s *selector) counted(r *Referent) []candidate {
	list := make([]candidate, 0, len(s.pool))
	for i := range s.pool {
		if p := s.probability(r, &s.pool[i]); p >= leastPlausible {
			list = append(list, candidate{&s.pool[i], p})
		}
	}
	return s.filter(r, list)
}

// plausible returns the objects whose best label and colour are the referent's.
func (s *selector) plausible(r *Referent) []candidate {
	list := make([]candidate, 0, 16)
	for i := range s.pool {
		o := &s.pool[i]
		if (r.Label != "" && o.Label != r.Label) || (r.ID != "" && o.ID != r.ID) {
			continue
		}
		if r.Color != "" && o.Color != r.Color && s.colorProbability(r.Color, o) < colorShare {
			continue
		}
		list = append(list, candidate{o, s.probability(r, o)})
	}
	return list
}

// probability returns how likely an object exists and has the referent's id, label and colour.
func (s *selector) probability(r *Referent, o *scene.Object) float64 {
	if r.ID != "" && o.ID != r.ID {
		return 0
	}
	p := o.Existence
	if i := slices.Index(s.snap.Labels, r.Label); r.Label != "" {
		if i < 0 || i >= len(o.LabelProbs) {
			return 0
		}
		p *= o.LabelProbs[i]
	}
	if r.Color != "" {
		p *= s.colorProbability(r.Color, o)
	}
	return p
}

func (s *selector) colorProbability(color string, o *scene.Object) float64 {
	i := slices.Index(s.snap.Colors, color)
	if i < 0 || i >= len(o.ColorProbs) {
		return 0
	}
	return o.ColorProbs[i]
}

// filter applies the conditions that are geometry: size, relations, exclusions and order.
func (s *selector) filter(r *Referent, list []candidate) []candidate {
	if r.Size != "" {
		list = s.sized(r, list)
	}
	for i := range r.Relations {
		list = s.related(&r.Relations[i], list)
	}
	for i := range r.Not {
		list = s.without(r, r.Not[i], list)
	}
	if r.Order != "" || r.Ordinal > 0 {
		list = s.ranked(r, list)
	}
	return list
}

// sized keeps what is bigger, or smaller, than the median of its label. A single thing of its label is neither, and
// stays.
func (s *selector) sized(r *Referent, list []candidate) []candidate {
	var volumes []float64
	for i := range s.pool {
		if r.Label == "" || s.pool[i].Label == r.Label {
			volumes = append(volumes, s.pool[i].Box.Volume())
		}
	}
	if len(volumes) < 2 {
		return list
	}
	slices.Sort(volumes)
	n := len(volumes)
	median := (volumes[(n-1)/2] + volumes[n/2]) / 2
	return keep(list, func(o *scene.Object) bool {
		if r.Size == big {
			return o.Box.Volume() > median
		}
		return o.Box.Volume() < median
	})
}

// related keeps what stands in the relation to at least one of the things it can be about.
func (s *selector) related(rel *Relation, list []candidate) []candidate {
	tos := s.things(rel.To)
	if rel.Name == Between {
		ands := s.things(rel.And)
		tos, ands = tos[:min(len(tos), maxEnds)], ands[:min(len(ands), maxEnds)]
		return keep(list, func(o *scene.Object) bool { return s.betweenAny(o, tos, ands) != rel.Not })
	}
	return keep(list, func(o *scene.Object) bool {
		held := slices.ContainsFunc(tos, func(to *scene.Object) bool {
			return to != o && s.eye.holds(rel, &o.Box, boxOf(to), nil)
		})
		return held != rel.Not
	})
}

func (s *selector) betweenAny(o *scene.Object, tos, ands []*scene.Object) bool {
	for _, b := range tos {
		for _, c := range ands {
			if b != o && c != o && b != c && s.eye.between(&o.Box, boxOf(b), boxOf(c)) {
				return true
			}
		}
	}
	return false
}

// things returns the objects that a referent can mean; nil in the list is the robot.
func (s *selector) things(r *Referent) []*scene.Object {
	if r == nil {
		return []*scene.Object{nil}
	}
	list := s.meant(r)
	out := make([]*scene.Object, len(list))
	for i, c := range list {
		out[i] = c.object
	}
	return out
}

// without drops what an exclusion means. Without a label of its own it is about the referent's things.
func (s *selector) without(r *Referent, x Referent, list []candidate) []candidate {
	if x.Label == "" && x.ID == "" {
		x.Label = r.Label
	}
	out := s.things(&x)
	return keep(list, func(o *scene.Object) bool { return !slices.Contains(out, o) })
}

// ranked picks the one thing at the referent's place in its order.
func (s *selector) ranked(r *Referent, list []candidate) []candidate {
	key, ok := s.key(r)
	if !ok {
		return nil
	}
	slices.SortStableFunc(list, func(a, b candidate) int { return cmp.Compare(key(a.object), key(b.object)) })
	n := max(r.Ordinal, 1)
	if n > len(list) || math.IsInf(key(list[n-1].object), 1) {
		return nil
	}
	return list[n-1 : n]
}

// key returns what an order sorts by, ascending; ok is false when what it is measured from was not seen.
func (s *selector) key(r *Referent) (key func(*scene.Object) float64, ok bool) {
	switch r.Order {
	case ByLargest:
		return func(o *scene.Object) float64 { return -o.Box.Volume() }, true
	case BySmallest:
		return func(o *scene.Object) float64 { return o.Box.Volume() }, true
	case ByTallest:
		return func(o *scene.Object) float64 { return -o.Box.Size.Z }, true
	case ByShortest:
		return func(o *scene.Object) float64 { return o.Box.Size.Z }, true
	case ByLeftmost:
		return func(o *scene.Object) float64 { return -s.eye.bearing(o.Box.Center) }, true
	case ByRightmost:
		return func(o *scene.Object) float64 { return s.eye.bearing(o.Box.Center) }, true
	case ByNearest, ByFarthest:
		return s.distanceKey(r)
	}
	return func(o *scene.Object) float64 { return float64(o.FirstMono) }, true
}

func (s *selector) distanceKey(r *Referent) (func(*scene.Object) float64, bool) {
	sign := 1.0
	if r.Order == ByFarthest {
		sign = -1
	}
	if r.Of == nil {
		return func(o *scene.Object) float64 { return sign * s.fromEye(o) }, true
	}
	of := s.meant(r.Of)
	if len(of) == 0 {
		return nil, false
	}
	origin := of[0].object
	return func(o *scene.Object) float64 {
		if o == origin {
			return math.Inf(1) // a thing is not near to itself
		}
		return sign * scene.Distance(o.Box, origin.Box)
	}, true
}

func (s *selector) fromEye(o *scene.Object) float64 {
	return o.Box.FootprintDistance(s.eye.x, s.eye.y)
}

// boxOf returns an object's box; nil stays nil and is who looks.
func boxOf(o *scene.Object) *scene.Box {
	if o == nil {
		return nil
	}
	return &o.Box
}

// keep filters in place.
func keep(list []candidate, ok func(*scene.Object) bool) []candidate {
	return slices.DeleteFunc(list, func(c candidate) bool { return !ok(c.object) })
}
