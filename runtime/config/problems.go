package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong, and where.
type Problem struct {
	File   string // as it was named; empty when no file is to blame
	Line   int    // from 1; 0 when the whole file is meant
	Column int    // from 1
	Path   string // such as cameras[0].mount.yawDeg; empty for the whole document
	Reason string // what is wrong, with the value and what would be right
}

// String has the form that editors and people can follow: file:line:column: path: reason.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
		}
		b.WriteString(": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	return b.String() + p.Reason
}

// Problems is everything that is wrong with a configuration, sorted by file and position. It is the error of Load,
// Parse and Validate.
type Problems []Problem

// Error prints one problem a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// orNil keeps an empty list from becoming an error.
func (p Problems) orNil() error {
	if len(p) == 0 {
		return nil
	}
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Path, b.Path),
		)
	})
	return p
}

// place is where a value stands.
type place struct {
	file         string
	line, column int
	unread       bool // a problem was reported here, so that the field does not hold what the file says
}

// places remembers where each path was set last, for the checks that come after decoding.
type places map[string]place

// problem blames the value at the path, or the nearest thing around it when the value itself is absent.
func (s places) problem(path, reason string) Problem {
	for at := path; ; at = parent(at) {
		if p, ok := s[at]; ok {
			return Problem{File: p.file, Line: p.line, Column: p.column, Path: path, Reason: reason}
		}
		if at == "" {
			return Problem{Path: path, Reason: reason}
		}
	}
}

// forget drops what is known about a path and below, when a later file replaces it.
func (s places) forget(path string) {
	for at := range s {
		if at == path || strings.HasPrefix(at, path+".") || strings.HasPrefix(at, path+"[") {
			delete(s, at)
		}
	}
}

func parent(path string) string { return path[:max(strings.LastIndexAny(path, ".["), 0)] }

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
