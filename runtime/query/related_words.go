package query

// holdsOf = "is" thing ["not"] relation | "are" thing "and" thing "near each other".
func (p *parser) holdsOf() (Query, bool) {
	several := p.peek(0).text == "are"
	if !p.is() || p.anyThing() {
		return Query{}, false
	}
	switch p.peek(0).text {
	case "a", "an", "any", "some", "there", "it":
		return Query{}, false
	}
	r, ok := p.subject()
	if !ok {
		return Query{}, false
	}
	if q, ok := p.eachOther(r); ok {
		return q, true
	}
	if several {
		p.fail("a relation is asked of one thing at a time")
		return Query{}, false
	}
	not := p.accept("not")
	p.placed()
	rel, ok := p.relationTo(not)
	if !ok {
		return Query{}, false
	}
	return Query{Kind: RelatedTo, Target: r, Relation: &rel}, true
}

// subject = thing ["that is" condition]: a bare relation after it is what is asked.
func (p *parser) subject() (*Referent, bool) {
	r, ok := p.bare()
	if !ok {
		return nil, false
	}
	p.depth++
	defer func() { p.depth-- }()
	p.try(func() bool { return p.ranked(r) })
	p.try(func() bool { return p.relative(r) })
	return r, true
}

// eachOther = "and" thing ("near" | "close to" | "next to" | "touching") ["each other"].
func (p *parser) eachOther(a *Referent) (q Query, ok bool) {
	ok = p.try(func() bool {
		if !p.accept("and") {
			return false
		}
		b, ok := p.bare()
		if !ok {
			return false
		}
		rel := &Relation{Name: Near, To: b, Not: p.accept("not")}
		switch {
		case p.any("touching"):
			rel.Name = Against
			p.any("each other", "one another")
		case p.any("near", "close to", "next to", "beside"):
			if !p.any("each other", "one another") {
				return false
			}
		default:
			if !p.within() {
				return false
			}
			if rel.WithinM, ok = p.amount(); !ok || !p.any("of each other", "from each other", "apart") {
				return false
			}
		}
		q = Query{Kind: RelatedTo, Target: a, Relation: rel}
		return true
	})
	return q, ok
}

// listOf = "what" ["thing"] "is" condition | "which" thing "is" condition.
func (p *parser) listOf() (Query, bool) {
	r := &Referent{}
	switch {
	case p.any("what do you see", "what can you see"):
		p.setScope(Now)
		return p.listed(r)
	case p.any("what have you seen", "what did you see"):
		p.setScope(Seen)
		return p.listed(r)
	case p.any("what is", "what are", "what stands", "what lies", "what sits", "which is", "what can be found"):
		p.accept("there")
		return p.listed(r)
	case p.oneOf("which", "what"):
		p.accept("of")
		thing, ok := p.bare()
		if !ok || !p.oneOf("is", "are", "stands", "stand", "lies", "lie", "sits", "sit") {
			return Query{}, false
		}
		return p.listed(thing)
	}
	return Query{}, false
}

// listed = relation {"and" condition}. Colours and sizes alone are no relation.
func (p *parser) listed(r *Referent) (Query, bool) {
	p.depth++
	defer func() { p.depth-- }()
	p.conditions(r)
	return Query{Kind: RelatedTo, Target: r}, len(r.Relations) > 0
}

// order = "in which order did you see" things | "which came first" things | "the order of appearance of" things.
func (p *parser) order() (Query, bool) {
	var after []string
	switch {
	case p.any("in which order", "in what order", "which order", "what order"):
		if !p.oneOf("did", "do", "have") {
			return Query{}, false
		}
		if !p.any("you first see", "you see", "you seen", "you notice", "i see") {
			after = []string{
				"first appear", "appear first", "appear", "come into view", "first come into view", "come",
				"show up",
			}
		}
	case p.try(p.firstOf):
	default:
		p.whatIs()
		if !p.any("first time appearance order of", "appearance order of", "order of first appearance of",
			"order of appearance of") {
			return Query{}, false
		}
		p.any("the following categories in the video", "the following categories", "the following things",
			"the following objects")
	}
	list, ok := p.things("and", "or")
	if !ok {
		return Query{}, false
	}
	if after != nil && !p.any(after...) {
		p.fail("a verb is missing, as in: in which order did the chair and the bed appear")
		return Query{}, false
	}
	p.any("first", "in the video")
	return Query{Kind: Order, Among: list}, true
}

// firstOf = "which came first" | "what did you see first".
func (p *parser) firstOf() bool {
	p.try(func() bool { return p.any("which of these", "which one", "which thing", "which", "what") })
	return p.any("came first", "appeared first", "did you see first", "have you seen first", "did you first see",
		"was seen first", "did you notice first", "came into view first", "was first")
}
