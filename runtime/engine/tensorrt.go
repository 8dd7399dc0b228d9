package engine

import (
	"cmp"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/vega-edge/vegad/models"
)

// DefaultWorkspace bounds the scratch memory of one TensorRT engine, in bytes. On a Jetson it is taken from the memory
// that the rest of the robot lives in, and TensorRT would otherwise claim all of it.
const DefaultWorkspace = 512 << 20

// TensorRTOptions tunes how TensorRT builds engines. The zero value is a good default. Every field is part of an
// engine's key, so that a change builds anew.
type TensorRTOptions struct {
	Workspace   int64  // bytes of scratch memory of one engine; 0 is DefaultWorkspace
	Level       int    // 1 to 5: how long TensorRT looks for faster kernels; 0 is TensorRT's own 3
	MinSubgraph int    // nodes below which a part of a graph stays with CUDA; 0 is 5
	ContextDir  string // where models with their engines beside them (EPContext) are written; empty writes none
}

// tensorRTOptions returns the provider options for one session, without the cache. They are given to ONNX Runtime in
// one piece: every update puts the options that it does not name back to their defaults.
func tensorRTOptions(precision models.Precision, t TensorRTOptions) map[string]string {
	flag := map[bool]string{true: "1", false: "0"}
	return map[string]string{
		"device_id":              "0",
		"trt_max_workspace_size": strconv.FormatInt(cmp.Or(t.Workspace, DefaultWorkspace), 10),
		// What has no int8 scale in an int8 graph shall run in fp16 rather than in fp32.
		"trt_fp16_enable":                   flag[precision != models.FP32],
		"trt_int8_enable":                   flag[precision == models.INT8],
		"trt_builder_optimization_level":    strconv.Itoa(cmp.Or(t.Level, 3)),
		"trt_context_memory_sharing_enable": "1",
		"trt_auxiliary_streams":             "0", // more streams cost memory and gain nothing at batch 1
		// Smaller islands cost more in copies than they gain.
		"trt_min_subgraph_size": strconv.Itoa(cmp.Or(t.MinSubgraph, 5)),
	}
}

// dispensable lists the options that an older or newer runtime may not know, and without which an engine is slower to
// build or larger, but not wrong.
var dispensable = []string{
	"trt_builder_optimization_level", "trt_context_memory_sharing_enable", "trt_auxiliary_streams",
	"trt_min_subgraph_size", "trt_timing_cache_enable", "trt_timing_cache_path",
}

// withCache adds the folders of an engine and of the timing cache.
func withCache(options map[string]string, engineDir, timingDir string) map[string]string {
	cached := maps.Clone(options)
	cached["trt_engine_cache_enable"] = "1"
	cached["trt_engine_cache_path"] = engineDir
	cached["trt_timing_cache_enable"] = "1"
	cached["trt_timing_cache_path"] = timingDir
	return cached
}

// withContext has the engine written as a model of its own, which another program can load without this cache.
func withContext(options map[string]string, dir, graph string, precision models.Precision) map[string]string {
	if dir == "" {
		return options
	}
	out := maps.Clone(options)
	out["trt_dump_ep_context_model"] = "1"
	out["trt_ep_context_embed_mode"] = "1" // the engine lies in the model: one file a graph
	out["trt_ep_context_file_path"] = filepath.Join(dir, graph+"_"+string(precision)+"_ctx.onnx")
	return out
}

// updater is a provider's options in ONNX Runtime.
type updater interface {
	Update(values map[string]string) error
}

// applyOptions sets all options at once. When the runtime names one that it does not know and that can be done
// without, all are set again without it. It returns those that were left out.
func applyOptions(to updater, values map[string]string) (dropped []string, err error) {
	left := maps.Clone(values)
	for {
		err := to.Update(left)
		if err == nil {
			return dropped, nil
		}
		key := refused(err, left)
		if key == "" {
			return dropped, err
		}
		delete(left, key)
		dropped = append(dropped, key)
	}
}

// refused finds the dispensable option that an error says is unknown. Option names may begin alike, so the longest
// that the message holds is meant.
func refused(err error, values map[string]string) string {
	text := err.Error()
	if !strings.Contains(strings.ToLower(text), "unknown") {
		return ""
	}
	longest := ""
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if strings.Contains(text, key) && len(key) > len(longest) {
			longest = key
		}
	}
	if !slices.Contains(dispensable, longest) {
		return ""
	}
	return longest
}

// errNoCache is why an engine is not kept.
var errNoCache = errors.New("no folder for engines is configured")
