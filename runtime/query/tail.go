package query

// polite skips what people say before a question.
func (p *parser) polite() {
	for {
		switch {
		case p.oneOf("please", "hey", "hi", "hello", "ok", "okay", "so", "well", "vegad", "um", "now"):
		case p.accept("excuse", "me"), p.accept("tell", "me"), p.accept("let", "me", "know"):
		case p.accept("robot"):
		case p.peek(1).text == "you" && p.tell():
		case p.accept("do", "you", "know"), p.accept("i", "wonder"), p.accept("can", "you", "say"):
		case p.accept("i", "want", "to", "know"), p.accept("i", "need", "to", "know"):
		case p.accept("i", "would", "like", "to", "know"):
		default:
			return
		}
	}
}

// tell skips "could you please tell me" in its variations.
func (p *parser) tell() bool {
	return p.try(func() bool {
		if !p.oneOf("can", "could", "would", "will") || !p.accept("you") {
			return false
		}
		p.accept("please")
		return p.accept("tell", "me") || p.accept("give", "me") || p.peek(0).text == "count" ||
			p.peek(0).text == "find" || p.peek(0).text == "locate" || p.peek(0).text == "measure"
	})
}

// tail consumes what may follow a question: its scope, its unit, the place and thanks. It ends at the first word that
// is none of these; the caller checks that nothing is left.
func (p *parser) tail() bool {
	for !p.end() {
		if !p.tailScope() && !p.inUnit() && !p.tailFiller() && !p.viewpoint() {
			break
		}
	}
	return true
}

func (p *parser) tailScope() bool {
	switch {
	case p.any("right now", "now", "currently", "at the moment", "at this moment", "at present", "presently", "in view",
		"in sight"):
		return p.setScope(Now)
	case p.accept("so", "far"), p.accept("in", "memory"), p.accept("until", "now"):
		return p.setScope(Seen)
	}
	return p.try(func() bool {
		p.accept("that")
		return p.sees()
	})
}

// sees consumes who looks: now ("do you see") or so far ("have you seen").
func (p *parser) sees() bool {
	switch {
	case p.accept("do", "you", "see"), p.accept("can", "you", "see"), p.accept("you", "can", "see"),
		p.accept("you", "see"):
		return p.setScope(Now)
	case p.accept("have", "you", "seen"), p.accept("did", "you", "see"), p.accept("you", "have", "seen"),
		p.accept("do", "you", "remember"), p.accept("you", "remember"), p.accept("you", "saw"):
		return p.setScope(Seen)
	}
	return false
}

// setScope notes the scope; two different ones in a question contradict each other.
func (p *parser) setScope(s Scope) bool {
	if p.scope != "" && p.scope != s {
		p.fail("the question asks about now and about before at once")
		return false
	}
	p.scope = s
	return true
}

// inUnit consumes "in feet", "measured in feet" and "in square feet".
func (p *parser) inUnit() bool {
	return p.try(func() bool {
		p.oneOf("measured", "expressed")
		if !p.accept("in") {
			return false
		}
		p.oneOf("square")
		t, ok := p.take(unitWord)
		return ok && p.setUnit(Unit(t.canon))
	})
}

func (p *parser) setUnit(u Unit) bool {
	if p.unit != "" && p.unit != u {
		p.fail("the question names two units")
		return false
	}
	p.unit = u
	return true
}

func (p *parser) tailFiller() bool {
	switch {
	case p.accept("in", "the", "room"), p.accept("in", "this", "room"), p.accept("in", "here"),
		p.accept("in", "total"), p.accept("in", "the", "scene"), p.accept("in", "there"):
		return true
	case p.accept("around", "here"), p.accept("over", "there"), p.accept("for", "me"), p.accept("thank", "you"):
		return true
	case p.accept("inside", "the", "room"), p.accept("in", "the", "house"), p.accept("in", "your", "memory"):
		return true
	case p.any("do we have", "do i have", "do you have", "does the room have", "does this room have"):
		return true
	case p.benchmarkRule():
		return true
	}
	return p.oneOf("please", "here", "there", "around", "altogether", "thanks", "exactly", "roughly",
		"approximately", "about", "anywhere", "somewhere", "overall", "today")
}

// benchmarkRule skips the rules that VSI-Bench explains in its questions: they are those of docs/questions.md.
func (p *parser) benchmarkRule() bool {
	return p.any("if there are multiple instances of an object category measure to the closest",
		"an object is to my back if i would have to turn at least 135 degrees in order to face it",
		"the directions refer to the quadrants of a cartesian plane if i am standing at the origin and facing along "+
			"the positive y axis")
}
