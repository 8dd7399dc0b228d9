package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/quant/onnx"
	"github.com/vega-edge/vegad/runtime/config"
)

type modelShowCmd struct {
	Model     string  `arg:"" optional:"" help:"Name or folder of a bundle, or an ONNX file; without one, the default."`
	Precision string  `default:"auto" enum:"auto,fp32,fp16,int8" help:"Of a bundle: fp32, fp16, int8 or auto (narrowest)."`
	FPS       float64 `name:"fps" default:"15" help:"Frames a second for the sum of all work."`
	JSON      bool    `name:"json" help:"Print JSON."`
}

// layerCost is one node of a graph.
type layerCost struct {
	Name            string  `json:"name"`
	Op              string  `json:"op"`
	Shape           []int64 `json:"shape,omitempty"` // of the first output; -1 and absence stand for what is not known
	Precision       string  `json:"precision"`       // in which it computes
	FLOPs           *int64  `json:"flops,omitempty"` // absent if not known
	ParameterBytes  int64   `json:"parameterBytes"`
	ActivationBytes int64   `json:"activationBytes"`
}

// graphCost is what one run of a graph takes.
type graphCost struct {
	Graph           string      `json:"graph"`
	FileBytes       int64       `json:"fileBytes"`
	Nodes           int         `json:"nodes"`
	UnknownNodes    int         `json:"unknownNodes"` // of which the work is not known, and not counted
	FLOPs           int64       `json:"flops"`
	ParameterBytes  int64       `json:"parameterBytes"`
	ActivationBytes int64       `json:"activationBytes"`
	Layers          []layerCost `json:"layers"`
}

// bundleCost is a bundle with the cost of its graphs in one precision.
type bundleCost struct {
	bundleSummary
	Precision             models.Precision `json:"precision"`
	Graphs                []graphCost      `json:"graphs"`
	ParameterBytes        int64            `json:"parameterBytes"`        // of all graphs
	FrameFLOPs            int64            `json:"frameFlops"`            // of both encoders, which see every frame
	ObservationFLOPs      int64            `json:"observationFlops"`      // of mixer and head
	TotalFLOPs            int64            `json:"totalFlops"`            // of all graphs, once
	FramesPerSecond       float64          `json:"framesPerSecond"`       // as asked for
	ObservationsPerSecond float64          `json:"observationsPerSecond"` // as configured by default
	FLOPsPerSecond        float64          `json:"flopsPerSecond"`        // at these rates
}

// Run prints a bundle or a single network.
func (c *modelShowCmd) Run(s streams) error {
	if c.FPS < 0 {
		return usageError{errors.New("--fps must not be negative")}
	}
	if strings.HasSuffix(c.Model, ".onnx") {
		return c.showFile(s)
	}
	bundle, err := named(c.Model)
	if err != nil {
		return err
	}
	cost, err := c.bundle(bundle)
	if err != nil {
		return err
	}
	if c.JSON {
		return s.json(cost)
	}
	cost.print(s)
	return nil
}

func (c *modelShowCmd) showFile(s streams) error {
	info, err := os.Stat(c.Model)
	if err != nil {
		return fmt.Errorf("looking at %s: %w", c.Model, err)
	}
	m, err := onnx.Open(c.Model, onnx.Limits{})
	if err != nil {
		return err
	}
	cost, err := costOf(cmp.Or(m.Graph.Name, filepath.Base(c.Model)), m, info.Size())
	if err != nil {
		return err
	}
	if c.JSON {
		return s.json(cost)
	}
	cost.print(s)
	return nil
}

func (c *modelShowCmd) bundle(b *models.Bundle) (*bundleCost, error) {
	available := b.Precisions()
	out := &bundleCost{
		bundleSummary: *summarize(b), Precision: models.Precision(c.Precision), FramesPerSecond: c.FPS,
		ObservationsPerSecond: config.Default().Observe.RateHz,
	}
	if c.Precision == "auto" && len(available) > 0 {
		out.Precision = available[len(available)-1]
	}
	for _, name := range models.GraphNames() {
		data, err := b.ReadFile(out.Precision, name)
		if err != nil {
			return nil, err
		}
		m, err := onnx.Parse(data, onnx.Limits{})
		if err != nil {
			return nil, fmt.Errorf("graph %s: %w", name, err)
		}
		cost, err := costOf(name, m, int64(len(data)))
		if err != nil {
			return nil, err
		}
		out.add(cost)
	}
	out.FLOPsPerSecond = out.FramesPerSecond*float64(out.FrameFLOPs) +
		out.ObservationsPerSecond*float64(out.ObservationFLOPs)
	return out, nil
}

func (c *bundleCost) add(g *graphCost) {
	c.Graphs = append(c.Graphs, *g)
	c.ParameterBytes += g.ParameterBytes
	c.TotalFLOPs += g.FLOPs
	switch g.Graph {
	case models.VideoStem, models.SemanticEncoder:
		c.FrameFLOPs += g.FLOPs
	default:
		c.ObservationFLOPs += g.FLOPs
	}
}

func costOf(name string, m *onnx.Model, size int64) (*graphCost, error) {
	costs, err := onnx.Cost(m.Graph)
	if err != nil {
		return nil, fmt.Errorf("counting the work of graph %s: %w", name, err)
	}
	out := &graphCost{
		Graph: name, FileBytes: size, Nodes: len(costs.Nodes), UnknownNodes: costs.Unknown, FLOPs: costs.FLOPs,
		ParameterBytes: costs.ParamBytes, ActivationBytes: costs.ActivationBytes,
		Layers: make([]layerCost, 0, len(costs.Nodes)),
	}
	for _, n := range costs.Nodes {
		layer := layerCost{
			Name: n.Node.Name, Op: n.Node.OpType, Shape: n.Shape, Precision: n.Type.String(),
			ParameterBytes: n.ParamBytes, ActivationBytes: n.ActivationBytes,
		}
		if layer.Name == "" && len(n.Node.Outputs) > 0 {
			layer.Name = n.Node.Outputs[0]
		}
		if n.FLOPs >= 0 {
			layer.FLOPs = &n.FLOPs
		}
		out.Layers = append(out.Layers, layer)
	}
	return out, nil
}

func (c *bundleCost) print(s streams) {
	c.bundleSummary.print(s)
	for i := range c.Graphs {
		s.say("\n")
		c.Graphs[i].print(s)
	}
	s.say("\n%s in %s, %s of weights\n", c.Name, c.Precision, mebibytes(c.ParameterBytes))
	line := func(flops float64, format string, args ...any) {
		s.say("%8.3f GFLOP %s\n", flops/1e9, fmt.Sprintf(format, args...))
	}
	line(float64(c.FrameFLOPs), "a frame: %s and %s", models.VideoStem, models.SemanticEncoder)
	line(float64(c.ObservationFLOPs), "an observation: %s and %s", models.VideoMixer, models.SpatialHead)
	line(float64(c.TotalFLOPs), "an observation with its newest frame")
	line(c.FLOPsPerSecond, "a second at %g frames and %g observations", c.FramesPerSecond, c.ObservationsPerSecond)
}

func (sum *bundleSummary) print(s streams) {
	line := func(name, format string, args ...any) { s.say("%-11s %s\n", name, fmt.Sprintf(format, args...)) }
	line("bundle", "%s %s", sum.Name, sum.Version)
	line("folder", "%s", sum.Dir)
	line("digest", "%s", sum.Digest)
	line("licence", "%s", sum.Licence)
	line("precisions", "%s", join(sum.Precisions))
	line("view", "%dx%d, %.0f° wide", sum.View.Width, sum.View.Height, degrees(sum.View.HFOVRad))
	line("clip", "%d frames", sum.ClipFrames)
	line("labels", "%s", join(sum.Labels))
	line("colors", "%s", join(sum.Colors))
	line("trained on", "%s: %d rooms, %d steps, %.0f min on %s", sum.Training.Data, sum.Training.Rooms,
		sum.Training.Steps, sum.Training.WallSeconds/60, sum.Training.Hardware)
}

func (g *graphCost) print(s streams) {
	s.say("%s: %d nodes, %.3f GFLOP, %s of weights, %s of activations, %s in the file\n", g.Graph, g.Nodes,
		giga(g.FLOPs), mebibytes(g.ParameterBytes), mebibytes(g.ActivationBytes), mebibytes(g.FileBytes))
	if g.UnknownNodes > 0 {
		s.say("the work of %d nodes is not known and not counted\n", g.UnknownNodes)
	}
	table := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "MFLOP\tweight bytes\toutput bytes\tprecision\t  layer, operator and output shape")
	for _, l := range g.Layers {
		work := "?"
		if l.FLOPs != nil {
			work = strconv.FormatFloat(float64(*l.FLOPs)/1e6, 'f', 3, 64)
		}
		_, _ = fmt.Fprintf(table, "%s\t%d\t%d\t%s\t  %s %s %s\n", work, l.ParameterBytes, l.ActivationBytes, l.Precision,
			l.Name, l.Op, dims(l.Shape))
	}
	_ = table.Flush() // a reader that has gone away is no reason to stop
}

// dims writes a shape like [1,3,?,480].
func dims(shape []int64) string {
	if shape == nil {
		return "?"
	}
	sizes := make([]string, len(shape))
	for i, d := range shape {
		if sizes[i] = strconv.FormatInt(d, 10); d < 0 {
			sizes[i] = "?"
		}
	}
	return "[" + strings.Join(sizes, ",") + "]"
}

func giga(n int64) float64 { return float64(n) / 1e9 }

func mebibytes(n int64) string { return fmt.Sprintf("%.2f MiB", float64(n)/(1<<20)) }
