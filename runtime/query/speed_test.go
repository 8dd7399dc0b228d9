package query

import (
	"slices"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/scene"
)

// hall is a snapshot of 200 uncertain things that stand closely in a hall of 9 by 7 m, with a robot among them.
func hall() *scene.Snapshot {
	items := make([]item, 200)
	labels, colors := testLexicon().Labels(), testLexicon().Colors()
	for i := range items {
		items[i] = item{
			labels[i%len(labels)], colors[i%len(colors)],
			float64(i%20)*0.45 - 4.3, float64(i/20)*0.7 - 3.2, 0, cube(0.1 + float64(i%5)/20), float64(i),
		}
	}
	s := build(scene.Pose{}, items...)
	for i := range s.Seen {
		s.Seen[i].Existence = 0.6 + 0.4*float64(i%10)/10
		s.Seen[i].CenterCov = scene.Cov{.01, 0, 0, 0, .01, 0, 0, 0, .01}
		s.Seen[i].SizeVar = scene.Vec3{X: .001, Y: .001, Z: .001}
	}
	for i := range s.Free {
		s.Free[i] = scene.Sector{Known: true, Free: 3, FreeVar: 0.01}
	}
	s.Room = scene.RoomEstimate{Length: 9, Width: 7, Height: 3, Area: 63, AreaVar: .01, LengthVar: .01, WidthVar: .01}
	s.Now = s.Seen
	return s
}

func TestExecuteIsFast(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector slows everything down")
	}
	for name, s := range map[string]*scene.Snapshot{"spread": crowd(200), "dense": hall()} {
		times := map[Kind][]time.Duration{}
		for _, c := range languageSet(t) {
			if c.Query == nil {
				continue
			}
			spent := typical(11, func() { Execute(*c.Query, s, DefaultOptions()) })
			times[c.Query.Kind] = append(times[c.Query.Kind], spent)
		}
		for _, kind := range Kinds() {
			list := times[kind]
			slices.Sort(list)
			worst := list[len(list)-1]
			t.Logf("%s: %-10s %4d queries over 200 objects, median of eleven each: p50 %v, worst %v",
				name, kind, len(list), list[len(list)/2], worst)
			if worst > time.Millisecond {
				t.Errorf("%s: %s: %v", name, kind, worst)
			}
		}
	}
}

// typical is the median time of so many calls: what interrupts one of them does not count.
func typical(calls int, do func()) time.Duration {
	times := make([]time.Duration, calls)
	for i := range times {
		start := time.Now()
		do()
		times[i] = time.Since(start)
	}
	slices.Sort(times)
	return times[calls/2]
}

func BenchmarkExecute200Objects(b *testing.B) {
	for _, kind := range Kinds() {
		b.Run(string(kind), func(b *testing.B) {
			s := hall()
			var queries []Query
			for _, c := range languageSet(b) {
				if c.Query != nil && c.Query.Kind == kind {
					queries = append(queries, *c.Query)
				}
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				Execute(queries[i%len(queries)], s, DefaultOptions())
			}
		})
	}
}

func TestParseIsFast(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector slows everything down")
	}
	lex := testLexicon()
	var each []time.Duration
	worst, slowest := time.Duration(0), ""
	for _, c := range languageSet(t) {
		spent := typical(11, func() { _, _ = Parse(c.Question, lex) })
		each = append(each, spent)
		if spent > worst {
			worst, slowest = spent, c.Question
		}
	}
	slices.Sort(each)
	t.Logf("%d questions, median of eleven parses each: p50 %v, p99 %v, worst %v: %q",
		len(each), each[len(each)/2], each[len(each)*99/100], worst, slowest)
	if worst > 50*time.Microsecond {
		t.Errorf("%q takes %v", slowest, worst)
	}
}
