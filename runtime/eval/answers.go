package eval

import (
	"context"
	"math/rand/v2"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/runtime/perception"
	"github.com/vega-edge/vegad/runtime/query"
	"github.com/vega-edge/vegad/runtime/scene"
)

// measured is a value with its 95 % interval.
type measured struct{ value, low, high float64 }

// saying is what a variant answers about one label. Nil is an abstention. Boxes are in base_link.
type saying struct {
	box        *scene.Box // scope now
	leaning    *scene.Box // the same, also where the answer is withheld as too uncertain
	remembered *scene.Box // scope seen
	distance   *measured  // m
	bearing    *measured  // rad
	count      float64
	countGiven float64 // the same, when it is known that at least one is there
	exists     bool
	reasons    []string // of the abstentions
	// How much the box and the distance can be trusted by what their answers say, 0..1.
	boxTrust, distanceTrust float64
}

// step is a predicted motion between two frames of the clip.
type step struct {
	from, to int
	motion   scene.Motion
}

// answers is everything that a variant says about the last picture of a clip.
type answers struct {
	labels      []saying // by label
	things      []thing  // all that it sees
	consistency float64  // of the last picture's geometry; 0 where the variant has none
	depth       []float32
	steps       []step               // none where the variant does not tell
	gates       [gateFigures]float64 // mean of the gate for each family of questions; 0 where the variant has none
}

// families are the families of questions in the order of the gate's figures.
func families() [gateFigures]perception.Family {
	return [gateFigures]perception.Family{
		perception.Observe, perception.Locate, perception.Count, perception.Measure, perception.Relate, perception.Describe,
	}
}

// system is the bundle, used as the daemon uses it.
type system struct {
	manifest *models.Manifest
	graph    func(name string) perception.Graph
}

// answer shows the clip to the networks and asks the memory.
func (s *system) answer(ctx context.Context, c *clip) (*answers, error) {
	m := s.manifest
	cfg := scene.DefaultConfig(m.Labels, m.Colors)
	cfg.SizePriors = priorsOf(m)
	memory, err := scene.New(cfg)
	if err != nil {
		return nil, err
	}
	pipeline, err := perception.New(perception.Config{
		Manifest: m, Graph: s.graph, Camera: "eval", Calibration: c.lens, Mount: c.mount,
	})
	if err != nil {
		return nil, err
	}
	a := &answers{labels: make([]saying, c.labels)}
	if err := a.watch(ctx, c, pipeline, memory); err != nil {
		return nil, err
	}
	if err := a.weigh(ctx, pipeline); err != nil {
		return nil, err
	}
	snap := memory.Snapshot()
	a.consistency = snap.Consistency
	for i := range a.labels {
		a.labels[i] = ask(m.Labels[i], snap)
	}
	for i := range snap.Now {
		o := &snap.Now[i]
		a.things = append(a.things, thing{o.LabelIndex, snap.BoxToBase(o.Box)})
	}
	return a, nil
}

// priorsOf writes the bundle's size priors as the memory wants them.
func priorsOf(m *models.Manifest) []scene.SizePrior {
	out := make([]scene.SizePrior, len(m.Labels))
	for i, label := range m.Labels {
		if p, ok := m.SizePriors[label]; ok {
			out[i] = scene.SizePrior{
				Mean:     scene.Vec3{X: p.MeanM[0], Y: p.MeanM[1], Z: p.MeanM[2]},
				LogSigma: max(p.LogSigma[0], p.LogSigma[1], p.LogSigma[2]),
			}
		}
	}
	return out
}

// watch passes the frames through the networks into memory, with the odometry of a robot. The last frame is observed.
func (a *answers) watch(ctx context.Context, c *clip, p *perception.Pipeline, memory *scene.Memory) error {
	wheels := newOdometer(c.seed)
	last := -1
	for i, f := range c.frames {
		if err := memory.SetOdometry(wheels.read(c.poses[i], f)); err != nil {
			return err
		}
		if err := p.Frame(ctx, f); err != nil {
			return err
		}
		if (len(c.frames)-1-i)%observeEvery != 0 {
			continue
		}
		var rejected error
		err := p.Observe(ctx, perception.Observe, func(o *scene.Observation) bool {
			if o.HasEgo && last >= 0 {
				a.steps = append(a.steps, step{last, i, o.Ego})
			}
			a.depth = append(a.depth[:0], o.View.Depth...)
			rejected = memory.Observe(o)
			return rejected == nil
		})
		if err != nil {
			return err
		}
		if rejected == nil {
			last = i
		}
	}
	return nil
}

// weigh asks for the gate's mean over the last picture once for each family of questions. Memory does not hear of it.
func (a *answers) weigh(ctx context.Context, p *perception.Pipeline) error {
	for i, family := range families() {
		err := p.Observe(ctx, family, func(o *scene.Observation) bool {
			a.gates[i] = o.GateMean
			return false
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// odometer is a robot's own idea of its motion: each step is wrong by one percent.
type odometer struct {
	rng        *rand.Rand
	began      bool
	true, told scene.Pose
	cov        [9]float64
}

const odometryError = 0.01

func newOdometer(seed uint64) *odometer {
	// Noise that anybody can reproduce is what is wanted here.
	return &odometer{rng: rand.New(rand.NewPCG(seed, 0x6f646f))}
}

// read takes the next step and returns the pose since the first one, at the time of the frame.
func (o *odometer) read(now scene.Pose, f *camera.Frame) scene.Odometry {
	if !o.began {
		o.began, o.true = true, now
	}
	move := o.true.Inverse().Compose(now)
	far := scene.Vec3{X: move.X, Y: move.Y}.Norm() * odometryError
	turn := move.Yaw * odometryError
	o.told = o.told.Compose(scene.Pose{
		X: move.X + far*o.rng.NormFloat64(), Y: move.Y + far*o.rng.NormFloat64(),
		Yaw: move.Yaw + turn*o.rng.NormFloat64(),
	})
	o.cov[0] += far * far
	o.cov[4] += far * far
	o.cov[8] += turn * turn
	o.true = now
	return scene.Odometry{Pose: o.told, Cov: o.cov, Mono: f.Mono}
}

// ask puts the benchmark's questions about one label.
func ask(label string, snap *scene.Snapshot) saying {
	var s saying
	put := func(kind query.Kind, scope query.Scope) query.Answer {
		q := query.Query{Kind: kind, Target: &query.Referent{Label: label}, Scope: scope}
		a := query.Execute(q, snap, query.DefaultOptions())
		if a.Status != query.Answered && scope == query.Now {
			s.reasons = append(s.reasons, a.Reason)
		}
		return a
	}
	here, known := put(query.Locate, query.Now), put(query.Locate, query.Seen)
	s.leaning = boxOf(here)
	if here.Status == query.Answered {
		s.box = s.leaning
	}
	if known.Status == query.Answered {
		s.remembered = boxOf(known)
	}
	far := put(query.Distance, query.Now)
	s.boxTrust, s.distanceTrust = trust(&here, smallPlace), 0
	if far.Value != nil {
		s.distanceTrust = trust(&far, smallLength**far.Value)
	}
	s.distance, s.bearing = valueOf(far), valueOf(put(query.Direction, query.Now))
	if n := valueOf(put(query.Count, query.Now)); n != nil {
		s.count, s.countGiven = n.value, n.value
	}
	s.exists = put(query.Exists, query.Now).Choice == "yes"
	return s
}

func valueOf(a query.Answer) *measured {
	if a.Status != query.Answered || a.Value == nil || a.Interval95 == nil {
		return nil
	}
	return &measured{*a.Value, a.Interval95[0], a.Interval95[1]}
}

// boxOf returns the box that an answer is about, in base_link, or nil when it is about none.
func boxOf(a query.Answer) *scene.Box {
	if len(a.Objects) == 0 {
		return nil
	}
	o := &a.Objects[0]
	return &scene.Box{
		Center: scene.Vec3{X: o.BaseCenterM[0], Y: o.BaseCenterM[1], Z: o.BaseCenterM[2]},
		Size:   scene.Vec3{X: o.SizeM[0], Y: o.SizeM[1], Z: o.SizeM[2]}, Yaw: o.BaseYawRad,
	}
}
