package quant

import (
	"context"
	"slices"

	"github.com/vega-edge/vegad/quant/calibration"
)

// Recorder is a graph that keeps the inputs of some of its runs. What is kept is spread evenly over all runs, however
// many there are, and takes no more memory than twice the limit. It is used by one goroutine at a time.
type Recorder struct {
	calibration.Runner
	inputs []string
	limit  int
	runs   int
	stride int // every so many runs one is kept
	kept   []calibration.Sample
}

// NewRecorder keeps up to limit samples, at least one, of the named inputs.
func NewRecorder(r calibration.Runner, inputs []string, limit int) *Recorder {
	return &Recorder{Runner: r, inputs: inputs, limit: max(limit, 1), stride: 1}
}

// Run keeps the inputs, if it is their turn, and runs the graph.
func (r *Recorder) Run(ctx context.Context) error {
	if r.runs%r.stride == 0 {
		r.keep()
	}
	r.runs++
	return r.Runner.Run(ctx)
}

// keep stores a sample. When the memory is full every other one is dropped and from then on only half as many come.
func (r *Recorder) keep() {
	if len(r.kept) == 2*r.limit {
		for i := range r.limit {
			r.kept[i] = r.kept[2*i]
		}
		r.kept = slices.Delete(r.kept, r.limit, 2*r.limit)
		r.stride *= 2
		if r.runs%r.stride != 0 {
			return
		}
	}
	sample := calibration.Sample{}
	for _, name := range r.inputs {
		sample[name] = slices.Clone(r.Input(name))
	}
	r.kept = append(r.kept, sample)
}

// Kept returns the samples, at most the limit, spread evenly. They belong to the recorder.
func (r *Recorder) Kept() []calibration.Sample {
	if len(r.kept) <= r.limit {
		return r.kept
	}
	out := make([]calibration.Sample, r.limit)
	for i := range out {
		out[i] = r.kept[i*len(r.kept)/r.limit]
	}
	return out
}
