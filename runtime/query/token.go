package query

import (
	"strings"
	"unicode"
)

const (
	maxTextBytes = 400
	maxTokens    = 64
)

// token is a word or phrase of a question.
type token struct {
	text string // as it was written, in lower case
	entry
}

// tokenize cuts a question into words, with case, punctuation and contractions removed.
func (l *Lexicon) tokenize(text string) []token {
	words := split(strings.ToLower(text))
	tokens := make([]token, 0, len(words))
	for i := 0; i < len(words); {
		t, n := l.next(words[i:])
		tokens = append(tokens, t)
		i += n
	}
	return tokens
}

// next returns the token at the head of words and how many words it takes.
func (l *Lexicon) next(words []string) (token, int) {
	for _, p := range l.phrases[words[0]] {
		n := len(p.rest) + 1
		if n <= len(words) && equal(p.rest, words[1:n]) {
			return token{strings.Join(words[:n], " "), p.entry}, n
		}
	}
	if e, ok := l.words[words[0]]; ok {
		return token{words[0], e}, 1
	}
	if isID(words[0]) {
		return token{words[0], entry{class: idWord, canon: words[0]}}, 1
	}
	return token{text: words[0]}, 1
}

func equal(a, b []string) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// split cuts at everything that is neither a letter, a digit nor an apostrophe, and opens contractions.
func split(text string) []string {
	fields := strings.FieldsFunc(text, func(r rune) bool { return !inWord(r) })
	words := make([]string, 0, len(fields)+4)
	for _, f := range fields {
		words = expand(words, f)
	}
	return words
}

// inWord says whether a character belongs to a word. Letters of other scripts do, so that they are refused as words.
func inWord(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '\'', r == '’':
		return true
	}
	return r > unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// expand appends a word, with a contraction opened into two.
func expand(words []string, w string) []string {
	w = strings.ReplaceAll(w, "’", "'")
	switch w {
	case "whats":
		return append(words, "what", "is")
	case "wheres":
		return append(words, "where", "is")
	case "can't", "cannot":
		return append(words, "can", "not")
	}
	for _, c := range [...][2]string{{"n't", "not"}, {"'s", "is"}, {"'re", "are"}, {"'m", "am"}, {"'d", "would"}} {
		if stem, ok := strings.CutSuffix(w, c[0]); ok && stem != "" {
			return append(words, stem, c[1])
		}
	}
	if w = strings.ReplaceAll(w, "'", ""); w != "" {
		words = append(words, w)
	}
	return words
}
