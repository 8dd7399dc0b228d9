package query

import (
	"fmt"
	"strings"
)

// ParseError says why a question was not understood.
type ParseError struct {
	Understood string // the words up to the place where understanding ended
	Nearest    string // a question that this version understands and that comes close
	Reason     string
	Kind       Kind // set when the question was understood but its kind is not answered by this version
}

// Error returns the reason, what was understood and what could be asked instead.
func (e *ParseError) Error() string {
	understood := "nothing"
	if e.Understood != "" {
		understood = fmt.Sprintf("%q", e.Understood)
	}
	return fmt.Sprintf("%s; understood %s; try %q", e.Reason, understood, e.Nearest)
}

// parser walks over the tokens of one question. Its methods either consume what they name and say so, or leave the
// position as it was.
type parser struct {
	lex      *Lexicon
	tokens   []token
	pos      int
	furthest int    // where understanding ended
	reason   string // why, for the furthest place
	scope    Scope
	unit     Unit
	depth    int
}

// Parse turns an English question into a query. A question outside the grammar gets a *ParseError; a kind is never
// guessed.
func Parse(text string, lex *Lexicon) (Query, error) {
	p := &parser{lex: lex}
	if len(text) > maxTextBytes {
		return Query{}, p.error("the question is too long", "")
	}
	p.tokens = lex.tokenize(text)
	if len(p.tokens) == 0 {
		return Query{}, p.error("the question is empty", "")
	}
	if len(p.tokens) > maxTokens {
		return Query{}, p.error("the question is too long", "")
	}
	p.polite()
	if k := p.unsupported(); k != "" {
		return Query{}, p.error(fmt.Sprintf("questions of the kind %q are not supported by this version", k), k)
	}
	q, ok := p.question()
	if !ok || !p.end() {
		return Query{}, p.error(p.why(), "")
	}
	q.Scope, q.Unit = p.scope, p.unit
	return q, nil
}

// error builds the refusal of the question.
func (p *parser) error(reason string, kind Kind) *ParseError {
	words := make([]string, 0, len(p.tokens))
	for _, t := range p.tokens[:min(max(p.furthest, p.pos), len(p.tokens))] {
		words = append(words, t.text)
	}
	return &ParseError{
		Understood: strings.Join(words, " "), Nearest: p.suggestion(), Reason: reason, Kind: kind,
	}
}

// why explains the furthest failure.
func (p *parser) why() string {
	if p.reason != "" {
		return p.reason
	}
	at := max(p.furthest, p.pos)
	if at >= len(p.tokens) {
		return "the question is not complete"
	}
	return fmt.Sprintf("did not understand %q", p.tokens[at].text)
}

// fail remembers why parsing ended here, unless it got further before.
func (p *parser) fail(reason string) {
	if p.pos >= p.furthest {
		p.furthest, p.reason = p.pos, reason
	}
}

func (p *parser) end() bool { return p.pos == len(p.tokens) }

// peek returns the token n places ahead; beyond the end it is an empty one.
func (p *parser) peek(n int) token {
	if p.pos+n >= len(p.tokens) {
		return token{}
	}
	return p.tokens[p.pos+n]
}

// accept consumes the given words when they come next.
func (p *parser) accept(words ...string) bool {
	if len(p.tokens)-p.pos < len(words) {
		return false
	}
	for i, w := range words {
		if p.tokens[p.pos+i].text != w {
			return false
		}
	}
	p.pos += len(words)
	p.advance()
	return true
}

// advance forgets the reason of a failure that was overcome.
func (p *parser) advance() {
	if p.pos > p.furthest {
		p.furthest, p.reason = p.pos, ""
	}
}

// oneOf consumes one of the given words.
func (p *parser) oneOf(words ...string) bool {
	for _, w := range words {
		if p.accept(w) {
			return true
		}
	}
	return false
}

// take consumes a token of a class.
func (p *parser) take(c class) (token, bool) {
	if p.end() || p.tokens[p.pos].class != c {
		return token{}, false
	}
	t := p.tokens[p.pos]
	p.pos++
	p.advance()
	return t, true
}

// try runs a rule and steps back when it does not hold.
func (p *parser) try(rule func() bool) bool {
	pos, scope, unit := p.pos, p.scope, p.unit
	if rule() {
		return true
	}
	p.pos, p.scope, p.unit = pos, scope, unit
	return false
}

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
		if !p.tailScope() && !p.inUnit() && !p.tailFiller() {
			break
		}
	}
	return true
}

func (p *parser) tailScope() bool {
	switch {
	case p.accept("right", "now"), p.accept("now"), p.accept("currently"), p.accept("at", "the", "moment"),
		p.accept("at", "present"), p.accept("in", "view"), p.accept("in", "sight"), p.accept("presently"):
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

// inUnit consumes "in feet".
func (p *parser) inUnit() bool {
	return p.try(func() bool {
		if !p.accept("in") {
			return false
		}
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
	}
	return p.oneOf("please", "here", "there", "around", "altogether", "thanks", "exactly", "roughly",
		"approximately", "about", "anywhere", "somewhere", "overall", "today")
}
