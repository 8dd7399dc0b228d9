package query

// distance = "how far" … | "how close" … | "how many metres" … | "the distance" ….
func (p *parser) distance() (Query, bool) {
	switch {
	case p.any("measuring from the closest point of each object"):
		return p.distance()
	case p.accept("how", "many"):
		t, ok := p.take(unitWord)
		if !ok {
			return Query{}, false
		}
		p.setUnit(Unit(t.canon))
		return p.span()
	case p.accept("how", "far"), p.accept("how", "close"), p.accept("how", "near"), p.accept("how", "distant"):
		p.inUnit()
		return p.span()
	}
	if p.accept("measure") {
		p.accept("the")
	} else {
		p.whatIs()
	}
	p.oneOf("shortest", "least", "smallest")
	if !p.accept("distance") && !p.accept("gap") {
		return Query{}, false
	}
	p.inUnit()
	p.accept("is")
	return p.span()
}

// span reads the two ends of a distance in the orders people put them.
func (p *parser) span() (Query, bool) {
	for p.oneOf("away", "apart", "off") {
	}
	switch {
	case p.accept("is", "it"), p.accept("are", "there"), p.accept("is", "there"):
		for p.oneOf("away") {
		}
		return p.ends(nil)
	case p.any("separate", "is between", "are between"):
		return p.pair()
	}
	if q, ok := p.ends(nil); ok {
		return q, true
	}
	if p.accept("of") || p.is() {
		return p.spanOf()
	}
	// An indirect question: "how far the door is from the bed".
	return p.spanOf()
}

// spanOf = thing ["and" thing] ["is"] ["away"] [("from" | "to") thing].
func (p *parser) spanOf() (Query, bool) {
	a, ok := p.referentOrSelf()
	if !ok {
		return Query{}, false
	}
	if p.accept("and") {
		b, ok := p.referentOrSelf()
		if !ok {
			return Query{}, false
		}
		p.is()
		p.oneOf("apart")
		p.accept("from", "each", "other")
		p.accept("to", "each", "other")
		return p.between(a, b)
	}
	p.is()
	for p.oneOf("away", "off", "located", "standing") {
	}
	return p.ends(a)
}

// ends = ["from" thing] ["to" thing] | "between" thing "and" thing, in any order. With a first thing given, one more
// end at most is named.
func (p *parser) ends(first *end) (Query, bool) {
	if first == nil && p.accept("between") {
		return p.pair()
	}
	var list []*end
	if first != nil {
		list = append(list, first)
	}
	for len(list) < 2 && p.oneOf("from", "to", "towards", "toward") {
		p.oneOf("here")
		if p.tokens[p.pos-1].text == "here" {
			list = append(list, &end{})
			continue
		}
		e, ok := p.referentOrSelf()
		if !ok {
			return Query{}, false
		}
		list = append(list, e)
		if first == nil && len(list) == 1 && p.is() { // "from the bed is the door"
			b, ok := p.referentOrSelf()
			if !ok {
				return Query{}, false
			}
			p.oneOf("away")
			return p.between(b, e)
		}
	}
	switch len(list) {
	case 0:
		p.fail("")
		return Query{}, false
	case 1:
		return p.between(list[0], &end{})
	}
	return p.between(p.ordered(list, first != nil))
}

// ordered puts the target first: "how far is the table from the sofa" names it first, "from the bed to the door" last.
func (p *parser) ordered(list []*end, targetFirst bool) (target, from *end) {
	if targetFirst {
		return list[0], list[1]
	}
	return list[1], list[0]
}

// pair = thing "and" thing.
func (p *parser) pair() (Query, bool) {
	a, ok := p.referentOrSelf()
	if !ok || !p.accept("and") {
		return Query{}, false
	}
	b, ok := p.referentOrSelf()
	if !ok {
		return Query{}, false
	}
	return p.between(a, b)
}

// end is one end of a distance; without a referent it is the robot.
type end struct{ *Referent }

// between makes the query of a distance. The robot, where it is one of the ends, is always the one measured from.
func (p *parser) between(target, from *end) (Query, bool) {
	if target.Referent == nil {
		target, from = from, target
	}
	if target.Referent == nil {
		p.fail("both ends of the distance are the robot")
		return Query{}, false
	}
	return Query{Kind: Distance, Target: target.Referent, From: from.Referent}, true
}

// referentOrSelf reads a thing or the robot.
func (p *parser) referentOrSelf() (*end, bool) {
	if p.self() {
		return &end{}, true
	}
	r, ok := p.referent()
	return &end{r}, ok
}

// self consumes a word for the robot.
func (p *parser) self() bool {
	return p.try(func() bool {
		if p.any("where i am", "where i stand", "where you are", "where you stand") {
			return true
		}
		p.oneOf("the", "this", "your")
		_, ok := p.take(selfWord)
		return ok
	})
}
