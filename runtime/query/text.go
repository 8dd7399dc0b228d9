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
	n := noun(r, false)
	article := "a "
	if strings.ContainsRune("aeiou", rune(n[0])) {
		article = "an "
	}
	return article + n + conditionText(r)
}

func conditionText(r *Referent) string {
	if len(r.Relations) > 0 || len(r.Not) > 0 || r.Ordinal > 1 {
		return " as described"
	}
	return ""
}

func countText(r *Referent, n int, interval [2]float64) string {
	verb := "are"
	if n == 1 {
		verb = "is"
	}
	text := fmt.Sprintf("There %s %d %s%s", verb, n, noun(r, n != 1), conditionText(r))
	if interval[0] != interval[1] {
		text += fmt.Sprintf(", between %g and %g", interval[0], interval[1])
	}
	return text + "."
}

func existsText(r *Referent, yes bool, looked float64) string {
	if yes {
		return "Yes, there is " + indefinite(r) + "."
	}
	return fmt.Sprintf("I have not seen %s; I have looked at %.0f %% of the directions around me.",
		indefinite(r), 100*looked)
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

func directionText(target string, bearing float64) string {
	return sentence(target + " is " + turnText(bearing))
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

// sentence begins with a capital and ends with a full stop.
func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] + "." }
