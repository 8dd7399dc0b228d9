package scene

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

var (
	worldLabels = []string{"chair", "stool", "table", "sofa", "box", "plant", "cabinet", "ball"}
	worldColors = []string{"red", "green", "blue"}
)

type thing struct {
	label, color int
	box          Box
}

// world is a square room with things in it, and a robot that looks at them through a noisy detector.
type world struct {
	t      *testing.T
	rng    *rand.Rand
	things []thing
	half   float64 // half the side of the room
	robot  Pose
	last   Pose
	mono   time.Duration
	seq    uint64
	m      *Memory

	noise     float64 // m, of centres; sizes get half of it
	missRate  float64
	falseRate float64 // of one false detection an observation
	noDepth   bool
	noEgo     bool
	hints     bool // the first detection is told as a weak hint too
	confuse   func(label int) int

	odometry   bool          // feeds poses
	offset     Pose          // of the odometry's frame
	wallOffset time.Duration // of the wall clock, after a restart
}

func newWorld(t *testing.T, things ...thing) *world {
	t.Helper()
	m, err := New(DefaultConfig(worldLabels, worldColors))
	if err != nil {
		t.Fatal(err)
	}
	return &world{t: t, rng: rand.New(rand.NewPCG(7, 11)), things: things, half: 4, m: m, noise: 0.04}
}

func (w *world) view() View {
	return View{Position: Vec3{0.1, 0, 0.8}, Pitch: 0.1, HFOV: 1.4, VFOV: 1.1, Cols: 20, Rows: 15}
}

// cast returns the distance along a ray to the nearest thing or wall, and which thing that is.
func (w *world) cast(o, dir Vec3) (float64, int) {
	room := Box{Center: Vec3{0, 0, 1.3}, Size: Vec3{2 * w.half, 2 * w.half, 2.6}}
	_, depth, _ := room.rayEntry(o, dir)
	hit := -1
	for i, th := range w.things {
		if e, _, ok := th.box.rayEntry(o, dir); ok && e < depth {
			depth, hit = e, i
		}
	}
	return depth, hit
}

// observe renders depth, detects what shows enough of itself, and feeds the memory.
func (w *world) observe() {
	w.t.Helper()
	w.seq++
	w.mono += 200 * time.Millisecond
	obs := &Observation{
		Seq: w.seq, Mono: w.mono, Wall: time.Unix(0, int64(w.mono+w.wallOffset)), View: w.view(), Consistency: 1,
	}
	e := newEye(&obs.View, w.robot)
	shows := w.render(&obs.View, &e)
	for i, th := range w.things {
		if shows[i] >= 3 && w.rng.Float64() >= w.missRate {
			obs.Detections = append(obs.Detections, w.detect(th))
		}
	}
	if w.rng.Float64() < w.falseRate {
		b := Box{Vec3{1 + 2*w.rng.Float64(), 2*w.rng.Float64() - 1, 0.4}, Vec3{.5, .5, .8}, 0}
		obs.Detections = append(obs.Detections, Detection{
			Label: w.rng.IntN(len(worldLabels)), Score: 0.4, Box: b, CenterVar: Vec3{.01, .01, .01},
		})
	}
	if w.hints && len(obs.Detections) > 0 {
		hint := obs.Detections[0]
		hint.Score *= 0.3
		obs.Hints = []Detection{hint}
	}
	step := w.last.Inverse().Compose(w.robot)
	if w.seq > 1 && !w.noEgo {
		obs.HasEgo = true
		obs.Ego = Motion{
			X: step.X + 0.01*w.rng.NormFloat64(), Y: step.Y + 0.01*w.rng.NormFloat64(),
			Yaw: step.Yaw + 0.005*w.rng.NormFloat64(), VarX: 1e-4, VarY: 1e-4, VarYaw: 2.5e-5,
		}
	}
	w.last = w.robot
	if w.odometry {
		w.feed(w.mono)
	}
	if w.noDepth {
		obs.View.Depth, obs.View.DepthSigma = nil, nil
	}
	if err := w.m.Observe(obs); err != nil {
		w.t.Fatal(err)
	}
}

// feed tells the robot's pose, as of an instant.
func (w *world) feed(mono time.Duration) {
	w.t.Helper()
	o := Odometry{Pose: w.offset.Compose(w.robot), Mono: mono, Cov: [9]float64{1e-4, 0, 0, 0, 1e-4, 0, 0, 0, 1e-5}}
	if err := w.m.SetOdometry(o); err != nil {
		w.t.Fatal(err)
	}
}

// render fills the depth grid and returns in how many of four rays a cell each thing shows.
func (w *world) render(v *View, e *eye) []int {
	shows := make([]int, len(w.things))
	v.Depth = make([]float32, v.Cols*v.Rows)
	v.DepthSigma = make([]float32, v.Cols*v.Rows)
	for row := range v.Rows {
		for col := range v.Cols {
			p := e.point(col, row, 1)
			depth, hit := w.cast(e.origin, p.Sub(e.origin))
			i := row*v.Cols + col
			v.Depth[i] = float32(depth * math.Exp(0.05*w.rng.NormFloat64()))
			v.DepthSigma[i] = 0.05
			if hit >= 0 {
				shows[hit]++
			}
		}
	}
	return shows
}

// detect returns a noisy detection of a thing; the position of the box's front is a coin's toss.
func (w *world) detect(th thing) Detection {
	n := func(s float64) float64 { return s * w.noise * w.rng.NormFloat64() }
	b := w.robot.Inverse().ApplyBox(th.box)
	b.Center = b.Center.Add(Vec3{n(1), n(1), n(1)})
	b.Size = Vec3{b.Size.X * math.Exp(n(1)), b.Size.Y * math.Exp(n(1)), b.Size.Z * math.Exp(n(1))}
	b.Yaw = WrapAngle(b.Yaw + n(1) + float64(w.rng.IntN(2))*math.Pi)
	colors := make([]float32, len(worldColors))
	for i := range colors {
		colors[i] = 0.2
	}
	colors[th.color] = 0.6
	label := th.label
	if w.confuse != nil {
		label = w.confuse(label)
	}
	v := w.noise * w.noise
	return Detection{
		Label: label, Score: 0.5 + 0.45*w.rng.Float64(), Box: b, CenterVar: Vec3{v, v, v},
		SizeVar: Vec3{v, v, v}, YawVar: 0.01, Colors: colors,
	}
}

func (w *world) run(n int) {
	w.t.Helper()
	for range n {
		w.observe()
	}
}

// turn rotates the robot on the spot by a full circle, twice over.
func (w *world) turn() {
	w.t.Helper()
	const steps = 60
	for range 2 * steps {
		w.robot.Yaw = WrapAngle(w.robot.Yaw + 2*math.Pi/steps)
		w.observe()
	}
}

// wrong counts the things remembered too often or not at all, label by label.
func (w *world) wrong(s *Snapshot) int {
	count := map[string]int{}
	for _, th := range w.things {
		count[worldLabels[th.label]]++
	}
	for _, o := range s.Seen {
		count[o.Label]--
	}
	sum := 0
	for _, n := range count {
		sum += max(n, -n)
	}
	return sum
}

// expect fails the test when anything is remembered wrongly.
func (w *world) expect(s *Snapshot) {
	w.t.Helper()
	if w.wrong(s) == 0 {
		return
	}
	for _, o := range s.Seen {
		w.t.Logf("%s %s at %.2f, existence %.2f", o.ID, o.Label, o.Box.Center, o.Existence)
	}
	w.t.Errorf("%d things remembered, %d there", len(s.Seen), len(w.things))
}

func furnished() []thing {
	at := func(label, color int, x, y float64, size Vec3, yaw float64) thing {
		return thing{label, color, Box{Vec3{x, y, size.Z / 2}, size, yaw}}
	}
	chair := Vec3{.5, .5, .9}
	return []thing{
		at(0, 0, 2.2, 0.2, chair, 0.3),
		at(0, 1, 1.9, -1.4, chair, 1.1),
		at(2, 2, 0.2, 2.4, Vec3{1.4, .8, .75}, 0.1),
		at(3, 0, -2.6, 0.2, Vec3{.9, 2.0, .85}, 0),
		at(4, 1, -1.5, -2.3, Vec3{.4, .4, .4}, 0.6),
		at(4, 1, -0.4, -2.6, Vec3{.4, .4, .4}, 0.2),
		at(5, 1, 3.2, 3.1, Vec3{.4, .4, 1.3}, 0),
		at(6, 2, -2.8, 2.9, Vec3{.6, 1.0, 1.8}, 0),
	}
}
