package scene

import (
	"math"
	"time"
)

// track is one remembered thing. Its covariances say how well it is known relative to where the robot is now: that is
// what questions ask, and it stays small for what is in view however far the dead reckoning has drifted.
type track struct {
	number    uint64 // the N of its id "oN", 0 until it is confirmed
	name      string // the id of the number named
	named     uint64
	serial    uint64 // never used again, also not for another thing in the same memory
	confirmed bool
	dead      bool
	kept      bool // in the list of those gone

	box     Box // in map
	cov     Cov // of the centre, over (x, y, z) of map
	before  Cov // the same before the robot's last step
	logVar  Vec3
	yawVar  float64
	heading float64 // votes for this end of the box being its front; the sign decides

	labels    []float64 // log-evidence, the best one is 0
	post      []float64 // its probabilities
	colors    []float64 // summed probabilities
	embedding []float64 // sum of unit vectors, empty until one came

	logOdds   float64 // of existence
	hits      int
	firstMono time.Duration
	lastMono  time.Duration
	first     stamp
	last      stamp

	moved     stamp // when it was recognised at another place
	movedFrom Vec3

	apart apart
	wide  int     // times in a row that it covered a second thing
	left  float64 // scratch of steps.share
	fixed bool    // scratch of correct
}

const maxLogOdds = 6

// best returns the index of the largest value and the value.
func best(values []float64) (int, float64) {
	at := 0
	for i, v := range values {
		if v > values[at] {
			at = i
		}
	}
	if len(values) == 0 {
		return -1, 0
	}
	return at, values[at]
}

func (t *track) label() int {
	at, _ := best(t.post)
	return at
}

// existence returns the probability that the thing is there.
func (t *track) existence() float64 { return sigmoid(t.logOdds) }

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// begin makes t the track of a thing seen for the first time.
func (t *track) begin(z *measurement, cfg *Config, now stamp) {
	t.box, t.cov, t.logVar, t.yawVar = z.box, z.cov, z.logVar, z.yawVar
	t.first, t.last, t.hits = now, now, 1
	t.firstMono, t.lastMono = now.mono, now.mono
	t.before = z.cov
	t.applyPrior(z.det.Label, cfg)
	t.addEvidence(z, cfg)
	t.logOdds = hitGain(z.det.Score, cfg) - 1
}

// applyPrior pulls the first measured size toward what things of this label measure.
func (t *track) applyPrior(label int, cfg *Config) {
	if len(cfg.SizePriors) == 0 {
		return
	}
	p := cfg.SizePriors[label]
	if p.LogSigma <= 0 || min(p.Mean.X, p.Mean.Y, p.Mean.Z) <= 0 {
		return
	}
	v := p.LogSigma * p.LogSigma
	prior := Box{Size: p.Mean, Yaw: t.box.Yaw}
	if (t.box.Size.X > t.box.Size.Y) != (prior.Size.X > prior.Size.Y) {
		prior.Size.X, prior.Size.Y = prior.Size.Y, prior.Size.X
	}
	t.fuseSize(prior.Size, Vec3{v, v, v})
}

// update corrects the track with a measurement of the same thing, and returns the share of the way that it went to
// where it was seen, 0..1.
func (t *track) update(z *measurement, cfg *Config, now stamp) float64 {
	gain := t.correctCenter(z)
	t.correctShape(z)
	t.humble(z, cfg.RepeatShare)
	t.addEvidence(z, cfg)
	t.logOdds = min(t.logOdds+hitGain(z.det.Score, cfg), maxLogOdds)
	t.hits++
	t.last, t.lastMono = now, now.mono
	return gain
}

// humble keeps the track from growing more certain than repeated views of one thing can make it: networks err the
// same way from picture to picture, so their errors do not average out.
func (t *track) humble(z *measurement, share float64) {
	if have, least := trace(t.cov), share*trace(z.cov); have < least && have > 0 {
		for i := range t.cov {
			t.cov[i] *= least / have
		}
	}
	t.logVar.X = max(t.logVar.X, share*z.logVar.X)
	t.logVar.Y = max(t.logVar.Y, share*z.logVar.Y)
	t.logVar.Z = max(t.logVar.Z, share*z.logVar.Z)
	t.yawVar = max(t.yawVar, share*z.yawVar)
}

// correctCenter is the Kalman update of the position; it returns the mean gain in the plane.
func (t *track) correctCenter(z *measurement) float64 {
	inv, ok := t.cov.plus(z.cov).inverse()
	if !ok {
		return 0
	}
	gain := t.cov.times(inv)
	t.box.Center = t.box.Center.Add(gain.apply(z.box.Center.Sub(t.box.Center)))
	reduced := gain.times(t.cov)
	for i := range t.cov {
		t.cov[i] -= reduced[i]
	}
	t.cov = t.cov.symmetric()
	for i := range 3 { // what rounding may leave of a place known almost exactly
		t.cov[4*i] = max(t.cov[4*i], 1e-9)
	}
	return clamp((gain[0]+gain[4])/2, 0, 1)
}

// correctShape updates extents and heading. A cuboid turned by a half turn is the same cuboid, and by a quarter turn
// with its sides exchanged too, so the measurement is first written the way the track is.
func (t *track) correctShape(z *measurement) {
	aligned, quarter := aligned(z.box, t.box)
	if quarter%2 == 0 {
		t.vote(quarter == 0)
	}
	size, logVar := aligned.Size, z.logVar
	if quarter%2 == 1 {
		logVar.X, logVar.Y = logVar.Y, logVar.X
	}
	t.fuseSize(size, logVar)
	gain := t.yawVar / (t.yawVar + z.yawVar)
	t.box.Yaw = WrapAngle(t.box.Yaw + gain*WrapAngle(aligned.Yaw-t.box.Yaw))
	t.yawVar *= 1 - gain
}

// vote counts which end of the box was seen as its front, and turns the box round when most say so.
func (t *track) vote(same bool) {
	if same {
		t.heading = min(t.heading+1, 5)
		return
	}
	t.heading--
	if t.heading < 0 {
		t.heading = 1
		t.box.Yaw = WrapAngle(t.box.Yaw + math.Pi)
	}
}

// aligned returns b written so that its heading and sides match ref best, and the quarter turns that took.
func aligned(b, ref Box) (Box, int) {
	shape, want := math.Log(b.Size.X/b.Size.Y), math.Log(ref.Size.X/ref.Size.Y)
	turn := WrapAngle(b.Yaw - ref.Yaw)
	turns, least := 0, math.Inf(1)
	for k := range 4 {
		angle, sides := turn+float64(k)*math.Pi/2, shape-want
		if angle > math.Pi {
			angle -= 2 * math.Pi
		}
		if k%2 == 1 {
			sides = -shape - want
		}
		if cost := angle*angle + sides*sides; cost < least-1e-12 {
			turns, least = k, cost
		}
	}
	if turns == 0 {
		return b, 0
	}
	b.Yaw = WrapAngle(b.Yaw + float64(turns)*math.Pi/2)
	if turns%2 == 1 {
		b.Size.X, b.Size.Y = b.Size.Y, b.Size.X
	}
	return b, turns
}

// fuseSize averages the logarithms of the extents, weighted by inverse variance.
func (t *track) fuseSize(size, logVar Vec3) {
	t.box.Size.X, t.logVar.X = fuseLog(t.box.Size.X, t.logVar.X, size.X, logVar.X)
	t.box.Size.Y, t.logVar.Y = fuseLog(t.box.Size.Y, t.logVar.Y, size.Y, logVar.Y)
	t.box.Size.Z, t.logVar.Z = fuseLog(t.box.Size.Z, t.logVar.Z, size.Z, logVar.Z)
}

// fuseLog returns the estimate, and its variance, of ln(x) from two that are independent, as x again.
func fuseLog(a, varA, b, varB float64) (x, v float64) {
	gain := varA / (varA + varB)
	return math.Exp(math.Log(a) + gain*(math.Log(b)-math.Log(a))), varA * (1 - gain)
}

// addEvidence adds up what the detections say about label, colour and identity.
func (t *track) addEvidence(z *measurement, cfg *Config) {
	d := z.det
	others := float64(max(len(t.labels)-1, 1))
	for _, c := range z.claims[:z.n] {
		p := clamp(c.score*(1-cfg.LabelNoise), 1.5/(others+1.5), 1-cfg.LabelNoise)
		t.labels[c.label] += math.Log(p * others / (1 - p))
	}
	t.normalise()
	for i, c := range d.Colors {
		t.colors[i] += float64(c)
	}
	if len(d.Embedding) == 0 {
		return
	}
	if len(t.embedding) == 0 {
		t.embedding = zeroed(t.embedding, len(d.Embedding))
	}
	for i, x := range d.Embedding {
		t.embedding[i] = 0.9*t.embedding[i] + float64(x)
	}
}

// normalise makes the best label's evidence 0, bounds the rest and refreshes the probabilities.
func (t *track) normalise() {
	_, top := best(t.labels)
	sum := 0.0
	for i := range t.labels {
		t.labels[i] = max(t.labels[i]-top, -20)
		t.post[i] = math.Exp(t.labels[i])
		sum += t.post[i]
	}
	for i := range t.post {
		t.post[i] /= sum
	}
}

// hitGain is the log-likelihood ratio of a detection: it is there, against it is a false alarm.
func hitGain(score float64, cfg *Config) float64 {
	wrong := cfg.ClutterRate + (1-score)*0.4
	return math.Log(cfg.DetectionRate / wrong)
}

// missLoss is the log-likelihood ratio of not detecting a thing of which the share seen is in clear view.
func missLoss(seen float64, cfg *Config) float64 {
	return math.Log((1 - cfg.DetectionRate*seen) / (1 - cfg.ClutterRate*seen))
}

// drift makes the position less certain because the robot moved, with the covariance of its motion in map axes: a
// turn moves a far thing more than a near one.
func (t *track) drift(robot Pose, motion Cov) {
	rx, ry := t.box.Center.X-robot.X, t.box.Center.Y-robot.Y
	j := Cov{1, 0, -ry, 0, 1, rx, 0, 0, 0}
	t.before = t.cov
	t.cov = t.cov.plus(j.sandwich(motion)).symmetric().bounded()
	t.yawVar = min(t.yawVar+motion[8], mostVariance)
}
