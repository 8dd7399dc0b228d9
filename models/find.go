package models

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ErrNotFound is returned by Find when no folder holds the wanted bundle.
var ErrNotFound = errors.New("no such model bundle")

// Find returns the folder of a bundle given by path or by name. A name (no slash in it) is looked up in each of dirs
// in order, then taken as a folder beside the caller. The error lists every place that was tried.
func Find(nameOrDir string, dirs []string) (string, error) {
	if nameOrDir == "" {
		return "", fmt.Errorf("finding a model bundle: %w: the name is empty", ErrNotFound)
	}
	var tried []string
	if !strings.ContainsRune(nameOrDir, filepath.Separator) && filepath.IsLocal(nameOrDir) && nameOrDir != "." {
		for _, d := range dirs {
			tried = append(tried, filepath.Join(d, nameOrDir))
		}
	}
	tried = append(tried, nameOrDir)
	for _, dir := range tried {
		if info, err := os.Stat(filepath.Join(dir, ManifestName)); err == nil && info.Mode().IsRegular() {
			return dir, nil
		}
	}
	return "", fmt.Errorf("finding model bundle %q: %w: no %s in %s", nameOrDir, ErrNotFound, ManifestName,
		strings.Join(tried, ", "))
}
