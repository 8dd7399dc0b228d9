package query

import (
	"fmt"
	"math"
	"strings"

	"github.com/vega-edge/vegad/runtime/scene"
)

// phrase names an object: "the red chair".
func (e *executor) phrase(o *scene.Object) string {
	return "the " + join(o.Color, o.Label)
}

// join puts the words that are not empty together.
func join(words ...string) string {
	out := ""
	for _, w := range words {
		if w != "" && out != "" {
			out += " "
		}
		out += w
	}
	return out
}

// noun returns the words of a referent's own attributes, without an article.
func noun(r *Referent, many bool) string {
	if r.ID != "" {
		return r.ID
	}
	label := r.Label
	if label == "" {
		label = "thing"
	}
	if many {
		label = plural(label)
	}
	return join(r.Size, r.Color, label)
}

func definite(r *Referent) string {
	if r.ID != "" {
		return r.ID
	}
	return "the " + noun(r, false)
}

// indefinite names a referent with an article, and hints at the conditions that it also has.
func indefinite(r *Referent) string {
	if r.ID != "" {
		return r.ID
	}
	return article(noun(r, false)) + conditionText(r)
}

func article(words string) string {
	if words != "" && strings.ContainsRune("aeiou", rune(words[0])) {
		return "an " + words
	}
	return "a " + words
}

func conditionText(r *Referent) string {
	if len(r.Relations) > 0 || len(r.Not) > 0 || r.Ordinal > 1 {
		return " as described"
	}
	return ""
}

// allOf names several referents.
func allOf(list []*Referent, name func(*Referent) string, all bool) string {
	words := make([]string, len(list))
	for i, r := range list {
		words[i] = name(r)
	}
	if all {
		return allText(words, "and")
	}
	return allText(words, "or")
}

// allText writes a list: "a, b and c".
func allText(words []string, last string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	n := len(words) - 1
	return strings.Join(words[:n], ", ") + " " + last + " " + words[n]
}

func nothingLike(r *Referent) string { return "nothing that is " + relationsText(r) }

// relationsText writes the relations of a referent.
func relationsText(r *Referent) string {
	words := make([]string, 0, len(r.Relations))
	for i := range r.Relations {
		rel := &r.Relations[i]
		text := egoWords(rel.Name)
		if rel.To != nil {
			text = relationWords(rel.Name) + " " + definite(rel.To)
		}
		switch {
		case rel.And != nil:
			text += " and " + definite(rel.And)
		case rel.Name == Between:
			text += " and me"
		}
		if rel.Not {
			text = "not " + text
		}
		words = append(words, text)
	}
	return allText(words, "and")
}

// relationText writes the relation that was asked about, with the objects that it was taken to mean.
func (e *executor) relationText(rel *Relation, ends [2]*scene.Object) string {
	text := egoWords(rel.Name)
	if ends[0] != nil {
		text = relationWords(rel.Name) + " " + e.phrase(ends[0])
	}
	if rel.Name == Between {
		other := "me"
		if ends[1] != nil {
			other = e.phrase(ends[1])
		}
		text += " and " + other
	}
	if rel.Not {
		text = "not " + text
	}
	return text
}

func relationWords(name RelationName) string {
	words := map[RelationName]string{
		LeftOf: "left of", RightOf: "right of", InFrontOf: "in front of", Behind: "behind", On: "on", Under: "under",
		Above: "above", Inside: "inside", Against: "against", Near: "near", Between: "between",
	}
	return words[name]
}

// egoWords writes a relation to who looks.
func egoWords(name RelationName) string {
	switch name {
	case LeftOf:
		return "on the left"
	case RightOf:
		return "on the right"
	case InFrontOf:
		return "in front"
	}
	return relationWords(name) + " me"
}

func holdsText(target, relation string, yes bool) string {
	if yes {
		return sentence("yes, " + target + " is " + relation)
	}
	return sentence("no, it does not hold that " + target + " is " + relation)
}

func countText(list []*Referent, n int, interval [2]float64) string {
	verb := "are"
	if n == 1 {
		verb = "is"
	}
	names := allOf(list, func(r *Referent) string { return noun(r, n != 1) + conditionText(r) }, n != 1)
	text := fmt.Sprintf("There %s %d %s", verb, n, names)
	if interval[0] != interval[1] {
		text += fmt.Sprintf(", between %g and %g", interval[0], interval[1])
	}
	return text + "."
}

// numberOf writes how many there are: "3 chairs".
func numberOf(n int, label string) string {
	if n == 1 {
		return article(label)
	}
	return fmt.Sprintf("%d %s", n, plural(label))
}

func existsText(what string, yes bool, looked float64) string {
	if yes {
		return "Yes, there is " + what + "."
	}
	return fmt.Sprintf("I have not seen %s; I have looked at %.0f %% of the directions around me.", what, 100*looked)
}

// lengthText writes a length as people say it.
func lengthText(value float64, unit Unit) string {
	switch unit {
	case Centimetres:
		return fmt.Sprintf("%.0f cm", value)
	case Feet:
		return fmt.Sprintf("%.1f feet", value)
	default:
		return fmt.Sprintf("%.2f m", value)
	}
}

func areaText(value float64, unit Unit) string {
	switch unit {
	case Centimetres:
		return fmt.Sprintf("%.0f square centimetres", value)
	case Feet:
		return fmt.Sprintf("%.0f square feet", value)
	default:
		return fmt.Sprintf("%.1f square metres", value)
	}
}

// extentsText writes width, depth and height; the extents are in the unit.
func extentsText(size scene.Vec3, unit Unit) string {
	return lengthText(size.Y, unit) + " wide, " + lengthText(size.X, unit) + " deep and " +
		lengthText(size.Z, unit) + " high"
}

func sizeText(what string, size scene.Vec3, unit Unit, d Dimension) string {
	switch d {
	case Width:
		return sentence(what + " is " + lengthText(size.Y, unit) + " wide")
	case Depth:
		return sentence(what + " is " + lengthText(size.X, unit) + " deep")
	case Height:
		return sentence(what + " is " + lengthText(size.Z, unit) + " high")
	case Length:
		return sentence(what + " is " + lengthText(max(size.X, size.Y), unit) + " long")
	}
	longest := lengthText(max(size.X, size.Y, size.Z), unit)
	return sentence(what + " is " + extentsText(size, unit) + ", " + longest + " at its longest")
}

func roomText(d Dimension, value float64, unit Unit) string {
	words := map[Dimension]string{Length: "long", Width: "wide", Height: "high"}
	if d == "" {
		return "The room has " + areaText(value, unit) + "."
	}
	return sentence("the room is " + lengthText(value, unit) + " " + words[d])
}

// distanceText returns the sentence that a length completes.
func distanceText(target, preposition, from string) func(string) string {
	return func(length string) string {
		if from == "" {
			return sentence(target + " is " + length + " away")
		}
		return sentence(target + " is " + length + preposition + from)
	}
}

func nearestText(target, from string) func(string) string {
	return func(length string) string {
		if from == "" {
			return sentence("it is " + target + ", " + length + " away")
		}
		return sentence("it is " + target + ", " + length + from)
	}
}

func locateText(target string, bearing float64) func(string) string {
	return func(length string) string {
		return sentence(target + " is " + length + " away, " + turnText(bearing))
	}
}

func directionText(target string, words Words, choice string, bearing float64) string {
	if words == "" {
		return sentence(target + " is " + turnText(bearing))
	}
	return sentence(target + " is to the " + strings.ReplaceAll(choice, "-", " "))
}

// turnText writes a bearing in degrees, with its sector.
func turnText(bearing float64) string {
	degrees := math.Round(bearing * 180 / math.Pi)
	where := strings.ReplaceAll(sector(bearing), "-", " ")
	switch {
	case degrees == 0:
		return "straight ahead"
	case degrees > 0:
		return fmt.Sprintf("to the %s, %.0f degrees to the left", where, degrees)
	default:
		return fmt.Sprintf("to the %s, %.0f degrees to the right", where, -degrees)
	}
}

// orderText writes the order of first appearance.
func orderText(words []string) string {
	named := make([]string, len(words))
	for i, w := range words {
		named[i] = "the " + w
	}
	return "First " + strings.Join(named, ", then ") + "."
}

// comparative is the word that the winner of a comparison deserves.
func comparative(order Ranking) string {
	words := map[Ranking]string{
		ByNearest: "nearer", ByFarthest: "farther", ByLargest: "larger", BySmallest: "smaller",
		ByTallest: "taller", ByShortest: "shorter",
	}
	return words[order]
}

// quantityText writes what is compared: a length or a volume.
func (e *executor) quantityText(value float64) string {
	if e.q.Order == ByLargest || e.q.Order == BySmallest {
		return fmt.Sprintf("%.3f m³", value)
	}
	unit, factor := e.unit()
	return lengthText(value*factor, unit)
}

// sentence begins with a capital and ends with a full stop.
func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }
