package sim

import (
	"math/rand/v2"
	"time"
)

// pacer spaces events of a rate: evenly, or as randomly as questions come.
type pacer struct {
	timer  *time.Timer // nil for a rate of 0
	mean   time.Duration
	random bool
}

// newPacer returns a pacer for so many events a second, the first after a random part of the time between two.
func newPacer(hz float64, random bool) *pacer {
	if hz <= 0 {
		return &pacer{}
	}
	mean := time.Duration(float64(time.Second) / hz)
	return &pacer{timer: time.NewTimer(rand.N(mean + 1)), mean: mean, random: random}
}

// next is when the next event is due.
func (p *pacer) next() <-chan time.Time {
	if p.timer == nil {
		return nil
	}
	return p.timer.C
}

// restart waits for the event after the one that came.
func (p *pacer) restart() {
	d := p.mean
	if p.random {
		d = time.Duration(rand.ExpFloat64() * float64(p.mean))
	}
	p.timer.Reset(d)
}

func (p *pacer) stop() {
	if p.timer != nil {
		p.timer.Stop()
	}
}
