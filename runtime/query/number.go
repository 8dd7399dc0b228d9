package query

import (
	"math"
	"slices"

	"github.com/vega-edge/vegad/runtime/scene"
)

// asked returns what count and exists are about: the target and everything in also.
func (e *executor) asked() []*Referent {
	list := []*Referent{e.q.Target}
	for i := range e.q.Also {
		list = append(list, &e.q.Also[i])
	}
	return list
}

// union adds up what each thing can be. Two labels exclude each other, so that their probabilities add; the same
// label twice, in two colours for instance, adds up to its own probability at most.
func (e *executor) union() []candidate {
	var all []candidate
	at := map[*scene.Object]int{}
	for _, r := range e.asked() {
		for _, c := range e.counted(r) {
			i, known := at[c.object]
			if !known {
				at[c.object] = len(all)
				all = append(all, c)
				continue
			}
			all[i].p = min(all[i].p+c.p, e.ceiling(c.object))
		}
	}
	return all
}

// ceiling is the greatest probability that an object is any of the things asked about.
func (e *executor) ceiling(o *scene.Object) float64 {
	sum, labels := 0.0, []string{}
	for _, r := range e.asked() {
		if !slices.Contains(labels, r.Label) {
			labels = append(labels, r.Label)
			sum += e.probability(&Referent{Label: r.Label}, o)
		}
	}
	return min(sum, o.Existence)
}

// count adds up the things that match, each with its probability of being there and being what is asked for. The
// interval also allows for what the memory lacks, and for what it takes for something else.
func (e *executor) count() Answer {
	list := e.union()
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
	interval := e.countInterval(probabilities)
	e.a.Confidence = dist[n]
	return e.a.answer(float64(n), "objects", interval, countText(e.asked(), n, interval))
}

// countInterval returns the 95 % interval of a count.
func (e *executor) countInterval(probabilities []float64) [2]float64 {
	mean := 0.0
	sure := make([]float64, len(probabilities))
	for i, p := range probabilities {
		mean += p
		sure[i] = p * (1 - e.opt.Wrong)
	}
	high := poisson(poissonBinomial(probabilities), e.opt.Missed*mean)
	return [2]float64{float64(quantile(poissonBinomial(sure), 0.025)), float64(quantile(high, 0.975))}
}

// exists is the probability that at least one thing matches; with all, that at least one matches of each. Where the
// camera has not looked, one may be: the upper end of the interval allows for it.
func (e *executor) exists() Answer {
	looked := e.snap.Looked
	if e.q.Scope == Now {
		looked = e.snap.HFOV / (2 * math.Pi)
	}
	groups := [][]candidate{e.union()}
	if e.q.All {
		groups = nil
		for _, r := range e.asked() {
			groups = append(groups, e.counted(r))
		}
	}
	p, upper := 1.0, 1.0
	for _, group := range groups {
		missing := 1.0
		for _, c := range group {
			missing *= 1 - c.p
			if c.p >= 0.5 {
				e.add(c.object, Target)
			}
		}
		p *= 1 - missing
		upper *= 1 - looked*missing
	}
	if p >= 0.5 {
		e.a.Choice, e.a.Confidence = "yes", p
	} else {
		e.a.Choice, e.a.Confidence = "no", 1-upper
	}
	text := existsText(allOf(e.asked(), indefinite, e.q.All), p >= 0.5, looked)
	return e.a.answer(p, "1", [2]float64{p, max(upper, p)}, text)
}

// distance measures from where the question looks, or between the closest points of two things.
func (e *executor) distance() Answer {
	target, ok := e.one(e.q.Target, Target)
	if !ok {
		return e.notSeen(e.q.Target)
	}
	e.a.Confidence = target.p
	if e.q.From == nil {
		return e.length(e.eye.reach(target.object), distanceText(e.phrase(target.object), "", ""))
	}
	from, ok := e.another(e.q.From, Origin, target.object)
	if !ok {
		return e.notSeen(e.q.From)
	}
	e.a.Confidence *= from.p
	g := measureBetween(target.object, from.object)
	return e.length(g, distanceText(e.phrase(target.object), " from ", e.phrase(from.object)))
}
