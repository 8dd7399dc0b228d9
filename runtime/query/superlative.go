package query

// nearest = "what is nearest" ["to" thing] | "which" thing "is nearest" ["to" thing] | "what is the nearest" thing ….
func (p *parser) nearest() (Query, bool) {
	switch {
	case p.accept("name"), p.accept("what", "is"), p.accept("which", "is"), p.accept("what", "stands"),
		p.accept("what", "lies"), p.accept("what", "are"):
		return p.nearestOf(&Referent{})
	case p.oneOf("which", "what"):
		p.accept("of")
		r, ok := p.referent()
		if !ok || !p.oneOf("is", "are", "stands", "lies", "sits") {
			return Query{}, false
		}
		return p.nearestOf(r)
	}
	return Query{}, false
}

// nearestOf = ["the"] [ordinal] rank [thing | "one"] [("to" | "from") thing].
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
	if !p.accept("one") && r.isAny() {
		if named, ok := p.referent(); ok {
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

// nearestTo reads what is measured from and makes the query.
func (p *parser) nearestTo(target *Referent) (Query, bool) {
	q := Query{Kind: Nearest}
	if !target.isAny() {
		q.Target = target
	}
	p.oneOf("away")
	if p.oneOf("to", "from") && !p.accept("here") {
		e, ok := p.referentOrSelf()
		if !ok {
			return Query{}, false
		}
		q.From = e.Referent
	}
	return q, true
}
