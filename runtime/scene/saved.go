package scene

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// saved is what a file holds of a memory.
type saved struct {
	labels, colors []string
	source         string
	epoch          uint32
	at             stamp // of the newest observation
	pose           Pose
	poseCov        Cov
	odometry       bool // the pose rests on odometry, and so does map
	numbers        uint64
	embedding      int
	scale          wayScale
	room           roomEstimate
	things         []*track
}

// leastThing is how many bytes a thing takes with one label, no colour and no embedding.
const leastThing = 8 * 40

// visit reads or writes everything, in the order of the format.
func (s *saved) visit(c *coder) {
	c.texts(&s.labels)
	c.texts(&s.colors)
	c.text(&s.source)
	epoch := uint64(s.epoch)
	c.word(&epoch)
	c.short = c.short || epoch > math.MaxUint32
	s.epoch = uint32(epoch)
	c.stamp(&s.at)
	c.floats(&s.pose.X, &s.pose.Y, &s.pose.Yaw)
	c.cov(&s.poseCov)
	c.flag(&s.odometry)
	c.word(&s.numbers)
	c.int(&s.embedding)
	c.floats(&s.scale.excess, &s.scale.weight)
	for i := range s.room.sum {
		c.floats(&s.room.sum[i], &s.room.known[i])
	}
	n := c.length(len(s.things), leastThing)
	if c.reading {
		s.things = make([]*track, n)
	}
	for i := range s.things {
		if c.reading {
			s.things[i] = &track{confirmed: true}
		}
		s.things[i].visit(c)
	}
}

func (t *track) visit(c *coder) {
	c.word(&t.number)
	c.vec(&t.box.Center)
	c.vec(&t.box.Size)
	c.float(&t.box.Yaw)
	c.cov(&t.cov)
	c.vec(&t.logVar)
	c.floats(&t.yawVar, &t.heading, &t.logOdds)
	c.int(&t.hits)
	c.stamp(&t.first)
	c.stamp(&t.last)
	c.stamp(&t.moved)
	c.vec(&t.movedFrom)
	c.slice(&t.labels)
	c.slice(&t.colors)
	c.slice(&t.embedding)
}

// check returns what is wrong with a file for a memory of this configuration, or nil.
func (s *saved) check(cfg *Config) error {
	switch {
	case !slices.Equal(s.labels, cfg.Labels) || !slices.Equal(s.colors, cfg.Colors):
		return fmt.Errorf("it was saved with other labels or colours: %w", ErrRejected)
	case s.source != cfg.Source:
		return fmt.Errorf("it was saved with %q, this is %q: %w", s.source, cfg.Source, ErrRejected)
	case !within(maxMap, s.pose.X, s.pose.Y, s.pose.Yaw) || !goodCov(s.poseCov):
		return fmt.Errorf("its pose is out of range: %w", ErrRejected)
	case s.embedding < 0 || s.embedding > 1<<16:
		return fmt.Errorf("its embeddings have %d values: %w", s.embedding, ErrRejected)
	case !within(mostScale, s.scale.excess) || !(s.scale.weight >= 0 && s.scale.weight <= maxVariance*maxVariance):
		return fmt.Errorf("its scale of the way is out of range: %w", ErrRejected)
	case !s.room.good():
		return fmt.Errorf("its room is out of range: %w", ErrRejected)
	case !goodStamp(s.at, s.at.mono):
		return fmt.Errorf("its time is out of range: %w", ErrRejected)
	}
	used := map[uint64]bool{}
	for _, t := range s.things {
		if what := s.badThing(t); what != "" {
			return fmt.Errorf("thing %d has a bad %s: %w", t.number, what, ErrRejected)
		}
		if used[t.number] {
			return fmt.Errorf("thing %d is there twice: %w", t.number, ErrRejected)
		}
		used[t.number] = true
	}
	return nil
}

// maxMap bounds coordinates of map: odometry may count in a projected earth frame.
const maxMap = 1.1e7 // m

// badThing names the first unusable field of a thing.
func (s *saved) badThing(t *track) string {
	c, z := t.box.Center, t.box.Size
	switch {
	case t.number == 0 || t.number > s.numbers:
		return "number"
	case !within(maxMap, c.X, c.Y, c.Z, t.movedFrom.X, t.movedFrom.Y, t.movedFrom.Z) || !within(math.Pi, t.box.Yaw):
		return "place"
	case !within(2*maxExtent, z.X, z.Y, z.Z) || min(z.X, z.Y, z.Z) < 1e-4:
		return "size"
	case !goodCov(t.cov) || !variances(t.logVar) || !(t.yawVar >= 0 && t.yawVar <= maxVariance):
		return "variance"
	case !within(8, t.heading) || !within(maxLogOdds, t.logOdds) || t.hits < 1 || t.hits > math.MaxInt32:
		return "existence"
	case !goodStamp(t.first, s.at.mono) || !goodStamp(t.last, s.at.mono) || t.first.mono > t.last.mono ||
		!goodStamp(t.moved, s.at.mono):
		return "time"
	case len(t.labels) != len(s.labels) || !slices.ContainsFunc(t.labels, func(x float64) bool { return x == 0 }):
		return "label"
	case len(t.colors) != len(s.colors) || len(t.embedding) != 0 && len(t.embedding) != s.embedding:
		return "description"
	}
	for _, x := range t.labels {
		if !(x >= -20 && x <= 0) {
			return "label"
		}
	}
	for _, x := range t.colors {
		if !(x >= 0 && x <= math.MaxInt32) {
			return "colour"
		}
	}
	if !within(1e3, t.embedding...) {
		return "embedding"
	}
	return ""
}

// goodCov says whether a matrix can be a covariance: finite, symmetric, and positive up to rounding.
func goodCov(c Cov) bool {
	if !within(maxVariance, c[:]...) || min(c[0], c[4], c[8]) < 0 {
		return false
	}
	for _, p := range [3][4]int{{0, 4, 1, 3}, {0, 8, 2, 6}, {4, 8, 5, 7}} {
		off := c[p[2]]
		if math.Abs(off-c[p[3]]) > 1e-9*(1+math.Abs(off)) || off*off > c[p[0]]*c[p[1]]*(1+1e-6)+1e-15 {
			return false
		}
	}
	return true
}

// goodStamp says whether an instant is one that this or an earlier run can have seen before the file was written.
func goodStamp(s stamp, saved time.Duration) bool {
	const years = 100 * 365 * 24 * time.Hour
	return s.mono <= saved && saved <= years && s.mono >= -years
}

func (r *roomEstimate) good() bool {
	for i := range r.sum {
		if !(r.known[i] >= 0 && r.known[i] <= 2*maxRoomWeight) || !within(20*r.known[i]+1e-9, r.sum[i]) {
			return false
		}
	}
	return true
}
