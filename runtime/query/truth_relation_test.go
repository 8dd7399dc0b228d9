package query_test

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/vega-edge/vegad/runtime/query"
	"github.com/vega-edge/vegad/runtime/scene"
)

// stands decides a relation of a to b as the robot sees it; sure is false where a hair decides.
func (o *oracle) stands(name string, a, b *solid) (holds, sure bool) {
	over := func(margin float64) bool { return b.holdsPoint(a.x, a.y, margin) }
	steady := over(-0.001) == over(0.001) && over(0.049) == over(0.051)
	differs := func(x, limit float64) bool { return math.Abs(x-limit) > 1e-3 }
	switch name {
	case "near":
		return apart(a, b) <= 1, differs(apart(a, b), 1)
	case "on":
		gap := math.Abs(a.bottom() - b.top())
		return gap <= 0.15 && over(0.05), steady && differs(gap, 0.15)
	case "above":
		return a.bottom() >= b.top()-0.15 && over(0.05), steady && differs(a.bottom(), b.top()-0.15)
	case "under":
		return a.top() <= b.top()-0.05 && over(0), steady && differs(a.top(), b.top()-0.05)
	case "inside":
		return over(0) && a.z >= b.bottom() && a.z <= b.top() && a.volume() < b.volume(),
			steady && differs(a.z, b.bottom()) && differs(a.z, b.top())
	case "against":
		on, sureOn := o.stands("on", a, b)
		under, sureUnder := o.stands("on", b, a)
		return apart(a, b) <= 0.1 && !on && !under, sureOn && sureUnder && differs(apart(a, b), 0.1)
	}
	// Behind is where the line of sight goes on; left is to the left of that line.
	angle := turn(b.x, b.y, math.Atan2(b.y-o.y, b.x-o.x), a.x, a.y)
	axis := map[string]float64{"behind": 0, "left of": 90, "in front of": 180, "right of": -90}[name]
	off := math.Abs(math.Remainder(angle-axis, 360))
	return off < 60 && !over(0), steady && differs(off, 60) && math.Hypot(b.x-o.x, b.y-o.y) > 0.01
}

func (e *exam) relationWord() string {
	return e.word("left of", "right of", "in front of", "behind", "on", "under", "above", "inside", "against", "near")
}

func (e *exam) askHolds() {
	two := e.several(2)
	name := e.relationWord()
	want, sure := e.stands(name, two[0], two[1])
	if !sure {
		return
	}
	a := e.ask("is %s %s %s", two[0].id, name, two[1].id)
	e.check(a, a.Status == query.Answered && (a.Choice == "yes") == want, "%v: %s %s %s", want, two[0], name, two[1])
}

func (e *exam) askList() {
	b, name := e.any(), e.relationWord()
	want := []string{}
	for i := range e.solids {
		holds, sure := e.stands(name, &e.solids[i], b)
		if &e.solids[i] == b {
			continue
		}
		if !sure {
			return
		}
		if holds {
			want = append(want, e.solids[i].id)
		}
	}
	a := e.ask("what is %s %s", name, b.id)
	got := []string{}
	for _, r := range a.Objects {
		got = append(got, r.ID)
	}
	slices.Sort(want)
	slices.Sort(got)
	e.check(a, a.Status == query.Answered && slices.Equal(got, want) && int(*a.Value) == len(want), "%v", want)
}

func (e *exam) askCompare() {
	three := e.several(3)
	if len(three) < 3 {
		return
	}
	from := three[2]
	word := e.word("nearer", "farther", "bigger", "shorter")
	value := func(s *solid) float64 {
		switch word {
		case "nearer":
			return apart(s, from)
		case "farther":
			return -apart(s, from)
		case "bigger":
			return -s.volume()
		}
		return s.dz
	}
	want, sure := best(three[:2], value)
	if !sure {
		return
	}
	to := ""
	if word == "nearer" || word == "farther" {
		to = " to " + from.id
	}
	e.isTarget(e.ask("which is %s%s, %s or %s", word, to, three[0].id, three[1].id), want)
}

var (
	described = regexp.MustCompile(`^It is an? (\S+) (\S+), (\S+) m wide, (\S+) m deep and (\S+) m high\. ` +
		`It is (\S+) m away, `)
	placed = regexp.MustCompile(`^((?:left|right|in front) of|behind|inside|on|under|against) the (\S+ \S+?)` +
		`(?:, \S+ m from it)?$`)
)

// askDescribe reads the sentence: what it says must be true, and its anchors the right ones.
func (e *exam) askDescribe() {
	t := e.any()
	a := e.ask("describe %s", t.id)
	m := described.FindStringSubmatch(a.Text)
	want := []string{
		t.color, t.label, fmt.Sprintf("%.2f", t.dy), fmt.Sprintf("%.2f", t.dx), fmt.Sprintf("%.2f", t.dz),
		fmt.Sprintf("%.2f", t.floorDistance(e.x, e.y)),
	}
	if m == nil || !slices.Equal(m[1:], want) {
		e.check(a, false, "%v", want)
		return
	}
	anchors := e.anchors(a)
	_, rest, found := strings.Cut(strings.TrimSuffix(a.Text, "."), "; it is ")
	var said [][]string
	for part := range strings.SplitSeq(rest, " and ") {
		if m := placed.FindStringSubmatch(part); m != nil {
			said = append(said, m)
		}
	}
	if found != (len(anchors) > 0) || len(said) != len(anchors) {
		e.check(a, false, "a relation to each of %v", anchors)
		return
	}
	for i, s := range said {
		holds, sure := e.stands(s[1], t, anchors[i])
		if s[2] != anchors[i].color+" "+anchors[i].label || sure && !holds {
			e.check(a, false, "the truth: not %s %s", s[1], anchors[i])
			return
		}
	}
	reach := len(e.pick(func(s *solid) bool { return s != t && apart(s, t) <= 3 }))
	e.check(a, len(anchors) == min(2, reach), "%d anchors of %d things in reach", min(2, reach), reach)
}

func (e *exam) anchors(a query.Answer) []*solid {
	var list []*solid
	for _, r := range a.Objects {
		if r.Role == query.Anchor {
			list = append(list, e.pick(func(s *solid) bool { return s.id == r.ID })...)
		}
	}
	return list
}

func (e *exam) askClear() {
	words := []string{"ahead", "to my left", "to my right", "behind me", "to the front left", "to the front right"}
	angles := []float64{0, 90, -90, 180, 45, -45}
	i := e.rng.IntN(len(words))
	length, width := 0.5+float64(e.rng.IntN(8))*0.3, 0.4+0.1*float64(e.rng.IntN(4))
	free, unknown, sure := e.lane(e.yaw+angles[i]*math.Pi/180, length, width)
	if !sure || math.Abs(free-length) < 0.15 {
		return
	}
	a := e.ask("is the way %s clear for %.1f m for a robot %.1f m wide", words[i], length, width)
	switch {
	case free < length && a.Status == query.Answered:
		e.check(a, a.Choice == "no" && math.Abs(*a.Value-free) < 0.15, "no, after %.2f", free)
	case free < length: // what blocks the lane may lie where nobody looked, when it is a wall
		e.check(a, unknown && a.Reason == query.ReasonNotLooked, "no, after %.2f", free)
	case unknown:
		e.check(a, a.Reason == query.ReasonNotLooked, "not looked")
	default:
		e.check(a, a.Choice == "yes", "yes, for %.2f", free)
	}
}

// askWay plans a way and follows it: it must arrive, touch nothing and be about as short as the oracle's.
func (e *exam) askWay() {
	t := e.any()
	const radius, arrival = 0.25, 0.5
	saved := e.snap.Free
	for i := range e.snap.Free { // all of the floor is known, so that only its length decides for a way
		e.snap.Free[i] = scene.Sector{Known: true, Free: scene.FreeRange}
	}
	a := e.ask("how do I get to %s", t.id)
	e.snap.Free = saved
	excused := func(s *solid) bool { return s == t || s.holdsPoint(t.x, t.y, 0) || s.floorDistance(e.x, e.y) == 0 }
	if a.Reason == query.ReasonNoWay {
		e.check(a, math.IsInf(e.walk(t, radius+0.13, arrival-0.03, excused), 1), "a way: there is room")
		return
	}
	if a.Status != query.Answered || a.Value == nil {
		e.check(a, false, "a way")
		return
	}
	x, y, length := e.x, e.y, 0.0
	heading := e.yaw
	for _, s := range a.Steps {
		heading += s.TurnRad
		for d := 0.0; d < s.DistanceM; d += 0.01 {
			px, py := x+d*math.Cos(heading), y+d*math.Sin(heading)
			for i := range e.solids {
				o := &e.solids[i]
				least := min(radius, o.floorDistance(e.x, e.y)) - 0.045
				if o.obstructs() && !excused(o) && o.floorDistance(px, py) < least {
					e.check(a, false, "a way that keeps %.2f m from %s", least, o)
					return
				}
			}
		}
		x, y, length = x+s.DistanceM*math.Cos(heading), y+s.DistanceM*math.Sin(heading), length+s.DistanceM
	}
	shortest := e.walk(t, radius, arrival, excused)
	roomy := e.walk(t, radius+0.13, arrival, excused)
	right := t.floorDistance(x, y) <= arrival+1e-6 && math.Abs(length-*a.Value) < 1e-6 &&
		length <= 1.1*roomy+0.1 && (math.IsInf(shortest, 1) || length >= 0.95*shortest-0.1)
	e.check(a, right, "a way of %.2f to %.2f m to %s; it is %.2f m long and ends %.2f m away",
		shortest, roomy, t, length, t.floorDistance(x, y))
}
