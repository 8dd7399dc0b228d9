package query

// route = "how do i get" ["from" thing] "to" thing ["via" thing] | "the way to" thing and so on.
func (p *parser) route() (Query, bool) {
	switch {
	case p.accept("how"):
		if !p.oneOf("do", "can", "could", "would", "should", "must") || !p.oneOf("i", "you", "we") ||
			!p.oneOf("get", "go", "drive", "move", "navigate", "walk", "travel", "come", "reach") {
			return Query{}, false
		}
	case p.any("guide me", "lead me", "navigate me", "direct me", "show me the way", "show me the route",
		"show me how to get", "give me directions", "plan a route", "plan a path", "plan a way"):
	default:
		p.whatIs()
		if !p.any("way", "route", "path", "best way", "shortest way", "shortest path", "shortest route", "best route",
			"directions") {
			return Query{}, false
		}
	}
	return p.ends2()
}

// ends2 reads where a route begins, where it ends and what it leads along, in any order.
func (p *parser) ends2() (Query, bool) {
	q := Query{Kind: Route}
	if p.tokens[p.pos-1].text == "reach" {
		r, ok := p.nested()
		if !ok {
			return Query{}, false
		}
		q.Target = r
	}
	p.any("to get", "to go", "to drive")
	for p.try(func() bool { return p.routePart(&q) }) {
	}
	return q, q.Target != nil
}

func (p *parser) routePart(q *Query) bool {
	switch {
	case p.try(func() bool { return p.any("from here", "from me", "from where i am", "from my place") }):
		return true
	case q.From == nil && p.accept("from"):
		r, ok := p.nested()
		q.From = r
		return ok
	case q.Target == nil && p.oneOf("to", "toward", "towards"):
		r, ok := p.nested()
		q.Target = r
		return ok
	case len(q.Via) == 0 && p.any("via", "by way of", "along", "past", "passing by", "passing", "by", "over"):
		list, ok := p.stops()
		q.Via = list
		return ok
	}
	return false
}

// stops = thing {("," | "and" | "then") thing}.
func (p *parser) stops() ([]Referent, bool) {
	var list []Referent
	for len(list) < maxTerms {
		if len(list) > 0 && !p.joint("and", "then") {
			break
		}
		p.oneOf("then", "and")
		r, ok := p.nested()
		if !ok {
			return nil, false
		}
		list = append(list, *r)
	}
	return list, len(list) > 0
}

// turnsOf asks for the turns alone: "standing at the door facing the bed, which turns lead via the table to the sofa",
// and the benchmark's text with its blanks.
func (p *parser) turnsOf() (Query, bool) {
	if p.any("you are a robot") {
		return p.filledIn()
	}
	if !p.any("which turns lead me", "which turns lead", "what turns lead", "which turns do i take to get",
		"which turns do i make to get", "what turns do i take to get", "which turns do i take", "what turns do i take",
		"how do i turn to get", "how must i turn to get") {
		return Query{}, false
	}
	q, ok := p.ends2()
	q.Words = Turns
	if p.view == nil && ok { // it may still follow
		ok = p.viewpoint()
	}
	return q, ok
}

// filledIn reads the text of a route with blanks for the turns.
func (p *parser) filledIn() (Query, bool) {
	if !p.viewpoint() || !p.any("you want to navigate to") {
		return Query{}, false
	}
	goal, ok := p.nested()
	if !ok {
		return Query{}, false
	}
	p.any("you will perform the following actions")
	p.any("note for each please fill in choose either turn back turn left or turn right")
	var stops []Referent
	for len(stops) <= maxTerms {
		p.take(numberWord)
		if p.any("please fill in") {
			continue
		}
		if !p.any("go forward until") {
			break
		}
		r, ok := p.nested()
		if !ok {
			return Query{}, false
		}
		p.any("is on your left", "is on your right")
		stops = append(stops, *r)
	}
	p.any("you have reached the final destination")
	if len(stops) == 0 {
		return Query{}, false
	}
	q := Query{Kind: Route, Target: goal, Words: Turns}
	if len(stops) > 1 {
		q.Via = stops[:len(stops)-1]
	}
	return q, true
}

// clearOf = "is the way" [heading] "clear" [heading] ["for" amount] | "can i drive" heading [amount] |
// "how far can i drive" heading.
func (p *parser) clearOf() (Query, bool) {
	q := Query{Kind: Clear}
	switch {
	case p.any("can i", "can you", "can we", "could i", "may i", "is it possible to"):
		p.accept("safely")
		if !p.oneOf("drive", "go", "move", "roll", "walk", "travel", "advance", "pass") {
			return Query{}, false
		}
		if p.tokens[p.pos-1].text == "advance" {
			p.oneOf("ahead")
		} else if !p.where(&q) && p.peek(0).class != numberWord {
			p.fail("a direction is missing, such as forward")
			return Query{}, false
		}
		ok := p.clearTail(&q)
		return q, ok
	case p.any("how far can i", "how far can you", "how far can we"):
		if !p.oneOf("drive", "go", "move", "roll", "walk", "travel") || !p.where(&q) || q.Target != nil {
			return Query{}, false
		}
		ok := p.clearTail(&q)
		return q, ok
	case p.any("how far is it", "how far is the way", "how far is the floor", "how far is the path"):
		ahead := p.where(&q)
		if !p.oneOf("clear", "free") || !ahead && !p.where(&q) || q.Target != nil {
			return Query{}, false
		}
		return q, true
	case p.any("is there free space", "is there enough space", "is there enough room", "is there space", "is there room"):
		ok := p.clearTail(&q)
		return q, ok
	case p.any("is it"):
		ok := p.isClear(&q, "clear", "free", "unobstructed", "passable")
		return q, ok
	case p.is() && p.ground():
		ok := p.isClear(&q, "clear", "free", "unobstructed", "unblocked", "passable", "open", "empty")
		return q, ok
	default:
		return Query{}, false
	}
}

// isClear = [heading] word [heading | amount | width].
func (p *parser) isClear(q *Query, words ...string) bool {
	p.where(q)
	return p.oneOf(words...) && p.clearTail(q)
}

// ground = "the way" | "the path" | "the floor" and the like.
func (p *parser) ground() bool {
	p.oneOf("the", "my", "your", "our")
	return p.oneOf("way", "path", "road", "route", "floor", "space", "area", "ground", "lane")
}

// where reads the heading of a lane, or what it leads to.
func (p *parser) where(q *Query) bool {
	if q.Heading != "" || q.Target != nil {
		return false
	}
	return p.try(func() bool {
		switch {
		case p.any("straight ahead", "straight on", "straight forward", "straight", "ahead of me", "ahead of you", "ahead",
			"forwards", "forward", "in front of me", "in front of you", "in front of the robot", "in front", "before me"):
			return true // the front is what is meant when nothing is said
		case p.any("behind me", "behind you", "behind the robot", "behind", "backwards", "backward", "back"):
			q.Heading = "back"
			return true
		case p.oneOf("to", "toward", "towards", "up"):
			return p.whither(q)
		}
		p.oneOf("on", "at")
		return p.sideways(q)
	})
}

// sideways reads one of the eight headings; the front is what is meant when nothing is said.
func (p *parser) sideways(q *Query) bool {
	side, ok := p.whichSide()
	if q.Heading = side; side == "front" {
		q.Heading = ""
	}
	return ok
}

// whither reads a side or a thing after "to".
func (p *parser) whither(q *Query) bool {
	p.accept("to")
	if p.sideways(q) {
		return true
	}
	r, ok := p.nested()
	q.Target = r
	return ok
}

// clearTail = {["for"] amount | "for a robot" amount "wide" | heading}.
func (p *parser) clearTail(q *Query) bool {
	for p.try(func() bool { return p.width(q) }) || p.try(func() bool { return p.far(q) }) || p.where(q) {
	}
	return q.Target == nil || q.LengthM == 0
}

// far = ["for"] ["the next"] amount.
func (p *parser) far(q *Query) bool {
	if q.LengthM != 0 {
		return false
	}
	p.any("for the next", "for at least", "for the first", "for", "at least", "by")
	metres, ok := p.amount()
	if ok {
		q.LengthM = metres
	}
	return ok
}

// width = "for a robot" amount "wide" | "for a" amount "wide robot" | "with a width of" amount.
func (p *parser) width(q *Query) bool {
	if q.WidthM != 0 {
		return false
	}
	robot := p.any("for a robot that is", "for a robot of", "for a robot", "with a width of", "if i am", "and")
	if !robot {
		p.any("for a", "with a")
	}
	of := p.tokens[p.pos-1].text == "of"
	metres, ok := p.amount()
	if !ok || !p.any("wide robot", "wide") && (!robot || !of) {
		return false
	}
	q.WidthM = metres
	return true
}
