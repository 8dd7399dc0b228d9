//go:build cgo

package engine

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPlacesInTheTableOfFunctions compiles the places against the header of the pinned binding: a wrong one would call
// another function.
func TestPlacesInTheTableOfFunctions(t *testing.T) {
	source, err := os.ReadFile("profile_cgo.go")
	if err != nil {
		t.Fatal(err)
	}
	at := regexp.MustCompile(`AT_[A-Z_]+ = \d+`).FindAllString(string(source), -1)
	if len(at) != 6 {
		t.Fatalf("found %q", at)
	}
	module, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/yalue/onnxruntime_go").Output()
	if err != nil {
		t.Fatal(err)
	}
	names := strings.NewReplacer("AT_GET_ERROR_MESSAGE", "GetErrorMessage", "AT_ENABLE_PROFILING", "EnableProfiling",
		"AT_ALLOCATOR_FREE", "AllocatorFree", "AT_DEFAULT_ALLOCATOR", "GetAllocatorWithDefaultOptions",
		"AT_RELEASE_STATUS", "ReleaseStatus", "AT_END_PROFILING", "SessionEndProfiling")
	var program strings.Builder
	program.WriteString("#include <stddef.h>\n#include \"onnxruntime_c_api.h\"\n")
	for _, line := range at {
		name, place, _ := strings.Cut(names.Replace(line), " = ")
		program.WriteString("_Static_assert(offsetof(OrtApi, " + name + ") == " + place + " * sizeof(void *), \"" + name +
			"\");\n")
	}
	program.WriteString("_Static_assert(ORT_API_VERSION == 22, \"version\");\n")
	file := filepath.Join(t.TempDir(), "places.c")
	if err := os.WriteFile(file, []byte(program.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("gcc", "-fsyntax-only", "-I", strings.TrimSpace(string(module)), file).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s\n%s", err, out, program.String())
	}
}
