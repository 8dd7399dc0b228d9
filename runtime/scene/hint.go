package scene

import (
	"iter"
	"math"
	"time"
)

// takeHints copies the hints of an observation into map. They touch no thing: what is too weak to be remembered must
// not change what is. The best of each label stays as a glimpse.
func (m *Memory) takeHints(obs *Observation, now stamp, step time.Duration) {
	clear(m.hints)
	m.hints, m.weak = m.hints[:0], m.weak[:0]
	for i := range obs.Hints {
		d := obs.Hints[i]
		m.colors = append(m.colors, d.Colors...)
		d.Colors = m.colors[len(m.colors)-len(d.Colors):]
		d.Embedding = nil
		d.Box.Yaw = WrapAngle(d.Box.Yaw)
		m.weak = append(m.weak, d)
	}
	for i := range m.weak {
		var z measurement
		z.fill(&m.weak[i], &m.cfg)
		z.box, z.cov = m.pose.ApplyBox(z.det.Box), rotated(z.base, m.pose.Yaw)
		m.hints = append(m.hints, z)
		m.glimpse(&m.hints[i], now)
	}
	m.missGlimpses(obs, step)
}

// glimpse keeps the hint if nothing of its label was ever seen better.
func (m *Memory) glimpse(z *measurement, now stamp) {
	label := z.det.Label
	if m.glimpses == nil {
		m.glimpses = make([]*track, len(m.cfg.Labels))
	}
	old := m.glimpses[label]
	again := old != nil && m.coversGlimpse(z, old)
	if again {
		old.last, old.lastMono = now, now.mono
	}
	if old != nil && z.det.Score <= old.existence() {
		return
	}
	first := now
	if again {
		first = old.first
	}
	m.glimpses[label] = m.newGlimpse(old, z, now)
	m.glimpses[label].first, m.glimpses[label].firstMono = first, first.mono
}

// newGlimpse makes the track of a hint, in the memory of the one before. Its existence is the hint's score, and its
// label is certain: a glimpse answers where the thing of a label is, if there is one.
func (m *Memory) newGlimpse(old *track, z *measurement, now stamp) *track {
	t := old
	if t == nil {
		t = &track{}
	}
	n := len(m.cfg.Labels)
	*t = track{
		labels: zeroed(t.labels, n), post: zeroed(t.post, n), colors: zeroed(t.colors, len(m.cfg.Colors)),
		embedding: t.embedding[:0],
	}
	t.begin(z, &m.cfg, now)
	clear(t.post)
	t.post[z.det.Label] = 1
	score := clamp(z.det.Score, 1e-6, 1-1e-6)
	t.logOdds = math.Log(score / (1 - score))
	return t
}

// coversGlimpse says whether a hint lies where the glimpse of its label is.
func (m *Memory) coversGlimpse(z *measurement, t *track) bool {
	inv, ok := t.cov.plus(z.cov).inverse()
	d := z.box.Center.Sub(t.box.Center)
	return ok && d.Dot(inv.apply(d)) <= m.cfg.GateDistance
}

// missGlimpses lowers the score of what was glimpsed where the camera now sees that nothing is.
func (m *Memory) missGlimpses(obs *Observation, step time.Duration) {
	e := newEye(&obs.View, m.pose)
	weight := m.evidenceWeight(step)
	for _, t := range m.glimpses {
		if t == nil || t.lastMono == obs.Mono {
			continue
		}
		if seen := m.looked(&e, t); seen > 0 {
			t.logOdds = max(t.logOdds+weight*missLoss(seen, &m.cfg), -maxLogOdds)
		}
	}
}

// placed goes through everything that has a place in map.
func (m *Memory) placed() iter.Seq[*track] {
	return func(yield func(*track) bool) {
		for _, list := range [2][]*track{m.tracks, m.glimpses} {
			for _, t := range list {
				if t != nil && !yield(t) {
					return
				}
			}
		}
	}
}

// glimpsed copies the glimpses.
func (m *Memory) glimpsed(p *probabilities) []Object {
	out := make([]Object, 0, len(m.glimpses))
	for _, t := range m.glimpses {
		if t == nil {
			continue
		}
		o := m.remembered(t, p)
		o.ID = ""
		out = append(out, o)
	}
	return out
}
