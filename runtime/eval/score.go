package eval

import (
	"math"

	"github.com/vega-edge/vegad/runtime/scene"
)

// tally is what one room says about each figure: samples whose mean or median over all rooms is the figure.
type tally struct {
	samples         [figureCount][]float64
	reasons         map[string]int // of the abstentions about things that are there
	located, ranged []attempt      // at the places and distances of things that are there
}

func (t *tally) add(f figure, v float64) { t.samples[f] = append(t.samples[f], v) }

// share adds 100 or 0.
func (t *tally) share(f figure, yes bool) {
	t.add(f, percent(yes))
}

// near is how close a centre must be for a thing to count as found, in metres.
const near = 0.5

// compare scores a variant's answers by the truth about the last picture.
func (c *clip) compare(a *answers) *tally {
	t := &tally{reasons: map[string]int{}}
	for label := range a.labels {
		n := c.count(label)
		t.number(&a.labels[label], n)
		if n != 1 {
			continue
		}
		for i := range c.things {
			if c.things[i].label == label {
				t.unique(&a.labels[label], c.things[i].box)
			}
		}
	}
	if len(c.things) > 0 { // to see nothing where nothing is would be too easy a way to 100
		t.add(allF25, 100*f1(c.things, a.things, 0.25))
		t.add(allF50, 100*f1(c.things, a.things, 0.5))
	}
	t.add(depthAbsRel, 100*absRel(a.depth, c.depth))
	t.moved(a.steps, c.poses)
	if a.consistency > 0 {
		t.add(consistent, a.consistency)
	}
	if a.gates != [gateFigures]float64{} {
		for i, g := range a.gates {
			t.add(gateObserve+figure(i), g)
		}
	}
	return t
}

// number scores how many there are, and whether there is any. Labels that are neither there nor said to be there do
// not count as numbers got right.
func (t *tally) number(s *saying, n int) {
	t.share(existsRight, s.exists == (n > 0))
	if n > 0 || s.count > 0 {
		t.add(countOff, math.Abs(s.count-float64(n)))
		t.share(countExact, s.count == float64(n))
	}
	if n > 0 {
		t.add(vsiCount, 100*mra(s.countGiven, float64(n)))
	}
}

// unique scores the answers about a label of which exactly one thing is in view.
func (t *tally) unique(s *saying, truth scene.Box) {
	t.place(s.box, truth, [3]figure{locate25, locate50, locateNear})
	t.place(s.leaning, truth, [3]figure{forced25, forced50, forcedNear})
	t.place(s.remembered, truth, [3]figure{seen25, seen50, seenNear})
	t.share(locateAbstained, s.box == nil)
	t.share(abstained, s.box == nil)
	t.attempt(s, truth)
	t.length(s.distance, truth.FootprintDistance(0, 0))
	t.angle(s.bearing, math.Atan2(truth.Center.Y, truth.Center.X))
	for _, r := range s.reasons {
		t.reasons[r]++
	}
}

// attempt keeps what the curve of accuracy against abstention is made of.
func (t *tally) attempt(s *saying, truth scene.Box) {
	where := attempt{trust: s.boxTrust, answer: s.box != nil}
	if s.box != nil {
		where.marks[0] = percent(scene.IoUAxisAligned(*s.box, truth) >= 0.25)
		where.marks[1] = percent(s.box.Center.Sub(truth.Center).Norm() <= near)
	}
	t.located = append(t.located, where)
	d := truth.FootprintDistance(0, 0)
	if d <= touching {
		return
	}
	far := attempt{trust: s.distanceTrust, answer: s.distance != nil}
	if s.distance != nil {
		far.marks[0] = 100 * mra(s.distance.value, d)
	}
	t.ranged = append(t.ranged, far)
}

func percent(yes bool) float64 {
	if yes {
		return 100
	}
	return 0
}

// touching is the distance, in metres, below which any relative error means nothing.
const touching = 0.05

// place scores a box. An abstention is a miss.
func (t *tally) place(box *scene.Box, truth scene.Box, to [3]figure) {
	overlap, reached := 0.0, false
	if box != nil {
		overlap = scene.IoUAxisAligned(*box, truth)
		reached = box.Center.Sub(truth.Center).Norm() <= near
	}
	t.share(to[0], overlap >= 0.25)
	t.share(to[1], overlap >= 0.5)
	t.share(to[2], reached)
}

func (t *tally) length(m *measured, truth float64) {
	t.share(abstained, m == nil)
	if m == nil {
		t.add(vsiDistance, 0)
		return
	}
	off := math.Abs(m.value - truth)
	t.add(distanceOff, off)
	if truth > touching {
		t.add(distanceRel, 100*off/truth)
		t.add(vsiDistance, 100*mra(m.value, truth))
	}
	inside := truth >= m.low && truth <= m.high
	t.share(distanceCover, inside)
	t.share(cover, inside)
}

func (t *tally) angle(m *measured, truth float64) {
	t.share(abstained, m == nil)
	if m == nil {
		return
	}
	off := math.Abs(scene.WrapAngle(m.value - truth))
	t.add(directionOff, off*180/math.Pi)
	inside := off <= (m.high-m.low)/2
	t.share(directionCover, inside)
	t.share(cover, inside)
}

// absRel is the mean relative error of the depth over the cells.
func absRel(said, truth []float32) float64 {
	sum := 0.0
	for i, d := range truth {
		sum += math.Abs(float64(said[i]-d)) / float64(d)
	}
	return sum / float64(len(truth))
}

// moved scores the predicted motion: the error as a share of the way, over a clip in which the robot did move, and the
// error of the heading between two observations.
func (t *tally) moved(steps []step, poses []scene.Pose) {
	far, off := 0.0, 0.0
	for _, s := range steps {
		truth := poses[s.from].Inverse().Compose(poses[s.to])
		far += math.Hypot(truth.X, truth.Y)
		off += math.Hypot(s.motion.X-truth.X, s.motion.Y-truth.Y)
		t.add(egoTurn, math.Abs(scene.WrapAngle(s.motion.Yaw-truth.Yaw))*180/math.Pi)
	}
	if far > 0.2 {
		t.add(egoMove, off/far)
	}
}
