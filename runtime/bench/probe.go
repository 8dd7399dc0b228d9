package bench

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/quant/onnx"
	"github.com/vega-edge/vegad/runtime/engine"
)

// Peak is what a machine can do at most, as two small probes find: a product of matrices by the same library that runs
// the networks, and a copy of more memory than its caches hold, both on all cores.
type Peak struct {
	Type          string  `json:"type"`            // of the product's numbers: float32 or int8
	GigaFLOPs     float64 `json:"gflopsPerSecond"` // a multiplication and an addition count as two
	CopyGigabytes float64 `json:"copyGBPerSecond"` // read and written together
}

// How the probes are made: the best of several runs counts, for whatever disturbs makes them slower.
const (
	probeSide  = 768
	probeBytes = 64 << 20
	probeRuns  = 12
)

// Probe measures the peak for networks of a precision on the CPU.
func Probe(ctx context.Context, rt *engine.Runtime, precision models.Precision) (*Peak, error) {
	p := &Peak{Type: "float32"}
	graph := floatProduct(probeSide)
	if precision == models.INT8 {
		p.Type, graph = "int8", integerProduct(probeSide)
	} else {
		precision = models.FP32
	}
	took, err := timeProduct(ctx, rt, graph, precision)
	if err != nil {
		return nil, fmt.Errorf("probing the machine: %w", err)
	}
	p.GigaFLOPs = 2 * probeSide * probeSide * probeSide / took.Seconds() / 1e9
	p.CopyGigabytes = 2 * probeBytes / timeCopy().Seconds() / 1e9
	debug.FreeOSMemory() // the resident memory that is told later is not the probe's
	return p, nil
}

func timeProduct(
	ctx context.Context, rt *engine.Runtime, g *onnx.Graph, precision models.Precision,
) (best time.Duration, err error) {
	m := &onnx.Model{IRVersion: 8, Producer: "vegad", Opsets: []onnx.Opset{{Version: 18}}, Graph: g}
	data, err := m.Marshal()
	if err != nil {
		return 0, err
	}
	model, err := engine.LoadModel(rt, data, engine.ModelOptions{Name: g.Name, Precision: precision})
	if err != nil {
		return 0, err
	}
	defer func() {
		if closing := model.Close(); err == nil {
			err = closing
		}
	}()
	best = math.MaxInt64
	for range probeRuns {
		begun := time.Now()
		if err := model.Run(ctx); err != nil {
			return 0, err
		}
		best = min(best, time.Since(begun))
	}
	return best, nil
}

// floatProduct is one product of square matrices.
func floatProduct(side int64) *onnx.Graph {
	g := &onnx.Graph{
		Name: "product", Inputs: []*onnx.Value{onnx.NewValue("x", onnx.Float, side, side)},
		Outputs: []*onnx.Value{onnx.NewValue("y", onnx.Float, side, side)},
		Nodes:   []*onnx.Node{{Name: "product", OpType: "MatMul", Inputs: []string{"x", "w"}, Outputs: []string{"y"}}},
	}
	g.AddInitializer(onnx.FloatTensor("w", []int64{side, side}, make([]float32, side*side)))
	return g
}

// integerProduct is the same in int8, with the changes from and to float32 at its ends.
func integerProduct(side int64) *onnx.Graph {
	g := &onnx.Graph{
		Name: "product", Inputs: []*onnx.Value{onnx.NewValue("x", onnx.Float, side, side)},
		Outputs: []*onnx.Value{onnx.NewValue("y", onnx.Float, side, side)},
	}
	g.AddInitializer(onnx.FloatScalar("scale", 0.1))
	g.AddInitializer(onnx.Int8Scalar("zero", 0))
	g.AddInitializer(onnx.Int8Tensor("w", []int64{side, side}, make([]int8, side*side)))
	node := func(op string, out string, in ...string) {
		g.Nodes = append(g.Nodes, &onnx.Node{Name: op + "_" + out, OpType: op, Inputs: in, Outputs: []string{out}})
	}
	node("QuantizeLinear", "xq", "x", "scale", "zero")
	node("DequantizeLinear", "xf", "xq", "scale", "zero")
	node("DequantizeLinear", "wf", "w", "scale", "zero")
	node("MatMul", "p", "xf", "wf")
	node("QuantizeLinear", "pq", "p", "scale", "zero")
	node("DequantizeLinear", "y", "pq", "scale", "zero")
	return g
}

// timeCopy copies on all cores at once and returns the best time.
func timeCopy() time.Duration {
	workers := runtime.GOMAXPROCS(0)
	from, to := make([]byte, probeBytes), make([]byte, probeBytes)
	best := time.Duration(math.MaxInt64)
	for range probeRuns {
		begun := time.Now()
		var tasks sync.WaitGroup
		for k := range workers {
			a, b := k*probeBytes/workers, (k+1)*probeBytes/workers
			tasks.Go(func() { copy(to[a:b], from[a:b]) })
		}
		tasks.Wait()
		best = min(best, time.Since(begun))
	}
	return best
}
