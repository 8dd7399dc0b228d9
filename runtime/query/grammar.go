package query

// question = [viewpoint] one of the kinds, with what may follow it.
func (p *parser) question() (Query, bool) {
	if p.viewpoint() {
		p.polite()
	}
	rules := [...]func() (Query, bool){
		p.count, p.distance, p.size, p.roomSize, p.directionWords, p.direction, p.route, p.turnsOf, p.order, p.locate,
		p.compare, p.nearest, p.holdsOf, p.listOf, p.describeOf, p.clearOf, p.exists,
	}
	for _, rule := range rules {
		pos, said := p.pos, p.said
		if q, ok := rule(); ok {
			p.tail()
			if p.end() {
				return q, true
			}
			p.fail("")
		}
		p.pos, p.said = pos, said
	}
	return Query{}, false
}

// whatIs consumes "what is the", or just "the".
func (p *parser) whatIs() bool {
	if p.any("what is", "what are", "what will be", "what was", "give me") {
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
	case p.any("how many"):
		if p.peek(0).class == unitWord || p.peek(0).text == "square" {
			return Query{}, false
		}
		p.accept("of")
	case p.any("count up", "count"):
	default:
		p.whatIs()
		if !p.any("number of", "count of", "total number of") {
			return Query{}, false
		}
	}
	q := Query{Kind: Count}
	if !p.union(&q, "and", "or", "plus") {
		return Query{}, false
	}
	p.predicate(&q)
	return q, true
}

// union = thing {("," | "and" | "or") thing}: several sorts of things that are asked about together.
func (p *parser) union(q *Query, joiners ...string) bool {
	if p.colors(q) {
		return true
	}
	r, ok := p.referent()
	if !ok {
		return false
	}
	q.Target = r
	ands, ors := 0, 0
	for len(q.Also) < maxTerms {
		joiner := p.peek(0).text
		more := p.try(func() bool {
			if !p.joint(joiners...) {
				return false
			}
			next, ok := p.referent()
			if ok {
				q.Also = append(q.Also, *next)
			}
			return ok
		})
		if !more {
			break
		}
		switch joiner {
		case "and":
			ands++
		case "or":
			ors++
		}
	}
	q.All = q.Kind == Exists && ands > 0
	if ands > 0 && ors > 0 {
		p.fail("and together with or can mean two things")
		return false
	}
	return true
}

// joint consumes what stands between the members of a list.
func (p *parser) joint(joiners ...string) bool {
	comma := p.pos > 0 && p.tokens[p.pos-1].comma
	return p.oneOf(joiners...) || comma
}

// colors = {determiner} colour ("or" | "and") colour thing: "red and blue chairs" are two sorts of chairs.
func (p *parser) colors(q *Query) bool {
	return p.try(func() bool {
		for p.oneOf("the", "a", "an", "any", "all", "of", "some") {
		}
		a, ok := p.take(colorWord)
		if !ok || !p.joint("or", "and") {
			return false
		}
		p.oneOf("a", "an", "the", "any")
		b, ok := p.take(colorWord)
		if !ok {
			return false
		}
		r, ok := p.referent()
		if !ok || r.Color != "" {
			return false
		}
		other := *r
		r.Color, other.Color = a.canon, b.canon
		q.Target, q.Also = r, []Referent{other}
		return true
	})
}

// predicate = [("is" | "are") (["there"] | condition)]. It narrows everything that the question is about.
func (p *parser) predicate(q *Query) {
	switch {
	case p.any("there are", "there is"):
	case p.oneOf("stand", "stands", "lie", "lies", "sit", "sits", "exist", "exists"):
	case p.is():
		p.accept("there")
	default:
		return
	}
	p.depth++ // what follows still belongs to the thing counted
	defer func() { p.depth-- }()
	r := *q.Target
	said := Referent{Color: r.Color, Size: r.Size}
	p.conditions(&said)
	p.modifiers(&said)
	for _, t := range append([]*Referent{q.Target}, pointers(q.Also)...) {
		t.Relations = append(t.Relations, said.Relations...)
		t.Not = append(t.Not, said.Not...)
		if said.Color != r.Color {
			t.Color = said.Color
		}
		if said.Size != r.Size {
			t.Size = said.Size
		}
		if said.Order != "" {
			t.Order, t.Of = said.Order, said.Of
		}
	}
}

func pointers(list []Referent) []*Referent {
	out := make([]*Referent, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	return out
}

// things = thing ("," | "and" | "or") thing …: at least two.
func (p *parser) things(joiners ...string) ([]Referent, bool) {
	var list []Referent
	for len(list) < maxTerms {
		if len(list) > 0 && !p.joint(joiners...) {
			break
		}
		pos := p.pos
		if len(list) > 0 {
			p.oneOf("then", "or", "and")
		}
		r, ok := p.nested()
		if !ok {
			p.pos = pos // a comma may also end the list
			break
		}
		list = append(list, *r)
	}
	return list, len(list) >= 2
}

// exists = ("is" | "are") "there" thing | "do you see" thing | "does the room have" thing | "does" thing "exist".
func (p *parser) exists() (Query, bool) {
	p.oneOf("if", "whether")
	q := Query{Kind: Exists}
	switch {
	case p.any("is there", "are there", "there is", "there are"), p.sees():
	case p.any("does the room have", "does the room contain", "does this room have"):
	case p.oneOf("does", "do"):
		r, ok := p.referent()
		return Query{Kind: Exists, Target: r}, ok && p.oneOf("exist")
	case p.oneOf("is", "are"):
		return p.anyIs()
	case p.peek(0).text == "any":
	default:
		return Query{}, false
	}
	if p.peek(0).text == "no" {
		return Query{}, false
	}
	p.accept("both")
	ok := p.union(&q, "or", "and")
	return q, ok
}

// anyIs = ("a" | "any") thing condition | "anything" condition. With "the" the question is about a relation of one
// thing, another kind.
func (p *parser) anyIs() (Query, bool) {
	if !p.anyThing() && !p.oneOf("a", "an", "any", "some") {
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

// anyThing says whether "anything" or "something" comes next.
func (p *parser) anyThing() bool {
	next := p.peek(0).text
	return next == "anything" || next == "something"
}
