package query

import "math"

// relation = {adverb} name [thing]. Left, right, front and behind without a thing are those of who looks.
func (p *parser) relation(r *Referent, not bool) bool {
	rel, ok := p.relationTo(not)
	if ok {
		r.Relations = append(r.Relations, rel)
	}
	return ok
}

// relationTo reads a relation with what it is to.
func (p *parser) relationTo(not bool) (Relation, bool) {
	p.adverb()
	if p.within() {
		return p.nearAmount(not)
	}
	name, needsThing, ok := p.relationName()
	if !ok {
		return Relation{}, false
	}
	rel := Relation{Name: name, Not: not}
	if name == Between {
		return p.betweenThings(rel)
	}
	if needsThing {
		e, ok := p.referentOrSelf()
		if !ok {
			return rel, false
		}
		rel.To = e.Referent
	}
	switch name {
	case On, Under, Above, Inside, Against:
		if rel.To == nil {
			p.fail("nothing stands on, under or inside the robot")
			return rel, false
		}
	}
	return rel, true
}

// within consumes what comes before the amount of "within two metres of the door".
func (p *parser) within() bool {
	return p.any("within", "less than", "closer than", "nearer than", "at most", "no more than", "not more than",
		"no farther than", "not farther than")
}

// nearAmount = amount [("of" | "from" | "to" | "away from") thing].
func (p *parser) nearAmount(not bool) (Relation, bool) {
	rel := Relation{Name: Near, Not: not}
	var ok bool
	if rel.WithinM, ok = p.amount(); !ok {
		return rel, false
	}
	p.accept("away")
	if p.oneOf("of", "from", "to") {
		e, ok := p.referentOrSelf()
		if !ok {
			return rel, false
		}
		rel.To = e.Referent
	}
	return rel, true
}

func (p *parser) betweenThings(rel Relation) (Relation, bool) {
	a, ok := p.endOfPair()
	if !ok || !p.accept("and") {
		return rel, false
	}
	b, ok := p.referentOrSelf()
	if !ok {
		return rel, false
	}
	if rel.To, rel.And = a.Referent, b.Referent; rel.To == nil {
		rel.To, rel.And = rel.And, nil
	}
	return rel, rel.To != nil
}

// endOfPair reads the first thing of a pair: the "and" after it divides the pair.
func (p *parser) endOfPair() (*end, bool) {
	p.depth++
	defer func() { p.depth-- }()
	return p.referentOrSelf()
}

// amount = number unit | "half a" unit | "a" unit | number "and a half" unit, in metres.
func (p *parser) amount() (metres float64, ok bool) {
	ok = p.try(func() bool {
		value := 1.0
		switch {
		case p.any("half a", "half an", "0.5 of a"):
			value = 0.5
		case p.oneOf("a", "an"):
		default:
			t, ok := p.take(numberWord)
			if !ok {
				return false
			}
			value = t.amount
			if p.any("and a half") {
				value += 0.5
			}
		}
		unit, ok := p.take(unitWord)
		if !ok {
			p.fail("a unit is missing: m, cm or feet")
			return false
		}
		metres = math.Round(value*perUnit(Unit(unit.canon))*1e4) / 1e4
		return metres > 0 && metres <= maxLength
	})
	return metres, ok
}

// perUnit returns how many metres a unit is.
func perUnit(u Unit) float64 {
	switch u {
	case Centimetres:
		return 0.01
	case Feet:
		return 0.3048
	}
	return 1
}

// adverb skips words that do not change a relation's meaning. "Right" is one only before another relation.
func (p *parser) adverb() {
	for {
		if p.oneOf("directly", "just", "immediately", "straight", "somewhere") {
			continue
		}
		switch p.peek(1).text {
		case "behind", "in", "next", "beside", "under", "on", "by", "near", "above", "against":
			if p.accept("right") {
				continue
			}
		}
		return
	}
}

// relationName reads the words of a relation and says whether a thing must follow.
func (p *parser) relationName() (name RelationName, needsThing, ok bool) {
	if name, needsThing, ok = p.side(); ok {
		return name, needsThing, true
	}
	switch {
	case p.any("in front of", "ahead of", "to the front of"):
		return InFrontOf, true, true
	case p.any("in front", "ahead", "in my front"):
		return InFrontOf, false, true
	case p.any("behind", "in back of", "at the back of", "to the back of"):
		return Behind, true, true
	case p.any("at my back", "to my back", "to the rear", "to my rear"):
		return Behind, false, true
	case p.any("on top of", "atop", "on", "upon"):
		return On, true, true
	case p.any("under", "underneath", "below", "beneath"):
		return Under, true, true
	case p.any("above", "over", "hanging over"):
		return Above, true, true
	case p.any("inside of", "inside", "in between"):
		if p.tokens[p.pos-1].text == "between" {
			return Between, true, true
		}
		return Inside, true, true
	case p.any("up against", "leaning against", "against", "touching"):
		return Against, true, true
	case p.any("near to", "near", "close to", "next to", "close by", "beside", "by", "at", "adjacent to"):
		return Near, true, true
	case p.any("nearby"):
		return Near, false, true
	case p.any("between"):
		return Between, true, true
	case p.peek(0).text == "in" && p.peek(1).class != unitWord && p.accept("in"):
		return Inside, true, true
	}
	return "", false, false
}

// side reads "left of", "to the left of", "on the left side of", "on my left" and the same on the right.
func (p *parser) side() (name RelationName, needsThing, ok bool) {
	ok = p.try(func() bool {
		prefix := p.oneOf("to", "on", "at")
		owner := prefix && p.oneOf("my", "your")
		if prefix && !owner && !p.accept("the") {
			return false
		}
		switch {
		case p.accept("left"):
			name = LeftOf
		case p.accept("right"):
			name = RightOf
		default:
			return false
		}
		if prefix {
			p.accept("hand")
			p.accept("side")
		}
		needsThing = !owner && p.accept("of")
		return prefix || needsThing
	})
	return name, needsThing, ok
}
