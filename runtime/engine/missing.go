package engine

import (
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// providerFiles are the parts of ONNX Runtime that a provider needs, beside the library itself.
var providerFiles = map[Provider][]string{
	TensorRT: {
		"libonnxruntime_providers_shared.so", "libonnxruntime_providers_tensorrt.so",
		"libonnxruntime_providers_cuda.so",
	},
	CUDA: {"libonnxruntime_providers_shared.so", "libonnxruntime_providers_cuda.so"},
}

// MissingLibraries names what a provider needs and the system's loader would not find: parts of ONNX Runtime beside
// its library, and what those are linked against. The loader itself stops at the first. The CPU needs nothing.
func MissingLibraries(onnxruntime string, p Provider) []string {
	return missingBelow("/", onnxruntime, p)
}

// missingBelow is MissingLibraries on a machine whose system libraries lie below root.
func missingBelow(root, onnxruntime string, p Provider) []string {
	beside := filepath.Dir(onnxruntime)
	if target, err := filepath.EvalSymlinks(onnxruntime); err == nil {
		beside = filepath.Dir(target)
	}
	folders := slices.Concat(filepath.SplitList(os.Getenv("LD_LIBRARY_PATH")), configuredFolders(root),
		libraryFolders(root), []string{beside})
	var missing []string
	for _, part := range providerFiles[p] {
		file, err := elf.Open(filepath.Join(beside, part))
		if err != nil {
			missing = append(missing, part)
			continue
		}
		needed, err := file.ImportedLibraries()
		_ = file.Close() // it was only read
		if err != nil {
			continue
		}
		for _, name := range needed {
			if !found(name, folders) && !slices.Contains(missing, name) {
				missing = append(missing, name)
			}
		}
	}
	return missing
}

func found(name string, folders []string) bool {
	return slices.ContainsFunc(folders, func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, name))
		return dir != "" && err == nil
	})
}

// configuredFolders reads the loader's own list.
func configuredFolders(root string) []string {
	files, err := filepath.Glob(filepath.Join(root, "etc/ld.so.conf.d/*.conf"))
	if err != nil {
		return nil
	}
	var out []string
	for _, file := range append(files, filepath.Join(root, "etc/ld.so.conf")) {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(data)) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "/") {
				out = append(out, filepath.Join(root, line))
			}
		}
	}
	return out
}
