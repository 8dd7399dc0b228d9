package record

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The names of segments: a number, and a word for those that are not to fall out of the ring.
const (
	suffix     = ".vrec"
	keptSuffix = ".kept.vrec"
)

// segment is a file of a recording.
type segment struct {
	path  string
	size  int64
	wrote time.Time
	kept  bool
}

// listSegments returns all segments below a folder of recordings, oldest first.
func listSegments(dir string) ([]segment, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*", "*"+suffix))
	if err != nil {
		return nil, err
	}
	var out []segment
	for _, path := range paths {
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if info.Mode().IsRegular() {
			out = append(out, segment{path, info.Size(), info.ModTime(), strings.HasSuffix(path, keptSuffix)})
		}
	}
	slices.SortFunc(out, func(a, b segment) int { return cmp.Compare(a.path, b.path) })
	return out, nil
}

// limits bound a folder of recordings.
type limits struct {
	ring, kept int64 // bytes
	age        time.Duration
	short      int64 // bytes that the disk lacks, which the ring gives back
}

// usage is what a folder holds.
type usage struct{ ring, kept int64 }

// prune removes the oldest segments until the limits hold, but never the open one. What is left is returned.
func prune(dir, open string, l limits, now time.Time) (usage, error) {
	all, err := listSegments(dir)
	if err != nil {
		return usage{}, fmt.Errorf("listing recordings: %w", err)
	}
	var u usage
	for _, s := range all {
		*u.of(s.kept) += s.size
	}
	var errs []error
	before := u.ring
	for _, s := range all {
		over := u.ring > l.ring || before-u.ring < l.short || now.Sub(s.wrote) > l.age
		if s.kept {
			over = u.kept > l.kept
		}
		if !over || s.path == open {
			continue
		}
		if err := os.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
			continue
		}
		*u.of(s.kept) -= s.size
		_ = os.Remove(filepath.Dir(s.path)) // succeeds for an empty folder only, which is what is wanted
	}
	return u, errors.Join(errs...)
}

func (u *usage) of(kept bool) *int64 {
	if kept {
		return &u.kept
	}
	return &u.ring
}

// newFolder makes the folder of a new recording, named by the time.
func newFolder(dir string, now time.Time) (string, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return "", err
	}
	name := now.UTC().Format("20060102T150405Z")
	for n := 1; ; n++ {
		path := filepath.Join(dir, name)
		if n > 1 {
			path += fmt.Sprintf("-%d", n)
		}
		err := os.Mkdir(path, 0o750)
		if err == nil || !errors.Is(err, fs.ErrExist) {
			return path, err
		}
	}
}
