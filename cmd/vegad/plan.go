package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/vega-edge/vegad/camera/room"
	"github.com/vega-edge/vegad/runtime/query"
)

// planned is a question that waits for its moment in the film.
type planned struct {
	kind  query.Kind
	label string // what it is about; empty is anything
	text  string
	frame int // of the film, from 0, at which it is asked
}

// kindsAsked are the demonstration's questions, in the order in which they are asked.
var kindsAsked = [...]query.Kind{
	query.Count, query.Distance, query.Nearest, query.Direction, query.Locate, query.Exists,
}

// The part of the film in which questions are asked: late, so that there is something to remember.
const (
	askFrom = 0.70
	askTo   = 0.90
)

// moments spreads n questions between two shares of something that is total long.
func moments(total, from, to float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = total * (from + (to-from)*float64(i)/float64(max(n-1, 1)))
	}
	return out
}

// planQuestions chooses one question of each kind about things that the film shows well at its moment, and about as
// many different labels as it can. Only labels that the networks know are asked about.
func planQuestions(t *room.Truth, known []string) []planned {
	var plan []planned
	used := map[string]bool{}
	for i, moment := range moments(float64(len(t.Frames)), askFrom, askTo, len(kindsAsked)) {
		p := planned{kind: kindsAsked[i], frame: min(int(moment), len(t.Frames)-1)}
		var seen []sight
		for _, s := range sights(t, p.frame) {
			if slices.Contains(known, s.label) {
				seen = append(seen, s)
			}
		}
		p.choose(t, seen, used, known)
		used[p.label] = p.label != ""
		plan = append(plan, p)
	}
	return plan
}

// choose sets what the question is about, and its text.
func (p *planned) choose(t *room.Truth, seen []sight, used map[string]bool, known []string) {
	noun := "thing"
	switch p.kind {
	case query.Nearest:
		p.text = "what is nearest to me?"
		return
	case query.Exists:
		p.label = absent(t, known)
		if p.label == "" || t.Seed%2 == 1 {
			p.label = bestLabel(seen, used, query.Exists)
		}
	default:
		p.label = bestLabel(seen, used, p.kind)
	}
	if p.label != "" {
		noun = p.label
	}
	the := "the " + noun
	if len(labelled(seen, p.label)) != 1 {
		the = "the nearest " + noun
	}
	switch p.kind {
	case query.Count:
		p.text = "how many " + plural(noun) + " are there?"
	case query.Distance:
		p.text = "how far is " + the + "?"
	case query.Direction:
		p.text = "in which direction is " + the + "?"
	case query.Locate:
		p.text = "where is " + the + "?"
	default:
		p.text = "is there " + article(noun) + "?"
	}
}

// bestLabel picks the label that is the fairest to ask about: not asked about yet, every thing of it seen well, the
// nearest of them well in view right now, and with many pixels. It is empty when nothing was seen.
func bestLabel(seen []sight, used map[string]bool, kind query.Kind) string {
	var labels []string
	for _, s := range seen {
		if !slices.Contains(labels, s.label) {
			labels = append(labels, s.label)
		}
	}
	slices.Sort(labels)
	best, bestScore := "", -1.0
	for _, label := range labels {
		if score := fairness(labelled(seen, label), kind); score > bestScore && !used[label] {
			best, bestScore = label, score
		}
	}
	if best == "" && len(labels) > 0 {
		best = labels[0] // all were asked about
	}
	return best
}

// fairness ranks the things of one label; higher is fairer. The steps are so far apart that each outranks all below.
func fairness(things []sight, kind query.Kind) float64 {
	near, _ := nearestOf(things)
	score := min(float64(near.pixels)/1e6, 0.99)
	if near.well {
		score += 2
	}
	if near.times >= wellTimes {
		score += 4
	}
	plain := 0
	for _, s := range things {
		if s.times >= wellTimes {
			plain++
		}
	}
	if plain == len(things) {
		score += 8
	}
	if kind == query.Count && plain == len(things) && len(things) > 1 {
		score += 16 // counting to one is no feat
	}
	return score
}

// absent is a label that the networks know and the room does not hold, or empty. The room's seed picks among several.
func absent(t *room.Truth, known []string) string {
	var missing []string
	for _, label := range known {
		here := slices.ContainsFunc(t.Objects, func(o room.TruthObject) bool { return o.Label == label })
		if !here {
			missing = append(missing, label)
		}
	}
	slices.SortFunc(missing, cmp.Compare[string])
	if len(missing) == 0 {
		return ""
	}
	return missing[t.Seed/2%uint64(len(missing))]
}

func plural(noun string) string {
	switch {
	case strings.HasSuffix(noun, "lf"):
		return strings.TrimSuffix(noun, "f") + "ves"
	case strings.HasSuffix(noun, "x"), strings.HasSuffix(noun, "s"), strings.HasSuffix(noun, "ch"),
		strings.HasSuffix(noun, "sh"):
		return noun + "es"
	}
	return noun + "s"
}

func article(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}

// anyQuestions are for a camera whose view nobody knows.
func anyQuestions() []planned {
	return []planned{
		{kind: query.Count, text: "how many things are there?"},
		{kind: query.Distance, text: "how far is the nearest thing?"},
		{kind: query.Nearest, text: "what is nearest to me?"},
		{kind: query.Direction, text: "in which direction is the largest thing?"},
		{kind: query.Locate, text: "where is the nearest thing?"},
		{kind: query.Exists, text: "is there a chair?"},
	}
}
