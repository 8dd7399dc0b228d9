//go:build cgo

package engine

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/vega-edge/vegad/models"
)

// nativeOpen and nativeLoad touch the binding's global environment; the caller holds its lock.
func nativeOpen() bool { return ort.IsInitialized() }

func nativeVersion() string { return ort.GetVersion() }

func nativeLoad(path string) (version string, err error) {
	ort.SetSharedLibraryPath(path)
	if err := ort.InitializeEnvironment(); err != nil {
		return "", err
	}
	return ort.GetVersion(), nil
}

// nativeSession is an ONNX Runtime session with its tensors. The tensors' memory is Go memory that C keeps, so it is
// pinned until destroy.
type nativeSession struct {
	native   *ort.AdvancedSession
	options  *ort.RunOptions
	tensors  []ort.Value
	pins     runtime.Pinner
	profiler *profiler // until ran
	blind    error     // why there is no profile
}

var _ session = (*nativeSession)(nil)

// native is ONNX Runtime itself.
type native struct{}

var _ backend = native{}

// probe tells whether a provider's libraries can be loaded.
func (native) probe(cfg sessionConfig) error {
	options, err := newSessionOptions(cfg)
	if err != nil {
		return withoutOrigin(err)
	}
	return options.Destroy()
}

// open builds a session after the model's own tensors were compared with the manifest.
func (native) open(cfg sessionConfig, spec models.GraphSpec) (session, Stage, error) {
	options, err := newSessionOptions(cfg)
	if err != nil {
		return nil, StageProvider, withoutOrigin(err)
	}
	defer options.Destroy() //nolint:errcheck // it only frees
	if err := checkModel(cfg.model, spec); err != nil {
		return nil, StageContract, err
	}
	s := &nativeSession{}
	if cfg.profile {
		s.profiler, s.blind = startProfiler(cfg.library, options)
	}
	if err := s.build(cfg, options); err != nil {
		return nil, StageSession, errors.Join(withoutOrigin(err), s.destroy())
	}
	return s, "", nil
}

func (s *nativeSession) build(cfg sessionConfig, options *ort.SessionOptions) error {
	inputNames, inputs, err := s.bind(cfg.inputs)
	if err != nil {
		return err
	}
	outputNames, outputs, err := s.bind(cfg.outputs)
	if err != nil {
		return err
	}
	if s.options, err = ort.NewRunOptions(); err != nil {
		return err
	}
	s.native, err = ort.NewAdvancedSessionWithONNXData(cfg.model, inputNames, outputNames, inputs, outputs, options)
	return err
}

// bind pins the tensors' memory and wraps it.
func (s *nativeSession) bind(tensors []binding) ([]string, []ort.Value, error) {
	names, values := make([]string, len(tensors)), make([]ort.Value, len(tensors))
	for i, t := range tensors {
		s.pins.Pin(&t.data[0])
		v, err := ort.NewTensor(ort.NewShape(t.shape...), t.data)
		if err != nil {
			return nil, nil, fmt.Errorf("making tensor %s: %w", t.name, err)
		}
		names[i], values[i] = t.name, v
		s.tensors = append(s.tensors, v)
	}
	return names, values, nil
}

func (s *nativeSession) run() error { return s.native.RunWithOptions(s.options) }

// terminate asks the run in flight, or the next one, to stop; resume takes that back. Neither can fail: they set a
// flag in memory.
func (s *nativeSession) terminate() { _ = s.options.Terminate() }
func (s *nativeSession) resume()    { _ = s.options.UnsetTerminate() }

// ran ends the session's profile and says which providers ran its nodes so far. It can be called once.
func (s *nativeSession) ran() ([]Share, error) {
	if s.profiler == nil {
		return nil, cmp.Or(s.blind, errors.New("the session was not profiled"))
	}
	p := s.profiler
	s.profiler = nil
	return p.stop(s.native)
}

// destroy frees everything, in the reverse order of its making. No run may be in flight.
func (s *nativeSession) destroy() error {
	var errs []error
	if s.native != nil {
		errs = append(errs, s.native.Destroy())
	}
	if s.options != nil {
		errs = append(errs, s.options.Destroy())
	}
	for _, t := range s.tensors {
		errs = append(errs, t.Destroy())
	}
	if s.profiler != nil {
		errs = append(errs, s.profiler.discard())
	}
	s.pins.Unpin()
	return errors.Join(errs...)
}

// withoutOrigin cuts the place in ONNX Runtime's own source off the message of a provider that cannot be loaded: the
// message goes to people, in logs and over MQTT.
func withoutOrigin(err error) error {
	before, after, cut := strings.Cut(err.Error(), "/onnxruntime_src/")
	_, reason, found := strings.Cut(after, " : FAIL : ")
	if !cut || !found {
		return err
	}
	return errors.New(before + reason)
}

// newSessionOptions sets everything but the model. An error means that the provider is not to be had.
func newSessionOptions(cfg sessionConfig) (*ort.SessionOptions, error) {
	o, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	spin := map[bool]string{true: "1", false: "0"}[cfg.tuning.spin]
	err = errors.Join(
		o.SetIntraOpNumThreads(cfg.threads),
		o.SetInterOpNumThreads(1),
		o.SetExecutionMode(ort.ExecutionModeSequential),
		o.SetCpuMemArena(!cfg.tuning.noArena),
		o.AddSessionConfigEntry("session.intra_op.allow_spinning", spin),
		o.AddSessionConfigEntry("session.inter_op.allow_spinning", "0"),
	)
	if err == nil {
		err = appendProvider(o, cfg)
	}
	if err != nil {
		return nil, errors.Join(err, o.Destroy())
	}
	return o, nil
}

// appendProvider puts the providers into the session, the wanted one first. The CPU is always the last.
func appendProvider(o *ort.SessionOptions, cfg sessionConfig) error {
	switch cfg.provider {
	case TensorRT:
		if err := appendTensorRT(o, cfg); err != nil {
			return err
		}
		return appendCUDA(o) // what TensorRT cannot do shall at least stay on the GPU
	case CUDA:
		return appendCUDA(o)
	case CPU, Auto:
	}
	return nil
}

func appendTensorRT(o *ort.SessionOptions, cfg sessionConfig) error {
	p, err := ort.NewTensorRTProviderOptions()
	if err != nil {
		return err
	}
	defer p.Destroy() //nolint:errcheck // it only frees
	dropped, err := applyOptions(p, cfg.options)
	if err != nil {
		return fmt.Errorf("setting TensorRT options: %w", err)
	}
	if len(dropped) > 0 && cfg.dropped != nil {
		cfg.dropped(dropped)
	}
	if cfg.precision == models.INT8 {
		// ONNX Runtime's own rewriting of Q/DQ pairs leaves graphs that TensorRT refuses.
		if err := o.SetGraphOptimizationLevel(ort.GraphOptimizationLevelDisableAll); err != nil {
			return err
		}
	}
	return o.AppendExecutionProviderTensorRT(p)
}

func appendCUDA(o *ort.SessionOptions) error {
	p, err := ort.NewCUDAProviderOptions()
	if err != nil {
		return err
	}
	defer p.Destroy() //nolint:errcheck // it only frees
	if err := p.Update(map[string]string{"device_id": "0"}); err != nil {
		return fmt.Errorf("setting CUDA options: %w", err)
	}
	return o.AppendExecutionProviderCUDA(p)
}

// checkModel compares the tensors that the model file declares with the manifest.
func checkModel(model []byte, spec models.GraphSpec) error {
	inputs, outputs, err := declared(model)
	if err != nil {
		return err
	}
	return errors.Join(
		checkSignature("input", inputs, spec.Inputs),
		checkSignature("output", outputs, spec.Outputs))
}

// declared returns the tensors that a model file declares.
func declared(model []byte) (inputs, outputs []signature, err error) {
	in, out, err := ort.GetInputOutputInfoWithONNXData(model)
	if err != nil {
		return nil, nil, err
	}
	return signatures(in), signatures(out), nil
}

func signatures(infos []ort.InputOutputInfo) []signature {
	out := make([]signature, len(infos))
	for i, info := range infos {
		out[i] = signature{name: info.Name, shape: info.Dimensions, dtype: info.DataType.String()}
		if info.DataType == ort.TensorElementDataTypeFloat {
			out[i].dtype = "float32"
		}
	}
	return out
}
