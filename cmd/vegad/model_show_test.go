package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/quant/onnx"
	"github.com/vega-edge/vegad/quant/onnx/onnxtest"
)

// netFile writes a network with one convolution whose cost is easy to count, and an operator that nobody knows.
func netFile(t *testing.T) string {
	t.Helper()
	b := onnxtest.NewBuilder("counted", 1)
	x := b.Conv(b.Input("x", 1, 2, 10, 10), onnxtest.ConvSpec{In: 2, Out: 5, Kernel: 3})
	b.Output(b.Node("Strange", []string{x}), 1, 5, 10, 10)
	path := filepath.Join(t.TempDir(), "net.onnx")
	if err := b.Model().Save(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestModelShowCountsANetwork(t *testing.T) {
	path := netFile(t)
	got := vegad(t, "model", "show", path)
	wantContains(t, "stdout", got.out, "counted: 2 nodes", "Conv [1,5,10,10]", "0.018", "float32", "380",
		"the work of 1 nodes is not known")
	var cost graphCost
	if err := json.Unmarshal([]byte(vegad(t, "model", "show", "--json", path).out), &cost); err != nil {
		t.Fatal(err)
	}
	const flops, weights = 500 * (2*2*9 + 1), 4 * (5*2*9 + 5)
	if cost.FLOPs != flops || cost.ParameterBytes != weights || cost.ActivationBytes != 2*4*500 || cost.Nodes != 2 {
		t.Errorf("%+v", cost)
	}
	conv := cost.Layers[0]
	if conv.FLOPs == nil || *conv.FLOPs != flops || !slices.Equal(conv.Shape, []int64{1, 5, 10, 10}) {
		t.Errorf("%+v", conv)
	}
	if strange := cost.Layers[1]; strange.FLOPs != nil || strange.Op != "Strange" {
		t.Errorf("%+v", strange)
	}
}

func TestModelShowOfFilesThatCannotBeRead(t *testing.T) {
	broken := writeFile(t, "broken.onnx", "this is no network")
	for _, path := range []string{broken, filepath.Join(t.TempDir(), "none.onnx")} {
		got := vegad(t, "model", "show", path)
		if got.code != exitFailed || got.out != "" {
			t.Errorf("exit code %d, printed %q", got.code, got.out)
		}
		wantContains(t, "stderr", got.err, path)
	}
	if got := vegad(t, "model", "show", "--fps=-1"); got.code != exitUsage {
		t.Errorf("exit code %d", got.code)
	}
}

// TestModelShowAddsUpABundle compares the sums with the parts, which are counted from the files directly.
func TestModelShowAddsUpABundle(t *testing.T) {
	dir := tinyBundle(t)
	for _, precision := range []string{"fp32", "fp16", "int8"} {
		var cost bundleCost
		out := vegad(t, "model", "show", "--json", "--precision", precision, "--fps", "10", dir).out
		if err := json.Unmarshal([]byte(out), &cost); err != nil {
			t.Fatal(err)
		}
		work := map[string]int64{}
		for _, name := range models.GraphNames() {
			work[name] = workOf(t, filepath.Join(dir, precision, name+".onnx"))
		}
		frame := work[models.VideoStem] + work[models.SemanticEncoder]
		observation := work[models.VideoMixer] + work[models.SpatialHead]
		if cost.FrameFLOPs != frame || cost.ObservationFLOPs != observation || cost.TotalFLOPs != frame+observation {
			t.Errorf("%s: %d, %d, %d, want %d and %d", precision, cost.FrameFLOPs, cost.ObservationFLOPs,
				cost.TotalFLOPs, frame, observation)
		}
		if want := 10*float64(frame) + 5*float64(observation); cost.FLOPsPerSecond != want || frame == 0 {
			t.Errorf("%s: %g a second, want %g", precision, cost.FLOPsPerSecond, want)
		}
		want := map[string]string{"fp32": "float32", "fp16": "float16", "int8": "int8"}[precision]
		for _, layer := range cost.Graphs[0].Layers {
			if layer.Op == "Conv" && layer.Name != "same" && layer.ParameterBytes > 0 && layer.Precision != want {
				t.Errorf("%s: %s computes in %s", precision, layer.Name, layer.Precision)
			}
		}
	}
	got := vegad(t, "model", "show", dir)
	wantContains(t, "stdout", got.out, "tiny in int8", "GFLOP a second at 15 frames and 5 observations",
		"spatial_head: ", "MFLOP", "an observation with its newest frame")
}

func workOf(t *testing.T, path string) int64 {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnx.Parse(data, onnx.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	costs, err := onnx.Cost(m.Graph)
	if err != nil {
		t.Fatal(err)
	}
	return costs.FLOPs
}
