package query

// compare = "which is nearer" ["to" thing] things | "which of" things "is nearer" | "is" thing "or" thing "nearer".
func (p *parser) compare() (Query, bool) {
	q := Query{Kind: RelatedTo}
	switch {
	case p.any("which one is", "which is", "what is", "which one stands", "which stands", "which of them is"):
		if !p.comparison(&q) {
			return Query{}, false
		}
		p.any("of", "out of")
		list, ok := p.things("or", "and")
		q.Among = list
		return q, ok
	case p.any("which of", "which thing of"):
		list, ok := p.things("or", "and")
		if !ok || !p.is() {
			return Query{}, false
		}
		q.Among = list
	case p.is():
		list, ok := p.things("or")
		if !ok {
			return Query{}, false
		}
		q.Among = list
	default:
		return Query{}, false
	}
	ok := p.comparison(&q)
	return q, ok
}

// comparison = comparative [("to" | "from") thing], or the superlative of a size.
func (p *parser) comparison(q *Query) bool {
	the := p.accept("the")
	switch {
	case p.oneOf("nearer", "closer"):
		q.Order = ByNearest
	case p.any("farther away", "further away", "farther", "further", "more distant"):
		q.Order = ByFarthest
	case p.oneOf("bigger", "larger"):
		q.Order = ByLargest
	case p.oneOf("smaller"):
		q.Order = BySmallest
	case p.oneOf("taller", "higher"):
		q.Order = ByTallest
	case p.oneOf("shorter", "lower"):
		q.Order = ByShortest
	default:
		return p.sizeRank(q)
	}
	if the {
		p.accept("one")
	}
	if q.Order != ByNearest && q.Order != ByFarthest {
		return true
	}
	p.accept("away")
	if !p.oneOf("to", "from") || p.accept("here") {
		return true
	}
	e, ok := p.referentOrSelf()
	if ok {
		q.From = e.Referent
	}
	return ok
}

// sizeRank reads a superlative of size; those of distance are questions of the kind nearest.
func (p *parser) sizeRank(q *Query) bool {
	t, ok := p.take(rankWord)
	if !ok {
		return false
	}
	switch q.Order = Ranking(t.canon); q.Order {
	case ByLargest, BySmallest, ByTallest, ByShortest:
		return true
	}
	return false
}

// nearest = "what is nearest" ["to" thing] | "which" thing "is nearest" ["to" thing] | "what is the nearest" thing |
// "which of" things "is nearest" ["to" thing] | "what is nearest" ["to" thing] things.
func (p *parser) nearest() (Query, bool) {
	switch {
	case p.any("measuring from the closest point of each object"):
		return p.nearest()
	case p.any("name", "what is", "which is", "what stands", "what lies", "what are"):
		if q, ok := p.nearestTried(); ok {
			return q, true
		}
		return p.rankedThing()
	case p.any("which of these objects", "which of these things", "which of these", "which of the following objects"):
		if p.is() {
			return p.nearestOf(&Referent{})
		}
		return p.nearestAmong()
	case p.any("which of", "what of"):
		if q, ok := p.nearestAmongTried(); ok {
			return q, true
		}
		return p.nearestThing()
	case p.oneOf("which", "what"):
		return p.nearestThing()
	}
	return Query{}, false
}

func (p *parser) nearestThing() (Query, bool) {
	r, ok := p.referent()
	if !ok || !p.oneOf("is", "are", "stands", "lies", "sits") {
		return Query{}, false
	}
	return p.nearestOf(r)
}

func (p *parser) nearestTried() (q Query, ok bool) {
	ok = p.try(func() bool {
		q, ok = p.nearestOf(&Referent{})
		return ok
	})
	return q, ok
}

// rankedThing = thing "closest to" thing: "what is the object closest to the window".
func (p *parser) rankedThing() (Query, bool) {
	r, ok := p.referent()
	if !ok || r.Ordinal != 0 || r.Order != ByNearest && r.Order != ByFarthest {
		return Query{}, false
	}
	q := Query{Kind: Nearest, From: r.Of}
	if r.Of = nil; r.Order == ByNearest {
		r.Order = ""
	}
	if !r.isAny() {
		q.Target = r
	}
	return q, true
}

func (p *parser) nearestAmongTried() (q Query, ok bool) {
	ok = p.try(func() bool {
		q, ok = p.nearestAmong()
		return ok
	})
	return q, ok
}

// nearestAmong = things "is" ["the"] [ordinal] rank [("to" | "from") thing].
func (p *parser) nearestAmong() (Query, bool) {
	list, ok := p.things("and", "or")
	if !ok || !p.oneOf("is", "are", "stands", "lies") {
		return Query{}, false
	}
	q, ok := p.nearestOf(&Referent{})
	q.Among = list
	return q, ok
}

// nearestOf = ["the"] [ordinal] rank [thing | "one"] [("to" | "from") thing] [things].
func (p *parser) nearestOf(r *Referent) (Query, bool) {
	p.accept("the")
	ordinal, _ := p.take(ordinalWord)
	rank, ok := p.take(rankWord)
	if !ok {
		return Query{}, false
	}
	order := Ranking(rank.canon)
	if order != ByNearest && order != ByFarthest {
		p.fail("only the nearest and the farthest thing can be asked for")
		return Query{}, false
	}
	if !p.accept("one") && r.isAny() && !p.tokens[p.pos-1].comma {
		if named, ok := p.nearestNamed(); ok {
			r = named
		}
	}
	if r.Order != "" || r.Ordinal != 0 {
		p.fail("only one order can be asked for at a time")
		return Query{}, false
	}
	if r.Ordinal = ordinal.value; r.Ordinal > 0 || order == ByFarthest {
		r.Order = order
	}
	return p.nearestTo(r)
}

// nearestNamed reads the thing after "the nearest", unless it is the first one of a list.
func (p *parser) nearestNamed() (r *Referent, ok bool) {
	ok = p.try(func() bool {
		r, ok = p.referent()
		return ok && p.peek(0).text != "or"
	})
	return r, ok
}

// nearestTo reads what is measured from and what is chosen among, and makes the query.
func (p *parser) nearestTo(target *Referent) (Query, bool) {
	q := Query{Kind: Nearest}
	if !target.isAny() {
		q.Target = target
	}
	p.oneOf("away")
	if p.oneOf("to", "from") && !p.accept("here") {
		e, ok := p.endBefore()
		if !ok {
			return Query{}, false
		}
		q.From = e.Referent
	}
	p.try(func() bool {
		p.any("of", "out of", "among")
		list, ok := p.things("or", "and")
		q.Among = list
		return ok
	})
	return q, len(q.Among) == 0 || q.Target == nil || onlyRanked(q.Target)
}

// endBefore reads what is measured from; a list may follow it.
func (p *parser) endBefore() (*end, bool) {
	p.depth++
	defer func() { p.depth-- }()
	return p.referentOrSelf()
}
