package engine

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Platform is what a TensorRT engine depends on besides its model and options: engines of another one are slow or
// wrong. All Orin modules share one CUDA architecture, so that alone would not tell them apart.
type Platform struct {
	Device   string `json:"device"`   // of the device tree, or of the NVIDIA driver
	JetPack  string `json:"jetPack"`  // the L4T release, or the driver's version
	TensorRT string `json:"tensorRt"` // the file that libnvinfer.so stands for
	CUDA     string `json:"cuda"`     // the file that libcudart.so stands for
	Runtime  string `json:"runtime"`  // version of ONNX Runtime
}

// ThisPlatform looks at this machine; version is that of the loaded ONNX Runtime. What cannot be found is empty.
func ThisPlatform(version string) Platform { return platformBelow("/", version) }

// platformBelow is ThisPlatform for a machine whose files lie below root.
func platformBelow(root, version string) Platform {
	p := Platform{
		Device:   firstText(root, "proc/device-tree/model", "proc/driver/nvidia/gpus/*/information"),
		JetPack:  firstText(root, "etc/nv_tegra_release", "proc/driver/nvidia/version"),
		TensorRT: library(root, "libnvinfer.so.*"), CUDA: library(root, "libcudart.so.*"), Runtime: version,
	}
	if board := firstText(root, "proc/device-tree/compatible"); board != "" {
		p.Device += " (" + board + ")" // the module and its memory: p3767-0000 is another one than p3767-0003
	}
	return p
}

// String lists the parts, for logs and people.
func (p Platform) String() string {
	return fmt.Sprintf("device %q, JetPack %q, TensorRT %q, CUDA %q, ONNX Runtime %s",
		p.Device, p.JetPack, p.TensorRT, p.CUDA, p.Runtime)
}

// firstText returns the content of the first file that is there, without control characters: a device tree ends its
// texts with a zero byte and separates them by one.
func firstText(root string, patterns ...string) string {
	for _, pattern := range patterns {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(files) == 0 {
			continue
		}
		slices.Sort(files)
		data, err := os.ReadFile(files[0])
		if err != nil {
			continue
		}
		line, _, _ := bytes.Cut(bytes.TrimSpace(data), []byte("\n"))
		return strings.TrimSpace(strings.Map(func(r rune) rune {
			if r < ' ' {
				return ' '
			}
			return r
		}, string(line)))
	}
	return ""
}

// libraryFolders are where the system's loader looks without being told.
func libraryFolders(root string) []string {
	var out []string
	for _, dir := range []string{
		"usr/lib/*-linux-gnu", "usr/lib/*-linux-gnu/nvidia", "lib/*-linux-gnu", "usr/local/cuda/lib64",
		"usr/local/cuda/targets/*/lib", "usr/lib64", "usr/lib", "lib64", "lib", "usr/local/lib",
	} {
		found, err := filepath.Glob(filepath.Join(root, dir))
		if err == nil {
			out = append(out, found...)
		}
	}
	return out
}

// library returns the name of the file that a library's soname leads to, which carries its full version.
func library(root, pattern string) string {
	for _, dir := range libraryFolders(root) {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(files) == 0 {
			continue
		}
		slices.Sort(files)
		if target, err := filepath.EvalSymlinks(files[0]); err == nil {
			return filepath.Base(target)
		}
	}
	return ""
}
