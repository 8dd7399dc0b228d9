package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// LibraryVariable is the environment variable that names the ONNX Runtime library.
const LibraryVariable = "VEGAD_ONNXRUNTIME"

// place is somewhere the library may be.
type place struct {
	path   string
	source string // why it is looked for there
}

// libraryPlaces lists where to look, in order. Whoever names a library wants that one, so nothing else is tried then.
func libraryPlaces(option, variable, program string) []place {
	if option != "" {
		return []place{{option, "the configured library"}}
	}
	if variable != "" {
		return []place{{variable, "$" + LibraryVariable}}
	}
	var places []place
	if program != "" {
		if target, err := filepath.EvalSymlinks(program); err == nil {
			program = target
		}
		for _, dir := range []string{"../lib/vegad", "../build/onnxruntime"} {
			path := filepath.Join(filepath.Dir(program), dir, "libonnxruntime.so.1")
			places = append(places, place{path, "beside the program"})
		}
	}
	return append(places,
		place{"libonnxruntime.so.1", "the system's loader"},
		place{"libonnxruntime.so", "the system's loader"})
}

// loadFirst loads the first library that works. The caller holds the environment's lock.
func loadFirst(places []place) (path, version string, err error) {
	tried := make([]string, 0, len(places))
	for _, p := range places {
		version, err := tryLibrary(p)
		if err == nil {
			return p.path, version, nil
		}
		tried = append(tried, fmt.Sprintf("  %s (%s): %v", p.path, p.source, err))
	}
	return "", "", fmt.Errorf("%w or does not load; tried\n%s\nrun \"make setup\" in the source tree to fetch it, "+
		"or set %s to the path of libonnxruntime.so, version 1.22 or later",
		ErrNoLibrary, strings.Join(tried, "\n"), LibraryVariable)
}

func tryLibrary(p place) (string, error) {
	if strings.ContainsRune(p.path, filepath.Separator) || p.source != "the system's loader" {
		info, err := os.Stat(p.path)
		if errors.Is(err, os.ErrNotExist) {
			return "", errors.New("no such file")
		}
		if err != nil {
			return "", err
		}
		if !info.Mode().IsRegular() {
			return "", errors.New("not a file")
		}
	}
	if !nativeOpen() {
		return nativeLoad(p.path)
	}
	if p.path != environment.path {
		return "", fmt.Errorf("this process has loaded %s before, and can have only one", environment.path)
	}
	return nativeVersion(), nil
}
