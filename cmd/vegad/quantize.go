package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/quant"
	"github.com/vega-edge/vegad/quant/calibration"
	"github.com/vega-edge/vegad/runtime/engine"
)

// quantizeCmd is vegad quantize.
type quantizeCmd struct {
	Model  string `placeholder:"IN.onnx" help:"Network to convert, float32."`
	Out    string `placeholder:"OUT.onnx" help:"Where the converted network goes."`
	Bundle string `placeholder:"NAME|DIR" help:"Bundle to convert in place; with --model, whose graph it is."`

	Precision   string   `default:"int8" enum:"int8,fp16" help:"int8 or fp16; a bundle gets both."`
	Calibration string   `default:"rooms:64" placeholder:"DIR|rooms:N" help:"Samples: .npz files, or simulated rooms."`
	Method      string   `default:"mse" enum:"entropy,percentile,minmax,mse" help:"entropy, percentile, minmax or mse."`
	Percentile  float64  `default:"99.99" help:"Share of the values that the percentile method keeps."`
	Exclude     string   `placeholder:"REGEX" help:"Leave nodes alone whose name, or a tensor's name, matches."`
	KeepOps     []string `placeholder:"OP" help:"Leave these operators alone."`
	Last        bool     `help:"Convert last layers too."`
	Equalize    bool     `help:"Even out the ranges of channels between layers first."`
	Bias        bool     `help:"Correct the biases of int8 layers; slower, and repeatable only with the plan."`
	MinSQNR     float64  `name:"min-sqnr" placeholder:"DB" help:"Keep layers in float32 until the outputs reach this."`

	Plan      string `placeholder:"FILE" help:"Repeat the conversion that this plan describes; needs no samples."`
	WritePlan string `placeholder:"FILE" help:"Write the plan of the conversion."`
	Replay    bool   `help:"Repeat a bundle's conversion after the plan that it carries."`
	Report    string `placeholder:"FILE" help:"Write a report: HTML, or JSON if the name ends in .json."`
	JSON      bool   `name:"json" help:"Print the report as JSON."`

	Eval        int  `placeholder:"ROOMS" help:"Measure a bundle in every precision on so many rooms afterwards."`
	ConvertOnly bool `help:"Do not run the converted network to compare and time it."`
}

// Run converts a network or a bundle.
func (c *quantizeCmd) Run(ctx context.Context, s streams) error {
	if err := c.check(); err != nil {
		return usageError{err}
	}
	if c.Plan != "" {
		return c.repeat(s)
	}
	log := slog.New(slog.DiscardHandler)
	if err := limitThreads(log); err != nil {
		return err
	}
	rt, err := engine.OpenRuntime(engine.RuntimeOptions{Logger: log})
	if err != nil {
		return err
	}
	if c.Model != "" {
		err = (&modelJob{quantizeCmd: c, streams: s, rt: rt}).run(ctx)
	} else {
		err = (&bundleJob{quantizeCmd: c, streams: s, rt: rt}).run(ctx)
	}
	return errors.Join(err, rt.Close())
}

// check refuses what means nothing.
func (c *quantizeCmd) check() error {
	switch {
	case c.Model == "" && c.Bundle == "":
		return errors.New("say what to convert: --model with --out, or --bundle")
	case (c.Model == "") != (c.Out == ""):
		return errors.New("--model and --out go together")
	case c.Replay && c.Model != "":
		return errors.New("--replay repeats the conversion of a bundle; for a network there is --plan")
	case c.Model == "" && (c.Plan != "" || c.WritePlan != ""):
		return errors.New("a bundle carries its plan itself: see --replay")
	case c.Plan != "" && (c.Report != "" || c.WritePlan != "" || c.Precision != "int8"):
		return errors.New("--plan repeats an int8 conversion and runs nothing, so there is nothing to report")
	case c.ConvertOnly && (c.Model == "" || c.Report != "" || c.JSON):
		return errors.New("--convert-only is for a network by itself, and leaves nothing to report")
	case c.Eval < 0 || c.Eval > 0 && c.Model != "":
		return errors.New("--eval takes a number of rooms, and a whole bundle")
	case c.MinSQNR < 0:
		return fmt.Errorf("--min-sqnr %v must not be negative", c.MinSQNR)
	}
	if _, err := regexp.Compile(c.Exclude); err != nil {
		return fmt.Errorf("--exclude: %w", err)
	}
	if _, err := c.rooms(); err != nil {
		return err
	}
	return calibration.Chooser{Method: calibration.Method(c.Method), Percentile: c.Percentile}.Check()
}

// rooms returns how many simulated rooms to calibrate with, or 0 if the samples lie in a folder.
func (c *quantizeCmd) rooms() (int, error) {
	text, ok := strings.CutPrefix(c.Calibration, "rooms:")
	if !ok {
		if c.Model == "" {
			return 0, errors.New("a bundle is calibrated with rooms:N, because every graph must see what the ones before give")
		}
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxRooms {
		return 0, fmt.Errorf("--calibration rooms:%s: the number must lie in 1..%d", text, maxRooms)
	}
	return n, nil
}

func (c *quantizeCmd) config() quant.Config {
	return quant.Config{
		Chooser: calibration.Chooser{Method: calibration.Method(c.Method), Percentile: c.Percentile},
		Exclude: c.Exclude, KeepOps: c.KeepOps, QuantizeLast: c.Last, Equalize: c.Equalize, CorrectBias: c.Bias,
	}
}

// opener loads networks for running in float32.
func opener(rt *engine.Runtime) quant.Opener {
	return func(model []byte) (quant.Session, error) {
		m, err := engine.LoadModel(rt, model, engine.ModelOptions{})
		if err != nil {
			return nil, err // not m, which would be a session that is not nil
		}
		return m, nil
	}
}

// repeat converts a network after a plan.
func (c *quantizeCmd) repeat(s streams) error {
	data, err := os.ReadFile(c.Plan)
	if err != nil {
		return err
	}
	plan, err := quant.ParsePlan(data)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Plan, err)
	}
	m, err := openModel(c.Model)
	if err != nil {
		return err
	}
	r, err := plan.Apply(m)
	if err != nil {
		return err
	}
	if err := r.Model.Save(c.Out); err != nil {
		return err
	}
	s.say("%s: int8 after %s\n", c.Out, c.Plan)
	return nil
}

// limits of a network: what a bundle may hold, with room for what is only looked at.
const maxModelBytes = 1 << 30

// precisions that a conversion makes.
func converted() []models.Precision { return []models.Precision{models.FP16, models.INT8} }
