package query

import "slices"

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
	if p.viewpoint() {
		return Query{Kind: Direction, Target: r}, true
	}
	if p.accept("from") && !p.accept("here") && !p.self() {
		p.fail("a direction from another thing needs to know what is faced there: standing at the bed facing the sofa")
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
	case p.any("where exactly is", "where exactly are", "where is", "where are", "where can i find", "where do i find",
		"where does", "where", "locate", "find me", "find"):
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

// directionWords = "is" thing side {"or" side}: "is the lamp to my left, right or back".
func (p *parser) directionWords() (Query, bool) {
	if !p.accept("is") {
		return Query{}, false
	}
	r, ok := p.bare()
	if !ok {
		return Query{}, false
	}
	for p.oneOf("located", "standing") {
	}
	var sides []string
	for len(sides) <= 4 {
		if len(sides) > 0 && !p.joint("or") {
			break
		}
		p.oneOf("or")
		side, ok := p.whichSide()
		if !ok {
			break
		}
		sides = append(sides, side)
	}
	words, ok := wordsOf(sides)
	if !ok {
		p.fail("this choice of directions is not known: left or right; left, right or back; front or back; the quadrants")
	}
	return Query{Kind: Direction, Target: r, Words: words}, ok
}

// whichSide = ["to" | "on" | "in"] ["my" | "the"] side.
func (p *parser) whichSide() (side string, ok bool) {
	ok = p.try(func() bool {
		switch {
		case p.any("in front of me", "in front", "ahead of me", "ahead"):
			side = "front"
			return true
		case p.any("behind me", "behind"):
			side = "back"
			return true
		}
		p.oneOf("to", "on", "at", "in")
		p.oneOf("my", "the", "your")
		end := ""
		if p.any("front left", "front right", "back left", "back right") {
			end = p.tokens[p.pos-2].text + "-"
			p.pos--
		}
		if !p.oneOf("left", "right", "front", "back") {
			return false
		}
		side = end + p.tokens[p.pos-1].text
		p.any("hand side", "side")
		return true
	})
	return side, ok
}

// wordsOf returns the words that the sides make up, in whatever order.
func wordsOf(sides []string) (Words, bool) {
	for _, words := range []Words{Sides, SidesBack, Ends, Quadrants} {
		list := arcs(words)
		if len(list) != len(sides) {
			continue
		}
		all := true
		for _, a := range list {
			all = all && slices.Contains(sides, a.word)
		}
		if all {
			return words, true
		}
	}
	return "", false
}
