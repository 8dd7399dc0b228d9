// Package query turns questions about space into answers that rest on a scene's geometry.
//
// A question is English text, which Parse turns into a Query, or a Query written as JSON, which Decode reads. Execute
// answers it over a snapshot of the memory. What every kind and relation means is defined in docs/questions.md.
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

// Kind names what a question asks for.
type Kind string

// The kinds of questions. Supported lists those that this version answers.
const (
	Count     Kind = "count"
	Distance  Kind = "distance"
	Size      Kind = "size"
	RoomSize  Kind = "room_size"
	Nearest   Kind = "nearest"
	Direction Kind = "direction"
	Route     Kind = "route"
	Order     Kind = "order"
	Locate    Kind = "locate"
	Describe  Kind = "describe"
	RelatedTo Kind = "relation"
	Exists    Kind = "exists"
	Clear     Kind = "clear"
)

// Kinds returns every kind there is, answered by this version or not.
func Kinds() []Kind {
	return []Kind{
		Count, Distance, Size, RoomSize, Nearest, Direction, Route, Order, Locate, Describe, RelatedTo, Exists, Clear,
	}
}

// Supported returns the kinds that this version answers.
func Supported() []Kind { return []Kind{Count, Distance, Nearest, Direction, Locate, Exists} }

// Scope says which objects a question is about.
type Scope string

// The scopes. The empty scope is Seen.
const (
	Now  Scope = "now"  // what the newest observation shows
	Seen Scope = "seen" // everything remembered
)

// Unit is the unit of lengths in the answer.
type Unit string

// The units of length. The empty unit is Metres.
const (
	Metres      Unit = "m"
	Centimetres Unit = "cm"
	Feet        Unit = "ft"
)

// Ranking orders the things that a referent could mean.
type Ranking string

// The rankings. The empty one, with an ordinal, is the order of first appearance.
const (
	ByNearest   Ranking = "nearest"
	ByFarthest  Ranking = "farthest"
	ByLargest   Ranking = "largest"
	BySmallest  Ranking = "smallest"
	ByLeftmost  Ranking = "leftmost"
	ByRightmost Ranking = "rightmost"
)

// RelationName names a spatial relation between two things.
type RelationName string

// The relations, as seen by the robot.
const (
	LeftOf    RelationName = "leftOf"
	RightOf   RelationName = "rightOf"
	InFrontOf RelationName = "inFrontOf"
	Behind    RelationName = "behind"
	On        RelationName = "on"
	Under     RelationName = "under"
	Near      RelationName = "near"
	Between   RelationName = "between"
)

// Relation is a condition on where a thing stands.
type Relation struct {
	Name RelationName `json:"name"`
	To   *Referent    `json:"to,omitempty"`  // absent is the robot
	And  *Referent    `json:"and,omitempty"` // the other end of between
	Not  bool         `json:"not,omitempty"` // the relation must not hold
}

// Referent describes things by what is known of them. Every field that is set must match.
type Referent struct {
	ID        string     `json:"id,omitempty"`      // of memory, such as "o17"
	Label     string     `json:"label,omitempty"`   // absent is anything
	Color     string     `json:"color,omitempty"`   //
	Size      string     `json:"size,omitempty"`    // "big" or "small" among the things of its label
	Order     Ranking    `json:"order,omitempty"`   // picks one of several
	Ordinal   int        `json:"ordinal,omitempty"` // which one in that order, from 1; 0 is 1 where Order is set
	Of        *Referent  `json:"of,omitempty"`      // what nearest and farthest are measured from; absent is the robot
	Relations []Relation `json:"relations,omitempty"`
	Not       []Referent `json:"not,omitempty"` // things that match any of these are left out
}

// Query is a question in its structured form.
type Query struct {
	Kind   Kind      `json:"kind"`
	Target *Referent `json:"target,omitempty"` // what is asked about; absent is anything, where the kind allows it
	From   *Referent `json:"from,omitempty"`   // what is measured from; absent is the robot
	Scope  Scope     `json:"scope,omitempty"`
	Unit   Unit      `json:"unit,omitempty"`
}

const (
	maxQueryBytes = 16 << 10
	maxDepth      = 6  // of referents inside referents
	maxTerms      = 16 // relations or exclusions of one referent
	maxOrdinal    = 1000
)

// ErrInvalid is wrapped by every error about a structured query.
var ErrInvalid = errors.New("invalid query")

// Decode reads a query written as JSON: strict about its fields, and with the lexicon's synonyms replaced by the
// bundle's words. A kind that this version does not answer is decoded; Execute refuses it.
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
	if !slices.Contains(Kinds(), q.Kind) {
		return invalid("kind", string(q.Kind), names(Kinds()))
	}
	if !slices.Contains([]Scope{"", Now, Seen}, q.Scope) {
		return invalid("scope", string(q.Scope), "now, seen")
	}
	if !slices.Contains([]Unit{"", Metres, Centimetres, Feet}, q.Unit) {
		return invalid("unit", string(q.Unit), "m, cm, ft")
	}
	if err := q.checkShape(); err != nil {
		return err
	}
	for _, r := range []*Referent{q.Target, q.From} {
		if err := r.check(lex, maxDepth); err != nil {
			return err
		}
	}
	return nil
}

// checkShape validates which parts a kind needs.
func (q *Query) checkShape() error {
	if !slices.Contains(Supported(), q.Kind) {
		return nil
	}
	if q.Target == nil && q.Kind != Nearest && q.Kind != Count && q.Kind != Exists {
		return fmt.Errorf("%s needs a target: %w", q.Kind, ErrInvalid)
	}
	if q.From != nil && q.Kind != Distance && q.Kind != Nearest {
		return fmt.Errorf("%s takes no from: this version answers it as seen by the robot: %w", q.Kind, ErrInvalid)
	}
	return nil
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
	if !slices.Contains([]string{"", big, small}, r.Size) {
		return invalid("size", r.Size, "big, small")
	}
	rankings := []Ranking{ByNearest, ByFarthest, ByLargest, BySmallest, ByLeftmost, ByRightmost}
	if r.Order != "" && !slices.Contains(rankings, r.Order) {
		return invalid("order", string(r.Order), names(rankings))
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
	all := []RelationName{LeftOf, RightOf, InFrontOf, Behind, On, Under, Near, Between}
	if !slices.Contains(all, r.Name) {
		return invalid("relation", string(r.Name), names(all))
	}
	if (r.And != nil) && r.Name != Between {
		return fmt.Errorf("relation %s takes no and: %w", r.Name, ErrInvalid)
	}
	if r.Name == Between && r.To == nil && r.And == nil {
		return fmt.Errorf("relation between needs to, and: %w", ErrInvalid)
	}
	if (r.Name == On || r.Name == Under) && r.To == nil {
		return fmt.Errorf("relation %s needs to: %w", r.Name, ErrInvalid)
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
