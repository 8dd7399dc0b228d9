package health

import (
	"fmt"
	"time"
)

// Step is how much of its work the daemon does. Each step does less than the one before.
type Step uint8

// The steps.
const (
	StepFull             Step = iota // every picture, observations as configured
	StepHalfFrames                   // every second picture through the encoders
	StepHalfObservations             // also half of the observations
	StepQuestionsOnly                // a picture a second, observed only for questions
)

// String is the step's word in messages.
func (s Step) String() string {
	switch s {
	case StepFull:
		return "full"
	case StepHalfFrames:
		return "halfFrames"
	case StepHalfObservations:
		return "halfObservations"
	case StepQuestionsOnly:
		return "questionsOnly"
	}
	return fmt.Sprintf("step %d", uint8(s))
}

// Pressure is what speaks for doing less.
type Pressure struct {
	Headroom  Figure  // kelvins below the temperature from which the kernel throttles
	Zone      string  // the zone that Headroom is about
	Throttled string  // the brake that is on; empty when none is
	Missed    float64 // share of the observations since the last decision that came late for want of time, 0..1
}

// When a step is taken and left. The kernel's own brake is the last resort: it also slows down everybody else.
const (
	leaveMargin = 5.0              // kelvins more than it took to enter
	shortHold   = 2 * time.Minute  // all must be well for so long before the next step back
	longHold    = 30 * time.Minute // what shortHold grows to when a step back proves wrong again and again
	relapse     = 30 * time.Minute // a rise so soon after a step back proves it wrong
	patience    = 10 * time.Second // between two rises for a brake or for missed observations
	tooMany     = 0.5              // of Missed
)

// enterBelow are the headrooms, in kelvins, below which at least the steps from StepHalfFrames on are taken.
var enterBelow = [...]float64{14, 9, 4}

// Governor chooses the step. Its zero value begins with StepFull. It is used by one goroutine.
type Governor struct {
	step   Step
	reason string // of the last rise

	calm    time.Time // since when less pressure than the step stands for; zero while there is not
	fell    time.Time // the last step back
	rose    time.Time // the last rise
	pressed time.Time // since when a brake is on or observations are missed; zero while neither
	hold    time.Duration
}

// Step is the newest decision, and why work was last taken away; the reason is empty for StepFull.
func (g *Governor) Step() (step Step, reason string) { return g.step, g.reason }

// Decide takes the pressure of this moment and tells whether the step has changed.
func (g *Governor) Decide(now time.Time, p Pressure) (changed bool) {
	wanted, reason := g.wanted(now, p)
	switch {
	case wanted > g.step:
		g.rise(now, wanted)
		g.reason = reason
		return true
	case wanted < g.step:
		return g.relax(now)
	}
	g.calm = time.Time{}
	return false
}

// wanted is the step that the pressure asks for, and why. Heat says how far to go; a brake and missed observations only
// that it is not far enough.
func (g *Governor) wanted(now time.Time, p Pressure) (Step, string) {
	heat, reason := g.heat(p)
	most, why := StepFull, ""
	switch {
	case p.Throttled != "":
		most, why = StepQuestionsOnly, p.Throttled+" slows the machine down"
	case p.Missed > tooMany:
		most, why = StepHalfObservations, fmt.Sprintf("%.0f%% of the observations came late", 100*p.Missed)
	}
	if why == "" {
		g.pressed = time.Time{}
		return heat, reason
	}
	if g.pressed.IsZero() {
		g.pressed = now
	}
	step := g.step
	if now.Sub(g.pressed) >= patience && now.Sub(g.rose) >= patience && step < most {
		step++
	}
	if step <= heat || step == StepFull {
		return heat, reason
	}
	return step, why
}

// heat is the step for a headroom. The steps that are taken are left only well above where they were entered.
func (g *Governor) heat(p Pressure) (Step, string) {
	if !p.Headroom.Known {
		return StepFull, ""
	}
	step := StepFull
	for i, limit := range enterBelow {
		if Step(i+1) <= g.step {
			limit += leaveMargin
		}
		if p.Headroom.Value < limit {
			step = Step(i + 1)
		}
	}
	if step == StepFull {
		return step, ""
	}
	return step, fmt.Sprintf("%s is %.0f K below throttling", p.Zone, p.Headroom.Value)
}

// rise takes a later step. A rise soon after a step back makes the next ones wait longer, so that the steps settle
// instead of swinging.
func (g *Governor) rise(now time.Time, to Step) {
	switch g.hold = max(g.hold, shortHold); {
	case g.fell.IsZero():
	case now.Sub(g.fell) < max(relapse, g.hold):
		g.hold = min(2*g.hold, longHold)
	default:
		g.hold = max(g.hold/2, shortHold)
	}
	g.step, g.rose, g.calm = to, now, time.Time{}
}

// relax takes one step back when all has been well for long enough.
func (g *Governor) relax(now time.Time) (changed bool) {
	if g.calm.IsZero() {
		g.calm = now
	}
	if g.step == StepFull || now.Sub(g.calm) < g.hold {
		return false
	}
	g.step--
	g.fell, g.calm = now, time.Time{}
	if g.step == StepFull {
		g.reason = ""
	}
	return true
}
