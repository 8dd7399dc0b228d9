package query

import (
	"fmt"
	"slices"
	"strings"
)

// ParseError says why a question was not understood.
type ParseError struct {
	Understood string // the words up to the place where understanding ended
	Nearest    string // a question that this version understands and that comes close
	Reason     string
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
	said
	depth int
}

// said is what a question says beside its kind and its things.
type said struct {
	scope Scope
	unit  Unit
	view  *Viewpoint
}

// Parse turns an English question into a query. A question outside the grammar gets a *ParseError; a kind is never
// guessed.
func Parse(text string, lex *Lexicon) (Query, error) {
	p := &parser{lex: lex}
	if len(text) > maxTextBytes {
		return Query{}, p.error("the question is too long")
	}
	p.tokens = lex.tokenize(text)
	if len(p.tokens) == 0 {
		return Query{}, p.error("the question is empty")
	}
	if len(p.tokens) > maxTokens {
		return Query{}, p.error("the question is too long")
	}
	p.polite()
	q, ok := p.question()
	if !ok {
		return Query{}, p.error(p.why())
	}
	q.Scope, q.Unit, q.Viewpoint = p.scope, p.unit, p.view
	if err := q.check(lex); err != nil { // such as a viewpoint of the whole room's size
		return Query{}, p.error("these words do not go together")
	}
	return q, nil
}

// error builds the refusal of the question.
func (p *parser) error(reason string) *ParseError {
	words := make([]string, 0, len(p.tokens))
	for _, t := range p.tokens[:min(max(p.furthest, p.pos), len(p.tokens))] {
		words = append(words, t.text)
	}
	return &ParseError{Understood: strings.Join(words, " "), Nearest: p.suggestion(), Reason: reason}
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
	pos, said := p.pos, p.said
	if rule() {
		return true
	}
	p.pos, p.said = pos, said
	return false
}

// any consumes the first of several phrases that comes next. A phrase's words are divided by blanks.
func (p *parser) any(phrases ...string) bool {
	return slices.ContainsFunc(phrases, p.phrase)
}

// phrase consumes a phrase whose words are divided by blanks.
func (p *parser) phrase(f string) bool {
	at := p.pos
	for rest := f; rest != ""; at++ {
		var w string
		w, rest, _ = strings.Cut(rest, " ")
		if at >= len(p.tokens) || p.tokens[at].text != w {
			return false
		}
	}
	p.pos = at
	p.advance()
	return true
}
