package query

import "slices"

// size = "how big" "is" thing | "what is the height of" thing.
func (p *parser) size() (Query, bool) {
	d, ok := p.sizeOf()
	if !ok || p.peek(0).text == "room" {
		return Query{}, false
	}
	r, ok := p.referent()
	if !ok {
		return Query{}, false
	}
	if d == Height && slices.ContainsFunc(r.Relations, func(rel Relation) bool { return rel.Name == Above }) {
		p.fail("how high something is above something else is no size")
		return Query{}, false
	}
	p.is()
	return Query{Kind: Size, Target: r, Dimension: d}, true
}

// roomSize = "how big is the room" | "what is the area of the room" | "how many square metres does the room have".
func (p *parser) roomSize() (Query, bool) {
	q := Query{Kind: RoomSize}
	if p.any("how high is the ceiling", "what is the height of the ceiling", "what is the ceiling height") {
		q.Dimension = Height
		return q, true
	}
	if p.any("how much floor space is there", "how much floor is there", "how much floor space does the room have") {
		return q, true
	}
	if p.any("what is the floor area", "what is the room size", "floor area", "room size") {
		p.areaTail()
		return q, true
	}
	if p.any("how many square") {
		return q, p.squares()
	}
	d, ok := p.sizeOf()
	if !ok || !p.theRoom() {
		return Query{}, false
	}
	if q.Dimension = d; d == Depth {
		p.fail("a room has a length, a width and a height")
		return Query{}, false
	}
	p.is()
	p.areaTail()
	return q, true
}

// squares = unit ("is" | "does") "the room" ["have"].
func (p *parser) squares() bool {
	t, ok := p.take(unitWord)
	if !ok || !p.setUnit(Unit(t.canon)) {
		return false
	}
	p.any("are there in", "of floor are in", "of floor are there in", "of floor does", "are in", "is", "does", "big is",
		"large is")
	if !p.theRoom() {
		return false
	}
	p.oneOf("have", "cover", "measure")
	return true
}

// areaTail skips what the benchmarks add.
func (p *parser) areaTail() {
	p.any("of the room", "of this room", "in the room")
	p.inUnit()
	p.any("if multiple rooms are shown estimate the size of the combined space")
}

func (p *parser) theRoom() bool {
	return p.any("the room", "this room", "the floor of the room", "the floor", "the whole room", "your room", "my room")
}

// sizeOf consumes what asks for an extent, up to the thing.
func (p *parser) sizeOf() (d Dimension, ok bool) {
	if p.accept("how") {
		switch {
		case p.oneOf("big", "large", "small"):
		case p.oneOf("tall", "high"):
			d = Height
		case p.oneOf("wide", "broad"):
			d = Width
		case p.oneOf("deep"):
			d = Depth
		case p.oneOf("long"):
			d = Length
		default:
			return "", false
		}
		p.inUnit()
		p.is()
		return d, true
	}
	if p.any("what size is", "what size are") {
		return "", true
	}
	if p.accept("measure") {
		p.accept("the")
	} else {
		p.whatIs()
	}
	switch {
	case p.any("length of the longest dimension", "longest dimension", "longest side", "size", "dimensions",
		"total area", "floor area", "area", "floor space"):
	case p.any("height"):
		d = Height
	case p.any("width"):
		d = Width
	case p.any("depth"):
		d = Depth
	case p.any("length"):
		d = Length
	default:
		return "", false
	}
	return d, p.area() && p.ofWhat()
}

// area refuses an area of a thing: only the room has one.
func (p *parser) area() bool {
	switch p.tokens[p.pos-1].text {
	case "area", "space":
		return p.accept("of") && p.atRoom()
	}
	return true
}

// atRoom says whether the room comes next, and stays before its "of".
func (p *parser) atRoom() bool {
	pos := p.pos
	room := p.theRoom()
	p.pos = pos - 1
	return room
}

// ofWhat = ["length width or height"] "of".
func (p *parser) ofWhat() bool {
	p.any("length width or height")
	return p.accept("of")
}
