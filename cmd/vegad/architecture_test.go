package main_test

import (
	"cmp"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module   = "github.com/vega-edge/vegad"
	maxLines = 400 // of a Go file that is no test
)

// levels is the order of the packages: each imports only packages of lower levels, so that there are no cycles and
// every package can be understood from those below it. docs/architecture.md draws the same table.
var levels = map[string]int{
	"camera":                           0,
	"camera/gocv":                      1,
	"camera/room":                      1,
	"camera/replay":                    2,
	"cmd/roomgen":                      2,
	"cmd/vegad":                        4,
	"models":                           0,
	"models/modeltest":                 1,
	"models/store":                     1,
	"quant":                            3,
	"quant/onnx":                       0,
	"quant/onnx/onnxtest":              1,
	"quant/calibration":                1,
	"quant/fp16":                       1,
	"quant/int8":                       1,
	"quant/report":                     2,
	"quant/sensitivity":                1,
	"runtime/bench":                    3,
	"runtime/bench/benchtest":          0,
	"runtime/bench/growthtest":         1,
	"runtime/command":                  2,
	"runtime/config":                   2,
	"runtime/daemon":                   3,
	"runtime/dashboard":                2,
	"runtime/engine":                   1,
	"runtime/engine/enginetest":        2,
	"runtime/web/webtest":              0,
	"runtime/link/payload/payloadtest": 2,
	"runtime/eval":                     3,
	"runtime/fleet":                    2,
	"runtime/fleet/sim":                3,
	"runtime/health":                   0,
	"runtime/link":                     2,
	"runtime/link/broker":              1,
	"runtime/link/certificate":         1,
	"runtime/link/certificate/certificatetest": 2,
	"runtime/link/linktest":                    0,
	"runtime/link/payload":                     1,
	"runtime/outbox":                           0,
	"runtime/perception":                       2,
	"runtime/query":                            1,
	"runtime/record":                           1,
	"runtime/scene":                            0,
	"runtime/fleet/exporter":                   3,
	"runtime/fleet/page":                       3,
	"runtime/homeassistant":                    2,
	"runtime/metrics":                          2,
	"runtime/metrics/catalog":                  0,
	"runtime/web":                              0,
	"systemd":                                  0,
}

// homes lists the packages that alone may import something: native code has one door each, and nothing but tests starts
// processes.
var homes = map[string][]string{
	"C":                               {"runtime/engine"}, // a profile, which the binding does not wrap
	"os/exec":                         {"runtime/bench/benchtest", "runtime/link/linktest", "runtime/web/webtest"},
	"gocv.io/x/gocv":                  {"camera/gocv"},
	"github.com/yalue/onnxruntime_go": {"runtime/engine"},
}

// source is one Go file that is no test.
type source struct {
	name    string // relative to the root of the module, with slashes
	imports []string
	comment bool // it holds the comment of its package
	lines   int
}

func (s source) folder() string { return path.Dir(s.name) }

// sources parses every Go file of the module, whatever its build constraints.
func sources(t *testing.T) []source {
	t.Helper()
	root := filepath.Join("..", "..")
	var found []source
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if entry.IsDir() {
			return skip(name)
		}
		if strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			found = append(found, parse(t, file, name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// skip leaves out what the go command leaves out, and what is built or fetched.
func skip(folder string) error {
	base := path.Base(folder)
	hidden := folder != "." && (base[0] == '.' || base[0] == '_')
	if hidden || base == "testdata" || folder == "build" || folder == "bin" {
		return fs.SkipDir
	}
	return nil
}

func parse(t *testing.T, file, name string) source {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ParseComments|parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	s := source{name: name, comment: f.Doc != nil, lines: strings.Count(string(text), "\n")}
	for _, spec := range f.Imports {
		s.imports = append(s.imports, unquote(t, spec))
	}
	return s
}

func unquote(t *testing.T, spec *ast.ImportSpec) string {
	t.Helper()
	imported, err := strconv.Unquote(spec.Path.Value)
	if err != nil {
		t.Fatal(err)
	}
	return imported
}

func TestImportLevels(t *testing.T) {
	for _, s := range sources(t) {
		level, known := levels[s.folder()]
		if !known {
			t.Errorf("%s: package %s has no level: add it to levels in cmd/vegad/architecture_test.go and to "+
				"docs/architecture.md", s.name, s.folder())
			continue
		}
		for _, imported := range s.imports {
			below, own := strings.CutPrefix(imported, module+"/")
			if own && levels[below] >= level {
				t.Errorf("%s (level %d) imports %s (level %d): only lower levels may be imported",
					s.name, level, below, levels[below])
			}
		}
	}
}

// TestTestHelpers keeps packages for tests, whose names end in test, out of the program.
func TestTestHelpers(t *testing.T) {
	for _, s := range sources(t) {
		for _, imported := range s.imports {
			helper := strings.HasPrefix(imported, module) && strings.HasSuffix(imported, "test")
			if helper && !strings.HasSuffix(s.folder(), "test") {
				t.Errorf("%s imports %s, which is for tests", s.name, imported)
			}
		}
	}
}

func TestImportHomes(t *testing.T) {
	for _, s := range sources(t) {
		for _, imported := range s.imports {
			allowed, guarded := homes[imported]
			if guarded && !slices.Contains(allowed, s.folder()) {
				t.Errorf("%s imports %q, which only %q may: see homes in cmd/vegad/architecture_test.go",
					s.name, imported, allowed)
			}
		}
	}
}

func TestPackageComments(t *testing.T) {
	comments := map[string][]string{}
	for _, s := range sources(t) {
		holders := comments[s.folder()]
		if s.comment {
			holders = append(holders, s.name)
		}
		comments[s.folder()] = holders
	}
	for folder, holders := range comments {
		if len(holders) != 1 {
			t.Errorf("package %s has %d package comments, want one: %q", folder, len(holders), holders)
		}
	}
}

func TestFileLength(t *testing.T) {
	for _, s := range sources(t) {
		if s.lines > maxLines {
			t.Errorf("%s has %d lines, at most %d are allowed", s.name, s.lines, maxLines)
		}
	}
}

// TestNames makes sure that no package of runtime/ hides one of the standard library.
func TestNames(t *testing.T) {
	if !standard("log") || standard("perception") {
		t.Fatal("the standard library is not found, so that this test proves nothing")
	}
	for _, s := range sources(t) {
		if path.Dir(s.folder()) == "runtime" && standard(path.Base(s.folder())) {
			t.Errorf("%s: package %s has the name of a standard one", s.name, s.folder())
		}
		if s.folder() == "runtime" {
			t.Errorf("%s: runtime/ holds packages only", s.name)
		}
	}
}

func standard(name string) bool {
	p, err := build.Import(name, "", build.FindOnly)
	return err == nil && p.Goroot
}

// TestSourcesAreFound guards the tests above: over no files they would all pass.
func TestSourcesAreFound(t *testing.T) {
	found := sources(t)
	folders := map[string]bool{}
	for _, s := range found {
		folders[s.folder()] = true
	}
	for _, folder := range []string{"camera", "models", "runtime/config", "systemd", "cmd/roomgen"} {
		if !folders[folder] {
			t.Errorf("no file of %s was found", folder)
		}
	}
	longest := slices.MaxFunc(found, func(a, b source) int { return cmp.Compare(a.lines, b.lines) })
	if longest.lines < 100 {
		t.Errorf("the longest file seems to be %s with %d lines", longest.name, longest.lines)
	}
}
