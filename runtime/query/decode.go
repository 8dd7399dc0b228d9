package query

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

const (
	maxQueryBytes = 16 << 10
	maxDepth      = 6  // of referents inside referents
	maxTerms      = 16 // relations or exclusions of one referent, and things of one list
	maxOrdinal    = 1000
	maxLength     = 100 // m, of every length in a query
)

// ErrInvalid is wrapped by every error about a structured query.
var ErrInvalid = errors.New("invalid query")

// Decode reads a query written as JSON: strict about its fields, and with the lexicon's synonyms replaced by the
// bundle's words.
func Decode(data []byte, lex *Lexicon) (Query, error) {
	var q Query
	if len(data) > maxQueryBytes {
		return q, fmt.Errorf("query of %d bytes, %d are allowed: %w", len(data), maxQueryBytes, ErrInvalid)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&q); err != nil {
		return Query{}, fmt.Errorf("reading the query: %w: %w", ErrInvalid, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Query{}, fmt.Errorf("something follows the query: %w", ErrInvalid)
	}
	if err := q.check(lex); err != nil {
		return Query{}, err
	}
	return q, nil
}

// check validates a query and replaces synonyms in place.
func (q *Query) check(lex *Lexicon) error {
	if err := q.checkWords(); err != nil {
		return err
	}
	if err := q.checkShape(); err != nil {
		return err
	}
	for _, length := range []float64{q.LengthM, q.WidthM} {
		if !(length >= 0 && length <= maxLength) { // also what is no number
			return invalid("length", fmt.Sprint(length), fmt.Sprintf("0 to %d m", maxLength))
		}
	}
	return q.checkReferents(lex)
}

// checkWords validates the words that come from a fixed list.
func (q *Query) checkWords() error {
	return errors.Join(
		oneOf("kind", q.Kind, Kinds()...),
		oneOf("scope", q.Scope, "", Now, Seen),
		oneOf("unit", q.Unit, "", Metres, Centimetres, Feet),
		oneOf("words", q.Words, "", Sides, SidesBack, Ends, Quadrants, Turns),
		oneOf("dimension", q.Dimension, "", Width, Depth, Height, Length),
		oneOf("attribute", q.Attribute, "", Color),
		oneOf("order", q.Order, "", ByNearest, ByFarthest, ByLargest, BySmallest, ByTallest, ByShortest),
		oneOf("heading", q.Heading, append([]string{""}, sectors()...)...),
	)
}

func oneOf[T ~string](field string, value T, known ...T) error {
	if slices.Contains(known, value) {
		return nil
	}
	if known[0] == "" {
		known = known[1:]
	}
	return invalid(field, string(value), names(known))
}

// checkReferents validates everything that names things.
func (q *Query) checkReferents(lex *Lexicon) error {
	list := []*Referent{q.Target, q.From}
	if v := q.Viewpoint; v != nil {
		list = append(list, v.At, v.Facing)
	}
	for _, group := range [][]Referent{q.Also, q.Among, q.Via} {
		if len(group) > maxTerms {
			return fmt.Errorf("a list has more than %d things: %w", maxTerms, ErrInvalid)
		}
		for i := range group {
			list = append(list, &group[i])
		}
	}
	for _, r := range list {
		if err := r.check(lex, maxDepth); err != nil {
			return err
		}
	}
	if q.Relation == nil {
		return nil
	}
	return q.Relation.check(lex, maxDepth)
}

func (r *Referent) check(lex *Lexicon, depth int) error {
	if r == nil {
		return nil
	}
	if depth == 0 {
		return fmt.Errorf("referents are nested too deep: %w", ErrInvalid)
	}
	if err := r.checkWords(lex); err != nil {
		return err
	}
	if r.Ordinal < 0 || r.Ordinal > maxOrdinal {
		return invalid("ordinal", fmt.Sprint(r.Ordinal), fmt.Sprintf("1 to %d", maxOrdinal))
	}
	if len(r.Relations) > maxTerms || len(r.Not) > maxTerms {
		return fmt.Errorf("a referent has more than %d relations or exclusions: %w", maxTerms, ErrInvalid)
	}
	if r.Of != nil && r.Order != ByNearest && r.Order != ByFarthest {
		return fmt.Errorf("of needs the order nearest or farthest: %w", ErrInvalid)
	}
	return r.checkParts(lex, depth-1)
}

func (r *Referent) checkWords(lex *Lexicon) error {
	label, ok := lex.label(r.Label)
	if !ok {
		return invalid("label", r.Label, strings.Join(lex.labels, ", "))
	}
	color, ok := lex.color(r.Color)
	if !ok {
		return invalid("color", r.Color, strings.Join(lex.colors, ", "))
	}
	if label != r.Label || color != r.Color { // written only when needed: queries may be shared once they are checked
		r.Label, r.Color = label, color
	}
	if err := oneOf("size", r.Size, "", big, small); err != nil {
		return err
	}
	if err := oneOf("order", r.Order, "", ByNearest, ByFarthest, ByLargest, BySmallest, ByTallest, ByShortest,
		ByLeftmost, ByRightmost); err != nil {
		return err
	}
	if r.ID != "" && !isID(r.ID) {
		return invalid("id", r.ID, "the letter o and a number, such as o17")
	}
	return nil
}

func (r *Referent) checkParts(lex *Lexicon, depth int) error {
	if err := r.Of.check(lex, depth); err != nil {
		return err
	}
	for i := range r.Not {
		if err := r.Not[i].check(lex, depth); err != nil {
			return err
		}
	}
	for i := range r.Relations {
		if err := r.Relations[i].check(lex, depth); err != nil {
			return err
		}
	}
	return nil
}

func (r *Relation) check(lex *Lexicon, depth int) error {
	if err := oneOf("relation", r.Name, relations()...); err != nil {
		return err
	}
	if r.And != nil && r.Name != Between {
		return fmt.Errorf("relation %s takes no and: %w", r.Name, ErrInvalid)
	}
	if r.Name == Between && r.To == nil && r.And == nil {
		return fmt.Errorf("relation between needs to, and: %w", ErrInvalid)
	}
	if r.To == nil && slices.Contains([]RelationName{On, Under, Above, Inside, Against}, r.Name) {
		return fmt.Errorf("relation %s needs to: %w", r.Name, ErrInvalid)
	}
	if r.WithinM != 0 && r.Name != Near || !(r.WithinM >= 0 && r.WithinM <= maxLength) {
		return fmt.Errorf("withinM belongs to near and is 0 to %d m: %w", maxLength, ErrInvalid)
	}
	if err := r.To.check(lex, depth); err != nil {
		return err
	}
	return r.And.check(lex, depth)
}

func invalid(field, value, known string) error {
	return fmt.Errorf("%s %q is not known (known: %s): %w", field, value, known, ErrInvalid)
}

func names[T ~string](list []T) string {
	words := make([]string, len(list))
	for i, k := range list {
		words[i] = string(k)
	}
	return strings.Join(words, ", ")
}

// isID says whether a word has the form of an object's id.
func isID(s string) bool {
	if len(s) < 2 || len(s) > 20 || s[0] != 'o' || s[1] == '0' {
		return false
	}
	return strings.Trim(s[1:], "0123456789") == ""
}
