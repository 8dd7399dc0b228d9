package eval

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/vega-edge/vegad/runtime/scene"
)

// How many questions of a kind a tour is asked at most, and what is too close a call to ask.
const (
	askedPerKind  = 3
	leastDistance = 0.3                // m between two things; a relative error of less means nothing
	nearTie       = 0.15               // m by which the closest of several must be closer
	leastLeg      = 0.6                // m between the centres of where one stands and what one looks at
	edgeMargin    = 10 * math.Pi / 180 // from the line between two words for a direction
	choices       = 4
	orderDraws    = 60 // of four labels, most of which appear too close after each other
)

// examiner makes the questions about one tour.
type examiner struct {
	tour   *tour
	split  Split
	names  []string // the bundle's labels
	rng    *rand.Rand
	unique []int // residents that are the only one of their label, and seen well
	clear  []int // labels of which every visible thing was seen well
	list   []Question
}

// examine makes the questions about a tour, in VSI-Bench's words. It asks only about what the tour shows well, and
// leaves out what is too close to call; docs/evaluation.md lists the rules.
func examine(t *tour, split Split, names []string) []Question {
	e := &examiner{tour: t, split: split, names: names, rng: rand.New(rand.NewPCG(t.seed, 0x76736900))}
	e.sort()
	e.counts()
	e.distances()
	e.sizes()
	e.add(RoomSize, "What is the size of this room (in square meters)? "+
		"If multiple rooms are shown, estimate the size of the combined space.", e.tour.room.Area)
	e.nearest()
	e.directions()
	e.routes()
	e.orders()
	return e.list
}

// sort finds out what can be asked about.
func (e *examiner) sort() {
	for label := range e.names {
		well, poorly := e.of(label)
		if poorly > 0 || len(well) == 0 {
			continue
		}
		e.clear = append(e.clear, label)
		if len(well) == 1 {
			e.unique = append(e.unique, well[0])
		}
	}
}

// of lists the residents of a label that are seen well, and counts those that are seen, but not well.
func (e *examiner) of(label int) (well []int, poorly int) {
	for i := range e.tour.residents {
		switch r := &e.tour.residents[i]; {
		case r.label != label || !r.any:
		case r.well():
			well = append(well, i)
		default:
			poorly++
		}
	}
	return well, poorly
}

func (e *examiner) name(resident int) string { return e.names[e.tour.residents[resident].label] }

func (e *examiner) box(resident int) scene.Box { return e.tour.residents[resident].box }

// id numbers the questions of a kind.
func (e *examiner) question(kind, text string, labels []string) Question {
	n := 0
	for i := range e.list {
		if e.list[i].Kind == kind {
			n++
		}
	}
	return Question{
		Type: questionLine, ID: fmt.Sprintf("%d/%s/%d", e.tour.seed, kind, n), Split: e.split, Seed: e.tour.seed,
		Kind: kind, Text: text, labels: labels,
	}
}

// add asks for a number.
func (e *examiner) add(kind, text string, truth float64, labels ...string) {
	q := e.question(kind, text, labels)
	q.Metric, q.GroundTruth = MRA, strconv.FormatFloat(truth, 'f', -1, 64)
	e.list = append(e.list, q)
}

// choose asks for one of several; the right one comes first and is mixed in.
func (e *examiner) choose(kind, text string, options, labels []string) {
	q := e.question(kind, text, labels)
	q.Metric = Accuracy
	for at, i := range e.rng.Perm(len(options)) {
		letter := string(rune('A' + at))
		q.Options = append(q.Options, letter+". "+options[i])
		if i == 0 {
			q.GroundTruth = letter
		}
	}
	e.list = append(e.list, q)
}

// draw returns up to n different unique residents in random order.
func (e *examiner) draw(n int) []int {
	order := e.rng.Perm(len(e.unique))
	out := make([]int, 0, n)
	for _, i := range order[:min(n, len(order))] {
		out = append(out, e.unique[i])
	}
	return out
}

func (e *examiner) counts() {
	for _, label := range e.mixed(e.clear) {
		well, _ := e.of(label)
		if len(well) > 1 && e.asked(ObjectCounting) < askedPerKind {
			e.add(ObjectCounting, "How many "+e.names[label]+"(s) are in this room?", float64(len(well)), e.names[label])
		}
	}
}

func (e *examiner) mixed(list []int) []int {
	out := slices.Clone(list)
	e.rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func (e *examiner) asked(kind string) int {
	n := 0
	for i := range e.list {
		if e.list[i].Kind == kind {
			n++
		}
	}
	return n
}

func (e *examiner) distances() {
	list := e.draw(2 * askedPerKind)
	for len(list) > 1 {
		a, b := list[0], list[1]
		list = list[2:]
		if d := scene.Distance(e.box(a), e.box(b)); d >= leastDistance {
			e.add(ObjectAbsDistance, fmt.Sprintf("Measuring from the closest point of each object, what is the distance "+
				"between the %s and the %s (in meters)?", e.name(a), e.name(b)), d, e.name(a), e.name(b))
		}
	}
}

func (e *examiner) sizes() {
	for _, i := range e.draw(askedPerKind) {
		e.add(ObjectSize, "What is the length of the longest dimension (length, width, or height) of the "+e.name(i)+
			", measured in centimeters?", 100*e.box(i).Longest(), e.name(i))
	}
}

// closest is how near the next thing of a label comes to a resident.
func (e *examiner) closest(label, anchor int) float64 {
	least := math.Inf(1)
	well, _ := e.of(label)
	for _, i := range well {
		least = min(least, scene.Distance(e.box(i), e.box(anchor)))
	}
	return least
}

func (e *examiner) nearest() {
	for _, anchor := range e.draw(askedPerKind) {
		labels := slices.DeleteFunc(e.mixed(e.clear), func(l int) bool { return l == e.tour.residents[anchor].label })
		if len(labels) < choices {
			return
		}
		labels = labels[:choices]
		shown := e.words(labels)
		slices.SortFunc(labels, func(a, b int) int {
			if e.closest(a, anchor) < e.closest(b, anchor) {
				return -1
			}
			return 1
		})
		if e.closest(labels[1], anchor)-e.closest(labels[0], anchor) < nearTie {
			continue
		}
		e.choose(ObjectRelDistance, fmt.Sprintf("Measuring from the closest point of each object, which of these objects "+
			"(%s) is the closest to the %s? If there are multiple instances of an object category, measure to the closest.",
			strings.Join(shown, ", "), e.name(anchor)), e.words(labels), append(e.words(labels), e.name(anchor)))
	}
}

func (e *examiner) words(labels []int) []string {
	out := make([]string, len(labels))
	for i, l := range labels {
		out[i] = e.names[l]
	}
	return out
}

func (e *examiner) orders() {
	for range orderDraws {
		labels := e.mixed(e.clear)
		if len(labels) < choices || e.asked(AppearanceOrder) == askedPerKind {
			return
		}
		labels = labels[:choices]
		shown := e.words(labels)
		slices.SortFunc(labels, func(a, b int) int { return e.first(a) - e.first(b) })
		apart := true
		for i := 1; i < choices; i++ {
			apart = apart && when(e.first(labels[i])-e.first(labels[i-1])) >= appearanceGap
		}
		text := "What will be the first-time appearance order of the following categories in the video: " +
			strings.Join(shown, ", ") + "?"
		if !apart || slices.ContainsFunc(e.list, func(q Question) bool { return q.Text == text }) {
			continue
		}
		e.choose(AppearanceOrder, text, e.wrongOrders(e.words(labels)), shown)
	}
}

// first is the look at which a label first shows.
func (e *examiner) first(label int) int {
	least := math.MaxInt
	well, _ := e.of(label)
	for _, i := range well {
		least = min(least, e.tour.residents[i].first)
	}
	return least
}

// wrongOrders returns the right order and three others.
func (e *examiner) wrongOrders(right []string) []string {
	out := []string{strings.Join(right, ", ")}
	for len(out) < choices {
		other := slices.Clone(right)
		e.rng.Shuffle(len(other), func(i, j int) { other[i], other[j] = other[j], other[i] })
		if text := strings.Join(other, ", "); !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}
