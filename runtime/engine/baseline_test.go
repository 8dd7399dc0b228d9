package engine

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSlower(t *testing.T) {
	const ms = time.Millisecond
	before := map[string]time.Duration{"a": 10 * ms, "b": 10 * ms, "c": ms / 10}
	if got := slower(before, map[string]time.Duration{"a": 15 * ms, "b": 9 * ms, "c": ms, "d": 99 * ms}); got != "" {
		t.Errorf("%q is no slower", got)
	}
	got := slower(before, map[string]time.Duration{"a": 16 * ms, "b": 20 * ms})
	if got != "a takes 16.0 ms, at the first start 10.0 ms; b takes 20.0 ms, at the first start 10.0 ms" {
		t.Errorf("%q", got)
	}
}

func TestBaselineFilesThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	if known, err := readBaseline(filepath.Join(dir, "none")); err != nil || known == nil {
		t.Errorf("no file: %v, %v", known, err)
	}
	put(t, dir, "broken", "{")
	put(t, dir, "large", strings.Repeat(" ", maxBaseline+1))
	for _, name := range []string{"broken", "large"} {
		if _, err := readBaseline(filepath.Join(dir, name)); err == nil {
			t.Errorf("%s was read", name)
		}
	}
	if _, err := readBaseline(dir); err == nil {
		t.Error("a folder was read")
	}
	if _, err := os.Stat(filepath.Join(dir, "none")); err == nil {
		t.Error("reading made a file")
	}
}
