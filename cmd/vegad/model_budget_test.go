package main

import (
	"encoding/json"
	"math"
	"testing"
)

// The sums are done by hand: 8.8 GFLOP in int8 at 0.22 of 20 TOPS, a kernel and a graph.
func TestEstimate(t *testing.T) {
	work := int64(8_800_000_000)
	g := &graphCost{Layers: []layerCost{
		{Op: "Conv", Precision: "int8", FLOPs: &work, ParameterBytes: 1000, ActivationBytes: 1000},
		{Op: "Relu", Precision: "int8", ActivationBytes: 1000},
	}}
	nano := jetson{Int8TOPS: 20, GBPerSec: 68}
	if got, want := nano.estimate(g), 2+0.009+0.1; math.Abs(got-want) > 1e-9 {
		t.Errorf("arithmetic takes %v ms, want %v", got, want)
	}
	g.Layers[0].Precision = "float16"
	if got, want := nano.estimate(g), 8.8/(0.35*10)+0.109; math.Abs(got-want) > 1e-9 {
		t.Errorf("in float16 it takes %v ms, want %v", got, want)
	}
	g.Layers[0].ParameterBytes = 680_000_000
	if got, want := nano.estimate(g), 10+0.109; math.Abs(got-want) > 1e-3 {
		t.Errorf("memory takes %v ms, want %v", got, want)
	}
}

func TestBudget(t *testing.T) {
	var modules []jetson
	out := vegad(t, "model", "budget", "--json", tinyBundle(t)).out
	if err := json.Unmarshal([]byte(out), &modules); err != nil {
		t.Fatal(err)
	}
	if len(modules) != len(jetsons()) {
		t.Fatalf("%d modules", len(modules))
	}
	slowest, fastest := modules[0], modules[len(modules)-1]
	for _, p := range []string{"int8", "fp16"} {
		table := vegad(t, "model", "budget", tinyBundle(t)).out
		wantContains(t, "stdout", table, "| Orin Nano 8 GB, Super | 33 | 102 |", "frame "+p)
	}
	for p, ms := range slowest.FrameMs {
		if ms <= 0 || ms < fastest.FrameMs[p] || slowest.ObserveMs[p] <= 0 {
			t.Errorf("%s: %v ms on the slowest, %v on the fastest", p, ms, fastest.FrameMs[p])
		}
	}
	if len(slowest.FrameMs) != 2 {
		t.Errorf("precisions %v", slowest.FrameMs)
	}
}
