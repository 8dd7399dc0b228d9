package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vega-edge/vegad/models"
)

// Provider names the part of ONNX Runtime that executes the graphs.
type Provider string

// The providers, fastest first.
const (
	TensorRT Provider = "tensorrt"
	CUDA     Provider = "cuda"
	CPU      Provider = "cpu"
)

// Stage says how far an attempt came.
type Stage string

// The stages of loading a bundle, in order.
const (
	StageBundle   Stage = "bundle"   // reading the graph files
	StageProvider Stage = "provider" // loading the provider's library and its device
	StageContract Stage = "contract" // comparing a graph's tensors with the manifest
	StageBuild    Stage = "build"    // waiting for TensorRT's engines, while something else answers
	StageSession  Stage = "session"  // building a graph for the provider
	StageGolden   Stage = "golden"   // comparing outputs with the bundle's reference
)

// Attempt is a provider and precision that was tried and rejected. It is an error.
type Attempt struct {
	Provider  Provider
	Precision models.Precision
	Stage     Stage
	Err       error
}

// Error says what was tried and why it was rejected.
func (a Attempt) Error() string {
	return fmt.Sprintf("%s %s rejected at stage %s: %v", a.Provider, a.Precision, a.Stage, a.Err)
}

// Unwrap returns the reason.
func (a Attempt) Unwrap() error { return a.Err }

type candidate struct {
	provider  Provider
	precision models.Precision
}

// plan lists what to try, in order. A precision that was asked for and that the bundle lacks is either an error or,
// if a fallback is allowed, the first attempt.
func plan(opts Options, bundle *models.Bundle) ([]candidate, []Attempt, error) {
	providers, err := providerOrder(opts)
	if err != nil {
		return nil, nil, err
	}
	have := bundle.Precisions()
	asked := opts.Precision
	var attempts []Attempt
	if asked != "" && asked != Auto && !slices.Contains(have, asked) {
		err := fmt.Errorf("the bundle has no precision %q (it has %v)", asked, have)
		if !opts.AllowFallback {
			return nil, nil, err
		}
		attempts = append(attempts, Attempt{providers[0], asked, StageBundle, err})
	}
	var candidates []candidate
	for _, p := range providers {
		for _, precision := range precisionOrder(p, opts) {
			if slices.Contains(have, precision) {
				candidates = append(candidates, candidate{p, precision})
			}
		}
	}
	return candidates, attempts, nil
}

func providerOrder(opts Options) ([]Provider, error) {
	all := []Provider{TensorRT, CUDA, CPU}
	if opts.Provider == "" || opts.Provider == Auto {
		return all, nil
	}
	at := slices.Index(all, opts.Provider)
	if at < 0 {
		return nil, fmt.Errorf("provider %q is unknown, must be auto, tensorrt, cuda or cpu", opts.Provider)
	}
	if opts.AllowFallback {
		return all[at:], nil
	}
	return all[at : at+1], nil
}

// precisionOrder lists the precisions that make sense on a provider, best first. A CPU gains from int8 and loses
// with fp16; the CUDA provider has few int8 kernels.
func precisionOrder(p Provider, opts Options) []models.Precision {
	order := map[Provider][]models.Precision{
		TensorRT: {models.INT8, models.FP16, models.FP32},
		CUDA:     {models.FP16, models.FP32, models.INT8},
		CPU:      {models.INT8, models.FP32, models.FP16},
	}[p]
	if opts.Precision == "" || opts.Precision == Auto {
		return order
	}
	if !opts.AllowFallback {
		return []models.Precision{opts.Precision}
	}
	rest := slices.DeleteFunc(order, func(q models.Precision) bool { return q == opts.Precision })
	return slices.Insert(rest, 0, opts.Precision)
}

// judge decides whether what runs is a degradation. That a machine without an NVIDIA GPU runs on its CPU is none
// when the choice was left to the engine.
func (r *Report) judge(opts Options, gpu bool) {
	reasons := make([]string, len(r.Attempts))
	broken := false
	for i, a := range r.Attempts {
		reasons[i] = a.Error()
		broken = broken || a.Stage != StageProvider
	}
	if r.Elsewhere != "" && r.Provider != CPU {
		reasons, broken = append(reasons, r.Elsewhere), true
	}
	r.Reason = strings.Join(reasons, "; ")
	otherProvider := r.Provider != opts.Provider
	if opts.Provider == "" || opts.Provider == Auto {
		otherProvider = gpu && r.Provider != TensorRT
	}
	r.Degraded = broken || otherProvider
}

// gpuPresent tells whether the kernel shows an NVIDIA GPU, whatever the libraries can do with it. root is "/" but in
// tests.
func gpuPresent(root string) bool {
	for _, device := range []string{"dev/nvidiactl", "dev/nvidia0", "dev/nvhost-gpu", "dev/nvgpu"} {
		if _, err := os.Stat(filepath.Join(root, device)); err == nil {
			return true
		}
	}
	return false
}
