package scene_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/vega-edge/vegad/camera/room"
	"github.com/vega-edge/vegad/runtime/scene"
)

const (
	filmWidth, filmHeight = 64, 48
	gridCols, gridRows    = 16, 12
	filmStep              = 200 * time.Millisecond
	leastPixels           = 16 // of a thing that can be detected
)

// detector is how badly a network sees a rendered room. It tells nothing of which thing is which.
type detector struct {
	missRate, clutterRate, wrongLabel float64
	distance                          float64 // relative, 1 sigma, from picture to picture
	bias                              float64 // relative, 1 sigma, the same for a thing in all pictures
	lateral                           float64 // m
	size                              float64 // of ln(extent)
	depth                             float64 // of ln(depth)
	egoScale, egoNoise                float64 // share of the way that is found, and its relative noise
}

func goodDetector() detector {
	return detector{
		missRate: 0.2, clutterRate: 0.05, wrongLabel: 0.05, distance: 0.05, bias: 0.03, lateral: 0.04, size: 0.1,
		depth: 0.08, egoScale: 1, egoNoise: 0.1,
	}
}

// film is a robot in a rendered room, with a detector and a memory.
type film struct {
	tb     testing.TB
	room   *room.Room
	truth  []room.Object
	biases []float64
	draw   *room.Renderer
	pic    *room.Picture
	see    detector
	rng    *rand.Rand
	memory *scene.Memory
	other  *scene.Memory // sees the same, if there is one
	looks  [][]float32   // of each label and colour

	gone     map[int]bool // things that were carried away
	seen     map[int]int  // in how many pictures each thing could be detected
	pose     room.Pose
	traced   room.Pose // what pic shows
	began    bool
	mono     time.Duration
	seq      uint64
	odometry bool
	way      float64 // m, gone so far
}

func labels() []string { return room.Labels[:] }

func colors() []string { return room.Colors[:] }

func newFilm(tb testing.TB, seed uint64, see detector) *film {
	tb.Helper()
	cfg := scene.DefaultConfig(labels(), colors())
	memory, err := scene.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	f := &film{
		tb: tb, room: room.Generate(seed), draw: room.NewRenderer(filmWidth, filmHeight, room.DefaultHFOV), see: see,
		rng: rand.New(rand.NewPCG(seed, 0x66696c6d)), memory: memory, gone: map[int]bool{}, seen: map[int]int{},
	}
	f.truth, f.pic = f.room.Objects(), f.draw.NewPicture()
	for range f.truth {
		f.biases = append(f.biases, math.Exp(see.bias*f.rng.NormFloat64()))
	}
	for range len(room.Labels) * len(room.Colors) {
		f.looks = append(f.looks, f.unit(nil, 1))
	}
	return f
}

// unit returns a unit vector: base with noise, or any one.
func (f *film) unit(base []float32, noise float64) []float32 {
	out, norm := make([]float32, 16), 0.0
	for i := range out {
		x := noise * f.rng.NormFloat64()
		if base != nil {
			x += float64(base[i])
		}
		out[i] = float32(x)
		norm += x * x
	}
	for i := range out {
		out[i] /= float32(math.Sqrt(norm))
	}
	return out
}

func base(p room.Pose) scene.Pose { return scene.Pose{X: p.X, Y: p.Y, Yaw: p.Yaw} }

func boxOf(o *room.Object) scene.Box {
	return scene.Box{
		Center: scene.Vec3{X: o.X, Y: o.Y, Z: o.Z}, Yaw: o.Yaw,
		Size: scene.Vec3{X: o.Size[0], Y: o.Size[1], Z: o.Size[2]},
	}
}

// observe moves the robot to a pose of the room, shows what the camera sees there to the detector and the memory.
func (f *film) observe(p room.Pose) {
	f.tb.Helper()
	step := base(f.pose).Inverse().Compose(base(p))
	f.pose = p
	f.mono += filmStep
	f.seq++
	if p != f.traced {
		f.draw.Trace(f.room, p, f.pic)
		f.traced = p
	}
	obs := &scene.Observation{
		Seq: f.seq, Mono: f.mono, Wall: time.Unix(0, 0).Add(f.mono), Consistency: 1, View: f.view(p),
		Room: scene.Room{
			Length: f.room.Length, Width: f.room.Width, Height: f.room.Height, Area: f.room.Area(), LogVar: 0.04,
		},
	}
	f.detect(obs)
	f.clutter(obs)
	if f.began {
		f.way += math.Hypot(step.X, step.Y)
		obs.HasEgo, obs.Ego = true, f.ego(step)
	}
	f.began = true
	if f.odometry {
		o := scene.Odometry{Pose: base(p), Mono: f.mono, Cov: [9]float64{1e-4, 0, 0, 0, 1e-4, 0, 0, 0, 1e-5}}
		if err := f.memory.SetOdometry(o); err != nil {
			f.tb.Fatal(err)
		}
	}
	if err := f.memory.Observe(obs); err != nil {
		f.tb.Fatal(err)
	}
	if f.other != nil {
		if err := f.other.Observe(obs); err != nil {
			f.tb.Fatal(err)
		}
	}
}

// ego is the motion as the networks tell it.
func (f *film) ego(step scene.Pose) scene.Motion {
	far := math.Hypot(step.X, step.Y)
	noise := func(s float64) float64 { return s * f.rng.NormFloat64() }
	sigma := 0.01 + far*max(1-f.see.egoScale, f.see.egoNoise)
	turn := 0.005 + 0.1*math.Abs(step.Yaw)
	return scene.Motion{
		X: f.see.egoScale*step.X + noise(far*f.see.egoNoise), Y: f.see.egoScale*step.Y + noise(far*f.see.egoNoise),
		Yaw: step.Yaw + noise(turn), VarX: sigma * sigma, VarY: sigma * sigma, VarYaw: turn * turn,
	}
}

func (f *film) view(p room.Pose) scene.View {
	v := scene.View{
		Position: scene.Vec3{Z: p.Height}, Pitch: p.Pitch, HFOV: room.DefaultHFOV,
		VFOV: 2 * math.Atan(math.Tan(room.DefaultHFOV/2)*filmHeight/filmWidth), Cols: gridCols, Rows: gridRows,
	}
	const k = filmWidth / gridCols
	for row := range gridRows {
		for col := range gridCols {
			at := (row*k+k/2)*filmWidth + col*k + k/2
			d := float64(f.pic.Depth[at])
			if i := int(f.pic.Instance[at]) - 1; i >= 0 && f.gone[i] {
				d = f.behind(p, col*k+k/2, row*k+k/2)
			}
			v.Depth = append(v.Depth, float32(d*math.Exp(f.see.depth*f.rng.NormFloat64())))
			v.DepthSigma = append(v.DepthSigma, float32(f.see.depth))
		}
	}
	return v
}

// behind is the distance along a pixel's ray to the nearest box or wall that is still there.
func (f *film) behind(p room.Pose, x, y int) float64 {
	focal := filmWidth / 2 / math.Tan(room.DefaultHFOV/2)
	right, down := (float64(x)+0.5-filmWidth/2)/focal, (float64(y)+0.5-filmHeight/2)/focal
	sin, cos := math.Sincos(p.Pitch)
	l := scene.Vec3{X: cos - down*sin, Y: -right, Z: -sin - down*cos}
	d := scene.Pose{Yaw: p.Yaw}.Apply(l.Scale(1 / l.Norm()))
	o := scene.Vec3{X: p.X, Y: p.Y, Z: p.Height}
	for r := 0.1; r < 20; r += 0.02 {
		q := o.Add(d.Scale(r))
		if q.X < 0 || q.Y < 0 || q.Z < 0 || q.X > f.room.Length || q.Y > f.room.Width || q.Z > f.room.Height {
			return r
		}
		for i := range f.truth {
			b := boxOf(&f.truth[i])
			if !f.gone[i] && b.ContainsXY(q.X, q.Y, 0) && q.Z > b.Bottom() && q.Z < b.Top() {
				return r
			}
		}
	}
	return 20
}

func (f *film) shows(i int) bool {
	return !f.gone[i] && f.pic.Visible[i] >= leastPixels && 10*f.pic.Visible[i] >= 3*f.pic.Whole[i]
}

func (f *film) detect(obs *scene.Observation) {
	for i := range f.truth {
		if !f.shows(i) {
			continue
		}
		f.seen[i]++
		if f.rng.Float64() >= f.see.missRate {
			obs.Detections = append(obs.Detections, f.detection(i, obs.View.Position))
		}
	}
}

// detection is what a network says about a thing that it sees.
func (f *film) detection(i int, eye scene.Vec3) scene.Detection {
	th := &f.truth[i]
	n := func(s float64) float64 { return s * f.rng.NormFloat64() }
	b := base(f.pose).Inverse().ApplyBox(boxOf(th))
	ray := b.Center.Sub(eye)
	ray = ray.Scale(f.biases[i] * math.Exp(n(f.see.distance)))
	b.Center = eye.Add(ray).Add(scene.Vec3{X: n(f.see.lateral), Y: n(f.see.lateral), Z: n(f.see.lateral)})
	b.Size = scene.Vec3{
		X: b.Size.X * math.Exp(n(f.see.size)), Y: b.Size.Y * math.Exp(n(f.see.size)), Z: b.Size.Z * math.Exp(n(f.see.size)),
	}
	b.Yaw = scene.WrapAngle(b.Yaw + n(0.12) + float64(f.rng.IntN(4)/3)*math.Pi)
	label := th.Label
	if f.rng.Float64() < f.see.wrongLabel {
		label = f.rng.IntN(len(room.Labels))
	}
	radial, across := f.see.distance*ray.Norm(), f.see.lateral
	u := ray.Scale(1 / ray.Norm())
	axis := func(k float64) float64 { return radial*radial*k*k + across*across }
	s := f.see.size
	d := scene.Detection{
		Label: label, Score: 0.45 + 0.5*f.rng.Float64(), Box: b, YawVar: 0.02,
		CenterVar: scene.Vec3{X: axis(u.X), Y: axis(u.Y), Z: axis(u.Z)},
		SizeVar:   scene.Vec3{X: s * s * b.Size.X * b.Size.X, Y: s * s * b.Size.Y * b.Size.Y, Z: s * s * b.Size.Z * b.Size.Z},
		Colors:    make([]float32, len(room.Colors)),
		Embedding: f.unit(f.looks[th.Label*len(room.Colors)+th.Color], 0.12),
	}
	for c := range d.Colors {
		d.Colors[c] = 0.4 / float32(len(d.Colors))
	}
	d.Colors[th.Color] += 0.6
	return d
}

// clutter adds a detection of what is not there.
func (f *film) clutter(obs *scene.Observation) {
	if f.rng.Float64() >= f.see.clutterRate {
		return
	}
	far, side := 1+3*f.rng.Float64(), f.rng.Float64()-0.5
	obs.Detections = append(obs.Detections, scene.Detection{
		Label: f.rng.IntN(len(room.Labels)), Score: 0.3 + 0.2*f.rng.Float64(), YawVar: 0.02,
		Box:       scene.Box{Center: scene.Vec3{X: far, Y: far * side, Z: 0.4}, Size: scene.Vec3{X: 0.5, Y: 0.5, Z: 0.8}},
		CenterVar: scene.Vec3{X: 0.02, Y: 0.02, Z: 0.02},
	})
}

// inMap turns a box of the room into map, as the robot that stands in the room sees map: so the drift of map itself
// does not count.
func (f *film) inMap(s *scene.Snapshot, b scene.Box) scene.Box {
	return s.Robot.Compose(base(f.pose).Inverse()).ApplyBox(b)
}

// count compares memory with the room: how many things of those seen well are missing, and how many are remembered
// too often or wrongly.
func (f *film) count(s *scene.Snapshot, often int) (missing, extra, things int) {
	taken := map[string]bool{}
	for i := range f.truth {
		if f.seen[i] < often || f.gone[i] {
			continue
		}
		things++
		if id := f.find(s, i, taken); id == "" {
			missing++
		} else {
			taken[id] = true
		}
	}
	for _, o := range s.Seen {
		if !taken[o.ID] && !f.real(s, &o) {
			extra++
		}
	}
	return missing, extra, things
}

// find returns the id of the remembered thing that is the i-th of the room, empty when there is none: of its label and
// near its place, or as far from it as memory says that it may be.
func (f *film) find(s *scene.Snapshot, i int, taken map[string]bool) string {
	b := f.inMap(s, boxOf(&f.truth[i]))
	found, least := "", 1.0
	for _, o := range s.Seen {
		near := max(0.4, b.Longest()/2, 3*math.Sqrt(max(o.CenterCov[0], o.CenterCov[4])))
		d := math.Hypot(o.Box.Center.X-b.Center.X, o.Box.Center.Y-b.Center.Y)
		if !taken[o.ID] && o.LabelIndex == f.truth[i].Label && d < min(near, 1) && d < least {
			found, least = o.ID, d
		}
	}
	return found
}

// real says whether a remembered thing is one of the room that was seen too seldom to be expected.
func (f *film) real(s *scene.Snapshot, o *scene.Object) bool {
	for i := range f.truth {
		if f.seen[i] > 0 && f.seen[i] < 6 && !f.gone[i] &&
			scene.Distance(f.inMap(s, boxOf(&f.truth[i])), o.Box) < 0.4 {
			return true
		}
	}
	return false
}

// turn rotates the robot on the spot, once round.
func (f *film) turn(p room.Pose, steps int) {
	f.tb.Helper()
	for i := range steps {
		q := p
		q.Yaw = scene.WrapAngle(p.Yaw + 2*math.Pi*float64(i)/float64(steps))
		f.observe(q)
	}
}
