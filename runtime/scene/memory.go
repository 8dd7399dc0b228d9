package scene

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
)

// stamp is an instant on both clocks.
type stamp struct {
	mono time.Duration
	wall time.Time
}

// Stats counts what happened to a Memory since it was made.
type Stats struct {
	Observations         uint64 // taken in
	RejectedObservations uint64 // malformed or out of order, without any effect
	RejectedPoses        uint64
	Born                 uint64 // things that became certain enough to tell about
	Forgotten            uint64 // of those, the ones whose place was seen empty
	Evicted              uint64 // of those, the ones that had to make room
	Merged               uint64 // duplicates joined
}

// Memory remembers what the robot has seen. All methods may be called from any goroutine. Map is the odometry's frame
// from the first pose message on, and the place where the robot started before.
type Memory struct {
	cfg Config

	mu       sync.Mutex
	observed bool // at least one observation was taken in
	mono     time.Duration
	last     frameState

	pose     Pose
	poseCov  Cov
	source   PoseSource
	anchored bool // map is the odometry's frame
	odometry Odometry
	history  poseHistory

	tracks    []*track
	spare     []*track // forgotten ones, for their buffers
	numbers   uint64
	embedding int // length of all embeddings, 0 until the first one

	room  roomEstimate
	cover coverage
	stats Stats

	// Buffers of one observation. The measurements stay until the next one: they are the snapshot's "now".
	meas   []measurement
	dets   []Detection
	colors []float32 // the detections' own copies
	near   []*track
	cost   []float64
	assign assigner
}

// frameState is what is kept of the newest observation beside its detections.
type frameState struct {
	seq         uint64
	at          stamp
	camera      string
	consistency float64
	gateMean    float64
	gateShift   float64
	hfov        float64
	free        FreeSpace
}

// New returns an empty memory.
func New(cfg Config) (*Memory, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configuring the scene memory: %w", err)
	}
	return &Memory{
		cfg: cfg, source: PoseNone,
		history: poseHistory{limit: cfg.PoseHistory, entries: make([]Odometry, 0, cfg.PoseHistory)},
		dets:    make([]Detection, 0, cfg.MaxDetections),
		meas:    make([]measurement, 0, cfg.MaxDetections),
		colors:  make([]float32, 0, cfg.MaxDetections*len(cfg.Colors)),
	}, nil
}

// SetOdometry tells where the robot was at an instant. Poses may come at any rate, late and out of order. A malformed
// one has no effect, is counted and returns an error that wraps ErrRejected.
func (m *Memory) SetOdometry(o Odometry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := checkOdometry(o); err != nil {
		m.stats.RejectedPoses++
		return fmt.Errorf("taking in odometry: %w", err)
	}
	o.Pose.Yaw = WrapAngle(o.Pose.Yaw)
	m.history.add(o)
	return nil
}

// Observe takes in one observation; it copies what it keeps. A malformed one, or one that is not newer than the last,
// has no effect, is counted and returns an error that wraps ErrRejected.
func (m *Memory) Observe(obs *Observation) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.check(obs); err != nil {
		m.stats.RejectedObservations++
		return fmt.Errorf("observing: %w", err)
	}
	now := stamp{obs.Mono, obs.Wall}
	step := obs.Mono - m.mono
	m.advance(obs)
	m.measure(obs)
	m.associate()
	m.updateTracks(now)
	m.missTracks(obs, step)
	m.letGo()
	m.mergeDuplicates()
	m.confirmTracks()
	m.sweep(obs.Mono)
	m.room.add(obs.Room)
	m.cover.look(m.pose, obs.View)
	m.last = frameState{
		seq: obs.Seq, at: now, camera: obs.Camera, consistency: obs.Consistency,
		gateMean: obs.GateMean, gateShift: obs.GateShift, hfov: obs.View.HFOV, free: freeSpace(&obs.View),
	}
	m.observed, m.mono = true, obs.Mono
	m.stats.Observations++
	return nil
}

// advance moves the robot to where it was when the observation was made.
func (m *Memory) advance(obs *Observation) {
	dead, deadMotion, deadCov := m.reckon(obs)
	odo, ok := m.history.at(obs.Mono, m.cfg.PoseGap, m.cfg.PoseReach)
	if !ok {
		m.drift(deadMotion)
		m.pose, m.poseCov = dead, deadCov
		m.source = PoseNone
		if obs.HasEgo {
			m.source = PoseEgomotion
		}
		return
	}
	if m.anchored && m.source == PoseOdometry {
		m.drift(m.odometryMotion(odo))
	} else {
		m.drift(deadMotion)
	}
	if !m.anchored {
		m.rebase(odo.Pose.Compose(dead.Inverse()))
		m.anchored = true
	}
	m.pose, m.poseCov, m.odometry, m.source = odo.Pose, odo.Cov, odo, PoseOdometry
}

// reckon continues from the last pose by the networks' ego-motion, or stays there with a wide error without one. It
// returns the new pose, the covariance of the step in map axes and the covariance of the pose.
func (m *Memory) reckon(obs *Observation) (pose Pose, motion, cov Cov) {
	if !m.observed {
		return m.pose, Cov{}, m.poseCov
	}
	var step Pose
	move, turn := m.cfg.UnknownMove*m.cfg.UnknownMove, m.cfg.UnknownTurn*m.cfg.UnknownTurn
	stepCov := Cov{move, 0, 0, 0, move, 0, 0, 0, turn}
	if obs.HasEgo {
		e := obs.Ego
		step = Pose{e.X, e.Y, e.Yaw}
		stepCov = Cov{e.VarX, 0, 0, 0, e.VarY, 0, 0, 0, e.VarYaw}
	}
	turned := rotated(Vec3{stepCov[0], stepCov[4], stepCov[8]}, m.pose.Yaw)
	return m.pose.Compose(step), turned, m.pose.ComposeCov(m.poseCov, step, stepCov)
}

// odometryMotion returns the covariance of the motion between two poses of the odometry. A covariance that grows tells
// it; one that does not (a localiser's) leaves the drift ratio.
func (m *Memory) odometryMotion(o Odometry) Cov {
	moved := m.cfg.DriftRatio * math.Hypot(o.Pose.X-m.odometry.Pose.X, o.Pose.Y-m.odometry.Pose.Y)
	turned := m.cfg.DriftRatio * WrapAngle(o.Pose.Yaw-m.odometry.Pose.Yaw)
	grown := func(i int) float64 { return max(o.Cov[i]-m.odometry.Cov[i], 0) }
	return Cov{
		grown(0) + moved*moved, 0, 0,
		0, grown(4) + moved*moved, 0,
		0, 0, grown(8) + turned*turned,
	}
}

func (m *Memory) drift(motion Cov) {
	for _, t := range m.tracks {
		t.drift(m.pose, motion)
	}
}

// rebase moves everything remembered into another frame, when the odometry's replaces the dead-reckoned one.
func (m *Memory) rebase(shift Pose) {
	sin, cos := math.Sincos(shift.Yaw)
	turn := Cov{cos, -sin, 0, sin, cos, 0, 0, 0, 1}
	for _, t := range m.tracks {
		t.box = shift.ApplyBox(t.box)
		t.cov = turn.sandwich(t.cov).symmetric()
	}
	m.cover = coverage{}
}

// measure turns the detections into map, with the floors of the sensor model.
func (m *Memory) measure(obs *Observation) {
	clear(m.meas) // the old ones hold pointers to tracks that may be used again
	m.meas, m.dets, m.colors = m.meas[:0], m.dets[:0], m.colors[:0]
	for i := range obs.Detections {
		d := obs.Detections[i]
		m.colors = append(m.colors, d.Colors...)
		d.Colors = m.colors[len(m.colors)-len(d.Colors):]
		m.dets = append(m.dets, d)
		floor := m.cfg.CenterFloor + m.cfg.RangeFloor*d.Box.Center.Norm()
		variance := d.CenterVar.Add(Vec3{floor * floor, floor * floor, floor * floor})
		d.Box.Yaw = WrapAngle(d.Box.Yaw)
		m.meas = append(m.meas, measurement{
			det: &m.dets[i], box: m.pose.ApplyBox(d.Box),
			cov:    rotated(variance, m.pose.Yaw),
			logVar: m.logVariance(&d), yawVar: d.YawVar + 1e-3,
		})
		if m.embedding == 0 {
			m.embedding = len(d.Embedding)
		}
	}
}

// logVariance turns the variance of the extents into that of their logarithms.
func (m *Memory) logVariance(d *Detection) Vec3 {
	floor := m.cfg.LogSizeFloor * m.cfg.LogSizeFloor
	return Vec3{
		d.SizeVar.X/(d.Box.Size.X*d.Box.Size.X) + floor,
		d.SizeVar.Y/(d.Box.Size.Y*d.Box.Size.Y) + floor,
		d.SizeVar.Z/(d.Box.Size.Z*d.Box.Size.Z) + floor,
	}
}

// updateTracks corrects what was seen again and begins what is new.
func (m *Memory) updateTracks(now stamp) {
	for r := range m.meas {
		z := &m.meas[r]
		if z.track != nil {
			z.track.update(z, &m.cfg, now)
			continue
		}
		t := m.newTrack()
		t.begin(z, &m.cfg, now)
		z.track = t
		m.tracks = append(m.tracks, t)
	}
}

// letGo drops the references to the embeddings: they belong to the caller, and nothing reads them after the update.
func (m *Memory) letGo() {
	for i := range m.dets {
		m.dets[i].Embedding = nil
	}
}

// newTrack returns a blank track, in the memory of a forgotten one when there is one.
func (m *Memory) newTrack() *track {
	if n := len(m.spare); n > 0 {
		old := m.spare[n-1]
		m.spare = m.spare[:n-1]
		t := track{labels: old.labels, post: old.post, colors: old.colors, embedding: old.embedding[:0]}
		clear(t.labels)
		clear(t.colors)
		*old = t
		return old
	}
	return &track{
		labels: make([]float64, len(m.cfg.Labels)), post: make([]float64, len(m.cfg.Labels)),
		colors: make([]float64, len(m.cfg.Colors)),
	}
}

// missTracks lowers the existence of what the camera should have seen and did not.
func (m *Memory) missTracks(obs *Observation, step time.Duration) {
	e := newEye(&obs.View, m.pose)
	weight := clamp(float64(step)/float64(m.cfg.EvidenceTime), 0, 1)
	if !m.observed {
		weight = 1
	}
	for _, t := range m.tracks {
		if t.lastMono == obs.Mono {
			continue
		}
		if seen := m.looked(&e, t); seen > 0 {
			t.logOdds = max(t.logOdds+weight*missLoss(seen, &m.cfg), -maxLogOdds)
		}
	}
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
		m.numbers++
		t.number, t.confirmed = m.numbers, true
		m.stats.Born++
	}
}

// sweep forgets what is not there, what was never confirmed, and the least certain when there is too much.
func (m *Memory) sweep(now time.Duration) {
	threshold := math.Log(m.cfg.MinExistence / (1 - m.cfg.MinExistence))
	for _, t := range m.tracks {
		lapsed := !t.confirmed && now-t.lastMono > m.cfg.ConfirmWindow
		if !t.dead && (lapsed || t.logOdds < threshold) {
			m.forget(t, &m.stats.Forgotten)
		}
	}
	m.compact()
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
		if t.dead {
			m.spare = append(m.spare, t)
			continue
		}
		kept = append(kept, t)
	}
	clear(m.tracks[len(kept):])
	m.tracks = kept
}
