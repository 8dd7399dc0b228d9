// Package perception turns frames into observations: each frame is encoded once into features, the features of the last
// second are kept in a ring, and every observation or question reads that ring.
//
// The canonical view of a frame goes through video_stem and semantic_encoder. On an observation tick video_mixer puts
// the ring into time context and spatial_head says what stands where; the decoder writes that down in base_link. A
// question runs only the last two again, with a context of its own.
package perception

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/runtime/scene"
)

// Graph is one network with its tensors; *engine.Graph is one.
type Graph interface {
	Input(name string) []float32
	Output(name string) []float32
	Run(ctx context.Context) error
}

// Config says what a pipeline runs and what it looks through.
type Config struct {
	Manifest *models.Manifest
	Graph    func(name string) Graph // the four graphs of the bundle, by contract name
	Camera   string                  // name that observations carry
	// Calibration of the camera; the zero value assumes AssumedHFOV, in radians, for whatever size arrives.
	Calibration camera.Calibration
	AssumedHFOV float64
	Mount       camera.Mount
	// Shared is one for all pipelines that run the same graphs; nil for a pipeline that has them alone.
	Shared *Shared
}

// ErrNoFrame is returned by Observe before the first frame.
var ErrNoFrame = errors.New("no frame has been seen yet")

// Pipeline watches one camera. Frame is called by one goroutine; Observe and the others by any.
type Pipeline struct {
	cfg Config
	stem, semantic,
	mixer, head Graph

	shared *Shared
	encode *sync.Mutex // held while a frame passes through the encoders
	view   *camera.View
	size   [2]int
	aside  aside

	mu     *sync.Mutex // guards everything below and the graphs mixer and head
	rays   []float32   // input of the head that depends on the view
	ring   ring
	decode decoder
	obs    scene.Observation
	family Family  // of the newest run of the head; empty before the first
	rest   float64 // mean of the gate under the neutral context
	last   time.Duration
	timing Timing
}

// Timing is how long the newest run of each stage took. Stem and Semantic run side by side: Encoders is the time until
// both were done.
type Timing struct{ View, Stem, Semantic, Encoders, Mixer, Head, Decode time.Duration }

// New prepares a pipeline. The view is made when the first frame says how large the camera's pictures are.
func New(cfg Config) (*Pipeline, error) {
	if cfg.Shared == nil {
		cfg.Shared = &Shared{}
	}
	p := &Pipeline{
		cfg: cfg, shared: cfg.Shared, encode: &cfg.Shared.encode, mu: &cfg.Shared.decide,
		stem: cfg.Graph(models.VideoStem), semantic: cfg.Graph(models.SemanticEncoder),
		mixer: cfg.Graph(models.VideoMixer), head: cfg.Graph(models.SpatialHead),
	}
	if err := cfg.Mount.Validate(); err != nil {
		return nil, fmt.Errorf("preparing camera %s: %w", cfg.Camera, err)
	}
	if cfg.Calibration.Width > 0 {
		if err := cfg.Calibration.Validate(); err != nil {
			return nil, fmt.Errorf("preparing camera %s: %w", cfg.Camera, err)
		}
	}
	m := cfg.Manifest
	if len(p.head.Input("semantic")) != len(p.semantic.Output("semantic")) {
		return nil, errors.New("preparing the pipeline: spatial_head of this bundle wants more semantic frames than one")
	}
	if err := checkChannels(m, p.head); err != nil {
		return nil, fmt.Errorf("preparing the pipeline: %w", err)
	}
	p.ring.init(m.Clip.Length, time.Duration(m.Clip.StrideSeconds*float64(time.Second)),
		len(p.stem.Output("geometry")), len(p.semantic.Output("semantic")))
	image, same := p.stem.Input("image"), p.semantic.Input("image")
	p.aside.init(p.semantic, func() { copy(same, image) })
	p.decode.init(m, p.head)
	p.obs.Detections = make([]scene.Detection, 0, m.Decode.MaxDetections)
	p.obs.Hints = make([]scene.Detection, 0, len(m.Labels))
	return p, nil
}

// Frame encodes one picture and keeps its features; the picture may be released afterwards. It allocates nothing once
// the size of the pictures is known.
func (p *Pipeline) Frame(ctx context.Context, f *camera.Frame) error {
	p.encode.Lock()
	defer p.encode.Unlock()
	if err := p.fit(f); err != nil {
		return err
	}
	begun := time.Now()
	image := p.stem.Input("image")
	if err := p.view.Apply(image, f); err != nil {
		return fmt.Errorf("rectifying a picture of camera %s: %w", p.cfg.Camera, err)
	}
	spent := Timing{View: time.Since(begun)}
	if err := p.encoders(ctx, &spent); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ring.push(f, p.stem.Output("geometry"), p.semantic.Output("semantic"))
	spent.Mixer, spent.Head, spent.Decode = p.timing.Mixer, p.timing.Head, p.timing.Decode
	p.timing = spent
	return nil
}

// Repeat takes a picture for one that shows what the newest encoded one showed, without running the networks: its time
// and number are kept with the features of that one. It is false before the first picture and where that had another
// size; then the picture must be encoded.
func (p *Pipeline) Repeat(f *camera.Frame) bool {
	p.encode.Lock()
	defer p.encode.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ring.empty() || p.size != [2]int{f.Width, f.Height} {
		return false
	}
	e := p.ring.newest()
	p.ring.push(f, e.geometry, e.semantic)
	return true
}

// encoders runs both encoders side by side: small networks use two cores better one each than both one after the other.
func (p *Pipeline) encoders(ctx context.Context, spent *Timing) error {
	begun := time.Now()
	p.aside.start(ctx)
	err := p.stem.Run(ctx)
	if err != nil {
		err = fmt.Errorf("running video_stem: %w", err)
	}
	spent.Stem = time.Since(begun)
	if other := p.aside.wait(); other != nil {
		err = errors.Join(err, fmt.Errorf("running semantic_encoder: %w", other))
	}
	spent.Semantic, spent.Encoders = p.aside.spent, time.Since(begun)
	return err
}

// fit makes the view for a camera whose picture size is new.
func (p *Pipeline) fit(f *camera.Frame) error {
	if p.view != nil && p.size == [2]int{f.Width, f.Height} {
		return nil
	}
	cal := p.cfg.Calibration
	var err error
	if cal.Width == 0 {
		cal = camera.AssumedCalibration(f.Width, f.Height, p.cfg.AssumedHFOV)
	} else if cal, err = cal.Scaled(f.Width, f.Height); err != nil {
		return fmt.Errorf("fitting camera %s: %w", p.cfg.Camera, err)
	}
	m := p.cfg.Manifest
	view, err := camera.NewView(camera.Canonical{
		Width: m.View.Width, Height: m.View.Height, HFOV: m.View.HFOVRad,
	}, cal, p.cfg.Mount)
	if err != nil {
		return fmt.Errorf("fitting camera %s: %w", p.cfg.Camera, err)
	}
	p.view, p.size = view, [2]int{f.Width, f.Height}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ring.clear()
	p.rays, p.shared.latest = view.Rays(m.Grid.Cols, m.Grid.Rows), nil
	p.decode.look(view, cal.Assumed)
	return nil
}

// Family is what a question is about; it conditions the gate between geometry and meaning.
type Family string

// The question families of design, in the words of the manifest.
const (
	Observe  Family = "observe"
	Locate   Family = "locate"
	Count    Family = "count"
	Measure  Family = "measure"
	Relate   Family = "relate"
	Describe Family = "describe"
)

// Observe runs the mixer and the head over the cached features with the family's context and hands the decoded
// observation to use, which must copy what it keeps and says whether it was taken into memory: the robot's motion is
// counted from the last one that was. Observations of one pipeline come one at a time.
func (p *Pipeline) Observe(ctx context.Context, family Family, use func(*scene.Observation) (kept bool)) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ring.empty() {
		return ErrNoFrame
	}
	if err := p.think(ctx, family); err != nil {
		return err
	}
	t0 := time.Now()
	p.write(family)
	p.timing.Decode = time.Since(t0)
	if use(&p.obs) {
		p.last = p.obs.Mono
	}
	return nil
}

// think fills the inputs of mixer and head from the ring and runs both.
func (p *Pipeline) think(ctx context.Context, family Family) error {
	context := p.head.Input("context")
	clear(context)
	i := slices.Index(p.cfg.Manifest.Families, string(family))
	if i < 0 {
		return fmt.Errorf("question family %q: this bundle knows %v", family, p.cfg.Manifest.Families)
	}
	context[i] = 1
	p.claim()
	p.ring.load(p.mixer.Input("ring"), p.mixer.Input("times"))
	t0 := time.Now()
	if err := p.mixer.Run(ctx); err != nil {
		return fmt.Errorf("running video_mixer: %w", err)
	}
	t1 := time.Now()
	copy(p.head.Input("generative"), p.mixer.Output("generative"))
	copy(p.head.Input("semantic"), p.ring.newest().semantic)
	if err := p.head.Run(ctx); err != nil {
		return fmt.Errorf("running spatial_head: %w", err)
	}
	p.timing.Mixer, p.timing.Head = t1.Sub(t0), time.Since(t1)
	return nil
}

// write decodes the head's outputs into the observation.
func (p *Pipeline) write(family Family) {
	o, n := &p.obs, p.ring.newest()
	o.Seq, o.Mono, o.Wall, o.Camera = n.seq, n.mono, n.wall, p.cfg.Camera
	p.family = family
	p.decode.read(o)
	o.GateMean = mean(p.head.Output("gate"))
	if family == Observe {
		p.rest, o.GateShift = o.GateMean, 0
	} else {
		o.GateShift = o.GateMean - p.rest
	}
	span, ok := p.ring.span()
	since := n.mono - p.last
	o.Ego, o.HasEgo = scene.Motion{}, false
	if ok && p.last > 0 && since > 0 && since < 2*p.ring.stride*time.Duration(p.ring.length) {
		o.Ego, o.HasEgo = p.decode.ego(float64(since) / float64(span))
	}
}

// Timing returns the newest durations of the stages.
func (p *Pipeline) Timing() Timing {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.timing
}

// Calibrated reports whether the camera's calibration was measured rather than assumed.
func (p *Pipeline) Calibrated() bool {
	return p.cfg.Calibration.Width > 0 && !p.cfg.Calibration.Assumed
}

// mean is the average of the values that are numbers, and 0 without any.
func mean(values []float32) float64 {
	sum, count := 0.0, 0
	for _, v := range values {
		if x := float64(v); within(1, x) {
			sum += x
			count++
		}
	}
	return sum / float64(max(count, 1))
}

func sigmoid(x float32) float64 { return 1 / (1 + math.Exp(-float64(x))) }
