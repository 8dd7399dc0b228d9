package query

import (
	"strconv"
	"strings"
	"unicode"
)

const (
	maxTextBytes = 1000
	maxTokens    = 128
)

// token is a word or phrase of a question.
type token struct {
	text  string // as it was written, in lower case
	comma bool   // a comma, a colon or a bracket follows
	entry
}

// word is a word of the text.
type word struct {
	text  string
	comma bool
}

// tokenize cuts a question into words, with case, punctuation and contractions removed.
func (l *Lexicon) tokenize(text string) []token {
	words := split(strings.ReplaceAll(strings.ToLower(text), "(s)", "")) // "how many chair(s)" leaves the number open
	tokens := make([]token, 0, len(words))
	for i := 0; i < len(words); {
		t, n := l.next(words[i:])
		tokens = append(tokens, t)
		i += n
	}
	return tokens
}

// next returns the token at the head of words and how many words it takes. A comma ends a phrase.
func (l *Lexicon) next(words []word) (token, int) {
	first := words[0]
	for _, p := range l.phrases[first.text] {
		n := len(p.rest) + 1
		if n <= len(words) && follows(p.rest, words[:n]) {
			return token{p.text, words[n-1].comma, p.entry}, n
		}
	}
	if e, ok := l.words[first.text]; ok {
		return token{first.text, first.comma, e}, 1
	}
	if isID(first.text) {
		return token{first.text, first.comma, entry{class: idWord, canon: first.text}}, 1
	}
	if isNumber(first.text) {
		amount, _ := strconv.ParseFloat(first.text, 64)
		return token{first.text, first.comma, entry{class: numberWord, amount: amount}}, 1
	}
	return token{text: first.text, comma: first.comma}, 1
}

// follows says whether the words after the first one are the given ones, with no comma between.
func follows(rest []string, words []word) bool {
	for i, w := range rest {
		if words[i].comma || words[i+1].text != w {
			return false
		}
	}
	return true
}

// isNumber says whether a word is a decimal number of a sensible length.
func isNumber(s string) bool {
	return len(s) <= 9 && s[0] != '.' && strings.Count(s, ".") <= 1 && strings.Trim(s, "0123456789.") == ""
}

// split cuts at everything that is neither a letter, a digit nor an apostrophe, and opens contractions.
func split(text string) []word {
	words := make([]word, 0, len(text)/5+4)
	start := -1
	end := func(at int) {
		if start >= 0 {
			words = expand(words, text[start:at])
		}
		start = -1
	}
	for i, r := range text {
		switch {
		case inWord(r), r == '.' && isDecimal(text, i):
			if start < 0 {
				start = i
			}
			continue
		}
		end(i)
		if strings.ContainsRune(",:;()", r) && len(words) > 0 {
			words[len(words)-1].comma = true
		}
	}
	end(len(text))
	return words
}

// isDecimal says whether a point stands between two digits.
func isDecimal(text string, i int) bool {
	digit := func(at int) bool { return at >= 0 && at < len(text) && text[at] >= '0' && text[at] <= '9' }
	return digit(i-1) && digit(i+1)
}

// inWord says whether a character belongs to a word. Letters of other scripts do, so that they are refused as words.
func inWord(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '\'', r == '’':
		return true
	}
	return r > unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// expand appends a word, with a contraction opened into two, and a number cut off its unit.
func expand(words []word, w string) []word {
	w = strings.ReplaceAll(w, "’", "'")
	two := func(a, b string) []word { return append(words, word{text: a}, word{text: b}) }
	switch w {
	case "whats":
		return two("what", "is")
	case "wheres":
		return two("where", "is")
	case "can't", "cannot":
		return two("can", "not")
	}
	for _, c := range [...][2]string{
		{"n't", "not"}, {"'s", "is"}, {"'re", "are"}, {"'m", "am"}, {"'d", "would"}, {"'ve", "have"},
	} {
		if stem, ok := strings.CutSuffix(w, c[0]); ok && stem != "" {
			return two(stem, c[1])
		}
	}
	for _, unit := range [...]string{"cm", "ft", "m"} {
		if stem, ok := strings.CutSuffix(w, unit); ok && stem != "" && isNumber(stem) {
			return two(stem, unit)
		}
	}
	if w = strings.ReplaceAll(w, "'", ""); w != "" {
		words = append(words, word{text: w})
	}
	return words
}
