package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vega-edge/vegad/models"
)

// workspaceBytes bounds the scratch memory of one TensorRT engine. On a Jetson it is taken from the memory that the
// rest of the robot lives in, and TensorRT would otherwise claim all of it.
const workspaceBytes = 512 << 20

// tensorRTOptions returns the provider options for one session, without the cache.
func tensorRTOptions(precision models.Precision) map[string]string {
	flag := map[bool]string{true: "1", false: "0"}
	return map[string]string{
		"device_id":              "0",
		"trt_max_workspace_size": fmt.Sprint(workspaceBytes),
		// What has no int8 scale in an int8 graph shall run in fp16 rather than in fp32.
		"trt_fp16_enable":                   flag[precision != models.FP32],
		"trt_int8_enable":                   flag[precision == models.INT8],
		"trt_context_memory_sharing_enable": "1",
		"trt_auxiliary_streams":             "0", // more streams cost memory and gain nothing at batch 1
		"trt_min_subgraph_size":             "5", // smaller islands cost more in copies than they gain
	}
}

// withCache adds an engine cache to the options. ONNX Runtime's own key for a cached engine knows neither the weights
// nor the shapes nor the options, so every combination gets its own folder.
func withCache(options map[string]string, cfg sessionConfig, device string) (map[string]string, error) {
	if cfg.cacheDir == "" {
		return options, nil
	}
	dir := filepath.Join(cfg.cacheDir, cacheKey(options, cfg, device))
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("making engine cache: %w", err)
	}
	cached := maps.Clone(options)
	cached["trt_engine_cache_enable"] = "1"
	cached["trt_engine_cache_path"] = dir
	cached["trt_timing_cache_enable"] = "1"
	cached["trt_timing_cache_path"] = cfg.cacheDir
	return cached, nil
}

func cacheKey(options map[string]string, cfg sessionConfig, device string) string {
	h := sha256.New()
	model := sha256.Sum256(cfg.model)
	h.Write(model[:])
	for _, k := range slices.Sorted(maps.Keys(options)) {
		h.Write(fmt.Appendf(nil, "%s=%s\n", k, options[k]))
	}
	h.Write(fmt.Appendf(nil, "%s\n%s\n", cfg.version, device))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// deviceIdentity describes the board and its system software: engines built on another one are slow or wrong. All
// Orin modules share one CUDA architecture, so that alone would not tell them apart.
func deviceIdentity(root string) string {
	var identity strings.Builder
	for _, file := range []string{
		"proc/device-tree/model", "etc/nv_tegra_release", "proc/driver/nvidia/version",
	} {
		if data, err := os.ReadFile(filepath.Join(root, file)); err == nil {
			fmt.Fprintf(&identity, "%s=%s\n", file, data)
		}
	}
	return identity.String()
}
