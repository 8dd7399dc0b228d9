package query_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/camera/room"
	"github.com/vega-edge/vegad/runtime/query"
	"github.com/vega-edge/vegad/runtime/scene"
)

// exam asks one robot that perceives perfectly, and keeps the marks.
type exam struct {
	t     *testing.T
	rng   *rand.Rand
	lex   *query.Lexicon
	marks map[query.Kind]*mark
	*oracle
	room *room.Room
	snap *scene.Snapshot
}

type mark struct{ right, asked int }

// TestEveryKindIsRightWithPerfectPerception furnishes many rooms, gives their layout to the memory, asks questions of
// every kind in English and compares the answers with the oracle's.
func TestEveryKindIsRightWithPerfectPerception(t *testing.T) {
	rooms := 40
	if testing.Short() || query.RaceEnabled {
		rooms = 5
	}
	e := &exam{
		t: t, rng: rand.New(rand.NewPCG(5, 8)), lex: query.NewLexicon(room.Labels[:], room.Colors[:]),
		marks: map[query.Kind]*mark{},
	}
	for seed := range rooms {
		e.oracle, e.room = newOracle(uint64(1_000_000 + seed))
		e.snap = e.snapshot(e.room)
		for range 3 {
			e.askAll()
		}
	}
	for _, kind := range query.Kinds() {
		m := e.marks[kind]
		if m == nil || m.asked < rooms/2 {
			t.Errorf("%s: only %+v questions", kind, m)
			continue
		}
		share := 100 * float64(m.right) / float64(m.asked)
		t.Logf("%-10s %4d questions, %6.2f %% right", kind, m.asked, share)
		if share < 99 {
			t.Errorf("%s: %.2f %%, want 99", kind, share)
		}
	}
}

func (e *exam) askAll() {
	for _, ask := range []func(){
		e.askCount, e.askExists, e.askDistance, e.askSize, e.askRoom, e.askNearest, e.askAmong, e.askDirection,
		e.askWords, e.askTurns, e.askWay, e.askOrder, e.askLocate, e.askDescribe, e.askHolds, e.askList,
		e.askCompare, e.askClear,
	} {
		ask()
	}
}

// ask puts an English question.
func (e *exam) ask(format string, args ...any) query.Answer {
	e.t.Helper()
	text := fmt.Sprintf(format, args...)
	q, err := query.Parse(text, e.lex)
	if err != nil {
		e.t.Fatalf("%q: %v", text, err)
	}
	return query.Execute(q, e.snap, query.DefaultOptions())
}

// check keeps the mark of an answer.
func (e *exam) check(a query.Answer, right bool, format string, args ...any) {
	e.t.Helper()
	m := e.marks[a.Kind]
	if m == nil {
		m = &mark{}
		e.marks[a.Kind] = m
	}
	m.asked++
	if right {
		m.right++
		return
	}
	want := fmt.Sprintf(format, args...)
	e.t.Logf("room %d, %s: %s %s %q: want %s", e.room.Seed, a.Kind, a.Status, a.Reason, a.Text, want)
}

// number compares a value, and wants it inside its interval.
func (e *exam) number(a query.Answer, want, tolerance float64) {
	e.t.Helper()
	right := a.Value != nil && math.Abs(*a.Value-want) <= tolerance && a.Interval95[0] <= want+tolerance &&
		a.Interval95[1] >= want-tolerance
	e.check(a, right, "%g", want)
}

func (e *exam) any() *solid { return &e.solids[e.rng.IntN(len(e.solids))] }

// several draws different things.
func (e *exam) several(n int) []*solid {
	order := e.rng.Perm(len(e.solids))
	list := make([]*solid, 0, n)
	for _, i := range order[:min(n, len(order))] {
		list = append(list, &e.solids[i])
	}
	return list
}

// pick returns what a filter leaves.
func (e *exam) pick(ok func(*solid) bool) []*solid {
	var list []*solid
	for i := range e.solids {
		if ok(&e.solids[i]) {
			list = append(list, &e.solids[i])
		}
	}
	return list
}

func (e *exam) word(list ...string) string { return list[e.rng.IntN(len(list))] }

func (e *exam) askCount() {
	t, u := e.any(), e.any()
	switch e.rng.IntN(4) {
	case 0:
		a := e.ask("how many %s %s things are there", e.word("big", "small"), t.color)
		want := 0
		volumes := make([]float64, 0, len(e.solids))
		for i := range e.solids {
			volumes = append(volumes, e.solids[i].volume())
		}
		slices.Sort(volumes)
		n := len(volumes)
		median := (volumes[(n-1)/2] + volumes[n/2]) / 2
		for _, s := range e.pick(func(s *solid) bool { return s.color == t.color }) {
			if (s.volume() > median) == strings.Contains(a.Text, "big") && s.volume() != median {
				want++
			}
		}
		e.number(a, float64(want), 0)
	case 1:
		want := e.pick(func(s *solid) bool { return s.label == t.label || s.label == u.label })
		e.number(e.ask("how many %s and %s are there", plural(t.label), plural(u.label)), float64(len(want)), 0)
	case 2:
		want := e.pick(func(s *solid) bool { return s.label == t.label && s.color != u.color })
		e.number(e.ask("how many %s are there that are not %s", plural(t.label), u.color), float64(len(want)), 0)
	default:
		want := e.pick(func(s *solid) bool { return s != u && apart(s, u) <= 1 })
		if !e.closeCall(u, 1) {
			e.number(e.ask("how many things are near %s", u.id), float64(len(want)), 0)
		}
	}
}

// closeCall says whether something lies so near to a limit of distance that rounding decides.
func (e *exam) closeCall(u *solid, limit float64) bool {
	return len(e.pick(func(s *solid) bool { return s != u && math.Abs(apart(s, u)-limit) < 1e-6 })) > 0
}

func plural(label string) string {
	switch label {
	case "box", "couch":
		return label + "es"
	case "shelf":
		return "shelves"
	}
	return label + "s"
}

func (e *exam) askExists() {
	label, color := room.Labels[e.rng.IntN(len(room.Labels))], room.Colors[e.rng.IntN(len(room.Colors))]
	other := room.Labels[e.rng.IntN(len(room.Labels))]
	first := len(e.pick(func(s *solid) bool { return s.label == label && s.color == color })) > 0
	second := len(e.pick(func(s *solid) bool { return s.label == other })) > 0
	join, want := "or", first || second
	if e.rng.IntN(2) == 0 {
		join, want = "and", first && second
	}
	a := e.ask("is there a %s %s %s a %s", color, label, join, other)
	e.check(a, (a.Choice == "yes") == want, "%v", want)
}

func (e *exam) askDistance() {
	two := e.several(2)
	a, b := two[0], two[1]
	switch e.rng.IntN(3) {
	case 0:
		e.number(e.ask("how far is %s", a.id), a.floorDistance(e.x, e.y), 1e-6)
	case 1:
		e.number(e.ask("how far is %s in feet", a.id), a.floorDistance(e.x, e.y)/0.3048, 1e-5)
	default:
		e.number(e.ask("how far is %s from %s in cm", a.id, b.id), 100*apart(a, b), 0.05)
	}
}

func (e *exam) askSize() {
	t := e.any()
	switch e.rng.IntN(4) {
	case 0:
		e.number(e.ask("how big is %s in cm", t.id), 100*max(t.dx, t.dy, t.dz), 0.05)
	case 1:
		e.number(e.ask("how wide is %s", t.id), t.dy, 1e-6)
	case 2:
		e.number(e.ask("how tall is %s", t.id), t.dz, 1e-6)
	default:
		e.number(e.ask("what is the length of %s in feet", t.id), max(t.dx, t.dy)/0.3048, 1e-5)
	}
}

func (e *exam) askRoom() {
	switch e.rng.IntN(3) {
	case 0:
		e.number(e.ask("how big is the room"), e.room.Area(), 1e-3)
	case 1:
		e.number(e.ask("how many square feet is the room"), e.room.Area()/0.3048/0.3048, 1e-2)
	default:
		e.number(e.ask("how high is the ceiling"), e.room.Height, 1e-3)
	}
}

// best returns the thing of least value; the second result is false when another one comes as close as a millimetre.
func best(list []*solid, value func(*solid) float64) (*solid, bool) {
	sorted := slices.SortedFunc(slices.Values(list), func(a, b *solid) int {
		if value(a) < value(b) {
			return -1
		}
		return 1
	})
	if len(sorted) == 0 {
		return nil, false
	}
	return sorted[0], len(sorted) == 1 || value(sorted[1])-value(sorted[0]) > 1e-3
}

func (e *exam) isTarget(a query.Answer, want *solid) {
	e.t.Helper()
	e.check(a, a.Status == query.Answered && len(a.Objects) > 0 && a.Objects[0].ID == want.id, "%s", want)
}

func (e *exam) askNearest() {
	t, u := e.any(), e.any()
	if e.rng.IntN(2) == 0 {
		list := e.pick(func(s *solid) bool { return s.label == t.label && s != u })
		want, sure := best(list, func(s *solid) float64 { return apart(s, u) })
		if sure {
			e.isTarget(e.ask("which %s is closest to %s", t.label, u.id), want)
		}
		return
	}
	want, sure := best(e.pick(func(s *solid) bool { return s.color == t.color }),
		func(s *solid) float64 { return -s.floorDistance(e.x, e.y) })
	if sure {
		e.isTarget(e.ask("which %s thing is farthest from me", t.color), want)
	}
}

func (e *exam) askAmong() {
	list := e.several(5)
	if len(list) < 5 {
		return
	}
	anchor, labels := list[4], []string{}
	for _, s := range list[:4] {
		labels = append(labels, s.label)
	}
	rivals := e.pick(func(s *solid) bool { return slices.Contains(labels, s.label) && s != anchor })
	want, sure := best(rivals, func(s *solid) float64 { return apart(s, anchor) })
	if !sure {
		return
	}
	e.isTarget(e.ask("Measuring from the closest point of each object, which of these objects (%s) is the closest to %s?",
		strings.Join(labels, ", "), anchor.id), want)
}

func (e *exam) askDirection() {
	t := e.any()
	if math.Hypot(t.x-e.x, t.y-e.y) < 0.1 {
		return
	}
	e.number(e.ask("in which direction is %s", t.id), turn(e.x, e.y, e.yaw, t.x, t.y)*math.Pi/180, 1e-6)
}

func (e *exam) askWords() {
	three := e.several(3)
	if len(three) < 3 {
		return
	}
	at, facing, t := three[0], three[1], three[2]
	if math.Hypot(at.x-facing.x, at.y-facing.y) < 0.1 || math.Hypot(at.x-t.x, at.y-t.y) < 0.1 {
		return
	}
	angle := turn(at.x, at.y, math.Atan2(facing.y-at.y, facing.x-at.x), t.x, t.y)
	side := "left"
	if angle < 0 {
		side = "right"
	}
	for _, edge := range []float64{0, 90, 135, 180} {
		if math.Abs(math.Abs(angle)-edge) < 0.1 {
			return
		}
	}
	var a query.Answer
	want := side
	switch e.rng.IntN(3) {
	case 0:
		a = e.ask("If I am standing by %s and facing %s, is %s to my left or my right?", at.id, facing.id, t.id)
	case 1:
		a = e.ask("If I am standing by %s and facing %s, is %s to my left, right, or back?", at.id, facing.id, t.id)
		if math.Abs(angle) > 135 {
			want = "back"
		}
	default:
		a = e.ask("if i stand by %s and face %s, is %s to my front-left, front-right, back-left, or back-right",
			at.id, facing.id, t.id)
		want = "front-" + side
		if math.Abs(angle) > 90 {
			want = "back-" + side
		}
	}
	e.check(a, a.Choice == want, "%s (%.1f degrees)", want, angle)
}

func (e *exam) askTurns() {
	list := e.several(4)
	if len(list) < 4 {
		return
	}
	x, y := list[0].x, list[0].y
	heading := math.Atan2(list[1].y-y, list[1].x-x)
	words := []string{}
	for _, stop := range list[2:] {
		angle := turn(x, y, heading, stop.x, stop.y)
		for _, edge := range []float64{22.5, 135} {
			if math.Abs(math.Abs(angle)-edge) < 0.1 {
				return
			}
		}
		switch {
		case math.Abs(angle) < 22.5:
			words = append(words, "straight")
		case math.Abs(angle) > 135:
			words = append(words, "back")
		case angle > 0:
			words = append(words, "left")
		default:
			words = append(words, "right")
		}
		heading = math.Atan2(stop.y-y, stop.x-x)
		x, y = stop.x, stop.y
	}
	a := e.ask("standing at %s facing %s, which turns lead via %s to %s", list[0].id, list[1].id, list[2].id, list[3].id)
	e.check(a, a.Choice == strings.Join(words, ", "), "%v", words)
}

func (e *exam) askOrder() {
	list := e.several(3)
	labels := []string{}
	for _, s := range list {
		if !slices.Contains(labels, s.label) {
			labels = append(labels, s.label)
		}
	}
	if len(labels) < 2 {
		return
	}
	first := func(label string) int {
		n := math.MaxInt
		for i := range e.solids {
			if e.solids[i].label == label {
				n = min(n, e.solids[i].seen)
			}
		}
		return n
	}
	a := e.ask("in which order did you see the %s", strings.Join(labels, ", the "))
	slices.SortFunc(labels, func(a, b string) int { return first(a) - first(b) })
	e.check(a, a.Choice == strings.Join(labels, ", "), "%v", labels)
}

func (e *exam) askLocate() {
	t := e.any()
	same := e.pick(func(s *solid) bool { return s.label == t.label })
	var want *solid
	var sure bool
	word := e.word("nearest", "largest", "tallest", "leftmost")
	switch word {
	case "nearest":
		want, sure = best(same, func(s *solid) float64 { return s.floorDistance(e.x, e.y) })
	case "largest":
		want, sure = best(same, func(s *solid) float64 { return -s.volume() })
	case "tallest":
		want, sure = best(same, func(s *solid) float64 { return -s.dz })
	default:
		want, sure = best(same, func(s *solid) float64 { return -turn(e.x, e.y, e.yaw, s.x, s.y) })
	}
	if sure {
		e.isTarget(e.ask("where is the %s %s", word, t.label), want)
	}
}
