package query

// viewpoint = [intro] (place facing | facing [place]): "standing at the door facing the sofa".
func (p *parser) viewpoint() bool {
	if p.view != nil {
		return false
	}
	return p.try(func() bool {
		p.intro()
		v := &Viewpoint{}
		if p.try(func() bool { return p.faces(v) }) {
			p.try(func() bool { p.oneOf("while", "when", "and"); return p.stands(v) })
		} else if !p.stands(v) || !p.faces(v) {
			if v.At != nil {
				p.fail("what is faced is missing, as in: standing at the door facing the sofa")
			}
			return false
		}
		p.view = v
		p.accept("then")
		return true
	})
}

// intro skips "if i am", "imagine that you are", "as seen" and the like.
func (p *parser) intro() {
	p.oneOf("if", "when", "while", "imagine", "suppose", "assume", "assuming")
	p.oneOf("that")
	p.who()
	p.any("as seen", "seen", "as viewed", "viewed", "looking")
}

// who skips who stands somewhere.
func (p *parser) who() {
	p.try(func() bool {
		p.oneOf("the")
		return p.oneOf("i", "you", "we", "robot")
	})
	p.oneOf("am", "are", "were", "was", "is")
}

// stands reads the place.
func (p *parser) stands(v *Viewpoint) bool {
	p.who()
	verb := p.oneOf("standing", "stand", "stood", "stands", "sitting", "sit", "positioned", "placed", "located",
		"parked", "waiting", "starting", "beginning", "be")
	switch {
	case verb && p.any("right next to", "next to", "at", "by", "near", "beside", "close to", "on", "in", "before"):
	case p.any("from", "at"):
	default:
		return false
	}
	r, ok := p.nested()
	v.At = r
	return ok
}

// faces reads what is looked at, or away from.
func (p *parser) faces(v *Viewpoint) bool {
	p.oneOf("and")
	p.who()
	switch {
	case p.any("facing away from", "face away from", "looking away from", "turned away from", "with my back to",
		"with your back to", "with the back to", "with its back to", "my back to", "with my back turned to",
		"with my back towards", "with my back toward"):
		v.Away = true
	case p.any("facing towards", "facing toward", "facing", "face", "faces", "looking at", "looking towards",
		"looking toward", "look at", "look towards", "look toward", "turned to", "turned towards", "turned toward"):
	default:
		return false
	}
	r, ok := p.nested()
	v.Facing = r
	return ok
}
