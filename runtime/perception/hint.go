package perception

import "github.com/vega-edge/vegad/runtime/scene"

// leastHint is the score below which not even a question that takes a thing for granted is told of a peak. It was
// chosen on rooms that are neither trained on nor tested with; docs/evaluation.md says how.
const leastHint = 0.02

// hint fills the observation's hints: for each label the highest cell of its heat map, however low.
func (d *decoder) hint(o *scene.Observation) {
	o.Hints = o.Hints[:0]
	n := d.m.Decode.MaxDetections
	for label := range d.m.Labels {
		p := d.highest(label)
		if sigmoid(p.logit) < leastHint {
			continue
		}
		det := d.detection(p, n+len(o.Hints))
		det.Embedding = nil
		if sane(&det) {
			o.Hints = append(o.Hints, det)
		}
	}
}

// highest returns the highest cell of a label; of equal ones the first.
func (d *decoder) highest(label int) peak {
	best := peak{label: label, logit: d.heat[label*d.cells]}
	for cell, v := range d.heat[label*d.cells : (label+1)*d.cells] {
		if v > best.logit {
			best.cell, best.logit = cell, v
		}
	}
	return best
}
