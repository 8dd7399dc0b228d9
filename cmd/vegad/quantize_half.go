package main

import (
	"context"
	"fmt"
	"regexp"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/quant"
	"github.com/vega-edge/vegad/quant/calibration"
	"github.com/vega-edge/vegad/quant/fp16"
	"github.com/vega-edge/vegad/quant/onnx"
	"github.com/vega-edge/vegad/quant/report"
)

// toHalf converts a network to float16, with what the samples say about ranges, and judges the result on others.
func (c *quantizeCmd) toHalf(ctx context.Context, open quant.Opener, m *onnx.Model, seen, judge []calibration.Sample,
) (*conversion, error) {
	options := fp16.Defaults()
	options.BlockOps, options.LastLayers = append(options.BlockOps, c.KeepOps...), !c.Last
	var err error
	if c.Exclude != "" {
		if options.BlockNodes, err = regexp.Compile(c.Exclude); err != nil {
			return nil, err
		}
	}
	if options.Ranges, err = quant.Ranges(ctx, open, m, seen); err != nil {
		return nil, err
	}
	half, found, err := fp16.Convert(m, options)
	if err != nil {
		return nil, err
	}
	from, err := m.Marshal()
	if err != nil {
		return nil, err
	}
	to, err := half.Marshal()
	if err != nil {
		return nil, err
	}
	var outputs []report.Tensor
	if len(judge) > 0 {
		if outputs, err = quant.CompareModels(ctx, open, from, to, judge); err != nil {
			return nil, err
		}
	}
	return &conversion{precision: models.FP16, data: to, report: &report.Graph{
		Precision: string(models.FP16), Samples: len(seen), Judged: len(judge), To: quant.FileOf(to), Outputs: outputs,
		Notes: halfNotes(found),
	}}, nil
}

// halfNotes lists constants that float16 cannot hold well.
func halfNotes(r *fp16.Report) []string {
	var notes []string
	for _, t := range r.Tensors {
		if t.Overflowed > 0 {
			notes = append(notes, fmt.Sprintf("%s: %d of %d values overflow; its readers stay float32",
				t.Name, t.Overflowed, t.Elements))
		}
	}
	return notes
}
