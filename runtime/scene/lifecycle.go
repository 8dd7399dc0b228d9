package scene

import (
	"math"
	"slices"
	"time"
)

// updateTracks corrects what was seen again and begins what is new.
func (m *Memory) updateTracks(now stamp) {
	for r := range m.meas {
		z := &m.meas[r]
		if z.track != nil {
			m.steps.note(z.track, z.track.update(z, &m.cfg, now))
			continue
		}
		t := m.newTrack()
		t.begin(z, &m.cfg, now)
		z.track = t
		m.tracks = append(m.tracks, t)
		m.steps.note(t, 1)
	}
}

// newTrack returns a blank track, in the memory of a forgotten one when there is one.
func (m *Memory) newTrack() *track {
	m.serials++
	if n := len(m.spare); n > 0 {
		old := m.spare[n-1]
		m.spare = m.spare[:n-1]
		t := track{
			serial: m.serials, labels: old.labels, post: old.post, colors: old.colors, embedding: old.embedding[:0],
		}
		clear(t.labels)
		clear(t.colors)
		*old = t
		return old
	}
	return &track{
		serial: m.serials,
		labels: make([]float64, len(m.cfg.Labels)), post: make([]float64, len(m.cfg.Labels)),
		colors: make([]float64, len(m.cfg.Colors)),
	}
}

// missTracks lowers the existence of what the camera should have seen and did not.
func (m *Memory) missTracks(obs *Observation, step time.Duration) {
	e := newEye(&obs.View, m.pose)
	weight := m.evidenceWeight(step)
	for _, t := range m.tracks {
		if t.lastMono == obs.Mono {
			continue
		}
		if seen := m.looked(&e, t); seen > 0 {
			t.logOdds = max(t.logOdds+weight*missLoss(seen, &m.cfg), -maxLogOdds)
		}
	}
}

// evidenceWeight is the share of an independent look that an observation is which follows the last one after a step.
func (m *Memory) evidenceWeight(step time.Duration) float64 {
	if !m.observed {
		return 1
	}
	return clamp(float64(step)/float64(m.cfg.EvidenceTime), 0, 1)
}

// confirmTracks gives an id to what has been seen often or clearly enough.
func (m *Memory) confirmTracks() {
	for r := range m.meas {
		t := m.meas[r].track
		plain := m.meas[r].det.Score >= m.cfg.ConfirmScore
		// Two false alarms at one place seldom agree on what they show.
		_, agreed := best(t.post)
		often := t.hits >= m.cfg.ConfirmHits && t.existence() >= m.cfg.ConfirmExists && agreed >= m.cfg.ConfirmLabel
		if t.confirmed || !plain && !often {
			continue
		}
		t.confirmed = true
		if m.recognise(t) {
			continue
		}
		m.numbers++
		t.number = m.numbers
		m.stats.Born++
	}
}

// sweep forgets what is not there, what was never confirmed, and the least certain when there is too much.
func (m *Memory) sweep(now time.Duration) {
	threshold := math.Log(m.cfg.MinExistence / (1 - m.cfg.MinExistence))
	for _, t := range m.tracks {
		lapsed := !t.confirmed && now-t.lastMono > m.cfg.ConfirmWindow
		if t.dead || !lapsed && t.logOdds >= threshold {
			continue
		}
		if t.confirmed {
			m.missed(t)
		}
		m.forget(t, &m.stats.Forgotten)
	}
	m.compact()
	m.evict()
}

// evict forgets the least certain as long as there is too much.
func (m *Memory) evict() {
	for len(m.tracks) > m.cfg.MaxObjects {
		m.forget(slices.MinFunc(m.tracks, lessCertain), &m.stats.Evicted)
		m.compact()
	}
}

// lessCertain orders tracks by what is forgotten first: unconfirmed, improbable, not seen for long.
func lessCertain(a, b *track) int {
	if a.confirmed != b.confirmed {
		if b.confirmed {
			return -1
		}
		return 1
	}
	if a.logOdds != b.logOdds {
		if a.logOdds < b.logOdds {
			return -1
		}
		return 1
	}
	return int(clamp(float64(a.lastMono-b.lastMono), -1, 1))
}

func (m *Memory) forget(t *track, counter *uint64) {
	t.dead = true
	m.redirect(t, nil)
	if t.confirmed {
		*counter++
	}
}

// compact moves the dead tracks to the spare ones.
func (m *Memory) compact() {
	kept := m.tracks[:0]
	for _, t := range m.tracks {
		if t.kept {
			continue
		}
		if t.dead {
			m.spare = append(m.spare, t)
			continue
		}
		kept = append(kept, t)
	}
	clear(m.tracks[len(kept):])
	m.tracks = kept
}
