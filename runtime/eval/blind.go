package eval

import (
	"context"
	"math"

	"github.com/vega-edge/vegad/runtime/scene"
)

// priors answers without looking: for each label always the same, learnt from training rooms.
type priors struct{ said answers }

// answer ignores the clip.
func (p *priors) answer(context.Context, *clip) (*answers, error) { return &p.said, nil }

// habit sums up what training rooms show of one label.
type habit struct {
	things           float64 // seen in all rooms
	rooms            float64 // that show at least one
	center, extent   scene.Vec3
	distance, range2 float64
	sin, cos         float64 // of the bearings
}

func (h *habit) add(b scene.Box) {
	low, high := b.Bounds()
	h.things++
	h.center, h.extent = h.center.Add(b.Center), h.extent.Add(high.Sub(low))
	d := b.FootprintDistance(0, 0)
	h.distance += d
	h.range2 += d * d
	s, c := math.Sincos(math.Atan2(b.Center.Y, b.Center.X))
	h.sin, h.cos = h.sin+s, h.cos+c
}

// learnPriors looks at the end of the walks through the first training rooms.
func learnPriors(ctx context.Context, s *studio, rooms int) (*priors, error) {
	if rooms == 0 {
		rooms = DefaultPriors
	}
	habits := make([]habit, s.labels)
	depth := make([]float32, s.cols*s.rows)
	for seed := range rooms {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		c := s.glance(uint64(seed))
		for label := range habits {
			if c.count(label) > 0 {
				habits[label].rooms++
			}
		}
		for i := range c.things {
			habits[c.things[i].label].add(c.things[i].box)
		}
		for i, d := range c.depth {
			depth[i] += d / float32(rooms)
		}
	}
	p := &priors{answers{labels: make([]saying, s.labels), depth: depth}}
	for label := range habits {
		p.said.labels[label] = habits[label].say(float64(rooms))
		if p.said.labels[label].exists {
			p.said.things = append(p.said.things, thing{label, *p.said.labels[label].box})
		}
	}
	return p, nil
}

// say is the fixed answer: the mean place, size, distance and number. A label never seen gets abstentions.
func (h *habit) say(rooms float64) saying {
	if h.things == 0 {
		return saying{reasons: []string{"not_seen", "not_seen", "not_seen"}}
	}
	k := 1 / h.things
	box := scene.Box{Center: h.center.Scale(k), Size: h.extent.Scale(k)}
	d := h.distance * k
	half := 1.96 * math.Sqrt(max(h.range2*k-d*d, 0))
	bearing := math.Atan2(h.sin, h.cos)
	// Of a wrapped normal distribution, the length of the mean unit vector is exp(-variance/2).
	wide := 1.96 * math.Sqrt(max(-2*math.Log(math.Hypot(h.sin, h.cos)*k), 0))
	return saying{
		box: &box, leaning: &box, remembered: &box, distance: &measured{d, max(d-half, 0), d + half},
		bearing: &measured{bearing, bearing - wide, bearing + wide},
		count:   math.Round(h.things / rooms), countGiven: math.Round(h.things / h.rooms),
		exists: h.rooms >= rooms/2,
	}
}
