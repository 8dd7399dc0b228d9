package daemon

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/metrics"
)

// stageSamples bounds what is kept of a stage between two statistics: the newest.
const stageSamples = 4096

// stage measures one step of the work.
type stage struct {
	mu      sync.Mutex
	count   uint64
	samples []float64 // milliseconds
	ever    metrics.Histogram
}

func (s *stage) add(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.samples) < stageSamples {
		s.samples = append(s.samples, milliseconds(d))
	} else {
		s.samples[s.count%stageSamples] = milliseconds(d)
	}
	s.count++
	s.ever.Observe(d)
}

// all returns what was measured since the start.
func (s *stage) all() metrics.Histogram {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ever
}

// take returns what was measured since the last call.
func (s *stage) take(name string) (payload.Stage, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count == 0 {
		return payload.Stage{}, false
	}
	slices.Sort(s.samples)
	at := func(share float64) float64 {
		return s.samples[max(0, int(math.Ceil(share*float64(len(s.samples))))-1)]
	}
	out := payload.Stage{Name: name, Count: s.count, P50Ms: at(0.5), P95Ms: at(0.95)}
	s.count, s.samples = 0, s.samples[:0]
	return out, true
}

// hourly tells how much a counter has grown in the last hour.
type hourly struct{ marks []mark }

type mark struct {
	at    time.Time
	value uint64
}

// grown notes the counter's value and returns its growth. It keeps a mark a minute.
func (h *hourly) grown(now time.Time, value uint64) uint64 {
	for len(h.marks) > 1 && now.Sub(h.marks[1].at) >= time.Hour {
		h.marks = h.marks[1:]
	}
	if n := len(h.marks); n == 0 || now.Sub(h.marks[n-1].at) >= time.Minute {
		h.marks = append(slices.Clip(h.marks), mark{now, value})
	}
	return value - min(value, h.marks[0].value)
}

// meter gathers what the statistics and the metrics tell.
type meter struct {
	encode, observe, head, question       stage
	answered, abstained, refused, expired atomic.Uint64 // since the start

	last             time.Time // of what follows: when the last statistics were made
	frames, looks    uint64
	skipped          uint64
	suppressed       uint64
	written, commits uint64
	steps            uint64
	questions        payload.Asked
	commands         payload.Obeyed
	camera, broker   hourly
}

func (m *meter) counted(status payload.Status) {
	switch status {
	case payload.Answered:
		m.answered.Add(1)
	case payload.Abstained:
		m.abstained.Add(1)
	case payload.Refused:
		m.refused.Add(1)
	case payload.Expired:
		m.expired.Add(1)
	}
}

// publishStats tells what was done since the last call. It belongs to one goroutine.
func (d *daemon) publishStats(now time.Time) {
	m := &d.meter
	period := now.Sub(m.last).Seconds()
	l, o := d.link.Stats(), d.box.Stats()
	var skipped, reconnects uint64
	for _, e := range d.eyes {
		c := e.capture.Stats()
		skipped, reconnects = skipped+c.Skipped, reconnects+c.Reconnects
	}
	frames, looks := d.frames.Load(), d.observations.Load()
	suppressed := d.suppressed.Load()
	_, steps, device := d.condition.read()
	asked, obeyed := m.asked(), d.obeyed.read()
	s := payload.Stats{
		PeriodSeconds: round(period), FrameHz: round(float64(frames-m.frames) / period),
		ObservationHz: round(float64(looks-m.looks) / period), Skipped: skipped - m.skipped,
		CameraReconnects: m.camera.grown(now, reconnects),
		BrokerReconnects: m.broker.grown(now, max(l.Connections, 1)-1),
		EventsSuppressed: suppressed - m.suppressed, StandingQuestions: d.watches.count(),
		Questions: payload.Asked{
			Answered: asked.Answered - m.questions.Answered, Abstained: asked.Abstained - m.questions.Abstained,
			Refused: asked.Refused - m.questions.Refused, Expired: asked.Expired - m.questions.Expired,
		},
		Commands: payload.Obeyed{
			Done: obeyed.Done - m.commands.Done, Failed: obeyed.Failed - m.commands.Failed,
			Refused: obeyed.Refused - m.commands.Refused,
		},
		Step: d.step(), StepChanges: steps - m.steps, Device: device,
		Outbox: d.link.Outbox(), OutboxWritten: o.Written - m.written, OutboxTransactions: o.Commits - m.commits,
	}
	for _, each := range m.stages() {
		if stage, ok := each.stage.take(each.name); ok {
			s.Stages = append(s.Stages, stage)
		}
	}
	m.last, m.frames, m.looks, m.skipped, m.suppressed = now, frames, looks, skipped, suppressed
	m.written, m.commits, m.steps = o.Written, o.Commits, steps
	m.questions, m.commands = asked, obeyed
	if err := d.link.PublishStats(s); err != nil {
		d.log.Debug("statistics not sent", "err", err)
	}
}

func round(x float64) float64 { return math.Round(x*100) / 100 }
