package query

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/vega-edge/vegad/runtime/scene"
)

// glimpse is a thing as it is and as it is remembered: wrong by an error drawn from the covariance that the memory
// claims.
type glimpse struct {
	truth scene.Box
	snap  *scene.Snapshot
}

// drawGlimpse puts a thing somewhere around the robot. A monocular camera errs along the line of sight most, and in
// proportion to the distance; some things are known far worse than others.
func drawGlimpse(rng *rand.Rand) glimpse {
	r, bearing := 1+4*rng.Float64(), (2*rng.Float64()-1)*math.Pi
	along := r * (0.03 + 0.6*rng.Float64()*rng.Float64())
	across := along * (0.1 + 0.3*rng.Float64())
	size := scene.Vec3{X: .2 + rng.Float64(), Y: .2 + rng.Float64(), Z: .2 + rng.Float64()}
	truth := scene.Box{
		Center: scene.Vec3{X: r * math.Cos(bearing), Y: r * math.Sin(bearing), Z: size.Z / 2}, Size: size,
	}
	s := build(scene.Pose{}, item{"chair", "red", truth.Center.X, truth.Center.Y, 0, size, 0})
	o := &s.Seen[0]
	c, n := math.Cos(bearing), math.Sin(bearing)
	a, b := along*along, across*across
	o.CenterCov = scene.Cov{a*c*c + b*n*n, (a - b) * c * n, 0, (a - b) * c * n, a*n*n + b*c*c, 0, 0, 0, 1e-6}
	far, side := along*rng.NormFloat64(), across*rng.NormFloat64()
	o.Box.Center.X += far*c - side*n
	o.Box.Center.Y += far*n + side*c
	relative := 0.02 + 0.5*rng.Float64()*rng.Float64()
	o.SizeVar = scene.Vec3{X: sq(relative * size.X), Y: sq(relative * size.Y), Z: sq(relative * size.Z)}
	o.Box.Size.X = max(size.X*(1+relative*rng.NormFloat64()), 0.05)
	o.Box.Size.Y = max(size.Y*(1+relative*rng.NormFloat64()), 0.05)
	o.Box.Size.Z = max(size.Z*(1+relative*rng.NormFloat64()), 0.05)
	return glimpse{truth, s}
}

func sq(x float64) float64 { return x * x }

// outcome adds up what one kind did under one strictness.
type outcome struct {
	asked, answered, covered int
	errors                   float64 // sum of relative errors
}

func (o outcome) answers() float64   { return float64(o.answered) / float64(o.asked) }
func (o outcome) meanError() float64 { return o.errors / float64(o.answered) }

// TestTighterLimitsRaiseAccuracy asks about things that are remembered as wrongly as the memory says. Intervals of 95 %
// must hold the truth in about 95 of 100 answers, and stricter limits must mean fewer and better answers.
func TestTighterLimitsRaiseAccuracy(t *testing.T) {
	kinds := map[Kind]func(scene.Box) float64{
		Distance:  func(b scene.Box) float64 { return b.FootprintDistance(0, 0) },
		Direction: func(b scene.Box) float64 { return math.Atan2(b.Center.Y, b.Center.X) },
		Locate:    func(b scene.Box) float64 { return b.FootprintDistance(0, 0) },
		Size:      func(b scene.Box) float64 { return b.Size.Z },
	}
	for kind, truth := range kinds {
		var before outcome
		for step, strict := range []float64{1e3, 1, 0.5, 0.25} {
			now := survey(kind, truth, strict)
			t.Logf("%-9s limits x %-5g %5.1f %% answered, %5.1f %% inside their interval, mean error %.3f",
				kind, strict, 100*now.answers(), 100*float64(now.covered)/float64(now.answered), now.meanError())
			if c := float64(now.covered) / float64(now.answered); c < 0.92 || c > 0.985 {
				t.Errorf("%s: %.1f %% of the intervals hold the truth", kind, 100*c)
			}
			if step > 0 && (now.answers() > before.answers() || now.meanError() > before.meanError()) {
				t.Errorf("%s: stricter limits give %.3f of the answers with error %.3f, before %.3f with %.3f",
					kind, now.answers(), now.meanError(), before.answers(), before.meanError())
			}
			before = now
		}
		if share := survey(kind, truth, 1).answers(); share < 0.5 || share == 1 {
			t.Errorf("%s: the default limits answer %.3f of the questions", kind, share)
		}
	}
}

// survey asks the same questions with limits that are scaled.
func survey(kind Kind, truth func(scene.Box) float64, strict float64) outcome {
	rng := rand.New(rand.NewPCG(3, 4))
	opt := DefaultOptions()
	for _, limit := range []*float64{
		&opt.MaxHalfWidth, &opt.HalfWidthFloor, &opt.MaxSize, &opt.MaxPlace, &opt.PlaceFloor, &opt.MaxBearing,
	} {
		*limit *= strict
	}
	q := Query{Kind: kind, Target: &Referent{Label: "chair"}}
	if kind == Size {
		q.Dimension = Height
	}
	var out outcome
	for range 1200 {
		g := drawGlimpse(rng)
		out.asked++
		a := Execute(q, g.snap, opt)
		if a.Status != Answered {
			continue
		}
		want := truth(g.truth)
		if kind == Direction {
			want = *a.Value + scene.WrapAngle(want-*a.Value)
		}
		out.answered++
		if a.Interval95[0] <= want && want <= a.Interval95[1] {
			out.covered++
		}
		out.errors += math.Abs(*a.Value - want)
	}
	return out
}
