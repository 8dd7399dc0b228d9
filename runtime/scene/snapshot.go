package scene

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"
)

// Object is one thing in a snapshot.
type Object struct {
	ID         string // "o1", "o2", …, never used again; empty when it is not in memory (yet)
	Label      string // the most probable label
	LabelIndex int
	Color      string    // the most probable colour, empty when none was ever told
	LabelProbs []float64 // probability of each label, in the bundle's order; shared, read only
	ColorProbs []float64 // the same for colours, empty when none was ever told
	Box        Box       // in map
	CenterCov  Cov       // of the centre relative to the robot, over (x, y, z) of map, m²
	SizeVar    Vec3      // of the extents, m²
	YawVar     float64   // rad²
	Existence  float64   // probability that it is there
	Hits       int       // observations that showed it

	FirstMono, LastMono time.Duration // when it was first and last seen
	FirstWall, LastWall time.Time
	MovedMono           time.Duration // when it was recognised at another place the last time
	MovedWall           time.Time     // the same instant; zero when it never moved
	MovedFrom           Vec3          // the centre that it had before, in map
}

// Moved says whether the thing was once recognised at another place than before.
func (o *Object) Moved() bool { return !o.MovedWall.IsZero() || o.MovedMono != 0 }

// Snapshot is the memory at one instant. It shares nothing with the Memory and never changes, so that any number of
// goroutines may read it.
type Snapshot struct {
	Seq    uint64        // of the newest observation; 0 before the first
	Mono   time.Duration // its capture time
	Wall   time.Time
	Camera string

	// Epoch counts the maps. It rises when coordinates of map from before mean nothing any more: the pose jumped, or
	// the memory was cleared. Object ids stay valid across epochs as long as the objects are remembered.
	Epoch uint32

	Robot      Pose // base_link in map at Mono
	RobotCov   Cov  // over (x, y, yaw), against the origin of map
	PoseSource PoseSource

	// Now is what the newest observation shows, in its order, and then what the other cameras showed less than a second
	// before.
	Now  []Object
	Seen []Object // everything remembered, in the order of first appearance
	// Hints are what the newest observation shows best of each label, at most one a label, however weak: for questions
	// that take a thing for granted. Existence is the network's score.
	Hints []Object
	// Glimpses are the same of all observations since map began, where that place has not been seen empty since.
	Glimpses []Object

	Free        FreeSpace // around Robot, fused over time; unknown is not free
	Room        RoomEstimate
	HFOV        float64 // of the newest observation's camera, rad
	Looked      float64 // share of the directions around the robot that the camera has looked at, 0..1
	Consistency float64 // of the newest observation with itself and with what is remembered, 0..1
	GateMean    float64
	GateShift   float64

	Labels []string // the vocabulary; shared, read only
	Colors []string
	Stats  Stats
}

// Empty says whether nothing was observed yet.
func (s *Snapshot) Empty() bool { return s.Stats.Observations == 0 }

// ToBase turns a point of map into base_link as it was at Mono.
func (s *Snapshot) ToBase(p Vec3) Vec3 { return s.Robot.Inverse().Apply(p) }

// BoxToBase turns a box of map into base_link as it was at Mono.
func (s *Snapshot) BoxToBase(b Box) Box { return s.Robot.Inverse().ApplyBox(b) }

// Snapshot returns what is known now. Until something changes it returns the same one again.
func (m *Memory) Snapshot() *Snapshot {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shown == nil {
		m.shown = m.snapshot()
	}
	return m.shown
}

// changed says that a snapshot taken before tells no longer what is known. It is called with mu held.
func (m *Memory) changed() { m.shown = nil }

func (m *Memory) snapshot() *Snapshot {
	s := &Snapshot{
		Seq: m.last.seq, Mono: m.last.at.mono, Wall: m.last.at.wall, Camera: m.last.camera,
		Epoch: m.epoch, Robot: m.pose, RobotCov: m.poseCov, PoseSource: m.source,
		Free: m.free, Room: m.room.estimate(), HFOV: m.last.hfov,
		Looked: m.cover.share(m.pose, m.cfg.CoverageRadius), Consistency: m.last.consistency,
		GateMean: m.last.gateMean, GateShift: m.last.gateShift,
		Labels: m.cfg.Labels, Colors: m.cfg.Colors, Stats: m.stats,
		Now:  make([]Object, 0, len(m.meas)),
		Seen: make([]Object, 0, len(m.tracks)),
	}
	things := len(m.meas) + len(m.hints) + len(m.glimpses) + len(m.tracks)
	p := newProbabilities(things * (len(m.cfg.Labels) + len(m.cfg.Colors)))
	for i := range m.meas {
		s.Now = append(s.Now, m.seenNow(&m.meas[i], p))
	}
	s.Now = m.seenBeside(s.Now)
	s.Hints = slices.Grow(s.Hints, len(m.hints))
	for i := range m.hints {
		s.Hints = append(s.Hints, m.seenNow(&m.hints[i], p))
	}
	s.Glimpses = m.glimpsed(p)
	for _, t := range m.tracks {
		if t.confirmed {
			s.Seen = append(s.Seen, m.remembered(t, p))
		}
	}
	slices.SortFunc(s.Seen, func(a, b Object) int {
		return cmp.Or(cmp.Compare(a.FirstMono, b.FirstMono), cmp.Compare(len(a.ID), len(b.ID)), cmp.Compare(a.ID, b.ID))
	})
	return s
}

// probabilities is the storage of all probabilities of one snapshot: one allocation instead of two a thing.
type probabilities struct{ free []float64 }

func newProbabilities(n int) *probabilities { return &probabilities{free: make([]float64, n)} }

// take returns n zeros that nobody else has.
func (p *probabilities) take(n int) []float64 {
	if len(p.free) < n {
		return make([]float64, n)
	}
	out := p.free[:n:n]
	p.free = p.free[n:]
	return out
}

// remembered copies a track.
func (m *Memory) remembered(t *track, p *probabilities) Object {
	label, _ := best(t.post)
	size := t.box.Size
	shared := m.cfg.shared(t.hits)
	o := Object{
		ID: t.id(), Label: m.cfg.Labels[label], LabelIndex: label,
		LabelProbs: p.take(len(t.post)), Box: t.box, CenterCov: t.cov.scaled(shared),
		SizeVar: Vec3{
			shared * t.logVar.X * size.X * size.X, shared * t.logVar.Y * size.Y * size.Y, shared * t.logVar.Z * size.Z * size.Z,
		},
		YawVar: shared * t.yawVar, Existence: t.existence(), Hits: t.hits,
		FirstMono: t.firstMono, LastMono: t.lastMono, FirstWall: t.first.wall, LastWall: t.last.wall,
		MovedMono: t.moved.mono, MovedWall: t.moved.wall, MovedFrom: t.movedFrom,
	}
	copy(o.LabelProbs, t.post)
	o.ColorProbs = shares(p, t.colors)
	if i, p := best(o.ColorProbs); p > 0 {
		o.Color = m.cfg.Colors[i]
	}
	return o
}

// seenNow copies a detection of the newest observation.
func (m *Memory) seenNow(z *measurement, p *probabilities) Object {
	d := z.det
	size := z.box.Size
	o := Object{
		Label: m.cfg.Labels[d.Label], LabelIndex: d.Label, LabelProbs: z.labelProbs(p.take(len(m.cfg.Labels))),
		Box: z.box, CenterCov: z.cov,
		SizeVar: Vec3{z.logVar.X * size.X * size.X, z.logVar.Y * size.Y * size.Y, z.logVar.Z * size.Z * size.Z},
		YawVar:  z.yawVar, Existence: d.Score, Hits: 1,
		FirstMono: m.last.at.mono, LastMono: m.last.at.mono, FirstWall: m.last.at.wall, LastWall: m.last.at.wall,
	}
	o.ColorProbs = shares(p, d.Colors)
	if i, p := best(o.ColorProbs); p > 0 {
		o.Color = m.cfg.Colors[i]
	}
	if t := z.track; t != nil && t.confirmed {
		o.ID, o.Hits = t.id(), t.hits
		o.FirstMono, o.FirstWall = t.firstMono, t.first.wall
		o.MovedMono, o.MovedWall, o.MovedFrom = t.moved.mono, t.moved.wall, t.movedFrom
	}
	return o
}

// labelProbs shares the certainty between the labels that claim the place. out is all zero and holds one value a label.
func (z *measurement) labelProbs(out []float64) []float64 {
	sum := 0.0
	for _, c := range z.claims[:z.n] {
		sum += c.score
	}
	for _, c := range z.claims[:z.n] {
		if sum > 0 {
			out[c.label] = c.score / sum
		}
	}
	if sum == 0 {
		out[z.det.Label] = 1
	}
	return out
}

// id is written once for each number: every snapshot and every message tells it.
func (t *track) id() string {
	if t.named != t.number {
		t.name, t.named = "o"+strconv.FormatUint(t.number, 10), t.number
	}
	return t.name
}

// shares scales values to a sum of 1; it returns nil when there is nothing to scale.
func shares[T float32 | float64](p *probabilities, values []T) []float64 {
	sum := 0.0
	for _, v := range values {
		sum += float64(v)
	}
	if sum <= 0 || math.IsInf(sum, 1) {
		return nil
	}
	out := p.take(len(values))
	for i, v := range values {
		out[i] = float64(v) / sum
	}
	return out
}
