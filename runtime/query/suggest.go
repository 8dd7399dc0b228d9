package query

import "slices"

// mentions says whether one of the words occurs anywhere.
func (p *parser) mentions(words ...string) bool {
	return slices.ContainsFunc(p.tokens, func(t token) bool { return slices.Contains(words, t.text) })
}

// suggestion returns a question of this version that shares the words of the one that was not understood.
func (p *parser) suggestion() string {
	label, second := p.labels()
	if label == "" {
		return "what is nearest to me"
	}
	switch {
	case p.mentions("many", "count", "number"):
		return "how many " + plural(label) + " are there"
	case p.mentions("facing", "face", "standing", "stand", "looking"):
		return "standing at the " + label + " facing the " + second + ", what is on my left"
	case p.mentions("order", "first"):
		return "in which order did you see the " + label + " and the " + second
	case p.mentions("get", "go", "route", "reach", "navigate", "drive", "move"):
		return "how do i get to the " + label
	case p.mentions("clear", "free", "blocked", "path"):
		return "is the way ahead clear"
	case p.mentions("far", "distance", "metres", "meters"):
		return "how far is the " + label
	case p.mentions("nearest", "closest"):
		return "which " + label + " is nearest to me"
	case p.mentions("nearer", "closer", "bigger", "larger", "smaller", "taller"):
		return "which is nearer, the " + label + " or the " + second
	case p.mentions("room"):
		return "how big is the room"
	case p.mentions("big", "large", "size", "tall", "high", "wide", "long", "height", "width"):
		return "how big is the " + label
	}
	return p.suggestionOfPlace(label, second)
}

func (p *parser) suggestionOfPlace(label, second string) string {
	switch {
	case p.mentions("direction", "way", "turn"):
		return "in which direction is the " + label
	case p.mentions("where", "find"):
		return "where is the " + label
	case p.mentions("left", "right", "behind", "near", "on", "under", "above", "between", "inside"):
		return "is the " + label + " near the " + second
	case p.mentions("describe", "color", "colour", "look"):
		return "describe the " + label
	default:
		return "is there a " + label
	}
}

// labels returns the first label of the question and another one: the next that it names, or the bundle's.
func (p *parser) labels() (first, second string) {
	for _, t := range p.tokens {
		switch {
		case t.class != labelWord:
		case first == "":
			first = t.canon
		case second == "" && t.canon != first:
			second = t.canon
		}
	}
	for _, l := range p.lex.labels {
		switch {
		case first == "":
			first = l
		case second == "" && l != first:
			second = l
		}
	}
	if second == "" {
		second = first
	}
	return first, second
}
