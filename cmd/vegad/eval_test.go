package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/camera/room"
)

// evaluate runs vegad eval on two rooms with a bundle of random weights.
func evaluate(t *testing.T, c evalCmd) (string, string, error) {
	t.Helper()
	native(t)
	c.Bundle, c.Rooms = tinyBundle(t, room.Labels[:]...), 2
	if c.Precision == "" {
		c.Precision = "fp32"
	}
	c.Provider = "cpu"
	if c.Variants == nil {
		c.Variants = []string{"gated"}
	}
	if c.Split == "" {
		c.Split = "test"
	}
	var out, notes bytes.Buffer
	err := c.Run(t.Context(), streams{out: &out, err: &notes})
	return out.String(), notes.String(), err
}

func TestEvalPrintsOneObject(t *testing.T) {
	out, notes, err := evaluate(t, evalCmd{JSON: true, Split: "shift"})
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Bundle, Precision, Provider, Split string
		Rooms, FirstSeed                   int
		Variants                           map[string]map[string]any
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if r.Bundle != "tiny 0.0.1" || r.Precision != "fp32" || r.Provider != "cpu" || r.Split != "shift" || r.Rooms != 2 ||
		r.FirstSeed != 2_000_000 || r.Variants["gated"]["locate"] == nil {
		t.Errorf("printed %s", out)
	}
	wantContains(t, "the progress", notes, "2 rooms in", "a second")
}

func TestEvalPrintsTables(t *testing.T) {
	out, _, err := evaluate(t, evalCmd{})
	if err != nil {
		t.Fatal(err)
	}
	wantContains(t, "the table", out, "gated", "fp32 on cpu", "seeds 1000000 to 1000001")
	out, _, err = evaluate(t, evalCmd{Markdown: true})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(out, "| figure | gated |\n|---|---|\n") {
		t.Errorf("printed %s", out)
	}
}

// TestEvalExportsAndScoresWalks lets the memory see the truth, writes the questions down and scores the file again.
func TestEvalExportsAndScoresWalks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "walks.jsonl")
	out, _, err := evaluate(t, evalCmd{Markdown: true, Walks: 1, Variants: []string{"perfect"}, Export: file})
	if err != nil {
		t.Fatal(err)
	}
	wantContains(t, "the table", out, "| figure | perfect | chance |", "seeds 1000000 to 1000000", "room size, MRA")
	var scored bytes.Buffer
	c := evalCmd{Markdown: true, Score: file}
	if err := c.Run(t.Context(), streams{out: &scored, err: &bytes.Buffer{}}); err != nil {
		t.Fatal(err)
	}
	rows := func(text string) string { return text[:strings.LastIndex(text, "|")] }
	if rows(scored.String()) != rows(out) {
		t.Errorf("measured\n%s\nscored\n%s", out, scored.String())
	}
}

func TestEvalRefusesFiles(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.jsonl")
	if err := os.WriteFile(bad, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, c := range map[string]evalCmd{
		"line 1":                {Score: bad},
		"no such file":          {Score: bad + "x"},
		"only walks (--walks N": {Export: bad},
	} {
		err := c.Run(t.Context(), streams{out: &bytes.Buffer{}, err: &bytes.Buffer{}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want one that says %q", c, err, want)
		}
	}
}

func TestEvalRefuses(t *testing.T) {
	for what, c := range map[string]evalCmd{
		"are trained on":      {Seed: 5},
		"for outside judges":  {Seed: 1_700_000},
		"split shift has the": {Seed: 1_000_000, Split: "shift"},
	} {
		if _, _, err := evaluate(t, c); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%+v: error %v, want one that says %q", c, err, what)
		}
	}
	empty := evalCmd{Bundle: t.TempDir(), Rooms: 1, Split: "test"}
	if err := empty.Run(t.Context(), streams{out: &bytes.Buffer{}, err: &bytes.Buffer{}}); err == nil {
		t.Error("a folder without a bundle is not refused")
	}
}
