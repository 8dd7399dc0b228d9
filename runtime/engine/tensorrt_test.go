package engine

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/vega-edge/vegad/models"
)

func TestTensorRTOptions(t *testing.T) {
	quantized, full := tensorRTOptions(models.INT8, TensorRTOptions{}), tensorRTOptions(models.FP32, TensorRTOptions{})
	for _, c := range []struct {
		options   map[string]string
		key, want string
	}{
		{quantized, "trt_int8_enable", "1"},
		{quantized, "trt_fp16_enable", "1"},
		{full, "trt_int8_enable", "0"},
		{full, "trt_fp16_enable", "0"},
		{full, "trt_max_workspace_size", "536870912"},
		{full, "trt_builder_optimization_level", "3"},
		{full, "trt_min_subgraph_size", "5"},
		{full, "trt_context_memory_sharing_enable", "1"},
		{
			tensorRTOptions(models.FP16, TensorRTOptions{Workspace: 1 << 30}),
			"trt_max_workspace_size", "1073741824",
		},
		{withCache(full, "/e", "/t"), "trt_engine_cache_enable", "1"},
		{withCache(full, "/e", "/t"), "trt_engine_cache_path", "/e"},
		{withCache(full, "/e", "/t"), "trt_timing_cache_enable", "1"},
		{withCache(full, "/e", "/t"), "trt_timing_cache_path", "/t"},
		{
			withContext(full, "/c", "video_stem", models.INT8),
			"trt_ep_context_file_path", "/c/video_stem_int8_ctx.onnx",
		},
		{withContext(full, "", "video_stem", models.INT8), "trt_dump_ep_context_model", ""},
	} {
		if got := c.options[c.key]; got != c.want {
			t.Errorf("%s is %q, want %q", c.key, got, c.want)
		}
	}
	if full["trt_engine_cache_enable"] != "" {
		t.Error("adding a cache changed the options themselves")
	}
}

// olderRuntime knows only some options, and says so one by one as ONNX Runtime does.
type olderRuntime struct {
	known  []string
	says   string
	values map[string]string
	calls  int
}

func (o *olderRuntime) Update(values map[string]string) error {
	o.calls++
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(o.known, key) {
			return fmt.Errorf(o.says, key)
		}
	}
	o.values = values
	return nil
}

func TestOptionsThatAnOlderRuntimeDoesNotKnowAreLeftOut(t *testing.T) {
	values := withCache(tensorRTOptions(models.INT8, TensorRTOptions{}), "/e", "/t")
	known := slices.DeleteFunc(slices.Sorted(maps.Keys(values)), func(key string) bool {
		return key == "trt_auxiliary_streams" || key == "trt_timing_cache_path"
	})
	older := &olderRuntime{known: known, says: "Unknown provider option: %q."}
	dropped, err := applyOptions(older, values)
	if err != nil || !slices.Equal(dropped, []string{"trt_auxiliary_streams", "trt_timing_cache_path"}) {
		t.Errorf("dropped %v, %v", dropped, err)
	}
	if older.calls != 3 || len(older.values) != len(values)-2 || older.values["trt_int8_enable"] != "1" {
		t.Errorf("%d updates, the last with %v", older.calls, older.values)
	}
	if len(values) != len(known)+2 {
		t.Error("the caller's options were changed")
	}
}

func TestOptionsThatCannotBeDoneWithout(t *testing.T) {
	values := tensorRTOptions(models.INT8, TensorRTOptions{})
	for name, runtime := range map[string]*olderRuntime{
		"int8":         {known: []string{"device_id"}, says: "Unknown provider option: %q."},
		"no such file": {says: "libnvinfer.so.10 is missing, needed for %s"},
	} {
		dropped, err := applyOptions(runtime, values)
		if err == nil || len(dropped) > 0 && name != "int8" {
			t.Errorf("%s: dropped %v, %v", name, dropped, err)
		}
	}
	// A name that begins another is not taken for it.
	err := errors.New(`Unknown provider option: "trt_timing_cache_path"`)
	if got := refused(err, map[string]string{"trt_timing_cache": "1", "trt_timing_cache_path": "/t"}); got !=
		"trt_timing_cache_path" {
		t.Errorf("%q was blamed", got)
	}
}
