package daemon

import (
	"sync/atomic"
	"time"

	"github.com/vega-edge/vegad/runtime/health"
)

// atRest is the time between two pictures that are encoded while only questions are answered, so that a question does
// not look at an old one.
const atRest = time.Second

// pacer chooses what is encoded and observed. The step may be set by any goroutine; the rest belongs to the one that
// watches the camera, except for late and looked.
type pacer struct {
	period time.Duration // between two observations, as configured
	step   atomic.Uint32

	odd     bool
	rested  time.Duration // capture time of the newest picture that was encoded
	due     time.Duration // capture time of the next picture to observe
	last    time.Duration // capture time of the newest observation
	skipped uint64        // pictures that had been skipped by then

	looked, late atomic.Uint64
}

func (p *pacer) now() health.Step      { return health.Step(p.step.Load()) }
func (p *pacer) take(step health.Step) { p.step.Store(uint32(step)) }

// encode tells whether a picture is worth its while. The first one always is.
func (p *pacer) encode(mono time.Duration, first bool) bool {
	switch step := p.now(); {
	case first || step == health.StepFull:
	case step == health.StepQuestionsOnly:
		if mono >= p.rested && mono < p.rested+atRest {
			return false
		}
	default:
		if p.odd = !p.odd; p.odd {
			return false
		}
	}
	p.rested = mono
	return true
}

// observe tells whether the scene is due. skipped counts the pictures that nobody has had time for: an observation that
// comes much too late although pictures were there is noted as such.
func (p *pacer) observe(mono time.Duration, first bool, skipped uint64) bool {
	period := p.period
	switch step := p.now(); {
	case first:
	case step == health.StepQuestionsOnly:
		p.due, p.last = mono, 0
		return false
	case step >= health.StepHalfObservations:
		period *= 2
	}
	if mono < p.due {
		return false
	}
	if p.last > 0 && mono > p.last+period*3/2 && skipped > p.skipped {
		p.late.Add(1)
	}
	p.looked.Add(1)
	p.last, p.skipped = mono, skipped
	p.due = max(p.due+period, mono+period/2) // keeps the rate, and catches up after a gap without a burst
	return true
}

// missed is the share of the observations since the last call that came late.
func (p *pacer) missed() float64 {
	looked, late := p.looked.Swap(0), p.late.Swap(0)
	return float64(late) / float64(max(looked, 1))
}
