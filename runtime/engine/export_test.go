package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/vega-edge/vegad/models"
)

// Tune sets what the benchmarks compare.
func (o *Options) Tune(spin, arena bool) { o.tuning = tuning{spin: spin, noArena: !arena} }

// FakeTensorRT stands for TensorRT where there is no GPU: sessions are real ones of the CPU, which claim to have run on
// TensorRT, and "engines" are files in the cache that are loaded again.
type FakeTensorRT struct {
	Absent bool             // the provider cannot be loaded
	Idle   bool             // it takes the graphs, and leaves all nodes to the CPU
	Broken models.Precision // a precision that cannot be built
	Gate   chan struct{}    // each build waits for one element; nil builds at once
	Ctx    context.Context  //nolint:containedctx // a test's, to give up waiting
	mu     sync.Mutex
	Built  []string // graph/precision, in order
	Loaded []string
}

// Use has the engine run on the fake.
func (o *Options) Use(f *FakeTensorRT) { o.native = f }

func (f *FakeTensorRT) probe(cfg sessionConfig) error {
	if cfg.provider == TensorRT && f.Absent {
		return errors.New("libnvinfer.so.10: cannot open shared object file")
	}
	return nil
}

func (f *FakeTensorRT) open(cfg sessionConfig, spec models.GraphSpec) (session, Stage, error) {
	if cfg.provider == CUDA {
		return nil, StageProvider, errors.New("no CUDA here")
	}
	if cfg.provider == TensorRT {
		if err := f.engine(cfg); err != nil {
			return nil, StageSession, err
		}
	}
	claimed := cfg.provider
	cfg.provider = CPU
	s, stage, err := native{}.open(cfg, spec)
	if err != nil || f.Idle {
		return s, stage, err
	}
	return claimedSession{s, claimed}, "", nil
}

// engine writes or finds the engine of a graph, as TensorRT would.
func (f *FakeTensorRT) engine(cfg sessionConfig) error {
	name := cfg.graph + "/" + string(cfg.precision)
	dir := cfg.options["trt_engine_cache_path"]
	file := filepath.Join(dir, "TensorrtExecutionProvider_TRTKernel_graph_"+cfg.graph+".engine")
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := os.Stat(file); dir != "" && err == nil {
		f.Loaded = append(f.Loaded, name)
		return nil
	}
	if f.Gate != nil {
		select {
		case <-f.Gate:
		case <-f.Ctx.Done():
			return f.Ctx.Err()
		}
	}
	f.Built = append(f.Built, name)
	if cfg.precision == f.Broken {
		return errors.New("TensorRT found no kernel for node Conv_0")
	}
	if dir == "" {
		return nil
	}
	timings := filepath.Join(cfg.options["trt_timing_cache_path"], "TensorrtExecutionProvider_cache_sm87.timing")
	return errors.Join(os.WriteFile(file, []byte(name), 0o600), os.WriteFile(timings, []byte(name), 0o600))
}

// Counts returns what was built and loaded so far.
func (f *FakeTensorRT) Counts() (built, loaded []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.Built), slices.Clone(f.Loaded)
}

// claimedSession says that it ran elsewhere.
type claimedSession struct {
	session
	provider Provider
}

func (s claimedSession) ran() ([]Share, error) {
	shares, err := s.session.ran()
	for i := range shares {
		shares[i].Provider = s.provider
	}
	return shares, err
}
