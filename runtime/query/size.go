package query

import (
	"math"

	"github.com/vega-edge/vegad/runtime/scene"
)

// size is one extent of a thing, the longest unless another one is asked for.
func (e *executor) size() Answer {
	target, ok := e.one(e.q.Target, Target)
	if !ok {
		return e.notSeen(e.q.Target)
	}
	e.a.Confidence = target.p
	value, variance := extent(target.object, e.q.Dimension)
	half := 1.96 * root(variance) * e.widen
	if half > e.opt.MaxSize*value {
		return e.a.abstain(ReasonUncertain, "I cannot measure its size well enough.")
	}
	unit, factor := e.unit()
	text := sizeText(e.phrase(target.object), target.object.Box.Size.Scale(factor), unit, e.q.Dimension)
	return e.measure(value, half, func(string) string { return text })
}

// extent returns one extent of a thing's box with its variance. The heading of a box points out of its front, so that
// its width lies across it and its depth along it.
func extent(o *scene.Object, d Dimension) (value, variance float64) {
	s, v := o.Box.Size, o.SizeVar
	longer := func(a, va, b, vb float64) (float64, float64) {
		if b > a {
			return b, vb
		}
		return a, va
	}
	switch d {
	case Width:
		return s.Y, v.Y
	case Depth:
		return s.X, v.X
	case Height:
		return s.Z, v.Z
	}
	value, variance = longer(s.X, v.X, s.Y, v.Y)
	if d == Length {
		return value, variance
	}
	return longer(value, variance, s.Z, v.Z)
}

// roomSize is the floor area of the room, or one of its extents.
func (e *executor) roomSize() Answer {
	value, variance := e.roomExtent()
	if value <= 0 {
		return e.a.abstain(ReasonNotLooked, "I have not seen enough of the room to tell its size.")
	}
	// The error is one of a factor: the logarithm is normal.
	sigma := root(variance) * e.widen
	low, high := value*math.Exp(-1.96*sigma), value*math.Exp(1.96*sigma)
	if (high-low)/2 > e.opt.MaxSize*value {
		return e.a.abstain(ReasonUncertain, "I cannot measure the room well enough.")
	}
	e.a.Confidence = 1
	unit, factor := e.unit()
	name := string(unit)
	if e.q.Dimension == "" {
		name, factor = name+"2", factor*factor
	}
	text := roomText(e.q.Dimension, value*factor, unit)
	return e.a.answer(value*factor, name, [2]float64{low * factor, high * factor}, text)
}

// roomExtent returns what is asked of the room, 0 when it is not known, and the variance of its logarithm.
func (e *executor) roomExtent() (value, variance float64) {
	r := e.snap.Room
	switch e.q.Dimension {
	case Length:
		return r.Length, r.LengthVar
	case Width:
		return r.Width, r.WidthVar
	case Height:
		return r.Height, r.HeightVar
	}
	return r.Area, r.AreaVar
}
