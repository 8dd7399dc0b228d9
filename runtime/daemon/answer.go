package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/runtime/link"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/perception"
	"github.com/vega-edge/vegad/runtime/query"
	"github.com/vega-edge/vegad/runtime/record"
	"github.com/vega-edge/vegad/runtime/scene"
)

// answerer takes what comes in over the link.
type answerer struct{ d *daemon }

var _ link.Handler = (*answerer)(nil)

// families says which context of the gate each kind of question takes.
var families = map[query.Kind]perception.Family{
	query.Count: perception.Count, query.Exists: perception.Count, query.Distance: perception.Measure,
	query.Size: perception.Measure, query.RoomSize: perception.Measure, query.Clear: perception.Measure,
	query.Nearest: perception.Relate, query.RelatedTo: perception.Relate, query.Order: perception.Relate,
	query.Direction: perception.Locate, query.Locate: perception.Locate, query.Route: perception.Locate,
	query.Describe: perception.Describe,
}

// HandleAsk answers one question.
func (a *answerer) HandleAsk(ctx context.Context, ask payload.Ask, received time.Time) {
	out := a.d.attendTo(ctx, ask, received)
	a.d.page.Answered(out, ask.Client)
	if err := a.d.link.PublishAnswer(ask.RequestID, out, ask.ReplyTo); err != nil {
		a.d.log.Warn("answer not sent", "request", ask.RequestID, "err", err)
	}
}

// attendTo answers a question, measures how long it took, and counts it.
func (d *daemon) attendTo(ctx context.Context, ask payload.Ask, received time.Time) payload.Answer {
	begin := time.Now()
	var mark uint64
	out := d.answer(ctx, ask, received, &mark)
	out.Question, out.Step = ask.Question, d.step()
	out.LatencyMs.Queue = milliseconds(begin.Sub(received))
	out.LatencyMs.Total = milliseconds(time.Since(received))
	d.meter.counted(out.Status)
	d.meter.question.add(time.Since(begin))
	d.noteAnswer(ask.RequestID, out, record.Answer{
		Snapshot: mark, Client: ask.Client, Scope: string(ask.Scope),
	})
	return out
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// answer understands, looks and answers, and tells by mark at which glance. What goes wrong becomes the answer's status
// and reason.
func (d *daemon) answer(ctx context.Context, ask payload.Ask, received time.Time, mark *uint64) payload.Answer {
	if err := d.afford(ask, received); err != nil {
		return payload.Answer{Status: payload.Refused, Reason: err.Error()}
	}
	q, err := d.understand(ask)
	if err != nil {
		return payload.Answer{Status: payload.Refused, Reason: err.Error()}
	}
	out := payload.Answer{Query: encode(q)}
	if d.stopped.Load() && q.Scope == query.Now {
		out.Status, out.Reason = payload.Abstained, "a command has stopped the capture: nothing is seen now"
		return out
	}
	if late(ask, received) {
		out.Status, out.Reason = payload.Expired, "the deadline passed before the question's turn"
		return out
	}
	if ask.DeadlineMs > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, received.Add(time.Duration(ask.DeadlineMs)*time.Millisecond))
		defer cancel()
	}
	gate, head, err := d.consider(ctx, q)
	out.LatencyMs.Head = milliseconds(head)
	if err != nil && late(ask, received) {
		out.Status, out.Reason = payload.Expired, "the deadline passed while the networks ran"
		return out
	}
	if err != nil {
		out.Status, out.Reason = payload.Abstained, err.Error()
		return out
	}
	g := d.glance()
	*mark = g.mark
	d.fill(&out, g.execute(q), g.snap)
	out.Gate = &gate
	if late(ask, received) {
		out.Status, out.Reason, out.Answer = payload.Expired, "the deadline passed while the question was answered", nil
	}
	return out
}

// afford holds a question against the limits of its client and of all.
func (d *daemon) afford(ask payload.Ask, received time.Time) error {
	l := d.cfg.Limits
	if !d.clients.take(ask.Client, received) {
		return fmt.Errorf("more than %g questions a second from one client", l.MaxAskPerSecondPerClient)
	}
	if !d.budget.take(received) {
		return fmt.Errorf("more than %g questions a second", l.MaxAskPerSecond)
	}
	return nil
}

func late(ask payload.Ask, received time.Time) bool {
	return ask.DeadlineMs > 0 && time.Since(received) > time.Duration(ask.DeadlineMs)*time.Millisecond
}

// understand turns text or JSON into a query. The scope of the message rules unless the words themselves say now.
func (d *daemon) understand(ask payload.Ask) (query.Query, error) {
	if len(ask.Query) > 0 {
		q, err := query.Decode(ask.Query, d.lexicon)
		if q.Scope == "" {
			q.Scope = query.Scope(ask.Scope)
		}
		return q, err
	}
	q, err := query.Parse(ask.Question, d.lexicon)
	if q.Scope != query.Now {
		q.Scope = query.Scope(ask.Scope)
	}
	return q, err
}

func encode(q query.Query) json.RawMessage {
	data, err := json.Marshal(q)
	if err != nil {
		return nil
	}
	return data
}

// consider runs the head once more, with the context of the question's family, on the newest features of every camera
// that sees. The gate is the mean of theirs.
func (d *daemon) consider(ctx context.Context, q query.Query) (gate payload.Gate, spent time.Duration, err error) {
	begin, looks := time.Now(), 0.0
	for _, e := range d.awake() {
		err = d.look(ctx, e, families[q.Kind], func(o *scene.Observation) {
			looks++
			gate.Mean += (o.GateMean - gate.Mean) / looks
			gate.Shift += (o.GateShift - gate.Shift) / looks
		})
		if err != nil && !errors.Is(err, perception.ErrNoFrame) {
			break
		}
	}
	if errors.Is(err, perception.ErrNoFrame) {
		err = nil
		if looks == 0 {
			err = errors.New(query.ReasonNothingYet)
		}
	}
	spent = time.Since(begin)
	d.meter.head.add(spent)
	return gate, spent, err
}

// fill writes the answer of the memory into the message.
func (d *daemon) fill(out *payload.Answer, a query.Answer, snap *scene.Snapshot) {
	out.Status, out.Reason = payload.Status(a.Status), a.Reason
	if a.Status != query.Answered && a.Text != "" {
		out.Reason += ": " + a.Text
	}
	if a.Status == query.Answered {
		out.Reason = ""
		out.Answer = &payload.Value{
			Value: a.Value, Unit: a.Unit, Interval95: a.Interval95, Choice: a.Choice, Text: a.Text,
			Confidence: a.Confidence, Steps: legs(a.Steps), KnownShare: a.KnownShare,
		}
	}
	if !a.CaptureTime.IsZero() {
		out.CaptureTime = payload.Time{Time: a.CaptureTime}
		out.AgeMs = max(0, milliseconds(camera.Now()-a.CaptureMono))
	}
	out.Model = &payload.Model{
		Bundle: d.bundle.Manifest.Name + " " + d.bundle.Manifest.Version, Precision: string(d.engine.Report().Precision),
		Provider: string(d.engine.Report().Provider), Degraded: d.engine.Report().Degraded,
	}
	out.Consistency = &a.Consistency
	out.Objects = references(a.Objects, snap)
}

// legs converts the legs of a route.
func legs(steps []query.Step) []payload.Step {
	var out []payload.Step
	for _, s := range steps {
		out = append(out, payload.Step{
			Turn: s.Turn, TurnRad: s.TurnRad, Distance: s.DistanceM, End: payload.Vec3{X: s.EndM[0], Y: s.EndM[1]},
		})
	}
	return out
}

// references converts the objects that an answer rests on.
func references(refs []query.ObjectRef, snap *scene.Snapshot) []payload.Object {
	out := make([]payload.Object, 0, len(refs))
	for _, r := range refs {
		o := payload.Object{
			ID: r.ID, Label: r.Label, Color: r.Color, Score: r.Existence, Existence: r.Existence,
			Box: payload.Box{
				Center: payload.Vec3{X: r.CenterM[0], Y: r.CenterM[1], Z: r.CenterM[2]},
				Size:   payload.Vec3{X: r.SizeM[0], Y: r.SizeM[1], Z: r.SizeM[2]}, Yaw: r.YawRad,
			},
			Sigma:    payload.Vec3{X: r.CenterSigma[0], Y: r.CenterSigma[1], Z: r.CenterSigma[2]},
			LastSeen: payload.Time{Time: r.LastSeen}, FirstSeen: payload.Time{Time: r.LastSeen},
		}
		if o.ID == "" {
			o.ID = "new"
		}
		for i := range snap.Seen {
			if snap.Seen[i].ID == r.ID {
				o.FirstSeen = payload.Time{Time: snap.Seen[i].FirstWall}
			}
		}
		out = append(out, o)
	}
	return out
}

// HandleBadAsk counts a question that the link has refused and answered.
func (a *answerer) HandleBadAsk(requestID string, reason error) {
	a.d.meter.counted(payload.Refused)
	a.d.log.Debug("question refused", "request", requestID, "err", reason)
}

// HandlePose takes the robot's odometry.
func (a *answerer) HandlePose(pose payload.Pose) {
	p := pose.Planar()
	odometry := scene.Odometry{Pose: scene.Pose{X: p.X, Y: p.Y, Yaw: p.Yaw}, Mono: camera.Now()}
	if !pose.Timestamp.IsZero() {
		odometry.Mono = monoOf(pose.Timestamp.Time)
	}
	odometry.Cov, _ = pose.PlanarCovariance()
	for _, e := range a.d.eyes {
		e.calm.stir(odometry.Pose)
	}
	if err := a.d.locate(odometry); err != nil {
		a.d.log.Debug("pose rejected", "err", err)
	}
}
