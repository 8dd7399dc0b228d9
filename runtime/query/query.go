// Package query turns questions about space into answers that rest on a scene's geometry.
//
// A question is English text, which Parse turns into a Query, or a Query written as JSON, which Decode reads. Execute
// answers it over a snapshot of the memory. What every kind and relation means is defined in docs/questions.md.
package query

// Kind names what a question asks for.
type Kind string

// The kinds of questions.
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

// Kinds returns every kind there is.
func Kinds() []Kind {
	return []Kind{
		Count, Distance, Size, RoomSize, Nearest, Direction, Route, Order, Locate, Describe, RelatedTo, Exists, Clear,
	}
}

// Supported returns the kinds that this version answers: all of them.
func Supported() []Kind { return Kinds() }

// Scope says which objects a question is about.
type Scope string

// The scopes. The empty scope is Seen.
const (
	Now  Scope = "now"  // what the newest observation shows
	Seen Scope = "seen" // everything remembered
)

// Unit is the unit of lengths in the answer.
type Unit string

// The units of length. The empty unit is Metres. Areas are in their squares.
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
	ByTallest   Ranking = "tallest"
	ByShortest  Ranking = "shortest"
	ByLeftmost  Ranking = "leftmost"
	ByRightmost Ranking = "rightmost"
)

// RelationName names a spatial relation between two things.
type RelationName string

// The relations, as seen by the robot or from the query's viewpoint.
const (
	LeftOf    RelationName = "leftOf"
	RightOf   RelationName = "rightOf"
	InFrontOf RelationName = "inFrontOf"
	Behind    RelationName = "behind"
	On        RelationName = "on"
	Under     RelationName = "under"
	Above     RelationName = "above"
	Inside    RelationName = "inside"
	Against   RelationName = "against"
	Near      RelationName = "near"
	Between   RelationName = "between"
)

// relations lists them all.
func relations() []RelationName {
	return []RelationName{
		LeftOf, RightOf, InFrontOf, Behind, On, Under, Above, Inside, Against, Near, Between,
	}
}

// Words says in which words a direction is answered.
type Words string

// The words of directions. The empty one is eight sectors.
const (
	Sides     Words = "sides"     // left or right
	SidesBack Words = "sidesBack" // left, right, or back from 135 degrees on
	Ends      Words = "ends"      // front or back
	Quadrants Words = "quadrants" // front-left, front-right, back-left or back-right
	Turns     Words = "turns"     // of a route: the turn at every stop, instead of a path around what stands in the way
)

// Dimension is what is measured of a thing or of the room.
type Dimension string

// The dimensions. The empty one is the longest of a thing, and the floor area of the room.
const (
	Width  Dimension = "width"  // of a thing, across its heading; of the room, the shorter side
	Depth  Dimension = "depth"  // of a thing, along its heading
	Height Dimension = "height" // upward
	Length Dimension = "length" // of a thing, the longer of width and depth; of the room, the longer side
)

// Color is the attribute of describe that asks for the colour alone.
const Color = "color"

// Relation is a condition on where a thing stands.
type Relation struct {
	Name    RelationName `json:"name"`
	To      *Referent    `json:"to,omitempty"`      // absent is the robot, or who stands at the viewpoint
	And     *Referent    `json:"and,omitempty"`     // the other end of between
	WithinM float64      `json:"withinM,omitempty"` // of near: at most so far, in metres; 0 is one metre
	Not     bool         `json:"not,omitempty"`     // the relation must not hold
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

// Viewpoint is a place and a heading to look from, instead of the robot's.
type Viewpoint struct {
	At     *Referent `json:"at,omitempty"`     // absent is where the robot stands
	Facing *Referent `json:"facing,omitempty"` // absent is the robot's heading; needed with at
	Away   bool      `json:"away,omitempty"`   // the back is turned to facing
}

// Query is a question in its structured form. docs/questions.md says which parts belong to which kind.
type Query struct {
	Kind      Kind       `json:"kind"`
	Target    *Referent  `json:"target,omitempty"`    // what is asked about; absent is anything, where the kind allows it
	Also      []Referent `json:"also,omitempty"`      // of count and exists: more things that are asked about
	All       bool       `json:"all,omitempty"`       // of exists: each of target and also, and not just one of them
	Among     []Referent `json:"among,omitempty"`     // of nearest, order and relation: what is compared
	From      *Referent  `json:"from,omitempty"`      // what is measured from; absent is the robot
	Via       []Referent `json:"via,omitempty"`       // of route: where it leads along
	Relation  *Relation  `json:"relation,omitempty"`  // of relation: what is asked of the target
	Order     Ranking    `json:"order,omitempty"`     // of relation: by what among is compared
	Viewpoint *Viewpoint `json:"viewpoint,omitempty"` // absent is the robot's
	Words     Words      `json:"words,omitempty"`     // of direction and route
	Dimension Dimension  `json:"dimension,omitempty"` // of size and room_size
	Attribute string     `json:"attribute,omitempty"` // of describe: "color"
	Heading   string     `json:"heading,omitempty"`   // of clear: a sector word; absent is front
	LengthM   float64    `json:"lengthM,omitempty"`   // of clear: how far; 0 is one metre
	WidthM    float64    `json:"widthM,omitempty"`    // of clear and route: how wide the robot is; 0 is the option's
	Scope     Scope      `json:"scope,omitempty"`
	Unit      Unit       `json:"unit,omitempty"`
}

// isAny says whether the referent sets no condition at all.
func (r *Referent) isAny() bool {
	return r.ID == "" && r.Label == "" && r.Color == "" && r.Size == "" && r.Order == "" && r.Ordinal == 0 &&
		r.Of == nil && len(r.Relations) == 0 && len(r.Not) == 0
}
