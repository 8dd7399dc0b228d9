package scene

import (
	"fmt"
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
	Dropped              uint64 // of those, the ones that were lost with their map
	Merged               uint64 // duplicates joined
	Split                uint64 // things that turned out to be two
	Moved                uint64 // things recognised at another place
}

// Memory remembers what the robot has seen. All methods may be called from any goroutine. Map is the odometry's frame
// from the first pose message on, and the place where the robot started before.
type Memory struct {
	cfg Config

	mu       sync.Mutex
	observed bool // at least one observation was taken in
	mono     time.Duration
	last     frameState

	epoch     uint32
	pose      Pose
	poseCov   Cov
	source    PoseSource
	anchored  bool // map is the odometry's frame
	jumped    bool // the odometry has begun a new frame that map does not know yet
	odometry  Odometry
	history   poseHistory
	suspect   Odometry // newest pose, if it does not follow from the history
	suspected bool
	steps     steps

	// The last step, as far as it was reckoned.
	motion   Cov    // its covariance, in map axes
	reckoned Motion // what the networks told of it, zero if nothing
	from     Pose   // where it began
	blind    bool   // nothing tells of a motion over a long time
	step     Pose   // the way as reckoned, in base_link of its beginning
	cruise   cruise // of the newest camera that told one
	lenses   []lens // the cameras, in the order of their first observations
	scale    wayScale

	pending   *arrival // of a restored memory, until the first observation
	arriving  bool     // during that observation, if it begins a new epoch
	unsettled Cov      // of the restored pose then

	tracks    []*track
	spare     []*track // forgotten ones, for their buffers
	glimpses  []*track // by label the best hint of it, nil without one; nothing else knows of them
	gone      departed
	numbers   uint64
	serials   uint64
	embedding int // length of all embeddings, 0 until the first one

	room   roomEstimate
	cover  coverage
	ground ground
	free   FreeSpace
	stood  Pose // where free was computed
	stats  Stats
	shown  *Snapshot // of what is known now; nil when that was not asked for yet

	// Buffers of one observation. The measurements stay until the next one: they are the snapshot's "now".
	meas   []measurement
	dets   []Detection
	weak   []Detection   // what hints rests on
	colors []float32     // the detections' own copies
	hints  []measurement // of the newest observation; they have no track
	near   []*track
	cost   []float64
	assign assigner
	search search
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
}

// New returns an empty memory.
func New(cfg Config) (*Memory, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configuring the scene memory: %w", err)
	}
	m := &Memory{
		cfg: cfg, epoch: 1, source: PoseNone,
		history: poseHistory{limit: cfg.PoseHistory, entries: make([]Odometry, 0, cfg.PoseHistory)},
		dets:    make([]Detection, 0, cfg.MaxDetections),
		meas:    make([]measurement, 0, cfg.MaxDetections),
		colors:  make([]float32, 0, cfg.MaxDetections*len(cfg.Colors)),
		gone:    departed{list: make([]*track, 0, goneKept)},
	}
	for i := range m.steps.ring {
		m.steps.ring[i].parts = make([]part, 0, min(cfg.MaxDetections, 32))
	}
	return m, nil
}

// SetOdometry tells where the robot was at an instant. Poses may come at any rate, late and out of order: one for an
// instant already observed corrects what was placed from there. A malformed one has no effect, is counted and returns
// an error that wraps ErrRejected.
func (m *Memory) SetOdometry(o Odometry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	defer m.changed()
	err := checkOdometry(o)
	if err == nil {
		o.Pose.Yaw, o.Cov = WrapAngle(o.Pose.Yaw), Cov(o.Cov).symmetric()
		err = m.admit(o)
	}
	if err != nil {
		m.stats.RejectedPoses++
		return fmt.Errorf("taking in odometry: %w", err)
	}
	if o.Mono <= m.mono+m.cfg.PoseGap {
		m.catchUp()
	}
	return nil
}

// Observe takes in one observation; it copies what it keeps. A malformed one, or one that is not newer than the last,
// has no effect, is counted and returns an error that wraps ErrRejected.
func (m *Memory) Observe(obs *Observation) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	defer m.changed()
	mono, err := m.timely(obs)
	if err == nil {
		err = m.check(obs)
	}
	if err != nil {
		m.stats.RejectedObservations++
		return fmt.Errorf("observing: %w", err)
	}
	if mono == obs.Mono {
		m.take(obs, mono)
		return nil
	}
	late := *obs
	late.Mono = mono
	m.take(&late, obs.Mono)
	return nil
}

// take takes in an observation that was checked; captured is when its picture was made.
func (m *Memory) take(obs *Observation, captured time.Duration) {
	now := stamp{obs.Mono, obs.Wall}
	step, looked := obs.Mono-m.mono, m.lookedFor(obs)
	m.setAside(obs)
	m.resume(now)
	m.advance(obs)
	m.measure(obs)
	m.locate()
	agreed := min(obs.Consistency, m.agreement(obs))
	m.settle(obs.Mono)
	m.updateTracks(now)
	m.missTracks(obs, looked)
	m.takeHints(obs, now, looked)
	m.letGo()
	m.tellApart()
	m.splitWide()
	m.mergeDuplicates()
	m.confirmTracks()
	m.sweep(obs.Mono)
	m.survey(obs, step)
	m.last = frameState{
		seq: obs.Seq, at: now, camera: obs.Camera, consistency: agreed,
		gateMean: obs.GateMean, gateShift: obs.GateShift, hfov: obs.View.HFOV,
	}
	m.travelled(obs, captured, m.step)
	m.observed, m.mono = true, obs.Mono
	m.stats.Observations++
}

// survey takes in what the observation says about the room and its floor.
func (m *Memory) survey(obs *Observation, step time.Duration) {
	m.room.add(obs.Room)
	m.cover.look(m.pose, obs.View)
	m.ground.age(step)
	m.ground.blur(m.motion[0] + m.motion[4])
	m.ground.look(&obs.View, m.pose)
	m.lookAround()
}

// lookAround computes the free space from where the robot is.
func (m *Memory) lookAround() { m.free, m.stood = m.ground.around(m.pose), m.pose }
