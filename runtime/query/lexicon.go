package query

import (
	"slices"
	"strings"
)

// class is the part that a word plays in a question.
type class uint8

const (
	plain class = iota
	labelWord
	colorWord
	sizeWord
	rankWord
	ordinalWord
	unitWord
	selfWord
	thingWord
	idWord
	numberWord
)

const (
	big   = "big"
	small = "small"
)

// entry is what a word or phrase stands for.
type entry struct {
	class  class
	canon  string
	value  int     // of ordinals
	amount float64 // of numbers
}

type phrase struct {
	text string
	rest []string // the words after the first one
	entry
}

// Lexicon knows the words of questions: a bundle's labels and colours with their synonyms and plurals, and the words
// of the grammar. It never changes and may be shared.
type Lexicon struct {
	labels, colors []string
	words          map[string]entry
	phrases        map[string][]phrase // by first word, the longest first
}

// NewLexicon returns the lexicon of a bundle's labels and colours.
func NewLexicon(labels, colors []string) *Lexicon {
	l := &Lexicon{
		labels: slices.Clone(labels), colors: slices.Clone(colors),
		words: map[string]entry{}, phrases: map[string][]phrase{},
	}
	l.addGrammar()
	for _, color := range colors {
		l.put(strings.ToLower(color), entry{class: colorWord, canon: color})
	}
	for _, label := range labels {
		l.put(strings.ToLower(label), entry{class: labelWord, canon: label})
		l.put(plural(strings.ToLower(label)), entry{class: labelWord, canon: label})
	}
	for _, color := range colors {
		l.addSynonyms(colorSynonyms(color), entry{class: colorWord, canon: color}, false)
	}
	for _, label := range labels {
		l.addSynonyms(labelSynonyms(label), entry{class: labelWord, canon: label}, true)
	}
	for first := range l.phrases {
		slices.SortStableFunc(l.phrases[first], func(a, b phrase) int { return len(b.rest) - len(a.rest) })
	}
	return l
}

// Labels returns the bundle's labels.
func (l *Lexicon) Labels() []string { return slices.Clone(l.labels) }

// Colors returns the bundle's colours.
func (l *Lexicon) Colors() []string { return slices.Clone(l.colors) }

// addSynonyms adds words for a label or a colour, unless the bundle uses them for something else.
func (l *Lexicon) addSynonyms(list []string, e entry, plurals bool) {
	for _, s := range list {
		if _, taken := l.find(s); taken {
			continue
		}
		l.put(s, e)
		if plurals {
			l.put(plural(s), e)
		}
	}
}

// put adds a word, or a phrase of words.
func (l *Lexicon) put(text string, e entry) {
	parts := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '_' || r == '-' })
	switch len(parts) {
	case 0:
	case 1:
		l.words[parts[0]] = e
	default:
		l.phrases[parts[0]] = append(l.phrases[parts[0]], phrase{strings.Join(parts, " "), parts[1:], e})
	}
}

// find returns what a word or a whole phrase stands for.
func (l *Lexicon) find(text string) (entry, bool) {
	if e, ok := l.words[text]; ok {
		return e, true
	}
	parts := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == '_' || r == '-' })
	if len(parts) < 2 {
		return entry{}, false
	}
	for _, p := range l.phrases[parts[0]] {
		if slices.Equal(p.rest, parts[1:]) {
			return p.entry, true
		}
	}
	return entry{}, false
}

// label returns the bundle's word for a label or its synonym; the empty string stands for anything.
func (l *Lexicon) label(word string) (string, bool) { return l.canon(word, labelWord, l.labels) }

// color does the same for a colour.
func (l *Lexicon) color(word string) (string, bool) { return l.canon(word, colorWord, l.colors) }

func (l *Lexicon) canon(word string, c class, exact []string) (string, bool) {
	if word == "" || slices.Contains(exact, word) {
		return word, true
	}
	if e, ok := l.find(strings.ToLower(word)); ok && e.class == c {
		return e.canon, true
	}
	return word, false
}

// addGrammar adds the words that do not depend on the bundle.
func (l *Lexicon) addGrammar() {
	add := func(c class, canon string, words ...string) {
		for _, w := range words {
			l.put(w, entry{class: c, canon: canon})
		}
	}
	add(sizeWord, big, "big", "large", "huge", "bigger", "larger")
	add(sizeWord, small, "small", "little", "tiny", "smaller")
	add(rankWord, string(ByNearest), "nearest", "closest", "least distant")
	add(rankWord, string(ByFarthest), "farthest", "furthest", "most distant", "remotest")
	add(rankWord, string(ByLargest), "largest", "biggest")
	add(rankWord, string(BySmallest), "smallest", "littlest", "tiniest")
	add(rankWord, string(ByTallest), "tallest")
	add(rankWord, string(ByShortest), "shortest")
	add(rankWord, string(ByLeftmost), "leftmost", "left most", "most left")
	add(rankWord, string(ByRightmost), "rightmost", "right most", "most right")
	add(unitWord, string(Metres), "metre", "metres", "meter", "meters", "m")
	add(unitWord, string(Centimetres), "centimetre", "centimetres", "centimeter", "centimeters", "cm", "cms")
	add(unitWord, string(Feet), "foot", "feet", "ft")
	add(selfWord, "", "me", "i", "myself", "you", "yourself", "us", "we", "robot", "camera")
	add(thingWord, "", "thing", "things", "object", "objects", "item", "items", "something", "anything", "stuff")
	ordinals := []string{
		"first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
	}
	short := []string{"1st", "2nd", "3rd", "4th", "5th", "6th", "7th", "8th", "9th", "10th"}
	numbers := []string{
		"one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
	}
	for i, w := range numbers {
		l.words[w] = entry{class: numberWord, amount: float64(i + 1)}
	}
	for i := range ordinals {
		l.words[ordinals[i]] = entry{class: ordinalWord, value: i + 1}
		l.words[short[i]] = entry{class: ordinalWord, value: i + 1}
	}
}

// labelSynonyms returns other words for a label of the bundles.
func labelSynonyms(label string) []string {
	switch label {
	case "ball":
		return []string{"football", "sphere"}
	case "bed":
		return []string{"mattress", "cot", "bunk"}
	case "bin":
		return []string{
			"trash can", "garbage can", "rubbish bin", "waste bin", "trash bin", "wastebasket", "dustbin",
			"waste basket", "wastepaper basket", "trashcan", "recycling bin",
		}
	case "box":
		return []string{"carton", "crate", "package", "parcel", "cardboard box"}
	case "cabinet":
		return []string{"cupboard", "wardrobe", "closet", "dresser", "sideboard", "filing cabinet"}
	case "chair":
		return []string{"armchair", "arm chair", "office chair", "dining chair", "desk chair"}
	case "door":
		return []string{"doorway"}
	case "fridge":
		return []string{"refrigerator", "freezer", "icebox"}
	case "lamp":
		return []string{"floor lamp", "desk lamp", "table lamp", "standing lamp"}
	case "monitor":
		return []string{"screen", "computer screen", "computer monitor", "tv", "television"}
	case "plant":
		return []string{"potted plant", "house plant", "houseplant", "flower pot", "flowerpot", "pot plant"}
	case "shelf":
		return []string{"bookshelf", "book shelf", "bookcase", "rack", "shelving unit"}
	case "sofa":
		return []string{"couch", "settee", "loveseat"}
	case "stool":
		return []string{"bar stool", "barstool", "footstool"}
	case "table":
		return []string{"desk", "coffee table", "dining table", "kitchen table"}
	case "window":
		return []string{"windowpane"}
	}
	return nil
}

// colorSynonyms returns other words for a colour of the bundles.
func colorSynonyms(color string) []string {
	switch color {
	case "grey":
		return []string{"gray"}
	case "gray":
		return []string{"grey"}
	case "purple":
		return []string{"violet", "lilac"}
	case "red":
		return []string{"crimson", "scarlet"}
	}
	return nil
}

// plural returns the plural of a word or of a phrase's last word.
func plural(word string) string {
	switch {
	case strings.HasSuffix(word, "f"):
		return strings.TrimSuffix(word, "f") + "ves"
	case strings.HasSuffix(word, "x"), strings.HasSuffix(word, "s"), strings.HasSuffix(word, "ch"):
		return word + "es"
	case strings.HasSuffix(word, "y") && !strings.HasSuffix(word, "ay"):
		return strings.TrimSuffix(word, "y") + "ies"
	default:
		return word + "s"
	}
}
