package scene

import (
	"fmt"
	"time"
)

const (
	maxCameras = 16
	// lateView is how much older than the newest observation one of another camera may be: cameras are not in step, and
	// their networks run one after the other. It counts as made right after the newest.
	lateView = 250 * time.Millisecond
	// nowFor is how long what another camera showed counts as what is seen now.
	nowFor = time.Second
)

// What a robot can do to its motion between two observations, where only another camera tells it: standard deviations.
const (
	mostPush  = 1.0 // m/s²
	mostTwist = 2.0 // rad/s²
)

// lens is what is kept of one camera.
type lens struct {
	name  string
	mono  time.Duration // capture time of its newest observation
	moved Pose          // reckoned way of the robot since then, in base_link of then
	now   []Object      // what that observation showed, once another camera's came
}

// lensOf returns the camera of that name, nil before its first observation.
func (m *Memory) lensOf(name string) *lens {
	for i := range m.lenses {
		if m.lenses[i].name == name {
			return &m.lenses[i]
		}
	}
	return nil
}

// timely returns when an observation counts as made. It must be newer than the last of its camera, and hardly older
// than those of the others.
func (m *Memory) timely(obs *Observation) (time.Duration, error) {
	if !m.observed {
		return obs.Mono, nil
	}
	l := m.lensOf(obs.Camera)
	switch {
	case l == nil && len(m.lenses) == maxCameras:
		return 0, fmt.Errorf("observation %d is of another camera than the first %d: %w", obs.Seq, maxCameras, ErrRejected)
	case l != nil && obs.Mono <= l.mono, obs.Mono <= m.mono-lateView, obs.Mono <= m.mono && obs.Camera == m.last.camera:
		return 0, fmt.Errorf("observation %d is not newer than the one before: %w", obs.Seq, ErrRejected)
	}
	return max(obs.Mono, m.mono+1), nil
}

// lookedFor is the time since the camera's last observation, or since that of any other if it is new.
func (m *Memory) lookedFor(obs *Observation) time.Duration {
	if l := m.lensOf(obs.Camera); l != nil {
		return obs.Mono - l.mono
	}
	return obs.Mono - m.mono
}

// setAside keeps what the last observation showed when one of another camera takes its place.
func (m *Memory) setAside(obs *Observation) {
	if !m.observed || m.last.camera == obs.Camera {
		return
	}
	l := m.lensOf(m.last.camera)
	if l == nil {
		return
	}
	l.now = l.now[:0]
	p := newProbabilities(len(m.meas) * (len(m.cfg.Labels) + len(m.cfg.Colors)))
	for i := range m.meas {
		l.now = append(l.now, m.seenNow(&m.meas[i], p))
	}
}

// seenBeside returns what the other cameras showed last, without what the newest observation shows too.
func (m *Memory) seenBeside(now []Object) []Object {
	for i := range m.lenses {
		l := &m.lenses[i]
		if l.name == m.last.camera || m.mono-l.mono > nowFor {
			continue
		}
		for j := range l.now {
			if !among(now, l.now[j].ID) {
				now = append(now, l.now[j])
			}
		}
	}
	return now
}

// forgetBeside drops what the other cameras showed last: map is not the same any more.
func (m *Memory) forgetBeside() {
	for i := range m.lenses {
		m.lenses[i].now = m.lenses[i].now[:0]
	}
}

func among(list []Object, id string) bool {
	for i := range list {
		if id != "" && list[i].ID == id {
			return true
		}
	}
	return false
}

// way is the robot's way since the newest observation of any camera, as the observation's ego-motion tells it, which
// counts from the newest of its own camera. share is the part of that time which is new.
func (m *Memory) way(obs *Observation) (step Pose, share float64, told bool) {
	e := obs.Ego
	step = Pose{e.X, e.Y, e.Yaw}
	l := m.lensOf(obs.Camera)
	if !obs.HasEgo || l == nil || !m.cfg.possible(step, obs.Mono-l.mono) {
		return Pose{}, 1, false
	}
	scale := m.scale.value()
	step.X, step.Y = step.X*scale, step.Y*scale
	if obs.Camera == m.last.camera {
		return step, 1, true
	}
	share = clamp(float64(obs.Mono-m.mono)/float64(obs.Mono-l.mono), 0, 1)
	return l.moved.Inverse().Compose(step), share, true
}

// coast carries on the motion that another camera told, for an observation that does not tell its own.
func (m *Memory) coast(obs *Observation) (step Pose, cov Cov, ok bool) {
	gap, c := (obs.Mono - m.mono).Seconds(), &m.cruise
	if obs.Camera == m.last.camera || !c.known || obs.Mono-c.at > lateView {
		return Pose{}, Cov{}, false
	}
	push, twist := mostPush*gap*gap/2, mostTwist*gap*gap/2
	return Pose{c.x * gap, c.y * gap, c.turn * gap}, Cov{
		c.varX*gap*gap + push*push, 0, 0, 0, c.varY*gap*gap + push*push, 0, 0, 0, c.varTurn*gap*gap + twist*twist,
	}, true
}

// cruise is the motion that the newest ego-motion told, per second and in base_link.
type cruise struct {
	known               bool
	at                  time.Duration // of the observation that told it
	x, y, turn          float64
	varX, varY, varTurn float64
}

// steer notes the motion that an observation tells.
func (m *Memory) steer(obs *Observation, told bool) {
	l := m.lensOf(obs.Camera)
	if l == nil || !told {
		return
	}
	per := 1 / (obs.Mono - l.mono).Seconds()
	scale, e := m.scale.value(), &obs.Ego
	m.cruise = cruise{
		known: true, at: obs.Mono, x: e.X * scale * per, y: e.Y * scale * per, turn: e.Yaw * per,
		varX: e.VarX * per * per, varY: e.VarY * per * per, varTurn: e.VarYaw * per * per,
	}
}

// travelled adds the robot's step to the ways since the observations of all cameras but this one's, which begins anew.
func (m *Memory) travelled(obs *Observation, captured time.Duration, step Pose) {
	for i := range m.lenses {
		l := &m.lenses[i]
		l.moved = l.moved.Compose(step)
		if m.mono-l.mono > time.Minute {
			l.moved = Pose{} // nothing is told over so long
		}
	}
	l := m.lensOf(obs.Camera)
	if l == nil {
		m.lenses = append(m.lenses, lens{name: obs.Camera})
		l = &m.lenses[len(m.lenses)-1]
	}
	l.mono, l.moved, l.now = captured, Pose{}, l.now[:0]
}
