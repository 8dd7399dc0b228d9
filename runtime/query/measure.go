package query

import (
	"math"

	"github.com/vega-edge/vegad/runtime/scene"
)

// gap is a measured length with its standard deviation, in metres.
type gap struct {
	value, sigma float64
	reach        float64 // between the centres: what an interval is wide or narrow against
}

func root(v float64) float64 { return math.Sqrt(max(v, 0)) }

// measureBetween returns the distance between the closest points of two objects' boxes.
//
// To first order the distance changes by u·δb - u·δa when the closest points pa and pb move, where u is the unit
// vector from pa to pb, so its variance is the sum of the two points' variances along u.
func measureBetween(a, b *scene.Object) gap {
	pa, pb := scene.ClosestPoints(a.Box, b.Box)
	u := pb.Sub(pa)
	d := u.Norm()
	if d == 0 {
		u = b.Box.Center.Sub(a.Box.Center)
	}
	u = unit(u)
	return gap{
		value: d, sigma: root(varianceAlong(a, pa, u) + varianceAlong(b, pb, u)),
		reach: b.Box.Center.Sub(a.Box.Center).Norm(),
	}
}

// varianceAlong returns the variance of a point of an object's box along u. The point moves with the centre, with
// half of each extent along that extent's own axis, and with the heading at the lever between centre and point.
func varianceAlong(o *scene.Object, p, u scene.Vec3) float64 {
	sin, cos := math.Sincos(o.Box.Yaw)
	along, across := cos*u.X+sin*u.Y, -sin*u.X+cos*u.Y
	v := o.CenterCov.Along(u)
	v += (along*along*o.SizeVar.X + across*across*o.SizeVar.Y + u.Z*u.Z*o.SizeVar.Z) / 4
	lever := p.Sub(o.Box.Center)
	turn := -lever.Y*u.X + lever.X*u.Y
	return v + turn*turn*o.YawVar
}

// unit scales a vector to length 1. A vector without a direction becomes x.
func unit(v scene.Vec3) scene.Vec3 {
	n := v.Norm()
	if n == 0 {
		return scene.Vec3{X: 1}
	}
	return v.Scale(1 / n)
}

// sector returns the word for a bearing: eight sectors of 45 degrees, centred on the axes and the diagonals.
func sector(bearing float64) string {
	return sectors()[int(math.Round(bearing/(math.Pi/4)))&7]
}

// sectors lists the words of the eight sectors, counter-clockwise from the front.
func sectors() []string {
	return []string{"front", "front-left", "left", "back-left", "back", "back-right", "right", "front-right"}
}

// poissonBinomial returns the distribution of how many of independent things are there, given the probability of each.
func poissonBinomial(probabilities []float64) []float64 {
	dist := make([]float64, 1, len(probabilities)+1)
	dist[0] = 1
	for _, p := range probabilities {
		dist = append(dist, 0)
		for k := len(dist) - 1; k > 0; k-- {
			dist[k] = dist[k]*(1-p) + dist[k-1]*p
		}
		dist[0] *= 1 - p
	}
	return dist
}

// poisson returns the distribution of a count and of so many more as a Poisson distribution of that mean tells.
func poisson(dist []float64, mean float64) []float64 {
	if mean <= 0 {
		return dist
	}
	most := int(math.Ceil(mean+6*math.Sqrt(mean))) + 2 // beyond lies next to nothing
	out := make([]float64, len(dist)+most)
	share := math.Exp(-mean)
	for extra := range most + 1 {
		for k, p := range dist {
			if k+extra < len(out) {
				out[k+extra] += p * share
			}
		}
		share *= mean / float64(extra+1)
	}
	return out
}

// quantile returns the smallest count whose cumulative probability reaches q.
func quantile(dist []float64, q float64) int {
	sum := 0.0
	for k, p := range dist {
		sum += p
		if sum >= q-1e-12 {
			return k
		}
	}
	return len(dist) - 1
}

// probabilityLess returns the probability that a is less than b, for independent normal errors.
func probabilityLess(a, b gap) float64 {
	return cumulative(b.value-a.value, math.Hypot(a.sigma, b.sigma))
}
