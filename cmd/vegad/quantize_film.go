package main

import (
	"context"
	"fmt"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/camera/room"
	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/runtime/perception"
	"github.com/vega-edge/vegad/runtime/scene"
)

// The rooms that conversions look at lie between those of training and those of the benchmark.
const (
	calibrationSeed = 900_000
	judgementSeed   = 950_000 // of rooms that judge a conversion and that calibration never sees
	maxRooms        = 10_000
)

// A calibration clip is two seconds of one walk.
const (
	filmFrames   = 8
	filmFPS      = 4
	firstObserve = 3 // frames before the first observation, so that most clips are full
)

// clips leads a bundle's graphs through simulated rooms exactly as a camera would: through the canonical view, the
// feature ring, and every question family in turn.
type clips struct {
	manifest *models.Manifest
	graph    func(name string) perception.Graph
	first    uint64 // seed of the first room
	rooms    int
	progress func(done int) // after each room; may be nil
}

func (f *clips) run(ctx context.Context) error {
	v := f.manifest.View
	draw := room.NewRenderer(v.Width, v.Height, v.HFOVRad)
	picture := draw.NewPicture()
	for i := range f.rooms {
		if err := f.walk(ctx, draw, picture, f.first+uint64(i)); err != nil {
			return fmt.Errorf("filming room %d: %w", f.first+uint64(i), err)
		}
		if f.progress != nil {
			f.progress(i + 1)
		}
	}
	return nil
}

// walk films one room. The pipeline is new, because each room is another camera at another height.
func (f *clips) walk(ctx context.Context, draw *room.Renderer, picture *room.Picture, seed uint64) error {
	r := room.Generate(seed)
	walk, sensor := r.Walk(0), r.NewSensor(0)
	pipeline, err := f.pipeline(walk)
	if err != nil {
		return err
	}
	families := f.manifest.Families
	for i := range filmFrames {
		draw.Render(r, walk.Pose(), sensor, picture)
		if err := pipeline.Frame(ctx, f.frame(i, picture)); err != nil {
			return err
		}
		if i >= firstObserve {
			family := perception.Family(families[(int(seed)+i)%len(families)])
			if err := pipeline.Observe(ctx, family, func(*scene.Observation) bool { return true }); err != nil {
				return err
			}
		}
		walk.Advance(1. / filmFPS)
	}
	return nil
}

func (f *clips) pipeline(walk *room.Walk) (*perception.Pipeline, error) {
	v := f.manifest.View
	height, pitch := walk.Mount()
	lens := camera.AssumedCalibration(v.Width, v.Height, v.HFOVRad)
	lens.Assumed = false
	return perception.New(perception.Config{
		Manifest: f.manifest, Graph: f.graph, Camera: "calibration", Calibration: lens,
		Mount: camera.Mount{Height: height, Pitch: pitch},
	})
}

// frame copies a picture. The clock starts at one second, for zero means never.
func (f *clips) frame(i int, picture *room.Picture) *camera.Frame {
	frame := camera.NewFrame(f.manifest.View.Width, f.manifest.View.Height, camera.RGB8, nil)
	copy(frame.Pix, picture.RGB)
	frame.Seq = uint64(i) + 1
	frame.Mono = time.Second + time.Duration(i)*time.Second/filmFPS
	frame.Wall = time.Unix(0, 0).UTC().Add(frame.Mono)
	return frame
}

// judgeEvery is how many calibration rooms there are for one that judges.
const judgeEvery = 4

// cast is who looks at the rooms: the graphs of the calibration, and those that keep samples for judging.
type cast struct {
	calibrate, judge func(name string) perception.Graph
}

// film shows the rooms of the calibration, and then others for judging.
func (c cast) film(ctx context.Context, m *models.Manifest, rooms int, s streams) error {
	show := newProgress(s.err)
	defer show.clear()
	others := max(rooms/judgeEvery, 1)
	total := rooms + others
	f := clips{manifest: m, graph: c.calibrate, first: calibrationSeed, rooms: rooms, progress: func(done int) {
		show.update("%s %d of %d rooms", bar(float64(done), float64(total)), done, total)
	}}
	if err := f.run(ctx); err != nil {
		return err
	}
	f = clips{manifest: m, graph: c.judge, first: judgementSeed, rooms: others, progress: func(done int) {
		show.update("%s %d of %d rooms", bar(float64(rooms+done), float64(total)), rooms+done, total)
	}}
	return f.run(ctx)
}
