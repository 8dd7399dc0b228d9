package eval

import (
	"encoding/json"
	"fmt"
	"strings"
)

// figure is one number of the benchmark.
type figure int

const (
	locate25 figure = iota
	locate50
	locateNear
	locateAbstained
	forced25
	forced50
	forcedNear
	seen25
	seen50
	seenNear
	allF25
	allF50
	vsiCount
	vsiDistance
	countOff
	countExact
	distanceOff
	distanceRel
	distanceCover
	directionOff
	directionCover
	existsRight
	depthAbsRel
	egoMove
	egoTurn
	cover
	abstained
	consistent
	gateObserve // the families follow in the order of families
	gateLocate
	gateCount
	gateMeasure
	gateRelate
	gateDescribe
	figureCount
)

const gateFigures = gateDescribe - gateObserve + 1

// naming is where a figure stands in the JSON object, and how it follows from its samples.
type naming struct {
	group, name string
	reduce      func([]float64) float64
}

func namings() [figureCount]naming {
	return [figureCount]naming{
		locate25: {"locate", "acc25", mean}, locate50: {"locate", "acc50", mean},
		locateNear: {"locate", "near50cm", mean}, locateAbstained: {"locate", "abstained", mean},
		forced25: {"locate_forced", "acc25", mean}, forced50: {"locate_forced", "acc50", mean},
		forcedNear: {"locate_forced", "near50cm", mean},
		seen25:     {"locate_seen", "acc25", mean}, seen50: {"locate_seen", "acc50", mean},
		seenNear: {"locate_seen", "near50cm", mean},
		allF25:   {"locate_all", "f1_25", mean}, allF50: {"locate_all", "f1_50", mean},
		vsiCount: {"vsi", "count", mean}, vsiDistance: {"vsi", "abs_distance", mean},
		countOff: {"count", "mae", mean}, countExact: {"count", "exact", mean},
		distanceOff: {"distance", "median_m", median}, distanceRel: {"distance", "median_rel", median},
		distanceCover: {"distance", "coverage95", mean},
		directionOff:  {"direction", "median_deg", median}, directionCover: {"direction", "coverage95", mean},
		existsRight: {"exists", "accuracy", mean}, depthAbsRel: {"depth", "abs_rel", mean},
		egoMove: {"ego", "trans_err_ratio", mean}, egoTurn: {"ego", "rot_err_deg", mean},
		cover: {"calibration", "coverage95", mean}, abstained: {"calibration", "abstained", mean},
		consistent:  {"calibration", "consistency", median},
		gateObserve: {"gate", "observe", mean}, gateLocate: {"gate", "locate", mean}, gateCount: {"gate", "count", mean},
		gateMeasure: {"gate", "measure", mean}, gateRelate: {"gate", "relate", mean},
		gateDescribe: {"gate", "describe", mean},
	}
}

// Variant holds the figures of one variant, by group and name as in {"locate": {"acc25": 41.2}}. A figure without a
// single sample is absent. As JSON, the groups stand beside interval95 and reasons.
type Variant struct {
	Figures    map[string]map[string]float64
	Interval95 map[string]map[string][2]float64 // by bootstrap over the rooms
	Samples    map[string]map[string]int        // questions, rooms or steps that the figure rests on
	Reasons    map[string]int                   // why questions about things in view were not answered
	Curve      []Point                          // accuracy against abstention; absent of walks
}

// MarshalJSON writes the groups side by side.
func (v Variant) MarshalJSON() ([]byte, error) {
	out := map[string]any{"interval95": v.Interval95, "samples": v.Samples, "reasons": v.Reasons}
	if len(v.Curve) > 0 {
		out["curve"] = v.Curve
	}
	for group, figures := range v.Figures {
		out[group] = figures
	}
	return json.Marshal(out)
}

// summarise turns the rooms' tallies into figures.
func summarise(rooms []*tally) Variant {
	v := Variant{
		Figures: map[string]map[string]float64{}, Interval95: map[string]map[string][2]float64{},
		Samples: map[string]map[string]int{}, Reasons: map[string]int{},
	}
	for f, n := range namings() {
		byRoom := make([][]float64, len(rooms))
		var all []float64
		for i, t := range rooms {
			byRoom[i] = t.samples[f]
			all = append(all, t.samples[f]...)
		}
		if len(all) == 0 {
			continue
		}
		put(v.Figures, n, n.reduce(all))
		put(v.Interval95, n, bootstrap(byRoom, n.reduce))
		put(v.Samples, n, len(all))
	}
	var located, ranged []attempt
	for _, t := range rooms {
		located, ranged = append(located, t.located...), append(ranged, t.ranged...)
		for reason, n := range t.reasons {
			v.Reasons[reason] += n
		}
	}
	v.Curve = curve(located, ranged)
	return v
}

func put[T any](to map[string]map[string]T, n naming, value T) {
	if to[n.group] == nil {
		to[n.group] = map[string]T{}
	}
	to[n.group][n.name] = value
}

// line is one row of the tables for people.
type line struct{ title, group, name, unit string }

func lines() []line {
	return []line{
		{"right thing, IoU ≥ 0.25", "locate", "acc25", "%"},
		{"right thing, IoU ≥ 0.5", "locate", "acc50", "%"},
		{"right thing within 0.5 m", "locate", "near50cm", "%"},
		{"without abstaining, IoU ≥ 0.25", "locate_forced", "acc25", "%"},
		{"from memory, IoU ≥ 0.25", "locate_seen", "acc25", "%"},
		{"all things, F1 at IoU 0.25", "locate_all", "f1_25", "%"},
		{"all things, F1 at IoU 0.5", "locate_all", "f1_50", "%"},
		{"count, mean absolute error", "count", "mae", ""},
		{"count, exact", "count", "exact", "%"},
		{"count, MRA", "vsi", "count", "%"},
		{"distance, median error if answered", "distance", "median_m", "m"},
		{"distance, relative, if answered", "distance", "median_rel", "%"},
		{"distance, MRA, abstained is 0", "vsi", "abs_distance", "%"},
		{"direction, median error if answered", "direction", "median_deg", "°"},
		{"exists, right", "exists", "accuracy", "%"},
		{"depth, mean relative error", "depth", "abs_rel", "%"},
		{"own motion, error of the way", "ego", "trans_err_ratio", ""},
		{"own motion, error of the heading", "ego", "rot_err_deg", "°"},
		{"truth inside the 95 % interval", "calibration", "coverage95", "%"},
		{"abstained", "calibration", "abstained", "%"},
		{"geometry agrees with itself, median", "calibration", "consistency", ""},
		{"gate while watching, 1 is all meaning", "gate", "observe", ""},
		{"gate for a measurement", "gate", "measure", ""},
		{"gate for a count", "gate", "count", ""},
	}
}

// variants returns the measured variants in their fixed order.
func (r *Result) variants() []string {
	var out []string
	for _, name := range Variants() {
		if _, ok := r.Variants[name]; ok {
			out = append(out, name)
		}
	}
	return out
}

// cell writes a figure with its interval.
func (v Variant) cell(l line) string {
	value, ok := v.Figures[l.group][l.name]
	if !ok {
		return "–"
	}
	digits := 1
	if l.unit == "" || l.unit == "m" {
		digits = 2
	}
	unit := l.unit
	if unit == "%" || unit == "m" {
		unit = " " + unit
	}
	i := v.Interval95[l.group][l.name]
	return fmt.Sprintf("%.*f%s (%.*f–%.*f)", digits, value, unit, digits, i[0], digits, i[1])
}

// head says what was measured.
func (r *Result) head() string {
	last := r.FirstSeed + uint64(r.Rooms) - 1
	return fmt.Sprintf("%s, %s on %s, %d rooms of split %s (seeds %d to %d), 95 %% intervals over rooms",
		r.Bundle, r.Precision, r.Provider, r.Rooms, r.Split, r.FirstSeed, last)
}

// sheet is figures of several variants as a table.
type sheet struct {
	head     string
	names    []string // columns
	lines    []line   // rows
	variants map[string]Variant
}

func (r *Result) sheet() sheet { return sheet{r.head(), r.variants(), lines(), r.Variants} }

// Table writes the figures for a terminal.
func (r *Result) Table() string {
	s := r.sheet()
	return s.table()
}

// Markdown writes the figures as the table of a README.
func (r *Result) Markdown() string {
	s := r.sheet()
	parts := []string{s.markdown()}
	for _, name := range r.variants() {
		if name != Blind { // it trusts nothing
			parts = append(parts, curveMarkdown(r.Variants[name].Curve))
		}
	}
	return strings.Join(parts, "\n")
}

func (s *sheet) table() string {
	const width, cell = 36, 26
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%-*s", s.head, width, "")
	for _, name := range s.names {
		fmt.Fprintf(&b, "%-*s", cell, name)
	}
	b.WriteByte('\n')
	for _, l := range s.lines {
		fmt.Fprintf(&b, "%-*s", width, l.title)
		for _, name := range s.names {
			fmt.Fprintf(&b, "%-*s", cell, s.variants[name].cell(l))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (s *sheet) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s |\n|---|%s\n", strings.Join(append([]string{"figure"}, s.names...), " | "),
		strings.Repeat("---|", len(s.names)))
	for _, l := range s.lines {
		fmt.Fprintf(&b, "| %s |", l.title)
		for _, name := range s.names {
			fmt.Fprintf(&b, " %s |", s.variants[name].cell(l))
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "\n%s\n", s.head)
	return b.String()
}
