package query

// describeOf = "describe" thing | "what colour is" thing | "what does" thing "look like" | "describe the room".
func (p *parser) describeOf() (Query, bool) {
	q := Query{Kind: Describe}
	switch {
	case p.try(p.everything):
		return q, true
	case p.any("what color is", "what colour is", "which color is", "which colour is", "what color are", "what colour are",
		"what is the color of", "what is the colour of", "the color of", "the colour of"):
		q.Attribute = Color
	case p.any("what color does", "what colour does", "which color does", "which colour does"):
		q.Attribute = Color
		return p.described(q, "have")
	case p.any("what does"):
		return p.described(q, "look like")
	case p.any("describe to me", "describe", "what do you know about",
		"what can you tell me about", "what can you say about", "give me a description of"),
		p.pos > 0 && p.any("about", "more about"): // after "tell me"
	case p.any("what kind of thing is", "what is", "what sort of thing is", "what kind of object is"):
		ok := p.whatID(&q)
		return q, ok
	default:
		return Query{}, false
	}
	if p.theRoom() || p.any("the scene", "everything", "what you see", "your surroundings", "the surroundings",
		"what is around you") {
		return q, q.Attribute == ""
	}
	return p.described(q, "")
}

// described reads the thing and the words that close the question.
func (p *parser) described(q Query, after string) (Query, bool) {
	r, ok := p.referentTo()
	if !ok || after != "" && !p.any(after) {
		return Query{}, false
	}
	q.Target = r
	return q, true
}

// whatID reads what a thing is that is named by its id, or by where it is.
func (p *parser) whatID(q *Query) bool {
	r, ok := p.referent()
	if !ok || r.ID == "" && len(r.Relations) == 0 {
		return false
	}
	q.Target = r
	return r.Label == ""
}

// everything reads questions for all that there is.
func (p *parser) everything() bool {
	if p.any("what do you see", "what can you see") {
		p.any("around you", "around here")
		return p.nothingMore() && p.setScope(Now)
	}
	if p.any("what have you seen", "what did you see", "what do you remember") {
		return p.nothingMore() && p.setScope(Seen)
	}
	return p.any("what is in the room", "what is in this room", "what is in here", "what is there in the room",
		"what things are in the room", "what objects are in the room", "which things are in the room",
		"what is around me", "what is around you", "what is around here", "what does the room look like",
		"what does the room contain") && p.nothingMore()
}

// nothingMore says whether only words follow that do not change the question.
func (p *parser) nothingMore() bool {
	pos, said := p.pos, p.said
	p.tail()
	ended := p.end()
	p.pos, p.said = pos, said
	return ended
}
