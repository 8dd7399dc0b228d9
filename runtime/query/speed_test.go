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
			for range 20 {
				start := time.Now()
				Execute(*c.Query, s, DefaultOptions())
				times[c.Query.Kind] = append(times[c.Query.Kind], time.Since(start))
			}
		}
		for _, kind := range Kinds() {
			list := times[kind]
			slices.Sort(list)
			p99 := list[len(list)*99/100]
			t.Logf("%s: %-10s %4d runs over 200 objects: p50 %v, p99 %v", name, kind, len(list), list[len(list)/2], p99)
			if p99 > time.Millisecond {
				t.Errorf("%s: %s: p99 %v", name, kind, p99)
			}
		}
	}
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
	var typical []time.Duration
	worst, slowest := time.Duration(0), ""
	for _, c := range languageSet(t) {
		times := make([]time.Duration, 11)
		for i := range times {
			start := time.Now()
			_, _ = Parse(c.Question, lex)
			times[i] = time.Since(start)
		}
		slices.Sort(times)
		typical = append(typical, times[len(times)/2])
		if last := typical[len(typical)-1]; last > worst {
			worst, slowest = last, c.Question
		}
	}
	slices.Sort(typical)
	t.Logf("%d questions, median of eleven parses each: p50 %v, p99 %v, worst %v: %q",
		len(typical), typical[len(typical)/2], typical[len(typical)*99/100], worst, slowest)
	if worst > 50*time.Microsecond {
		t.Errorf("%q takes %v", slowest, worst)
	}
}
