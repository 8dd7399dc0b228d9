package query

// unsupported recognises questions of the kinds that this version does not answer, so that they are refused by name.
func (p *parser) unsupported() Kind {
	pos, furthest := p.pos, p.furthest
	defer func() { p.pos, p.furthest, p.reason = pos, furthest, "" }()
	about := func(rule func() bool) bool {
		p.pos = pos
		return rule()
	}
	switch {
	case about(p.aboutSize):
		if p.mentions("room") {
			return RoomSize
		}
		return Size
	case about(p.aboutLooks):
		return Describe
	case about(p.aboutRoute):
		return Route
	case about(p.aboutOrder):
		return Order
	case about(p.aboutPath):
		return Clear
	case about(p.aboutRelation):
		return RelatedTo
	}
	return ""
}

// mentions says whether a word occurs anywhere.
func (p *parser) mentions(word string) bool {
	for _, t := range p.tokens {
		if t.text == word {
			return true
		}
	}
	return false
}

func (p *parser) aboutSize() bool {
	if p.accept("how") {
		return p.peek(0).class == sizeWord || p.oneOf("tall", "wide", "high", "long", "deep", "broad", "heavy")
	}
	if !p.oneOf("what", "measure") {
		return false
	}
	p.accept("is")
	p.accept("the")
	p.accept("floor")
	return p.oneOf("size", "height", "width", "length", "depth", "area", "volume", "dimensions")
}

func (p *parser) aboutRoute() bool {
	return p.accept("how", "do", "i") || p.accept("how", "can", "i") || p.accept("how", "would", "i") ||
		p.oneOf("guide", "navigate") || p.mentions("route") || p.accept("show", "me", "the", "way")
}

func (p *parser) aboutLooks() bool {
	if p.accept("describe") || p.accept("what", "does") {
		return true
	}
	if !p.oneOf("what", "which") {
		return false
	}
	p.accept("is")
	p.accept("the")
	return p.oneOf("color", "colour", "kind", "type", "shape")
}

func (p *parser) aboutOrder() bool {
	p.accept("in")
	if p.oneOf("which", "what") {
		return p.accept("order") || p.mentions("first") && (p.mentions("came") || p.mentions("appeared") || p.mentions("see"))
	}
	return false
}

func (p *parser) aboutPath() bool {
	if p.accept("can", "i") || p.accept("can", "you") {
		return p.oneOf("go", "drive", "move", "pass")
	}
	if !p.accept("is") {
		return false
	}
	p.accept("the")
	p.accept("it")
	return p.oneOf("way", "path", "clear", "free", "floor", "space")
}

// aboutRelation recognises "is the chair left of the table" and "is the door on my left or on my right".
func (p *parser) aboutRelation() bool {
	if !p.is() || !p.oneOf("the", "this", "that", "my") {
		return false
	}
	for _, w := range [...]string{
		"left", "right", "front", "behind", "on", "under", "near", "next", "beside", "between", "above", "inside",
	} {
		if p.mentions(w) {
			return true
		}
	}
	return false
}

// suggestion returns a question of this version that shares the words of the one that was not understood.
func (p *parser) suggestion() string {
	label := ""
	if len(p.lex.labels) > 0 {
		label = p.lex.labels[0]
	}
	for _, t := range p.tokens {
		if t.class == labelWord {
			label = t.canon
			break
		}
	}
	switch {
	case label == "":
		return "what is nearest to me"
	case p.mentions("many") || p.mentions("count") || p.mentions("number"):
		return "how many " + plural(label) + " are there"
	case p.mentions("far") || p.mentions("distance"):
		return "how far is the " + label
	case p.mentions("nearest") || p.mentions("closest"):
		return "which " + label + " is nearest to me"
	case p.mentions("direction") || p.mentions("way") || p.mentions("turn"):
		return "in which direction is the " + label
	case p.mentions("where") || p.mentions("find"):
		return "where is the " + label
	default:
		return "is there a " + label
	}
}
