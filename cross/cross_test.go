// Package cross_test judges the arm64 program that cross/compile makes on another processor: make cross-test runs it.
package cross_test

import (
	"cmp"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/runtime/bench/benchtest"
)

// jetpack is what the C and C++ libraries of a JetPack offer: those of Ubuntu 22.04 and 24.04.
type jetpack struct{ name, glibc, glibcxx string }

var jetpacks = []jetpack{
	{"JetPack 6", "2.35", "3.4.30"},
	{"JetPack 7", "2.39", "3.4.33"},
}

// numbers turns 2.17 into [2 17].
func numbers(version string) ([]int, error) {
	var out []int
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil, fmt.Errorf("reading version %q: %w", version, err)
		}
		out = append(out, n)
	}
	return out, nil
}

// highest is the newest version of a library's symbols that is asked for, empty if none is. Names such as GLIBC_PRIVATE
// are no versions.
func highest(symbols []string, library string) string {
	var best string
	var bestNumbers []int
	for _, symbol := range symbols {
		version, ours := strings.CutPrefix(symbol, library+"_")
		n, err := numbers(version)
		if ours && err == nil && slices.Compare(n, bestNumbers) > 0 {
			best, bestNumbers = version, n
		}
	}
	return best
}

// within tells whether a library that offers a version offers what is asked for.
func within(t *testing.T, wanted, offered string) bool {
	t.Helper()
	if wanted == "" {
		return true
	}
	w, err := numbers(wanted)
	o, err2 := numbers(offered)
	if err := cmp.Or(err, err2); err != nil {
		t.Fatal(err)
	}
	return slices.Compare(w, o) <= 0
}

func TestSteady(t *testing.T) {
	for library, want := range map[string]bool{
		"libstdc++.so.6": true, "libgstapp-1.0.so.0": true, "libc.so.6": true, "ld-linux-aarch64.so.1": true,
		"libopencv_core.so.406": false, "libavcodec.so.59": false, "libjpeg.so.62": false, "libtbb.so.12": false,
	} {
		if got := steady.MatchString(library); got != want {
			t.Errorf("%s: %v", library, got)
		}
	}
}

func TestHighest(t *testing.T) {
	symbols := []string{"GLIBC_2.4", "GLIBC_2.17", "GLIBC_2.9", "GLIBC_PRIVATE", "GLIBCXX_3.4.9", "GLIBCXX_3.4.29"}
	if got := highest(symbols, "GLIBC"); got != "2.17" {
		t.Errorf("GLIBC %q, want 2.17", got)
	}
	if got := highest(symbols, "GLIBCXX"); got != "3.4.29" {
		t.Errorf("GLIBCXX %q, want 3.4.29", got)
	}
	if got := highest(symbols, "CXXABI"); got != "" {
		t.Errorf("CXXABI %q, want none", got)
	}
	if within(t, "2.36", "2.35") || !within(t, "2.35", "2.35") || !within(t, "2.4", "2.35") || !within(t, "", "2.35") {
		t.Error("versions are compared wrongly")
	}
}

// given is the value of a variable that cross/test sets.
func given(t *testing.T, variable string) string {
	t.Helper()
	value := os.Getenv(variable)
	if value == "" {
		t.Skip("make cross-test runs this")
	}
	return value
}

// needs is what a program or library asks the dynamic loader for.
func needs(t *testing.T, path string) (libraries, symbols []string) {
	t.Helper()
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if file.Machine != elf.EM_AARCH64 {
		t.Errorf("%s is for %v", path, file.Machine)
	}
	if libraries, err = file.ImportedLibraries(); err != nil {
		t.Fatal(err)
	}
	wanted, err := file.DynamicVersionNeeds()
	if err != nil {
		t.Fatal(err)
	}
	for _, library := range wanted {
		for _, need := range library.Needs {
			symbols = append(symbols, need.Dep)
		}
	}
	return libraries, symbols
}

// TestCross holds the program and its ONNX Runtime against what JetPacks offer, then has it watch and answer.
func TestCross(t *testing.T) {
	program := given(t, "VEGAD_CROSS")
	results := benchtest.New("cross-test")
	for _, path := range []string{program, given(t, "VEGAD_CROSS_ONNXRUNTIME")} {
		holdAgainstJetPacks(t, results, path)
	}
	converse(t, results)
	results.Report(t, "..")
}

// steady names the libraries that are called the same in Ubuntu 22.04 and 24.04, and so in JetPack 6 and 7. The loader
// is a library to some.
var steady = regexp.MustCompile(`^(ld-linux-aarch64|` +
	`lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s|glib-2\.0|gobject-2\.0|gst[a-z]+-1\.0))\.so\.`)

// onEveryJetPack holds a portable program to libraries that every JetPack has.
func onEveryJetPack(t *testing.T, libraries []string) {
	for _, library := range libraries {
		if !steady.MatchString(library) {
			t.Errorf("%s is not on every JetPack", library)
		}
	}
}

func holdAgainstJetPacks(t *testing.T, results *benchtest.Results, path string) {
	libraries, symbols := needs(t, path)
	glibc, glibcxx := highest(symbols, "GLIBC"), highest(symbols, "GLIBCXX")
	name := filepath.Base(path)
	fmt.Printf("%s: GLIBC_%s, GLIBCXX_%s\n  %s\n", name, glibc, glibcxx, strings.Join(libraries, " "))
	if portable() {
		onEveryJetPack(t, libraries)
	}
	if glibc == "" {
		t.Errorf("%s asks for no GLIBC: the versions are not read", name)
	}
	for _, j := range jetpacks {
		missing := 0.0
		for _, pair := range [][2]string{{glibc, j.glibc}, {glibcxx, j.glibcxx}} {
			if !within(t, pair[0], pair[1]) {
				t.Logf("%s asks for %s, and %s has %s", name, pair[0], j.name, pair[1])
				missing++
			}
		}
		results.AtMost(name+": newer than "+j.name, missing, "libraries", 0)
	}
}
