// Package bench measures the daemon's work stage by stage on one machine: how long each stage takes and how much that
// varies, what it allocates, how much arithmetic and memory traffic it is, and how near that comes to what the machine
// can do at most. A report can be kept and compared with a later one, against the spread that was measured.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/perception"
	"github.com/vega-edge/vegad/runtime/scene"
)

// The stages, in the order in which a frame passes them.
const (
	Capture  = "capture"  // a picture is read from the film: decoded, and copied out of OpenCV
	View     = "view"     // the canonical view
	Stem     = "stem"     // runs beside semantic
	Semantic = "semantic" // runs beside stem
	Encoders = "encoders" // both, until the later one has ended
	Mixer    = "mixer"
	Head     = "head"
	Decode   = "decode"   // the head's outputs become an observation
	Scene    = "scene"    // memory takes the observation in
	Snapshot = "snapshot" // memory is copied for those who read it
	Encode   = "encode"   // the scene message is written as JSON
	Outbox   = "outbox"   // a message is put, taken and confirmed, with a file on disk behind
	Publish  = "publish"  // an event is handed to the link until a subscriber of the broker has it
)

// Stages lists the stages in their order.
func Stages() []string {
	return []string{
		Capture, View, Stem, Semantic, Encoders, Mixer, Head, Decode, Scene, Snapshot, Encode, Outbox, Publish,
	}
}

// networks are the stages that are a network's own run time. Stem and semantic are in encoders.
func networks() []string { return []string{Encoders, Mixer, Head} }

// Config says what is measured. All fields but Work, Peak and Progress are required.
type Config struct {
	Manifest    *models.Manifest
	Graph       func(name string) perception.Graph
	Open        func(ctx context.Context) (camera.Source, error) // a film, read as fast as it can be
	Calibration camera.Calibration
	Mount       camera.Mount
	Memory      scene.Config
	Message     func(*scene.Snapshot) payload.Scene // the scene message of a snapshot
	Courier     *Courier

	Rounds   int             // at least 3; the spread is that between their medians
	Frames   int             // of one round
	Work     map[string]Work // what one run of a stage takes, as far as it is known
	Peak     *Peak           // of this machine; nil tells no shares
	Progress func(round int) // is told after each round; may be nil
}

// Work is what one run of a stage takes.
type Work struct {
	FLOPs int64 // a multiplication and an addition count as two
	Bytes int64 // read or written at least
}

// Run measures. The first round warms up and does not count; the last counts allocations and takes no times.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if cfg.Rounds < 3 || cfg.Frames < 1 {
		return nil, errors.New("measuring stages: at least three rounds of one frame are needed")
	}
	b := &bench{cfg: cfg, times: map[string][][]float64{}, calls: newCalls()}
	if err := b.begin(ctx); err != nil {
		return nil, fmt.Errorf("measuring stages: %w", err)
	}
	err := b.rounds(ctx)
	if err := errors.Join(err, b.source.Close()); err != nil {
		return nil, fmt.Errorf("measuring stages: %w", err)
	}
	return b.report(), nil
}

// bench is a measurement under way.
type bench struct {
	cfg      Config
	source   camera.Source
	pipeline *perception.Pipeline
	memory   *scene.Memory
	snap     *scene.Snapshot
	at       time.Duration // capture time of the newest frame
	seq      uint64

	round  int
	counts bool                   // this round counts allocations
	times  map[string][][]float64 // ms, by stage and round
	calls  *calls
	used   usage
	wall   time.Duration // of the rounds that are measured
	frames int           // in them
}

func (b *bench) begin(ctx context.Context) error {
	var err error
	if b.memory, err = scene.New(b.cfg.Memory); err != nil {
		return err
	}
	b.pipeline, err = perception.New(perception.Config{
		Manifest: b.cfg.Manifest, Graph: b.cfg.Graph, Camera: "bench", Calibration: b.cfg.Calibration, Mount: b.cfg.Mount,
	})
	if err != nil {
		return err
	}
	b.source, err = b.cfg.Open(ctx)
	return err
}

func (b *bench) rounds(ctx context.Context) error {
	last := b.cfg.Rounds + 1
	for b.round = 0; b.round <= last; b.round++ {
		b.counts = b.round == last
		begun, used := time.Now(), usageNow()
		if err := b.once(ctx); err != nil {
			return err
		}
		if b.round > 0 && !b.counts {
			b.wall += time.Since(begun)
			b.used.cpu += usageNow().cpu - used.cpu
			b.frames += b.cfg.Frames
		}
		if b.cfg.Progress != nil {
			b.cfg.Progress(b.round)
		}
	}
	return nil
}

// once is one round. While allocations are counted, what is told comes after all frames: the broker's goroutines end
// their work on a message a little after it has arrived.
func (b *bench) once(ctx context.Context) error {
	for range b.cfg.Frames {
		err := b.frame(ctx)
		if err == nil && !b.counts {
			err = b.tell(ctx)
		}
		if err != nil {
			return err
		}
	}
	for range b.cfg.Frames {
		if !b.counts {
			break
		}
		if err := b.tell(ctx); err != nil {
			return err
		}
	}
	return nil
}

// read returns the next picture, from the film's beginning when it has ended, with the time and number that a camera
// would give it.
func (b *bench) read(ctx context.Context) (*camera.Frame, error) {
	f, err := b.source.Read(ctx)
	if errors.Is(err, io.EOF) {
		if err := b.source.Close(); err != nil {
			return nil, err
		}
		if b.source, err = b.cfg.Open(ctx); err != nil {
			return nil, err
		}
		f, err = b.source.Read(ctx)
	}
	if err != nil {
		return nil, err
	}
	b.at += time.Second / 15
	b.seq++
	f.Seq = b.seq
	f.Stamp(b.at)
	return f, nil
}

// frame takes one picture into memory.
func (b *bench) frame(ctx context.Context) error {
	var f *camera.Frame
	err := b.step(Capture, func() (err error) {
		f, err = b.read(ctx)
		return err
	})
	if err != nil {
		return err
	}
	return b.see(ctx, f)
}

// see runs the networks and the memory on a picture.
func (b *bench) see(ctx context.Context, f *camera.Frame) error {
	err := b.call("frame", func() error { return b.pipeline.Frame(ctx, f) })
	f.Release()
	if err != nil {
		return err
	}
	var refused error
	err = b.call("observation", func() error {
		return b.pipeline.Observe(ctx, perception.Observe, func(o *scene.Observation) bool {
			refused = b.step(Scene, func() error { return b.memory.Observe(o) })
			return refused == nil
		})
	})
	if err := errors.Join(err, refused); err != nil {
		return err
	}
	t := b.pipeline.Timing()
	for stage, spent := range map[string]time.Duration{
		View: t.View, Stem: t.Stem, Semantic: t.Semantic, Encoders: t.Encoders,
		Mixer: t.Mixer, Head: t.Head, Decode: t.Decode,
	} {
		b.took(stage, spent)
	}
	return b.step(Snapshot, func() error {
		b.snap = b.memory.Snapshot()
		return nil
	})
}

// tell passes on what is remembered.
func (b *bench) tell(ctx context.Context) error {
	c := b.cfg.Courier
	return errors.Join(
		b.step(Encode, func() error { return c.encode(b.cfg.Message(b.snap)) }),
		b.step(Outbox, c.store),
		b.step(Publish, func() error { return c.publish(ctx) }))
}

// step measures a stage that is one call.
func (b *bench) step(stage string, do func() error) error {
	begun := time.Now()
	err := b.call(stage, do)
	b.took(stage, time.Since(begun))
	return err
}

// call runs do, and counts its allocations in the round for that.
func (b *bench) call(name string, do func() error) error {
	if !b.counts {
		return do()
	}
	return b.calls.count(name, do)
}

func (b *bench) took(stage string, spent time.Duration) {
	if b.round == 0 || b.counts {
		return
	}
	for len(b.times[stage]) < b.round {
		b.times[stage] = append(b.times[stage], make([]float64, 0, b.cfg.Frames))
	}
	rounds := b.times[stage]
	rounds[b.round-1] = append(rounds[b.round-1], spent.Seconds()*1000)
}
