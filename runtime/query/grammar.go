package query

// question = count | distance | direction | locate | exists | nearest.
func (p *parser) question() (Query, bool) {
	rules := [...]func() (Query, bool){
		p.count, p.distance, p.direction, p.locate, p.exists, p.nearest,
	}
	for _, rule := range rules {
		pos, scope, unit := p.pos, p.scope, p.unit
		if q, ok := rule(); ok {
			p.tail()
			if p.end() {
				return q, true
			}
			p.fail("")
		}
		p.pos, p.scope, p.unit = pos, scope, unit
	}
	return Query{}, false
}

// whatIs consumes "what is the", or just "the".
func (p *parser) whatIs() bool {
	if p.accept("what", "is") || p.accept("what", "are") || p.accept("give", "me") {
		p.accept("the")
		return true
	}
	return p.accept("the")
}

// is consumes a form of to be.
func (p *parser) is() bool { return p.oneOf("is", "are", "am") }

// count = "how many" things ["are" condition] | "count" things | "the number of" things.
func (p *parser) count() (Query, bool) {
	switch {
	case p.accept("how", "many"):
		if p.peek(0).class == unitWord {
			return Query{}, false
		}
		p.accept("of")
	case p.accept("count"), p.accept("count", "up"):
	default:
		p.whatIs()
		if !p.accept("number", "of") && !p.accept("count", "of") {
			return Query{}, false
		}
	}
	r, ok := p.referent()
	if !ok {
		return Query{}, false
	}
	p.predicate(r)
	return Query{Kind: Count, Target: r}, true
}

// predicate = [("is" | "are") (["there"] | condition)]. It narrows what the question is about.
func (p *parser) predicate(r *Referent) {
	switch {
	case p.accept("there", "are"), p.accept("there", "is"):
	case p.oneOf("stand", "stands", "lie", "lies", "sit", "sits", "exist", "exists"):
	case p.is():
		p.accept("there")
	default:
		return
	}
	p.depth++ // what follows still belongs to the thing counted
	defer func() { p.depth-- }()
	p.conditions(r)
	p.modifiers(r)
}

// distance = "how far" … | "how close" … | "how many metres" … | "the distance" ….
func (p *parser) distance() (Query, bool) {
	switch {
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
	case p.accept("separate"), p.accept("is", "between"):
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
		p.oneOf("the", "this", "your")
		_, ok := p.take(selfWord)
		return ok
	})
}

// direction = ["in"] ("which" | "what") ("direction" | "way") "is" thing | "the direction of" thing.
func (p *parser) direction() (Query, bool) {
	p.oneOf("in", "at")
	if p.try(func() bool { return p.oneOf("which", "what") && p.oneOf("direction", "way", "bearing", "angle") }) {
		for p.oneOf("is", "are", "does", "do") {
		}
		return p.bearingOf("lie", "lies", "stand", "stands", "is", "are", "in", "located", "standing")
	}
	p.whatIs()
	if !p.oneOf("direction", "bearing", "angle") || !p.oneOf("of", "to", "towards", "toward") {
		return Query{}, false
	}
	return p.bearingOf()
}

// bearingOf reads whose direction is asked for. A direction seen from another thing needs to know where that one faces.
func (p *parser) bearingOf(after ...string) (Query, bool) {
	r, ok := p.referentTo()
	if !ok {
		return Query{}, false
	}
	for p.oneOf(after...) {
	}
	if p.accept("from") && !p.accept("here") && !p.self() {
		p.fail("a direction seen from another thing is not supported by this version")
		return Query{}, false
	}
	return Query{Kind: Direction, Target: r}, true
}

// referentTo = referent ["to" thing] after a nearest or farthest: "the nearest chair to the door".
func (p *parser) referentTo() (*Referent, bool) {
	r, ok := p.referent()
	if !ok {
		return nil, false
	}
	if r.Of == nil && (r.Order == ByNearest || r.Order == ByFarthest) && p.oneOf("to", "from") {
		e, ok := p.referentOrSelf()
		if !ok {
			return nil, false
		}
		r.Of = e.Referent
	}
	return r, true
}

// locate = "where is" thing | "locate" thing | "find" thing | "the position of" thing.
func (p *parser) locate() (Query, bool) {
	switch {
	case p.accept("where", "do", "you", "see"), p.accept("where", "can", "you", "see"):
		p.setScope(Now)
	case p.accept("where", "did", "you", "see"), p.accept("where", "have", "you", "seen"):
		p.setScope(Seen)
	case p.accept("where", "is"), p.accept("where", "are"), p.accept("where", "can", "i", "find"),
		p.accept("where", "do", "i", "find"), p.accept("where", "does"), p.accept("where"),
		p.accept("locate"), p.accept("find", "me"), p.accept("find"):
	default:
		p.whatIs()
		if !p.oneOf("position", "location", "place", "coordinates", "whereabouts") || !p.accept("of") {
			return Query{}, false
		}
	}
	r, ok := p.referentTo()
	if !ok {
		return Query{}, false
	}
	for p.oneOf("is", "are", "located", "standing", "placed", "stand", "found") {
	}
	return Query{Kind: Locate, Target: r}, true
}

// exists = ("is" | "are") "there" thing | "do you see" thing | "does the room have" thing | "does" thing "exist".
func (p *parser) exists() (Query, bool) {
	p.oneOf("if", "whether")
	switch {
	case p.accept("is", "there"), p.accept("are", "there"), p.accept("there", "is"), p.accept("there", "are"),
		p.sees():
	case p.accept("does", "the", "room", "have"), p.accept("does", "the", "room", "contain"),
		p.accept("does", "this", "room", "have"):
	case p.oneOf("does", "do"):
		r, ok := p.referent()
		return Query{Kind: Exists, Target: r}, ok && p.oneOf("exist")
	case p.oneOf("is", "are"):
		return p.anyIs()
	case p.peek(0).text == "any":
	default:
		return Query{}, false
	}
	r, ok := p.referent()
	if !ok {
		return Query{}, false
	}
	return Query{Kind: Exists, Target: r}, true
}

// anyIs = ("a" | "any") thing condition. With "the" the question is about a relation of one thing, another kind.
func (p *parser) anyIs() (Query, bool) {
	if !p.oneOf("a", "an", "any", "some") {
		return Query{}, false
	}
	p.accept("of")
	r, ok := p.referent()
	if !ok || (p.end() && len(r.Relations) == 0) {
		return Query{}, false
	}
	p.depth++
	defer func() { p.depth-- }()
	p.conditions(r)
	return Query{Kind: Exists, Target: r}, true
}
