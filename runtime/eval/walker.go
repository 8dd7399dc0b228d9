package eval

import (
	"context"
	"strconv"
	"strings"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/runtime/perception"
	"github.com/vega-edge/vegad/runtime/query"
	"github.com/vega-edge/vegad/runtime/scene"
)

// walker answers the questions about a tour.
type walker interface {
	reply(ctx context.Context, t *tour, questions []Question) ([]Reply, error)
}

// robot is the bundle on a robot, as the daemon uses it: perception, memory, and the questions in English.
type robot struct {
	manifest *models.Manifest
	graph    func(name string) perception.Graph
	lexicon  *query.Lexicon
}

func (r *robot) reply(ctx context.Context, t *tour, questions []Question) ([]Reply, error) {
	cfg := scene.DefaultConfig(r.manifest.Labels, r.manifest.Colors)
	cfg.SizePriors = priorsOf(r.manifest)
	memory, err := scene.New(cfg)
	if err != nil {
		return nil, err
	}
	pipeline, err := perception.New(perception.Config{
		Manifest: r.manifest, Graph: r.graph, Camera: "eval", Calibration: t.lens, Mount: t.mount,
	})
	if err != nil {
		return nil, err
	}
	wheels := newOdometer(t.seed)
	for i := range t.looks {
		l := &t.looks[i]
		if err := memory.SetOdometry(wheels.read(l.pose, l.frame)); err != nil {
			return nil, err
		}
		if err := pipeline.Frame(ctx, l.frame); err != nil {
			return nil, err
		}
		err := pipeline.Observe(ctx, perception.Observe, func(o *scene.Observation) bool {
			return memory.Observe(o) == nil // the memory counts what it rejects, and goes on, as in the daemon
		})
		if err != nil {
			return nil, err
		}
	}
	return answerAll(questions, Gated, memory.Snapshot(), r.lexicon, options(r.manifest)), nil
}

// seer perceives perfectly: what a look shows is told to the memory as it is, box, label and depth. It shows what the
// memory and the geometry of the questions cost.
type seer struct {
	manifest *models.Manifest
	lexicon  *query.Lexicon
}

const seerVariance = 1e-6 // m² and rad²

func (s *seer) reply(_ context.Context, t *tour, questions []Question) ([]Reply, error) {
	memory, err := scene.New(scene.DefaultConfig(s.manifest.Labels, s.manifest.Colors))
	if err != nil {
		return nil, err
	}
	for i := range t.looks {
		o := s.see(t, i)
		if err := memory.SetOdometry(scene.Odometry{Pose: t.looks[i].pose, Mono: o.Mono}); err != nil {
			return nil, err
		}
		if err := memory.Observe(o); err != nil {
			return nil, err
		}
	}
	return answerAll(questions, Perfect, memory.Snapshot(), s.lexicon, query.DefaultOptions()), nil
}

// see writes the truth about one look down as perception would.
func (s *seer) see(t *tour, i int) *scene.Observation {
	l, m := &t.looks[i], s.manifest
	canonical := camera.Canonical{Width: m.View.Width, Height: m.View.Height, HFOV: m.View.HFOVRad}
	o := &scene.Observation{
		Seq: uint64(i) + 1, Mono: l.frame.Mono, Wall: l.frame.Wall, Camera: "eval", Consistency: 1, Room: t.room,
		View: scene.View{
			Position: scene.Vec3{Z: t.mount.Height}, Pitch: t.mount.Pitch, HFOV: canonical.HFOV,
			VFOV: canonical.VFOV(), Depth: l.depth, Cols: m.Grid.Cols, Rows: m.Grid.Rows,
		},
	}
	o.Room.LogVar = seerVariance
	base, even := l.pose.Inverse(), scene.Vec3{X: seerVariance, Y: seerVariance, Z: seerVariance}
	for _, at := range l.shown {
		r := &t.residents[at]
		o.Detections = append(o.Detections, scene.Detection{
			Label: r.label, Score: 1, Box: base.ApplyBox(r.box), CenterVar: even, SizeVar: even, YawVar: seerVariance,
		})
	}
	return o
}

// answerAll asks every question in English and writes the answers down as a benchmark wants them.
func answerAll(
	questions []Question, from string, snap *scene.Snapshot, lexicon *query.Lexicon, opt query.Options,
) []Reply {
	out := make([]Reply, len(questions))
	for i := range questions {
		q := &questions[i]
		out[i] = Reply{Type: answerLine, ID: q.ID, From: from}
		parsed, err := query.Parse(q.Text, lexicon)
		if err != nil {
			out[i].Status, out[i].Reason = string(query.Refused), "not_understood"
			continue
		}
		out[i].take(q, query.Execute(parsed, snap, opt))
	}
	return out
}

// options are those of the daemon.
func options(m *models.Manifest) query.Options {
	opt := query.DefaultOptions()
	opt.Missed, opt.Wrong = m.Decode.Counting.Missed, m.Decode.Counting.Wrong
	return opt
}

// take writes an answer down: a number as it is, a choice as the letter of its option.
func (r *Reply) take(q *Question, a query.Answer) {
	r.Status, r.Reason, r.Confidence = string(a.Status), a.Reason, a.Confidence
	if a.Status != query.Answered {
		return
	}
	if q.Metric == Accuracy {
		r.Answer = q.letter(a.Choice)
		return
	}
	if a.Value != nil {
		r.Answer, r.Interval95 = strconv.FormatFloat(*a.Value, 'g', 6, 64), a.Interval95
	}
}

// letter finds the option that says the same; empty when none does.
func (q *Question) letter(choice string) string {
	if q.Kind == RoutePlanning {
		choice = turnText(strings.Split(choice, ", "))
	}
	for _, o := range q.Options {
		if letter, text, ok := strings.Cut(o, ". "); ok && text == choice {
			return letter
		}
	}
	return ""
}

// lexiconOf knows the bundle's words.
func lexiconOf(m *models.Manifest) *query.Lexicon { return query.NewLexicon(m.Labels, m.Colors) }
