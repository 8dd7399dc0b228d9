package engine

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A test binary with cgo is an ELF file that needs libc; the linker's tables are what is read.
func TestMissingLibrariesAreNamed(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	root, beside := t.TempDir(), t.TempDir()
	onnxruntime := filepath.Join(beside, "libonnxruntime.so.1")
	if got := missingBelow(root, onnxruntime, CUDA); !slices.Equal(got,
		[]string{"libonnxruntime_providers_shared.so", "libonnxruntime_providers_cuda.so"}) {
		t.Errorf("a build for the CPU lacks %v", got)
	}
	for _, part := range providerFiles[CUDA] {
		if err := os.Symlink(self, filepath.Join(beside, part)); err != nil {
			t.Fatal(err)
		}
	}
	missing := missingBelow(root, onnxruntime, CUDA)
	sorted := slices.Sorted(slices.Values(missing))
	if !slices.Contains(missing, "libc.so.6") || len(slices.Compact(sorted)) != len(missing) {
		t.Errorf("on a machine without libraries, %v are missing", missing)
	}
	lib := filepath.Join(root, "opt", "cuda")
	if err := os.MkdirAll(lib, 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, lib, "libc.so.6", "")
	if err := os.MkdirAll(filepath.Join(root, "etc/ld.so.conf.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(root, "etc/ld.so.conf.d"), "cuda.conf", "# where CUDA lies\n/opt/cuda\n")
	if missing := missingBelow(root, onnxruntime, CUDA); slices.Contains(missing, "libc.so.6") {
		t.Errorf("the loader's configuration was not read: %v", missing)
	}
	if got := missingBelow(root, onnxruntime, CPU); got != nil {
		t.Errorf("the CPU lacks %v", got)
	}
}
