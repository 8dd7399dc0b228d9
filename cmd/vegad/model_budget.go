package main

import (
	"fmt"

	"github.com/vega-edge/vegad/models"
)

// modelBudgetCmd is vegad model budget.
type modelBudgetCmd struct {
	Bundle string `arg:"" optional:"" help:"Name or folder; without one, the default."`
	JSON   bool   `name:"json" help:"Print JSON."`
}

// jetson is a module with the rates that its maker publishes for the GPU alone, without sparsity.
type jetson struct {
	Module    string  `json:"module"`
	Int8TOPS  float64 `json:"int8Tops"` // dense; float16 runs at half of it
	GBPerSec  float64 `json:"gigabytesPerSecond"`
	FrameMs   ranked  `json:"frameMs"`       // both encoders
	ObserveMs ranked  `json:"observationMs"` // mixer and head
}

// ranked is an estimate for each precision.
type ranked map[models.Precision]float64

func jetsons() []jetson {
	return []jetson{
		{Module: "Orin Nano 4 GB, 10 W", Int8TOPS: 10, GBPerSec: 34},
		{Module: "Orin Nano 4 GB, Super", Int8TOPS: 17, GBPerSec: 51},
		{Module: "Orin Nano 8 GB, 15 W", Int8TOPS: 20, GBPerSec: 68},
		{Module: "Orin Nano 8 GB, Super", Int8TOPS: 33, GBPerSec: 102},
		{Module: "Orin NX 16 GB, Super", Int8TOPS: 38, GBPerSec: 102.4},
		{Module: "AGX Orin 32 GB", Int8TOPS: 54, GBPerSec: 204.8},
		{Module: "AGX Orin 64 GB", Int8TOPS: 85, GBPerSec: 204.8},
	}
}

// What networks of this size reach of the published rates, after measurements that others published for ResNet and ViT
// on an Orin Nano; and what starting a kernel and a graph costs.
const (
	int8Reached  = 0.22
	halfReached  = 0.35
	kernelMs     = 0.009
	graphMs      = 0.1
	teraPerMilli = 1e9 // operations in a millisecond at one tera a second
	gigaPerMilli = 1e6 // bytes in a millisecond at one giga a second
)

// estimate returns the milliseconds of one run of a graph: arithmetic or memory, whichever is slower, and the start of
// each kernel. What carries no weights is fused into its neighbours.
func (j jetson) estimate(g *graphCost) float64 {
	var arithmetic, moved, kernels float64
	for _, l := range g.Layers {
		rate := halfReached * j.Int8TOPS / 2
		if l.Precision == "int8" {
			rate = int8Reached * j.Int8TOPS
		}
		if l.FLOPs != nil {
			arithmetic += float64(*l.FLOPs) / (rate * teraPerMilli)
		}
		switch l.Op {
		case "Conv", "ConvTranspose", "Gemm", "MatMul", "Resize", "LayerNormalization", "Softmax":
			kernels++
			moved += float64(l.ParameterBytes) + 2*float64(l.ActivationBytes) // read and written
		}
	}
	return max(arithmetic, moved/(j.GBPerSec*gigaPerMilli)) + kernels*kernelMs + graphMs
}

// Run prints the table.
func (c *modelBudgetCmd) Run(s streams) error {
	bundle, err := named(c.Bundle)
	if err != nil {
		return err
	}
	modules, err := budget(bundle)
	if err != nil {
		return err
	}
	if c.JSON {
		return s.json(modules)
	}
	s.say("| module | dense INT8 TOPS | GB/s | frame int8 | observation int8 | frame fp16 | observation fp16 |\n")
	s.say("|---|---|---|---|---|---|---|\n")
	for _, j := range modules {
		s.say("| %s | %g | %g | %s | %s | %s | %s |\n", j.Module, j.Int8TOPS, j.GBPerSec, j.FrameMs.text(models.INT8),
			j.ObserveMs.text(models.INT8), j.FrameMs.text(models.FP16), j.ObserveMs.text(models.FP16))
	}
	return nil
}

func (r ranked) text(p models.Precision) string {
	if ms, ok := r[p]; ok {
		return fmt.Sprintf("%.2f ms", ms)
	}
	return "–"
}

func budget(bundle *models.Bundle) ([]jetson, error) {
	modules := jetsons()
	for i := range modules {
		modules[i].FrameMs, modules[i].ObserveMs = ranked{}, ranked{}
	}
	for _, p := range bundle.Precisions() {
		if p == models.FP32 {
			continue // nobody runs it on a Jetson's GPU
		}
		cost, err := (&modelShowCmd{Precision: string(p)}).bundle(bundle)
		if err != nil {
			return nil, err
		}
		for i := range cost.Graphs {
			g := &cost.Graphs[i]
			for _, j := range modules {
				if g.Graph == models.VideoStem || g.Graph == models.SemanticEncoder {
					j.FrameMs[p] += j.estimate(g)
				} else {
					j.ObserveMs[p] += j.estimate(g)
				}
			}
		}
	}
	return modules, nil
}
