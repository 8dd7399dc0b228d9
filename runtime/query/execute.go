package query

import (
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
		return a.refuse(ReasonKind, "There is no such kind of question. I answer: "+names(Supported())+".")
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
	e := newExecutor(q, snap, opt, a)
	if missing := e.observe(q.Viewpoint); missing != nil {
		return e.notSeen(missing)
	}
	return e.run()
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
	q   Query
	opt Options
	a   Answer
}

func newExecutor(q Query, snap *scene.Snapshot, opt Options, a Answer) *executor {
	e := &executor{
		selector: selector{
			snap: snap, pool: snap.Seen, eye: robotEye(snap), hints: snap.Glimpses, minHint: opt.MinHint,
			widen: max(opt.Widen, 1) / max(snap.Consistency, 0.05),
		},
		q: q, opt: opt, a: a,
	}
	if q.Scope == Now {
		e.pool, e.hints = snap.Now, snap.Hints
	}
	if !q.Kind.presumes() {
		e.hints = nil
	}
	if q.Target == nil {
		e.q.Target = &Referent{}
	}
	return e
}

func (e *executor) run() Answer {
	var a Answer
	switch e.q.Kind {
	case Count:
		a = e.count()
	case Distance:
		a = e.distance()
	case Size:
		a = e.size()
	case RoomSize:
		a = e.roomSize()
	case Nearest:
		a = e.nearest()
	case Direction:
		a = e.direction()
	case Route:
		a = e.route()
	case Order:
		a = e.order()
	case Locate:
		a = e.locate()
	case Describe:
		a = e.describe()
	case RelatedTo:
		a = e.related()
	case Exists:
		a = e.exists()
	case Clear:
		a = e.clear()
	}
	if len(e.doubted) > 0 && a.Status == Answered {
		a.Text = doubtText(e.doubted) + a.Text
	}
	return e.viewed(a)
}

// viewed lists what the viewpoint rests on.
func (e *executor) viewed(a Answer) Answer {
	if e.eye.facing == nil || a.Status != Answered {
		return a
	}
	for _, o := range []*scene.Object{e.eye.at, e.eye.facing} {
		if o != nil {
			a.Objects = append(a.Objects, newRef(o, Viewer, e.snap))
		}
	}
	return a
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

// say answers in words alone.
func (a Answer) say(choice, text string) Answer {
	a.Status, a.Choice, a.Text = Answered, choice, text
	return a
}

// one resolves a referent to its best object and lists the others as alternatives.
func (e *executor) one(r *Referent, role Role) (candidate, bool) {
	list := e.known(r)
	if len(list) == 0 {
		return candidate{}, false
	}
	e.add(list[0].object, role)
	for _, c := range list[1:] {
		e.add(c.object, Alternative)
	}
	return list[0], true
}

// another resolves a referent to its best object that is not the target.
func (e *executor) another(r *Referent, role Role, target *scene.Object) (candidate, bool) {
	list := keep(e.known(r), func(o *scene.Object) bool { return o != target })
	if len(list) == 0 {
		return candidate{}, false
	}
	refs := e.a.Objects
	e.a.Objects = slices.DeleteFunc(refs, func(o ObjectRef) bool { return o.Role == Alternative && o.is(list[0].object) })
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

// length answers with a distance, unless its interval is too wide to be of use.
func (e *executor) length(g gap, text func(string) string) Answer {
	half := 1.96 * g.sigma * e.widen
	if half > max(e.opt.HalfWidthFloor, e.opt.MaxHalfWidth*g.reach) {
		return e.a.abstain(ReasonUncertain, "I cannot measure that well enough.")
	}
	return e.measure(g.value, half, text)
}

// measure answers with a length in the unit that was asked for.
func (e *executor) measure(value, half float64, text func(string) string) Answer {
	unit, factor := e.unit()
	interval := [2]float64{max(value-half, 0) * factor, (value + half) * factor}
	return e.a.answer(value*factor, string(unit), interval, text(lengthText(value*factor, unit)))
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
