package query

import (
	"math"
	"math/rand/v2"

	"github.com/vega-edge/vegad/runtime/scene"
)

// draws is how often a relation is decided with its boxes moved about inside their errors. Its probability is told
// within 0.06 of what endless draws would give, two times in three.
const draws = 64

// chance returns the probability that a relation holds between a and b, and c for between, given how well their
// boxes and the viewpoint are known. The draws are the same for every call, so that a question asked twice gets the
// same answer.
func (e *executor) chance(rel *Relation, a, b, c *scene.Object) float64 {
	d := drawer{rng: rand.New(rand.NewPCG(1, 2)), widen: e.widen}
	objects := [5]*scene.Object{a, b, c, e.eye.at, e.eye.facing}
	var roots [5]scene.Cov
	for i, o := range objects {
		if o != nil {
			roots[i] = squareRoot(o.CenterCov)
		}
	}
	held := 0
	for range draws {
		var boxes [5]scene.Box
		var named [5]*scene.Box
		for i, o := range objects {
			if o != nil {
				boxes[i] = d.move(o, &roots[i])
				named[i] = &boxes[i]
			}
		}
		view := e.eye
		if named[4] != nil {
			view = view.turned(named[3], named[4], e.q.Viewpoint.Away)
		}
		if view.holds(rel, named[0], named[1], named[2]) {
			held++
		}
	}
	return float64(held) / draws
}

// drawer moves boxes about inside their errors.
type drawer struct {
	rng   *rand.Rand
	widen float64
}

func (d *drawer) move(o *scene.Object, r *scene.Cov) scene.Box {
	normal := func() float64 { return d.widen * d.rng.NormFloat64() }
	x, y, z := normal(), normal(), normal()
	b := o.Box
	b.Center = b.Center.Add(scene.Vec3{X: r[0] * x, Y: r[3]*x + r[4]*y, Z: r[6]*x + r[7]*y + r[8]*z})
	stretch := func(size, variance float64) float64 { return max(size+root(variance)*normal(), 0.1*size) }
	b.Size = scene.Vec3{
		X: stretch(b.Size.X, o.SizeVar.X), Y: stretch(b.Size.Y, o.SizeVar.Y), Z: stretch(b.Size.Z, o.SizeVar.Z),
	}
	b.Yaw += root(o.YawVar) * normal()
	return b
}

// squareRoot returns the lower triangle L with L·Lᵀ = c; a direction without variance stays without.
func squareRoot(c scene.Cov) scene.Cov {
	var l scene.Cov
	for row := range 3 {
		for col := range row + 1 {
			sum := c[row*3+col]
			for k := range col {
				sum -= l[row*3+k] * l[col*3+k]
			}
			switch {
			case row == col:
				l[row*3+row] = math.Sqrt(max(sum, 0))
			case l[col*3+col] > 0:
				l[row*3+col] = sum / l[col*3+col]
			}
		}
	}
	return l
}

// within returns the probability that a bearing with a normal error lies between two angles, low < high.
func within(bearing, sigma, low, high float64) float64 {
	sum := 0.0
	for turn := -1; turn <= 1; turn++ { // an error may carry it over the back
		b := bearing + float64(turn)*2*math.Pi
		sum += cumulative(high-b, sigma) - cumulative(low-b, sigma)
	}
	return min(max(sum, 0), 1)
}

// cumulative returns the probability that a normal error of zero mean is below x.
func cumulative(x, sigma float64) float64 {
	switch {
	case sigma > 0:
		return 0.5 * math.Erfc(-x/sigma/math.Sqrt2)
	case x > 0:
		return 1
	case x < 0:
		return 0
	}
	return 0.5
}
