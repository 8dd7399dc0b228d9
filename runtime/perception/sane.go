package perception

import (
	"fmt"
	"math"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/runtime/scene"
)

// Beyond these bounds a network's output is not a measurement but a fault, such as an overflow in half precision. They
// lie within those of the scene memory, which refuses a whole observation for one such value.
const (
	maxRange    = 200.0 // m, also of the robot's motion and of the room's sides
	maxExtent   = 50.0  // m
	minExtent   = 1e-3  // m
	maxVariance = 1e6
	maxIdentity = 2.0 // of one component of a unit vector, with room for rounding
)

// within reports whether all values are numbers of at most that size.
func within(limit float64, values ...float64) bool {
	for _, v := range values {
		if !(math.Abs(v) <= limit) { // also false for NaN
			return false
		}
	}
	return true
}

// sane reports whether a detection consists of plausible numbers.
func sane(d *scene.Detection) bool {
	b, c, s := d.Box, d.CenterVar, d.SizeVar
	if !within(maxRange, b.Center.X, b.Center.Y, b.Center.Z) || !within(math.Pi, b.Yaw) ||
		!within(maxExtent, b.Size.X, b.Size.Y, b.Size.Z) || min(b.Size.X, b.Size.Y, b.Size.Z) < minExtent ||
		!within(maxVariance, c.X, c.Y, c.Z, s.X, s.Y, s.Z, d.YawVar) {
		return false
	}
	for _, p := range d.Colors {
		if !within(1, float64(p)) {
			return false
		}
	}
	for _, v := range d.Embedding {
		if !within(maxIdentity, float64(v)) {
			return false
		}
	}
	return true
}

// checkChannels holds the sizes that the contract of the graphs leaves open against what the decoder reads.
func checkChannels(m *models.Manifest, head Graph) error {
	cells := m.Grid.Cols * m.Grid.Rows
	for _, t := range []struct {
		name   string
		tensor []float32
		want   int
	}{
		{"rays", head.Input("rays"), rayChannels * cells},
		{"box", head.Output("box"), boxChannels * cells},
		{"box_logvar", head.Output("box_logvar"), spreadChannels * cells},
		{"depth", head.Output("depth"), depthChannels * cells},
		{"ego", head.Output("ego"), egoValues},
		{"room", head.Output("room"), roomValues},
	} {
		if len(t.tensor) != t.want {
			return fmt.Errorf("spatial_head of bundle %s has %d values in %s, this version reads %d",
				m.Name, len(t.tensor), t.name, t.want)
		}
	}
	return nil
}
