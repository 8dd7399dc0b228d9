package query

import (
	"fmt"
	"strings"
)

// maxNesting bounds things described by things described by things.
const maxNesting = 4

// referent = {determiner} {ordinal | rank | size | colour} head {modifier}.
func (p *parser) referent() (*Referent, bool) {
	if p.depth >= maxNesting {
		p.fail("too many things inside each other")
		return nil, false
	}
	p.depth++
	defer func() { p.depth-- }()
	start := p.pos
	r, ok := p.bare()
	if !ok || !p.modifiers(r) {
		p.pos = start
		return nil, false
	}
	return r, true
}

// bare = {determiner} {ordinal | rank | size | colour} head.
func (p *parser) bare() (*Referent, bool) {
	start := p.pos
	r := &Referent{}
	for p.oneOf("the", "a", "an", "any", "some", "all", "every", "of", "my", "your", "this", "that", "these", "those") {
	}
	if !p.adjectives(r) || !p.head(r) {
		p.pos = start
		return nil, false
	}
	return r, true
}

// nested reads a thing that another one is described by: "and", "but" and "not" after it are not its own.
func (p *parser) nested() (*Referent, bool) {
	p.depth++
	defer func() { p.depth-- }()
	return p.referent()
}

// adjectives reads what may stand before the noun, in any order and each kind once.
func (p *parser) adjectives(r *Referent) bool {
	for {
		t := p.peek(0)
		var taken bool
		switch t.class {
		case ordinalWord:
			taken, r.Ordinal = r.Ordinal != 0, t.value
		case rankWord:
			taken, r.Order = r.Order != "", Ranking(t.canon)
		case sizeWord:
			taken, r.Size = r.Size != "", t.canon
		case colorWord:
			taken, r.Color = r.Color != "", t.canon
		default:
			if p.excludedColor(r) || p.oneOf("coloured", "colored") {
				continue
			}
			return true
		}
		if taken {
			p.fail(fmt.Sprintf("%q says the same kind of thing twice", t.text))
			return false
		}
		p.pos++
		p.advance()
	}
}

// excludedColor = "non" colour.
func (p *parser) excludedColor(r *Referent) bool {
	return p.try(func() bool {
		if !p.accept("non") && !p.accept("not") {
			return false
		}
		t, ok := p.take(colorWord)
		if ok {
			r.Not = append(r.Not, Referent{Color: t.canon})
		}
		return ok
	})
}

// head = label | "thing" | id | "object" id.
func (p *parser) head(r *Referent) bool {
	if t, ok := p.take(labelWord); ok {
		r.Label = t.canon
		if id, ok := p.take(idWord); ok {
			r.ID = id.canon
		}
		return true
	}
	_, thing := p.take(thingWord)
	if id, ok := p.take(idWord); ok {
		r.ID = id.canon
		return true
	}
	if !thing {
		p.unknownThing()
	}
	return thing
}

// unknownThing explains why no noun was found here.
func (p *parser) unknownThing() {
	t := p.peek(0)
	switch {
	case t.text == "":
		p.fail("a thing is missing at the end")
	case t.class == selfWord:
		p.fail("the robot itself cannot be asked about here")
	default:
		p.fail(fmt.Sprintf("%q is not a thing I know; I know: %s", t.text, strings.Join(p.lex.labels, ", ")))
	}
}

// modifiers reads what may follow the noun. A bare relation belongs to the noun right before it; "and", "but" and "not"
// belong to the thing that the question is about.
func (p *parser) modifiers(r *Referent) bool {
	for {
		switch {
		case p.try(func() bool { return p.relative(r) }):
		case p.try(func() bool { return p.fromSide(r) }):
		case p.try(func() bool { return p.ranked(r) }):
		case p.depth == 1 && p.try(func() bool { return p.exclusion(r) }):
		case p.depth == 1 && p.try(func() bool { return p.joined(r) }):
		case p.try(func() bool { p.placed(); return p.relation(r, false) }):
		default:
			return true
		}
	}
}

// placed skips a verb of position before a relation.
func (p *parser) placed() {
	for p.oneOf("standing", "located", "lying", "sitting", "placed", "positioned", "situated") {
	}
}

// relative = ("that" | "which") ("is" | "are") condition.
func (p *parser) relative(r *Referent) bool {
	if !p.oneOf("that", "which") {
		return false
	}
	if !p.is() && !p.oneOf("stand", "stands", "lie", "lies", "sit", "sits") {
		return false
	}
	before := p.pos
	p.conditions(r)
	return p.pos > before
}

// conditions = [condition {("and" | "but") condition}], after a form of to be.
func (p *parser) conditions(r *Referent) {
	if !p.condition(r) {
		return
	}
	for p.try(func() bool { return p.oneOf("and", "but") && p.condition(r) }) {
	}
}

// condition = ["not"] (colour | size | rank | relation).
func (p *parser) condition(r *Referent) bool {
	return p.try(func() bool {
		if p.accept("neither") {
			return p.quality(r, true) && p.accept("nor") && p.quality(r, true)
		}
		not := p.accept("not")
		if p.quality(r, not) {
			return true
		}
		p.placed()
		return p.relation(r, not)
	})
}

// quality reads a colour or a size after a form of to be.
func (p *parser) quality(r *Referent, not bool) bool {
	t := p.peek(0)
	if t.class != colorWord && t.class != sizeWord {
		return false
	}
	p.pos++
	p.advance()
	switch {
	case not && t.class == colorWord:
		r.Not = append(r.Not, Referent{Color: t.canon})
	case not:
		r.Not = append(r.Not, Referent{Size: t.canon})
	case t.class == colorWord && r.Color == "":
		r.Color = t.canon
	case t.class == sizeWord && r.Size == "":
		r.Size = t.canon
	default:
		p.fail(fmt.Sprintf("%q says the same kind of thing twice", t.text))
		return false
	}
	return true
}

// fromSide = "from the left" after an ordinal: "the second chair from the left".
func (p *parser) fromSide(r *Referent) bool {
	if r.Ordinal == 0 || r.Order != "" || !p.accept("from", "the") {
		return false
	}
	switch {
	case p.accept("left"):
		r.Order = ByLeftmost
	case p.accept("right"):
		r.Order = ByRightmost
	default:
		return false
	}
	p.accept("side")
	return p.peek(0).class != labelWord && p.peek(0).class != colorWord
}

// ranked = rank "to" thing after the noun: "the chair closest to the door".
func (p *parser) ranked(r *Referent) bool {
	rank, ok := p.take(rankWord)
	if !ok || r.Order != "" || !p.oneOf("to", "from") {
		return false
	}
	r.Order = Ranking(rank.canon)
	if r.Order != ByNearest && r.Order != ByFarthest {
		return false
	}
	e, ok := p.referentOrSelf()
	if ok {
		r.Of = e.Referent
	}
	return ok
}

// exclusion = ("but not" | "except" | "not" …) (relation | [colour] ["one"] …).
func (p *parser) exclusion(r *Referent) bool {
	switch {
	case p.accept("but", "not"), p.accept("and", "not"), p.accept("except", "for"), p.accept("except"),
		p.any("excluding", "other than", "besides", "apart from", "without", "not counting", "not"):
	default:
		return false
	}
	if p.try(func() bool { p.placed(); return p.relation(r, true) }) {
		return true
	}
	x := Referent{}
	for p.oneOf("the", "a", "an", "any") {
	}
	start := p.pos
	if !p.adjectives(&x) {
		return false
	}
	if !p.oneOf("one", "ones") {
		p.try(func() bool { return p.head(&x) })
	}
	for p.try(func() bool { p.placed(); return p.relation(&x, false) }) {
	}
	r.Not = append(r.Not, x)
	return p.pos > start && !x.isAny()
}

// joined = ("and" | "but") relation: a second condition, and not the second of two things.
func (p *parser) joined(r *Referent) bool {
	if !p.oneOf("and", "but") {
		return false
	}
	p.placed()
	return p.relation(r, false)
}
