package query

import (
	"math"
	"slices"

	"github.com/vega-edge/vegad/runtime/scene"
)

// Execute answers a query over a snapshot. It never fails: what cannot be answered is abstained from or refused with a
// reason. The snapshot is only read.
func Execute(q Query, snap *scene.Snapshot, opt Options) Answer {
	if q.Scope == "" {
		q.Scope = Seen
	}
	a := Answer{Kind: q.Kind, Scope: q.Scope, Objects: []ObjectRef{}}
	if !slices.Contains(Supported(), q.Kind) {
		return a.refuse(ReasonKind, "Questions of this kind are not supported by this version. It answers: "+
			names(Supported())+".")
	}
	if snap == nil || snap.Empty() {
		return a.abstain(ReasonNothingYet, "I have not seen anything yet.")
	}
	a.CaptureTime, a.CaptureMono = snap.Wall, snap.Mono
	a.Consistency, a.PoseSource = snap.Consistency, snap.PoseSource
	if err := q.check(vocabulary(snap)); err != nil {
		return a.refuse(ReasonInvalid, "I cannot answer that: "+err.Error()+".")
	}
	if q.Scope == Now && opt.Now > 0 && opt.Now-snap.Mono > opt.MaxAge {
		return a.abstain(ReasonStale, "My newest picture is too old to say what is there now.")
	}
	if snap.Consistency < opt.MinConsistency {
		return a.abstain(ReasonInconsistent, "What I see contradicts itself, so I do not trust my measurements.")
	}
	return newExecutor(q, snap, opt, a).run()
}

// How many objects an answer lists.
const (
	maxObjects      = 64
	maxAlternatives = 10
)

// vocabulary is the least lexicon that check needs: the snapshot's own words, without synonyms.
func vocabulary(s *scene.Snapshot) *Lexicon { return &Lexicon{labels: s.Labels, colors: s.Colors} }

// executor answers one query.
type executor struct {
	selector
	q     Query
	opt   Options
	a     Answer
	widen float64 // factor on standard deviations
}

func newExecutor(q Query, snap *scene.Snapshot, opt Options, a Answer) *executor {
	e := &executor{
		selector: selector{snap: snap, pool: snap.Seen, frame: robotFrame(snap)},
		q:        q, opt: opt, a: a,
		widen: max(opt.Widen, 1) / max(snap.Consistency, 0.05),
	}
	if q.Scope == Now {
		e.pool = snap.Now
	}
	if q.Target == nil {
		e.q.Target = &Referent{}
	}
	return e
}

func (e *executor) run() Answer {
	switch e.q.Kind {
	case Count:
		return e.count()
	case Distance:
		return e.distance()
	case Nearest:
		return e.nearest()
	case Direction:
		return e.direction()
	case Locate:
		return e.locate()
	default:
		return e.exists()
	}
}

func (a Answer) abstain(reason, text string) Answer {
	a.Status, a.Reason, a.Text = Abstained, reason, text
	return a
}

func (a Answer) refuse(reason, text string) Answer {
	a.Status, a.Reason, a.Text = Refused, reason, text
	return a
}

func (a Answer) answer(value float64, unit string, interval [2]float64, text string) Answer {
	a.Status, a.Value, a.Unit, a.Interval95, a.Text = Answered, &value, unit, &interval, text
	return a
}

// count adds up the things that match, each with its probability of being there and being what is asked for.
func (e *executor) count() Answer {
	list := e.counted(e.q.Target)
	probabilities := make([]float64, len(list))
	for i, c := range list {
		probabilities[i] = c.p
		if c.p >= 0.5 {
			e.add(c.object, Target)
		} else {
			e.add(c.object, Alternative)
		}
	}
	dist := poissonBinomial(probabilities)
	n := quantile(dist, 0.5)
	interval := [2]float64{float64(quantile(dist, 0.025)), float64(quantile(dist, 0.975))}
	e.a.Confidence = dist[n]
	return e.a.answer(float64(n), "objects", interval, countText(e.q.Target, n, interval))
}

// exists is the probability that at least one thing matches. Where the camera has not looked, one may be: the upper
// end of the interval allows for it.
func (e *executor) exists() Answer {
	missing := 1.0
	for _, c := range e.counted(e.q.Target) {
		missing *= 1 - c.p
		if c.p >= 0.5 {
			e.add(c.object, Target)
		}
	}
	looked := e.snap.Looked
	if e.q.Scope == Now {
		looked = e.snap.HFOV / (2 * math.Pi)
	}
	p := 1 - missing
	interval := [2]float64{p, 1 - looked*missing}
	if p >= 0.5 {
		e.a.Choice, e.a.Confidence = "yes", p
	} else {
		e.a.Choice, e.a.Confidence = "no", looked*missing
	}
	return e.a.answer(p, "1", interval, existsText(e.q.Target, p >= 0.5, looked))
}

// one resolves a referent to its best object and lists the others as alternatives.
func (e *executor) one(r *Referent, role Role) (candidate, bool) {
	list := e.meant(r)
	if len(list) == 0 {
		return candidate{}, false
	}
	e.add(list[0].object, role)
	for _, c := range list[1:] {
		e.add(c.object, Alternative)
	}
	return list[0], true
}

// add lists an object with the answer. A crowd is cut off: the scene topic has everything, an answer stays small.
func (e *executor) add(o *scene.Object, role Role) {
	if (role == Alternative && len(e.a.Objects) >= maxAlternatives) || len(e.a.Objects) >= maxObjects {
		return
	}
	e.a.Objects = append(e.a.Objects, newRef(o, role, e.snap))
}

func (e *executor) notSeen(r *Referent) Answer {
	e.a.Objects = []ObjectRef{}
	e.a.Confidence = 0
	return e.a.abstain(ReasonNotSeen, "I have not seen "+indefinite(r)+".")
}

// distance measures from the robot, or between the closest points of two things.
func (e *executor) distance() Answer {
	target, ok := e.one(e.q.Target, Target)
	if !ok {
		return e.notSeen(e.q.Target)
	}
	e.a.Confidence = target.p
	if e.q.From == nil {
		g := measureFromRobot(target.object, e.snap)
		return e.length(g, distanceText(e.phrase(target.object), "", ""))
	}
	from, ok := e.origin(target.object)
	if !ok {
		return e.notSeen(e.q.From)
	}
	e.a.Confidence *= from.p
	g := measureBetween(target.object, from.object)
	return e.length(g, distanceText(e.phrase(target.object), " from ", e.phrase(from.object)))
}

// origin resolves what is measured from; that is never the target itself.
func (e *executor) origin(target *scene.Object) (candidate, bool) {
	list := keep(e.meant(e.q.From), func(o *scene.Object) bool { return o != target })
	if len(list) == 0 {
		return candidate{}, false
	}
	refs := e.a.Objects
	e.a.Objects = slices.DeleteFunc(refs, func(o ObjectRef) bool { return o.Role == Alternative && o.is(list[0].object) })
	e.add(list[0].object, Origin)
	for _, c := range list[1:] {
		e.add(c.object, Alternative)
	}
	return list[0], true
}

// length answers with a distance, unless its interval is too wide to be of use.
func (e *executor) length(g gap, text func(string) string) Answer {
	half := 1.96 * g.sigma * e.widen
	if half > max(e.opt.HalfWidthFloor, e.opt.MaxHalfWidth*g.reach) {
		return e.a.abstain(ReasonUncertain, "I cannot measure that well enough.")
	}
	unit, factor := e.unit()
	interval := [2]float64{max(g.value-half, 0) * factor, (g.value + half) * factor}
	return e.a.answer(g.value*factor, string(unit), interval, text(lengthText(g.value*factor, unit)))
}

// unit returns the unit of lengths and how many of it a metre has.
func (e *executor) unit() (Unit, float64) {
	switch e.q.Unit {
	case Centimetres:
		return Centimetres, 100
	case Feet:
		return Feet, 1 / 0.3048
	}
	return Metres, 1
}

// direction is the bearing of the centre in base_link.
func (e *executor) direction() Answer {
	target, ok := e.one(e.q.Target, Target)
	if !ok {
		return e.notSeen(e.q.Target)
	}
	e.a.Confidence = target.p
	b := bearing(target.object, e.snap)
	sigma, distance := bearingSigma(target.object, e.snap)
	half := 1.96 * sigma * e.widen
	if half > e.opt.MaxBearing || distance < 0.1 {
		return e.a.abstain(ReasonUncertain, "It is too near, or I know its place too badly, to tell a direction.")
	}
	e.a.Choice = sector(b)
	return e.a.answer(b, "rad", [2]float64{b - half, b + half}, directionText(e.phrase(target.object), b))
}

// locate tells where a thing is: its box in both frames, and in words distance and direction.
func (e *executor) locate() Answer {
	target, ok := e.one(e.q.Target, Target)
	if !ok {
		return e.notSeen(e.q.Target)
	}
	e.a.Confidence = target.p
	b := bearing(target.object, e.snap)
	e.a.Choice = sector(b)
	text := locateText(e.phrase(target.object), b)
	return e.length(measureFromRobot(target.object, e.snap), text)
}
