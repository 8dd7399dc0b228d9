package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/camera/replay"
	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/perception"
	"github.com/vega-edge/vegad/runtime/record"
	"github.com/vega-edge/vegad/runtime/scene"
)

// ReplayOptions say what a recording is told again with: bundle, provider and precision are those of the configuration;
// camera, threads and the size of the memory are those of the recording.
type ReplayOptions struct {
	Config  config.Config
	Path    string // a recording: a folder or a file
	Version string
	Logger  *slog.Logger
}

// Tally counts what came out the same and what did not.
type Tally struct {
	Same      int `json:"same"`
	Different int `json:"different"`
}

func (t *Tally) count(same bool) {
	if same {
		t.Same++
		return
	}
	t.Different++
}

// Difference is an answer that is another today.
type Difference struct {
	MonoNs   int64  `json:"monoNs"` // of the answer, on the clock of the recording
	Question string `json:"question"`
	Standing bool   `json:"standing"`
	Then     string `json:"then"`
	Now      string `json:"now"`
}

// mostDifferences bounds how many are told in full.
const mostDifferences = 100

// Replayed is what came of telling a recording again.
type Replayed struct {
	Then         record.Head   `json:"then"`
	Now          Ran           `json:"now"`
	Identical    bool          `json:"identical"` // something was compared, and nothing is different
	Pictures     int           `json:"pictures"`
	Lossy        int           `json:"lossyPictures"` // of them, not what the networks saw
	Begins       time.Duration `json:"beginsNs"`      // from the first record to where telling again could begin
	Features     Tally         `json:"features"`
	Observations Tally         `json:"observations"`
	Memories     Tally         `json:"memories"` // at checkpoints
	Answers      Tally         `json:"answers"`  // also to standing questions
	Skipped      int           `json:"skippedAnswers"`
	Gaps         int           `json:"gaps"`
	Damage       record.Damage `json:"damage"`
	Notes        []string      `json:"notes"`
	Differences  []Difference  `json:"differences"` // the first hundred
}

// Ran is what tells a recording again.
type Ran struct {
	Version      string `json:"version"`
	Bundle       string `json:"bundle"`
	BundleDigest string `json:"bundleDigest"`
	Provider     string `json:"provider"`
	Precision    string `json:"precision"`
}

// Replay tells a recording again, with this program and today's bundle: the pictures pass through the networks, what
// they say goes into a memory, and the questions are asked again where they were asked then.
func Replay(ctx context.Context, o ReplayOptions) (out Replayed, err error) {
	head, err := replay.Head(o.Path)
	if err != nil {
		return out, err
	}
	cfg := o.Config
	cfg.Threads, cfg.Engine.Meanwhile = head.Threads, "wait"
	if head.MaxObjects > 0 {
		cfg.Scene.MaxObjects = head.MaxObjects
	}
	d := &daemon{o: Options{Config: cfg, Logger: o.Logger, Version: o.Version}, cfg: cfg, log: o.Logger}
	rt, err := engine.OpenRuntime(engine.RuntimeOptions{Logger: d.log})
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, rt.Close()) }()
	if err := d.load(ctx, rt); err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, d.engine.Close()) }()
	p, err := newPlayer(d, head)
	if err != nil {
		return out, err
	}
	defer p.unpack.Close()
	if err := p.play(ctx, o.Path); err != nil {
		return out, fmt.Errorf("telling %s again: %w", o.Path, err)
	}
	return p.finish(), nil
}

// player tells a recording again. It is a daemon whose camera, clients and clock are the recording.
type player struct {
	d       *daemon
	eye     *eye
	unpack  *record.Unpacker
	out     Replayed
	pending []*record.Picture          // that no observation has needed yet
	digests map[uint64]record.Features // of what the networks make of pictures today
	glances map[uint64]glance
	telling bool // pictures and memory are those of the robot
	first   time.Duration
	last    time.Duration // of the newest record
	held    []uint64
}

func newPlayer(d *daemon, head record.Head) (*player, error) {
	if err := d.openMemory(); err != nil {
		return nil, err
	}
	c := head.Camera
	eye, err := d.newEye(prepared{
		name: c.Name, calibration: c.Lens(), assumed: c.AssumedHFOV, mount: camera.Mount(c.Mount),
	})
	if err != nil {
		return nil, err
	}
	unpack, err := record.NewUnpacker()
	if err != nil {
		return nil, err
	}
	m, r := &d.bundle.Manifest, d.engine.Report()
	return &player{
		d: d, eye: eye, unpack: unpack, first: -1,
		digests: make(map[uint64]record.Features), glances: make(map[uint64]glance),
		out: Replayed{Then: head, Notes: []string{}, Differences: []Difference{}, Now: Ran{
			Version: d.o.Version, Bundle: m.Name + " " + m.Version, BundleDigest: d.bundle.Digest(),
			Provider: string(r.Provider), Precision: string(r.Precision),
		}},
	}, nil
}

// play follows the recording to its end.
func (p *player) play(ctx context.Context, path string) error {
	reader, err := record.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = reader.Close() }() // nothing was written
	for ctx.Err() == nil {
		rec, err := reader.Next()
		if errors.Is(err, io.EOF) {
			p.out.Damage = reader.Damage()
			return nil
		}
		if err == nil {
			err = p.take(ctx, rec)
		}
		if err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// take follows one record.
func (p *player) take(ctx context.Context, rec record.Record) error {
	if p.first < 0 {
		p.first = rec.Mono
	}
	p.last = rec.Mono
	switch rec.Kind {
	case record.HeadKind:
		return p.head(rec)
	case record.PictureKind:
		return p.picture(rec)
	case record.FeaturesKind:
		return p.features(ctx, rec)
	case record.CheckpointKind:
		return p.checkpoint(ctx, rec)
	case record.ObservationKind:
		return p.observe(ctx, rec)
	case record.PoseKind:
		pose, err := record.Message[record.Pose](rec)
		if err == nil && p.telling {
			_ = p.d.memory.SetOdometry(pose.Odometry()) // refused then, refused now
		}
		return err
	case record.ForgetKind:
		p.d.memory.Clear()
	case record.SnapshotKind:
		return p.glance(rec)
	case record.AnswerKind:
		return p.answer(rec)
	case record.GapKind:
		p.out.Gaps++
		p.lose()
	}
	return nil
}

// lose gives up until the next checkpoint: something is missing.
func (p *player) lose() {
	p.telling = false
	clear(p.glances)
}

// head notes that a recording goes on with something else than it began with.
func (p *player) head(rec record.Record) error {
	h, err := record.Message[record.Head](rec)
	if err != nil {
		return err
	}
	if then := p.out.Then; h.Provider != then.Provider || h.Precision != then.Precision ||
		h.BundleDigest != then.BundleDigest {
		p.note("from record %d on it was %s with %s %s", rec.Number, h.Bundle, h.Provider, h.Precision)
	}
	return nil
}

func (p *player) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(p.out.Notes, text) {
		p.out.Notes = append(p.out.Notes, text)
	}
}

// picture keeps a picture until an observation needs it: the robot wrote it down before it was encoded.
func (p *player) picture(rec record.Record) error {
	pic, err := p.unpack.Picture(rec)
	if err != nil {
		p.note("a picture cannot be unpacked: %v", err)
		p.lose()
		return nil
	}
	p.out.Pictures++
	if !pic.Lossless {
		p.out.Lossy++
	}
	p.pending = append(p.pending, pic)
	return nil
}

// feed passes the pictures up to a sequence through the networks.
func (p *player) feed(ctx context.Context, upTo uint64) error {
	n := 0
	for n < len(p.pending) && p.pending[n].Seq <= upTo {
		pic := p.pending[n]
		n++
		f := &camera.Frame{
			Seq: pic.Seq, Mono: pic.Mono, Wall: pic.Wall, Width: pic.Width, Height: pic.Height, Stride: 3 * pic.Width,
			Format: pic.Format, Pix: pic.Pix,
		}
		if err := p.eye.pipeline.Frame(ctx, f); err != nil {
			return err
		}
		p.eye.pipeline.Features(func(geometry, semantic []float32) {
			p.digests[pic.Seq] = record.Features{
				Seq: pic.Seq, Geometry: record.Digest(geometry), Semantic: record.Digest(semantic),
			}
		})
	}
	p.pending = append(p.pending[:0], p.pending[n:]...)
	return nil
}

// features compares digests. The robot wrote them down after the picture was encoded.
func (p *player) features(ctx context.Context, rec record.Record) error {
	then, err := record.Message[record.Features](rec)
	if err != nil {
		return err
	}
	if err := p.feed(ctx, then.Seq); err != nil {
		return err
	}
	if now, ok := p.digests[then.Seq]; ok {
		p.out.Features.count(now == then)
		delete(p.digests, then.Seq)
	}
	return nil
}

// checkpoint begins to tell again where the same features are held as then, and compares the memory where it does
// already.
func (p *player) checkpoint(ctx context.Context, rec record.Record) error {
	c, err := p.unpack.Checkpoint(rec)
	if err != nil {
		p.note("a checkpoint cannot be unpacked: %v", err)
		return nil
	}
	if err := p.feed(ctx, c.Seq); err != nil {
		return err
	}
	if p.telling {
		p.out.Memories.count(bytes.Equal(p.d.memory.Checkpoint(), c.Memory))
		return nil
	}
	if p.held = p.eye.pipeline.Held(p.held); !slices.Equal(p.held, c.Ring) {
		return nil
	}
	if err := p.d.memory.Resume(c.Memory); err != nil {
		p.note("the memory begins empty: %v", err)
	}
	p.eye.pipeline.Resume(c.Rest, resumed(c, rec))
	if p.telling = true; p.out.Begins == 0 {
		p.out.Begins = rec.Mono - p.first
	}
	return nil
}

// resumed is when the newest observation was taken into memory; never before the first.
func resumed(c *record.Checkpoint, rec record.Record) time.Duration {
	if c.Seq == 0 {
		return 0
	}
	return rec.Mono
}

// observe runs the head again where the robot ran it.
func (p *player) observe(ctx context.Context, rec record.Record) error {
	then, err := record.Message[record.Observation](rec)
	if err != nil {
		return err
	}
	if err := p.feed(ctx, then.Seq); err != nil || !p.telling {
		return err
	}
	return p.eye.pipeline.Observe(ctx, perception.Family(then.Family), func(o *scene.Observation) bool {
		now, err := json.Marshal(record.NewObservation(o, then.Family, then.Offered))
		p.out.Observations.count(err == nil && bytes.Equal(now, rec.Data))
		return then.Offered && p.d.memory.Observe(o) == nil
	})
}

// glance reads the memory where the robot did.
func (p *player) glance(rec record.Record) error {
	s, err := record.Message[record.Snapshot](rec)
	if err != nil || !p.telling {
		return err
	}
	delete(p.glances, s.ID-keptGlances)
	p.glances[s.ID] = glance{
		snap: p.d.memory.Snapshot(), now: time.Duration(s.Now), mark: s.ID, opt: p.d.options(),
	}
	return nil
}

// keptGlances is how far behind a glance its answer may stand.
const keptGlances = 64

// finish sums up.
func (p *player) finish() Replayed {
	o := &p.out
	o.Identical = o.Observations.Same > 0 && o.Features.Different+o.Observations.Different+o.Memories.Different+
		o.Answers.Different == 0
	if o.Observations.Same+o.Observations.Different == 0 {
		p.note("nothing could be compared: no checkpoint came after all pictures that it rests on")
	}
	if o.Lossy > 0 {
		p.note("%d pictures are JPEG: the networks saw others then", o.Lossy)
	}
	return *o
}
