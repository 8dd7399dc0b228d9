package query

import (
	"fmt"
	"slices"
)

// part is a part of a query that only some kinds take.
type part struct {
	name  string
	set   bool
	kinds []Kind
}

// checkShape validates which parts a kind takes and needs.
func (q *Query) checkShape() error {
	for _, p := range q.parts() {
		if p.set && !slices.Contains(p.kinds, q.Kind) {
			return fmt.Errorf("%s takes no %s: %w", q.Kind, p.name, ErrInvalid)
		}
	}
	if q.Target == nil && slices.Contains([]Kind{Distance, Size, Direction, Route, Locate}, q.Kind) {
		return fmt.Errorf("%s needs a target: %w", q.Kind, ErrInvalid)
	}
	if len(q.Also) > 0 && q.Target == nil || q.All && len(q.Also) == 0 {
		return fmt.Errorf("also needs a target, and all needs also: %w", ErrInvalid)
	}
	if q.Attribute != "" && q.Target == nil {
		return fmt.Errorf("an attribute needs a target: %w", ErrInvalid)
	}
	if err := q.checkView(); err != nil {
		return err
	}
	return q.checkCompared()
}

// parts lists the parts with the kinds that take them.
func (q *Query) parts() []part {
	looking := []Kind{Count, Distance, Size, Nearest, Direction, Route, Locate, Describe, RelatedTo, Exists}
	return []part{
		{"target", q.Target != nil, slices.DeleteFunc(Kinds(), func(k Kind) bool { return k == RoomSize || k == Order })},
		{"also", len(q.Also) > 0, []Kind{Count, Exists}},
		{"all", q.All, []Kind{Exists}},
		{"among", len(q.Among) > 0, []Kind{Nearest, Order, RelatedTo}},
		{"from", q.From != nil, []Kind{Distance, Nearest, Route, RelatedTo}},
		{"via", len(q.Via) > 0, []Kind{Route}},
		{"relation", q.Relation != nil, []Kind{RelatedTo}},
		{"order", q.Order != "", []Kind{RelatedTo}},
		{"viewpoint", q.Viewpoint != nil, looking},
		{"words", q.Words != "", []Kind{Direction, Route}},
		{"dimension", q.Dimension != "", []Kind{Size, RoomSize}},
		{"attribute", q.Attribute != "", []Kind{Describe}},
		{"heading", q.Heading != "", []Kind{Clear}},
		{"lengthM", q.LengthM != 0, []Kind{Clear}},
		{"widthM", q.WidthM != 0, []Kind{Clear, Route}},
	}
}

// checkView validates the viewpoint and the words of directions.
func (q *Query) checkView() error {
	v := q.Viewpoint
	if v != nil && v.Facing == nil && (v.At != nil || v.Away) {
		return fmt.Errorf("a viewpoint needs facing: %w", ErrInvalid)
	}
	if v != nil && v.Facing == nil {
		return fmt.Errorf("the viewpoint is empty: %w", ErrInvalid)
	}
	if q.Kind == Direction && q.Words == Turns || q.Kind == Route && q.Words != Turns && q.Words != "" {
		return fmt.Errorf("%s does not take the words %s: %w", q.Kind, q.Words, ErrInvalid)
	}
	if q.Kind == Route && q.Words == Turns && v == nil {
		return fmt.Errorf("the turns of a route need a viewpoint: %w", ErrInvalid)
	}
	if q.Kind == Route && v != nil && q.From != nil {
		return fmt.Errorf("a route begins at from or at the viewpoint: %w", ErrInvalid)
	}
	if q.Kind == Clear && q.Target != nil && (q.Heading != "" || q.LengthM != 0) {
		return fmt.Errorf("clear takes a target, or a heading and a length: %w", ErrInvalid)
	}
	if q.Kind == RoomSize && q.Dimension == Depth {
		return fmt.Errorf("a room has no depth: %w", ErrInvalid)
	}
	return nil
}

// checkCompared validates the kinds that compare things or ask for a relation.
func (q *Query) checkCompared() error {
	if q.Kind == Order && len(q.Among) < 2 || len(q.Among) == 1 {
		return fmt.Errorf("%s needs at least two things in among: %w", q.Kind, ErrInvalid)
	}
	if q.Kind == Nearest && len(q.Among) > 0 && q.Target != nil && !onlyRanked(q.Target) {
		return fmt.Errorf("with among, the target of nearest has an order and an ordinal only: %w", ErrInvalid)
	}
	if q.Kind != RelatedTo {
		return nil
	}
	forms := 0
	for _, set := range []bool{q.Relation != nil, len(q.Among) > 0, q.Relation == nil && q.Target != nil} {
		if set {
			forms++
		}
	}
	switch {
	case forms != 1, q.Relation != nil && q.Target == nil:
		return fmt.Errorf("relation needs target and relation, or target with relations, or among: %w", ErrInvalid)
	case (len(q.Among) > 0) != (q.Order != ""), len(q.Among) > 0 && q.Target != nil:
		return fmt.Errorf("among needs order and takes no target: %w", ErrInvalid)
	case q.From != nil && q.Order != ByNearest && q.Order != ByFarthest:
		return fmt.Errorf("from needs the order nearest or farthest: %w", ErrInvalid)
	case q.Relation == nil && q.Target != nil && len(q.Target.Relations) == 0:
		return fmt.Errorf("relation needs a relation: %w", ErrInvalid)
	}
	return nil
}

// onlyRanked says whether a referent names nothing but a place in an order.
func onlyRanked(r *Referent) bool {
	plain := *r
	plain.Order, plain.Ordinal = "", 0
	return plain.isAny()
}
