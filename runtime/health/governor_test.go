package health

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

// at is a moment of a made-up day.
func at(seconds int) time.Time {
	return time.Unix(1_000_000, 0).Add(time.Duration(seconds) * time.Second)
}

// hot is a pressure of heat alone.
func hot(headroom float64) Pressure { return Pressure{Headroom: known(headroom), Zone: "tj"} }

func TestHeatTakesTheStepAtOnce(t *testing.T) {
	for _, c := range []struct {
		headroom float64
		want     Step
	}{
		{50, StepFull},
		{14.1, StepFull},
		{13.9, StepHalfFrames},
		{9.1, StepHalfFrames},
		{8.9, StepHalfObservations},
		{4.1, StepHalfObservations},
		{3.9, StepQuestionsOnly},
		{-3, StepQuestionsOnly},
	} {
		var g Governor
		changed := g.Decide(at(0), hot(c.headroom))
		step, reason := g.Step()
		if step != c.want || changed != (c.want != StepFull) || (reason == "") != (step == StepFull) {
			t.Errorf("headroom %g: %s (%s), changed %t, want %s", c.headroom, step, reason, changed, c.want)
		}
	}
	var g Governor
	if g.Decide(at(0), Pressure{}) {
		t.Error("a machine without sensors is taken for a hot one")
	}
}

// TestARelapseIsRemembered lets each step back prove wrong at once, and then none for long.
func TestARelapseIsRemembered(t *testing.T) {
	var g Governor
	second := 0
	g.Decide(at(0), hot(10))
	for _, want := range []int{120, 240, 480, 960, 1800, 1800} {
		began := second
		for !g.Decide(at(second), hot(40)) {
			if second++; second-began > 2000 {
				t.Fatalf("no step back %d s after %d", second-began, began)
			}
		}
		if took := second - began; took != want {
			t.Errorf("the step back took %d s, want %d", took, want)
		}
		g.Decide(at(second+1), hot(10))
		second += 2
	}
	if g.hold != longHold {
		t.Errorf("hold %v", g.hold)
	}
	for second += 1800; !g.Decide(at(second), hot(40)); second++ {
	}
	if second += 1801; !g.Decide(at(second), hot(10)) || g.hold != longHold/2 {
		t.Errorf("after half an hour without a relapse: %v", g.hold)
	}
}

func TestStepsAreLeftSlowly(t *testing.T) {
	var g Governor
	g.Decide(at(0), hot(3))
	second := 0
	next := func(p Pressure) bool { second++; return g.Decide(at(second), p) }
	for range 300 { // not cool enough: 4 K to enter and 5 K more to leave
		if next(hot(8.5)) {
			t.Fatalf("left after %d s at 8.5 K", second)
		}
	}
	began := second
	for _, want := range []Step{StepHalfObservations, StepHalfFrames, StepFull} {
		for !next(hot(40)) {
			if second-began > 125 {
				t.Fatalf("not %s after %d s", want, second-began)
			}
		}
		if step, _ := g.Step(); step != want || second-began < 120 {
			t.Fatalf("%s after %d s, want %s after 120", step, second-began, want)
		}
		began = second
	}
	if _, reason := g.Step(); reason != "" {
		t.Errorf("full, because %s", reason)
	}
	// A moment of heat begins the wait anew.
	g = Governor{}
	g.Decide(at(1000), hot(10))
	g.Decide(at(1010), hot(40))
	g.Decide(at(1100), hot(16)) // not yet above 19
	if g.Decide(at(1111), hot(40)) || g.Decide(at(1230), hot(40)) || !g.Decide(at(1231), hot(40)) {
		t.Error("the wait did not begin anew")
	}
}

func TestBrakesAndMissedObservationsClimbStepByStep(t *testing.T) {
	for _, c := range []struct {
		p    Pressure
		most Step
		say  string
	}{
		{Pressure{Throttled: "tj-throttle-alert"}, StepQuestionsOnly, "tj-throttle-alert"},
		{Pressure{Missed: 0.8}, StepHalfObservations, "80%"},
	} {
		var g Governor
		for second := range 200 {
			g.Decide(at(second), c.p)
			step, reason := g.Step()
			if want := min(Step(second/10), c.most); step != want {
				t.Fatalf("%+v: %s after %d s, want %s", c.p, step, second, want)
			}
			if step > StepFull && !strings.Contains(reason, c.say) {
				t.Fatalf("%+v: %q", c.p, reason)
			}
		}
	}
	var g Governor
	for second := range 100 { // now and then is no trouble
		if g.Decide(at(second), Pressure{Missed: float64(second % 2)}) {
			t.Fatal("a moment's lack of time changed the step")
		}
	}
}

func TestStepsHaveWords(t *testing.T) {
	want := "full halfFrames halfObservations questionsOnly step 4"
	if got := fmt.Sprint(StepFull, StepHalfFrames, StepHalfObservations, StepQuestionsOnly, Step(4)); got != want {
		t.Errorf("%q", got)
	}
}

// module is a made-up Jetson: two heat capacities in a row, from the chip over the cooler to the air, and what the
// daemon's work costs. The sizes are those of the boards' published power modes; they are no measurements.
type module struct {
	name                         string
	idle, frame, observe, answer float64 // W at rest, J a picture, J an observation, J a question
	toCooler, toAir              float64 // K/W
	chip, cooler                 float64 // J/K
}

var modules = []module{
	{"orin nano 15 W", 6.5, 0.22, 0.30, 0.30, 0.8, 3.2, 6, 120},
	{"orin nano 25 W, small cooler", 8, 0.45, 0.6, 0.6, 0.8, 2.9, 6, 60},
	{"agx orin 50 W", 14, 0.9, 1.6, 1.6, 0.25, 1.1, 25, 500},
	{"thor 120 W", 35, 2.2, 3.5, 3.5, 0.12, 0.5, 60, 900},
}

// load is how a day goes.
type load struct {
	name      string
	questions float64                      // a second
	others    func(second float64) float64 // W that other programs take
	air       func(second float64) float64 // K on top of the ambient
}

var loads = []load{
	{"alone", 0.2, still, still},
	{"many questions", 4, still, still},
	{"bursts of others", 0.2, func(s float64) float64 { return wave(s, 240) }, still},
	{"sun and shade", 0.2, still, func(s float64) float64 { return 6 * wave(s, 1800) }},
	{"slow swell", 1, func(s float64) float64 { return 1.5 + 1.5*math.Sin(s/300) }, still},
}

func still(float64) float64 { return 0 }

// wave is 1 in the first half of each period and 0 in the second.
func wave(second, period float64) float64 {
	if math.Mod(second, period) < period/2 {
		return 1
	}
	return 0
}

const (
	fps, observeHz = 15.0, 5.0
	trip           = 99.0
	interval       = 2 // seconds between two readings
)

// watts is what the module draws in a step.
func (m module) watts(s Step, l load, second float64) float64 {
	frames, looks := fps, observeHz
	if s >= StepHalfFrames {
		frames /= 2
	}
	if s >= StepHalfObservations {
		looks /= 2
	}
	if s == StepQuestionsOnly {
		frames, looks = 1, 0
	}
	w := m.idle * (1 + 0.3*wave(0, 1)*l.others(second))
	return w + frames*m.frame + looks*m.observe + l.questions*m.answer
}

// settled is how far above the ambient the chip ends up in a step, at the worst of the load.
func (m module) settled(s Step, l load) float64 {
	worst := 0.0
	for second := range 3600 {
		x := float64(second)
		worst = max(worst, l.air(x)+m.watts(s, l, x)*(m.toCooler+m.toAir))
	}
	return worst
}

// outcome of a simulated day.
type outcome struct {
	hottest float64
	changes []int // seconds
	steps   [4]int
}

func (m module) live(l load, ambient float64, hours int) outcome {
	var g Governor
	var out outcome
	chip, cooler := ambient, ambient
	for second := range hours * 3600 {
		step, _ := g.Step()
		out.steps[step]++
		air := ambient + l.air(float64(second))
		flow := (chip - cooler) / m.toCooler
		chip += (m.watts(step, l, float64(second)) - flow) / m.chip
		cooler += (flow - (cooler-air)/m.toAir) / m.cooler
		out.hottest = max(out.hottest, chip)
		if second%interval != 0 {
			continue
		}
		p := hot(trip - math.Round(2*chip)/2) // sensors read in halves
		if chip > trip {
			p.Throttled = "cpu-throttle-alert"
		}
		if g.Decide(at(second), p) {
			out.changes = append(out.changes, second)
		}
	}
	return out
}

// busiest is the largest number of changes within an hour.
func (o outcome) busiest(from int) int {
	most := 0
	for i, first := range o.changes {
		n := 0
		for _, c := range o.changes[i:] {
			if first >= from && c-first < 3600 {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

// TestNeitherFlapsNorMelts lives through a quarter of a day on every module, under every load, at every ambient
// temperature at which the last step can hold the temperature at all.
func TestNeitherFlapsNorMelts(t *testing.T) {
	const hours = 6
	var lived, hottest, busiest, later, full, reduced float64
	for _, m := range modules {
		for _, l := range loads {
			least, most := m.settled(StepQuestionsOnly, l), m.settled(StepFull, l)
			for ambient := 0.0; ambient <= 70; ambient += 5 {
				if ambient+least > trip-enterBelow[2] {
					continue // too hot to live in, whatever the daemon does
				}
				o := m.live(l, ambient, hours)
				name := fmt.Sprintf("%s, %s, %g °C", m.name, l.name, ambient)
				if o.hottest >= trip {
					t.Errorf("%s: melts at %.1f °C", name, o.hottest)
				}
				if n := o.busiest(0); n > 12 {
					t.Errorf("%s: %d changes in an hour", name, n)
				}
				if n := o.busiest(4 * 3600); n > 6 {
					t.Errorf("%s: %d changes in an hour after the fourth", name, n)
				}
				cool := ambient+most < trip-enterBelow[0]-1
				if cool && len(o.changes) > 0 {
					t.Errorf("%s: does less for no reason", name)
				}
				if o.hottest > trip-enterBelow[0]+0.5 && len(o.changes) == 0 {
					t.Errorf("%s: does nothing at %.1f °C", name, o.hottest)
				}
				lived++
				hottest, busiest = max(hottest, o.hottest), max(busiest, float64(o.busiest(0)))
				later = max(later, float64(o.busiest(4*3600)))
				full += float64(o.steps[StepFull])
				reduced += float64(o.steps[1] + o.steps[2] + o.steps[3])
			}
		}
	}
	t.Logf("%g days of six hours: hottest %.1f °C of %g, at most %g changes an hour, %g after the fourth, "+
		"full for %.0f%% of the time", lived, hottest, trip, busiest, later, 100*full/(full+reduced))
	if lived < 200 {
		t.Errorf("only %g days of six hours were lived through", lived)
	}
}
