//go:build cgo

package engine_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/models/modeltest"
	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/engine/enginetest"
)

// slowSpec is a bundle whose video_stem takes a large part of a second in many small steps.
func slowSpec() modeltest.Spec {
	s := modeltest.Default()
	s.Width, s.Height, s.Geometry, s.SlowLayers = 640, 480, 64, 200
	s.Precisions = []models.Precision{models.FP32}
	return s
}

func TestRunReadsInputsAndWritesOutputs(t *testing.T) {
	e := openEngine(t, enginetest.Open(t), modeltest.Default(), cpuOptions(models.FP32))
	g := e.Graph(models.VideoStem)
	if g.Input("nonsense") != nil || g.Output("image") != nil || e.Graph("nonsense") != nil {
		t.Error("unknown names give something")
	}
	run := func(v float32) []float32 {
		for i := range g.Input("image") {
			g.Input("image")[i] = v
		}
		if err := g.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		return append([]float32(nil), g.Output("geometry")...)
	}
	first, second, third := run(0.2), run(0.9), run(0.2)
	same, differ := true, false
	for i := range first {
		same = same && first[i] == third[i]
		differ = differ || first[i] != second[i]
	}
	if !same || !differ {
		t.Errorf("the same input gives the same output: %v; another one another: %v", same, differ)
	}
}

func TestRunAllocatesNothing(t *testing.T) {
	e := openEngine(t, enginetest.Open(t), modeltest.Default(), cpuOptions(models.INT8))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, name := range models.GraphNames() {
		g := e.Graph(name)
		allocs := testing.AllocsPerRun(200, func() {
			if err := g.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations a run", name, allocs)
		}
	}
}

func TestCancelStopsARunAndTheNextOneWorks(t *testing.T) {
	e := openEngine(t, enginetest.Open(t), slowSpec(), cpuOptions(models.FP32))
	g := e.Graph(models.VideoStem)
	start := time.Now()
	if err := g.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	full := time.Since(start)

	took := full
	for range 5 { // on a machine under load one measurement proves little
		ctx, cancel := context.WithTimeout(t.Context(), full/8)
		start = time.Now()
		err := g.Run(ctx)
		took = min(took, time.Since(start))
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("error is %v", err)
		}
	}
	if took > full/2 {
		t.Errorf("stopped after %v, a whole run takes %v", took, full)
	}
	t.Logf("a run takes %v, was stopped after %v", full, took)
	if err := g.Run(t.Context()); err != nil {
		t.Errorf("after a cancelled run: %v", err)
	}
}

func TestRunWithAnEndedContext(t *testing.T) {
	e := openEngine(t, enginetest.Open(t), modeltest.Default(), cpuOptions(models.FP32))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.Graph(models.VideoStem).Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

func TestASecondRunOfTheSameGraphIsRefused(t *testing.T) {
	e := openEngine(t, enginetest.Open(t), slowSpec(), cpuOptions(models.FP32))
	g := e.Graph(models.VideoStem)
	for range 20 { // on a machine under load the two may miss each other
		results := make(chan error, 2)
		for range 2 {
			go func() { results <- g.Run(t.Context()) }()
		}
		first, second := <-results, <-results
		if second != nil {
			t.Fatalf("the longer run ends with %v", second)
		}
		if errors.Is(first, engine.ErrBusy) {
			return
		}
	}
	t.Error("two runs at once were never refused")
}

func TestGraphsRunInParallel(t *testing.T) {
	e := openEngine(t, enginetest.Open(t), modeltest.Default(), cpuOptions(models.FP32))
	var wg sync.WaitGroup
	for _, name := range models.GraphNames() {
		wg.Go(func() {
			for range 200 {
				if err := e.Graph(name).Run(t.Context()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestCloseDuringRunWaitsAndIsIdempotent(t *testing.T) {
	rt := enginetest.Open(t)
	e := openEngine(t, rt, slowSpec(), cpuOptions(models.FP32))
	g := e.Graph(models.VideoStem)
	running, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		if err := g.Run(t.Context()); err != nil {
			ended <- err
			return
		}
		close(running)
		for {
			if err := g.Run(t.Context()); err != nil {
				ended <- err
				return
			}
		}
	}()
	<-running
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if err := e.Close(); err != nil {
				t.Error(err)
			}
			if n := rt.Sessions(); n != 0 {
				t.Errorf("Close returned with %d sessions alive", n)
			}
		})
	}
	wg.Wait()
	if err := <-ended; !errors.Is(err, engine.ErrClosed) {
		t.Errorf("the run in flight ended with %v", err)
	}
	if err := g.Run(t.Context()); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("a run after Close ended with %v", err)
	}
}
