package query

import (
	"fmt"
	"math"
	"strings"

	"github.com/vega-edge/vegad/runtime/scene"
)

func turnWord(word string) string {
	switch word {
	case "left", "right":
		return "turn " + word
	case "back":
		return "turn back"
	}
	return "go on straight"
}

// wayText writes a route: the turns with their degrees, and how much of the floor was not seen.
func (e *executor) wayText(goal *scene.Object, steps []Step, known float64) func(string) string {
	return func(length string) string {
		if len(steps) == 0 {
			return "You are there: " + e.phrase(goal) + " is within reach."
		}
		unit, factor := e.unit()
		parts := make([]string, 0, 2*len(steps))
		for _, s := range steps {
			if degrees := math.Round(s.TurnRad * 180 / math.Pi); degrees != 0 {
				side := "left"
				if degrees < 0 {
					side, degrees = "right", -degrees
				}
				parts = append(parts, fmt.Sprintf("turn %s by %.0f degrees", side, degrees))
			}
			parts = append(parts, "go "+lengthText(s.DistanceM*factor, unit))
		}
		text := strings.Join(parts, ", ") + " to " + e.phrase(goal)
		if known < 0.995 {
			text += fmt.Sprintf("; I have not seen %.0f %% of the floor on the way", 100*(1-known))
		}
		return sentence(text + "; " + length + " in all")
	}
}

// clearText writes how far a lane is free and what ends it.
func (e *executor) clearText(l *lane, first limit) func(string) string {
	return func(length string) string {
		unit, factor := e.unit()
		if e.a.Choice == "yes" {
			return sentence("yes, the floor is free for " + length + ", " + lengthText(l.width*factor, unit) + " wide")
		}
		if first.object != nil {
			return sentence("no, after " + length + " " + e.phrase(first.object) + " is in the way")
		}
		return sentence("no, only the first " + length + " are free")
	}
}
