package scene

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func drawPose(t *rapid.T, name string) Pose {
	f := func(limit float64, what string) float64 { return rapid.Float64Range(-limit, limit).Draw(t, name+what) }
	return Pose{f(5, "x"), f(5, "y"), f(math.Pi, "yaw")}
}

func samePose(a, b Pose) bool {
	return math.Hypot(a.X-b.X, a.Y-b.Y) < 1e-9 && math.Abs(WrapAngle(a.Yaw-b.Yaw)) < 1e-9
}

func TestPoseAlgebra(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, q, r := drawPose(t, "p"), drawPose(t, "q"), drawPose(t, "r")
		if !samePose(p.Compose(p.Inverse()), Pose{}) || !samePose(p.Inverse().Compose(p), Pose{}) {
			t.Fatal("inverse does not undo")
		}
		if !samePose(p.Compose(q).Compose(r), p.Compose(q.Compose(r))) {
			t.Fatal("composition is not associative")
		}
		v := Vec3{1, -2, 3}
		if d := p.Compose(q).Apply(v).Sub(p.Apply(q.Apply(v))); d.Norm() > 1e-9 {
			t.Fatal("applying is not composing")
		}
	})
}

// sampleCov estimates the covariance of a function of two noisy poses.
func sampleCov(p, q Pose, sigma float64, f func(p, q Pose) Pose) Cov {
	rng := rand.New(rand.NewPCG(1, 2))
	noisy := func(p Pose) Pose {
		return Pose{p.X + sigma*rng.NormFloat64(), p.Y + sigma*rng.NormFloat64(), p.Yaw + sigma*rng.NormFloat64()}
	}
	mean := f(p, q)
	const n = 40000
	var c Cov
	for range n {
		s := f(noisy(p), noisy(q))
		d := [3]float64{s.X - mean.X, s.Y - mean.Y, WrapAngle(s.Yaw - mean.Yaw)}
		for i := range 9 {
			c[i] += d[i/3] * d[i%3] / n
		}
	}
	return c
}

func TestPoseCovarianceAgainstSampling(t *testing.T) {
	p, q := Pose{1, 2, 0.7}, Pose{-0.5, 1.5, -1.1}
	const sigma = 0.01
	one := Cov{sigma * sigma, 0, 0, 0, sigma * sigma, 0, 0, 0, sigma * sigma}
	for name, c := range map[string]struct{ got, want Cov }{
		"compose": {p.ComposeCov(one, q, one), sampleCov(p, q, sigma, Pose.Compose)},
		"inverse": {p.InverseCov(one), sampleCov(p, q, sigma, func(p, _ Pose) Pose { return p.Inverse() })},
	} {
		for i := range 9 {
			if math.Abs(c.got[i]-c.want[i]) > 0.04*sigma*sigma*10 {
				t.Errorf("%s[%d]: %g, sampled %g", name, i, c.got[i], c.want[i])
			}
		}
	}
}

func TestPoseHistoryKeepsTimeOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := poseHistory{limit: 8}
		times := rapid.SliceOfN(rapid.IntRange(0, 40), 1, 40).Draw(t, "times")
		newest := 0
		for _, ms := range times {
			h.add(Odometry{Pose: Pose{X: float64(ms)}, Mono: time.Duration(ms) * time.Millisecond})
			newest = max(newest, ms)
		}
		if len(h.entries) > h.limit {
			t.Fatalf("%d entries", len(h.entries))
		}
		for i := 1; i < len(h.entries); i++ {
			if h.entries[i].Mono <= h.entries[i-1].Mono {
				t.Fatal("out of order")
			}
		}
		last := h.entries[len(h.entries)-1]
		if last.Mono != time.Duration(newest)*time.Millisecond {
			t.Fatalf("newest is %s, want %d ms", last.Mono, newest)
		}
	})
}

func TestPoseHistoryInterpolates(t *testing.T) {
	h := poseHistory{limit: 8}
	h.add(Odometry{Pose: Pose{X: 1, Yaw: 3}, Mono: 100 * time.Millisecond})
	h.add(Odometry{Pose: Pose{X: 2, Yaw: -3}, Mono: 200 * time.Millisecond})
	at := func(ms int) (Pose, bool) {
		o, ok := h.at(time.Duration(ms)*time.Millisecond, time.Second, 300*time.Millisecond)
		return o.Pose, ok
	}
	if p, ok := at(150); !ok || !samePose(p, Pose{1.5, 0, math.Pi}) {
		t.Errorf("half way: %v %v", p, ok)
	}
	if p, ok := at(250); !ok || math.Abs(p.X-2.5) > 1e-9 {
		t.Errorf("ahead: %v %v", p, ok)
	}
	for _, ms := range []int{50, 600} {
		if _, ok := at(ms); ok {
			t.Errorf("%d ms must not be known", ms)
		}
	}
}
