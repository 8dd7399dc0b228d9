package daemon_test

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/camera/room"
	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/runtime/bench/benchtest"
	"github.com/vega-edge/vegad/runtime/bench/growthtest"
	"github.com/vega-edge/vegad/runtime/daemon"
	"github.com/vega-edge/vegad/runtime/perception"
	"github.com/vega-edge/vegad/runtime/query"
	"github.com/vega-edge/vegad/runtime/scene"
)

// TestGrowth measures how costs grow with the remembered things, the clip, the cameras, the watchers and the questions,
// holds that none grows faster than linearly, and draws it. `make growth` runs it.
func TestGrowth(t *testing.T) {
	seconds, err := strconv.Atoi(os.Getenv("VEGAD_GROWTH"))
	if err != nil || seconds < 1 {
		t.Skip("type make growth; it sets VEGAD_GROWTH to the seconds of each phase")
	}
	root := benchtest.Root(t)
	t.Chdir(root)
	out := benchtest.New("growth")
	sizes := []int{10, 30, 100, 300, 1000, 3000, 10_000}
	figures := []growthtest.Figure{growthOfMemory(t, sizes), growthOfQuestions(t, sizes), growthOfClips(t)}
	phase := time.Duration(seconds) * time.Second
	figures = append(figures, growthOfCameras(t, phase), growthOfClients(t, phase))
	for i := range figures {
		figures[i].Enter(out)
		figures[i].Draw(t, out, ".")
	}
	out.Report(t, ".")
}

// leastOf returns the shortest time of one call, in milliseconds: whatever disturbs makes it longer.
func leastOf(do func()) float64 {
	do()
	begun, calls := time.Now(), 0
	for time.Since(begun) < 2*time.Millisecond {
		do()
		calls++
	}
	best := math.Inf(1)
	for range 15 {
		begun := time.Now()
		for range calls {
			do()
		}
		best = min(best, time.Since(begun).Seconds()*1000/float64(calls))
	}
	return best
}

// apart is the distance of two neighbours in a warehouse, in metres.
const apart = 1.0

// warehouse is a memory of n things in rows and columns, between which a robot has driven. It stands in their middle.
type warehouse struct {
	t      *testing.T
	memory *scene.Memory
	mono   time.Duration
	side   int
	n      int
}

func newWarehouse(t *testing.T, n int) *warehouse {
	t.Helper()
	cfg := scene.DefaultConfig(room.Labels[:], room.Colors[:])
	cfg.MaxObjects, cfg.DriftRatio, cfg.RangeFloor = n, 1e-3, 1e-3 // no thing is taken for its neighbour
	m, err := scene.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w := &warehouse{t: t, memory: m, side: int(math.Ceil(math.Sqrt(float64(n)))), n: n}
	for y := 0; y < w.side; y += 6 {
		for x := 0; x < w.side; x += 6 {
			at := x
			if y/6%2 == 1 { // to and fro: the shorter the way, the better it is known
				at = (w.side-1)/6*6 - x
			}
			w.drive(at+3, y+3)
			w.look(at+3, y+3)
		}
	}
	w.drive(w.side/2, w.side/2)
	w.look(w.side/2, w.side/2)
	if got := len(m.Snapshot().Seen); got < n*95/100 {
		t.Fatalf("%d things of %d are remembered", got, n)
	}
	return w
}

// drive tells where the robot is.
func (w *warehouse) drive(x, y int) {
	w.t.Helper()
	w.mono += 100 * time.Second
	for range 2 { // a jump counts as one when the second pose agrees
		w.mono += 10 * time.Millisecond
		err := w.memory.SetOdometry(w.pose(x, y))
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// move tells that the robot stands still in the middle, which makes a new snapshot necessary.
func (w *warehouse) move() {
	w.t.Helper()
	w.mono += 10 * time.Millisecond
	if err := w.memory.SetOdometry(w.pose(w.side/2, w.side/2)); err != nil {
		w.t.Fatal(err)
	}
}

// pose is the odometry at a place.
func (w *warehouse) pose(x, y int) scene.Odometry {
	return scene.Odometry{
		Pose: scene.Pose{X: apart * float64(x), Y: apart * float64(y)},
		Cov:  [9]float64{1e-6, 0, 0, 0, 1e-6, 0, 0, 0, 1e-8}, Mono: w.mono,
	}
}

// look observes the things around a place.
func (w *warehouse) look(x, y int) {
	w.t.Helper()
	o := scene.Observation{
		Mono: w.mono, Consistency: 1, View: scene.View{Position: scene.Vec3{Z: 1}, HFOV: 1.2, VFOV: 0.9, Cols: 20, Rows: 15},
	}
	white := make([]float32, len(room.Colors))
	white[0] = 1
	o.View.Depth = make([]float32, 300)
	for i := range o.View.Depth {
		o.View.Depth[i] = 0.5 // a wall of goods hides what is behind
	}
	for dy := -3; dy < 3; dy++ {
		for dx := -3; dx < 3; dx++ {
			column, row := x+dx, y+dy
			i := row*w.side + column
			if column < 0 || row < 0 || column >= w.side || i >= w.n {
				continue
			}
			o.Detections = append(o.Detections, scene.Detection{
				Label: i % len(room.Labels), Score: 0.9, CenterVar: scene.Vec3{X: 1e-4, Y: 1e-4, Z: 1e-4},
				Box: scene.Box{
					Center: scene.Vec3{X: apart * float64(dx), Y: apart * float64(dy), Z: 0.3},
					Size:   scene.Vec3{X: 0.3, Y: 0.3, Z: 0.6},
				},
				Colors: white, Embedding: []float32{1, 0, 0, 0},
			})
		}
	}
	if err := w.memory.Observe(&o); err != nil {
		w.t.Fatal(err)
	}
}

// growthOfMemory is what it costs to observe, copy and publish a memory of many things.
func growthOfMemory(t *testing.T, sizes []int) growthtest.Figure {
	t.Helper()
	curves := []growthtest.Curve{{Name: "observe"}, {Name: "observe blindly"}, {Name: "snapshot"}, {Name: "message"}}
	for _, n := range sizes {
		w := newWarehouse(t, n)
		middle := w.side / 2
		costs := []float64{
			leastOf(func() {
				w.mono += 200 * time.Millisecond
				if err := w.memory.SetOdometry(w.pose(middle, middle)); err != nil {
					t.Fatal(err)
				}
				w.look(middle, middle)
			}),
			leastOf(func() {
				w.mono += 2 * time.Second // without any pose since
				w.look(middle, middle)
			}),
			leastOf(func() {
				w.move()
				w.memory.Snapshot()
			}),
			leastOf(func() {
				m := daemon.SceneMessage(w.memory.Snapshot())
				if _, err := json.Marshal(&m); err != nil {
					t.Fatal(err)
				}
			}),
		}
		for i, cost := range costs {
			curves[i].Points = append(curves[i].Points, growthtest.Point{Size: float64(n), Cost: cost})
		}
	}
	return growthtest.Figure{
		Name: "memory", Title: "An observation of 36 things in a memory of many", XLabel: "remembered things",
		YLabel: "ms", Curves: curves,
	}
}

// growthOfQuestions is what it costs to answer about many things.
func growthOfQuestions(t *testing.T, sizes []int) growthtest.Figure {
	t.Helper()
	lexicon := query.NewLexicon(room.Labels[:], room.Colors[:])
	texts := map[string]string{
		"count": "how many chairs are there?", "nearest": "what is nearest to me?", "locate": "where is the nearest box?",
		"between": "is there a chair between the nearest sofa and the nearest table?", "clear": "is the way ahead clear?",
		"describe": "describe the nearest chair", "left of": "what is left of the nearest sofa?",
		"order": "in which order did the chair, the table and the sofa appear?",
	}
	f := growthtest.Figure{
		Name: "questions", Title: "A question over a memory of many things", XLabel: "remembered things", YLabel: "ms",
	}
	snaps := map[int]*scene.Snapshot{}
	for _, n := range sizes {
		snaps[n] = newWarehouse(t, n).memory.Snapshot()
	}
	for _, name := range []string{"count", "nearest", "locate", "between", "clear", "describe", "left of", "order"} {
		q, err := query.Parse(texts[name], lexicon)
		if err != nil {
			t.Fatalf("%s: %v", texts[name], err)
		}
		c := growthtest.Curve{Name: name}
		for _, n := range sizes {
			cost := leastOf(func() { query.Execute(q, snaps[n], query.DefaultOptions()) })
			c.Points = append(c.Points, growthtest.Point{Size: float64(n), Cost: cost})
		}
		f.Curves = append(f.Curves, c)
	}
	return f
}

// still is a network that computes nothing.
type still map[string][]float32

func (s still) Input(name string) []float32  { return s["in "+name] }
func (s still) Output(name string) []float32 { return s["out "+name] }
func (s still) Run(context.Context) error    { return nil }

// growthOfClips is what vegad's own part of a frame and an observation costs with clips of more frames.
func growthOfClips(t *testing.T) growthtest.Figure {
	t.Helper()
	bundle, err := models.Open(filepath.Join(benchtest.Root(t), "models", "bundles", "nano"))
	if err != nil {
		t.Fatal(err)
	}
	c := growthtest.Curve{Name: "frame and observation"}
	for _, length := range []int{2, 4, 8, 16, 32, 64} {
		c.Points = append(c.Points, growthtest.Point{Size: float64(length), Cost: costOfClip(t, bundle.Manifest, length)})
	}
	return growthtest.Figure{
		Name: "clip", Title: "A frame and an observation without the networks", XLabel: "frames of a clip", YLabel: "ms",
		Curves: []growthtest.Curve{c},
	}
}

func costOfClip(t *testing.T, m models.Manifest, length int) float64 {
	t.Helper()
	m.Clip.Length = length
	graphs := map[string]still{}
	for name, spec := range m.Graphs {
		graphs[name] = still{}
		for _, tensor := range spec.Inputs {
			n := tensor.Elements()
			if tensor.Name == "ring" || tensor.Name == "times" {
				n = n / int(tensor.Shape[1]) * length
			}
			graphs[name]["in "+tensor.Name] = make([]float32, n)
		}
		for _, tensor := range spec.Outputs {
			graphs[name]["out "+tensor.Name] = make([]float32, tensor.Elements())
		}
	}
	p, err := perception.New(perception.Config{
		Manifest: &m, Graph: func(name string) perception.Graph { return graphs[name] }, Camera: "front",
		Calibration: camera.AssumedCalibration(160, 120, 1.2), Mount: camera.Mount{Height: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	f, at := camera.NewFrame(160, 120, camera.BGR8, nil), time.Second
	once := func() {
		at += 33 * time.Millisecond
		f.Seq++
		f.Stamp(at)
		if err := p.Frame(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		if err := p.Observe(t.Context(), perception.Observe, func(*scene.Observation) bool { return true }); err != nil {
			t.Fatal(err)
		}
	}
	for range 64 * 8 { // the ring is full
		once()
	}
	return leastOf(once)
}
