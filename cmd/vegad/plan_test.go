package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/camera/room"
	"github.com/vega-edge/vegad/runtime/query"
)

// tinyFilm renders a film too small to look at, for its truth.
func tinyFilm(t *testing.T, seed uint64) *room.Truth {
	t.Helper()
	f := film{Seed: seed, Width: 48, Height: 36, FPS: demoFPS, Frames: 120}
	truth, err := f.render(t.Context(), func(*camera.Frame) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return truth
}

// TestPlannedQuestions holds every planned question against the grammar and against what the film shows.
func TestPlannedQuestions(t *testing.T) {
	lexicon := query.NewLexicon(room.Labels[:], room.Colors[:])
	var labels []string
	well, asked, absentAsked := 0, 0, 0
	for seed := range uint64(12) {
		truth := tinyFilm(t, 1_000_000+seed)
		for i, p := range planQuestions(truth, room.Labels[:]) {
			parsed, err := query.Parse(p.text, lexicon)
			if err != nil {
				t.Errorf("seed %d: %q: %v", seed, p.text, err)
				continue
			}
			if parsed.Kind != p.kind || p.kind != kindsAsked[i] {
				t.Errorf("seed %d: %q is planned as %s and understood as %s", seed, p.text, p.kind, parsed.Kind)
			}
			if parsed.Target != nil && parsed.Target.Label != p.label {
				t.Errorf("seed %d: %q is planned about %q and understood about %q", seed, p.text, p.label, parsed.Target.Label)
			}
			if p.frame < 84 || p.frame > 108 {
				t.Errorf("seed %d: %q is asked at frame %d of 120", seed, p.text, p.frame)
			}
			labels = append(labels, p.label)
			if p.label == "" {
				continue
			}
			about := labelled(sights(truth, p.frame), p.label)
			near, seen := nearestOf(about)
			if p.kind == query.Exists && !seen {
				absentAsked++
				if len(labelledIn(truth, p.label)) > 0 {
					t.Errorf("seed %d: %q is about a thing that is there and was not seen", seed, p.text)
				}
				continue
			}
			if !seen {
				t.Errorf("seed %d: %q is about something that was not seen", seed, p.text)
			}
			unique := strings.Contains(p.text, "the "+p.label)
			if p.kind == query.Locate && unique != (len(about) == 1) {
				t.Errorf("seed %d: %q, but %d were seen", seed, p.text, len(about))
			}
			asked++
			if near.times >= wellTimes {
				well++
			}
		}
	}
	slices.Sort(labels)
	if kinds := len(slices.Compact(labels)); kinds < 8 {
		t.Errorf("only %d labels are asked about", kinds)
	}
	if well*10 < asked*8 {
		t.Errorf("only %d of %d questions are about something seen well", well, asked)
	}
	if absentAsked == 0 {
		t.Error("nothing absent is asked about")
	}
}

func TestPlansAskOnlyAboutKnownLabels(t *testing.T) {
	truth := tinyFilm(t, 1_000_003)
	for _, p := range planQuestions(truth, []string{"chair", "door"}) {
		if p.label != "" && p.label != "chair" && p.label != "door" {
			t.Errorf("%q", p.text)
		}
	}
	for _, p := range planQuestions(truth, nil) {
		if _, err := query.Parse(p.text, query.NewLexicon(nil, nil)); p.label != "" || err != nil {
			t.Errorf("%q: %v", p.text, err)
		}
	}
}

func TestQuestionsForAnyCamera(t *testing.T) {
	lexicon := query.NewLexicon(room.Labels[:], room.Colors[:])
	for i, p := range anyQuestions() {
		parsed, err := query.Parse(p.text, lexicon)
		if err != nil || parsed.Kind != kindsAsked[i] || parsed.Kind != p.kind {
			t.Errorf("%q: %s, %v", p.text, parsed.Kind, err)
		}
	}
}

func TestPlurals(t *testing.T) {
	lexicon := query.NewLexicon(room.Labels[:], room.Colors[:])
	for _, label := range room.Labels {
		for _, text := range []string{"how many " + plural(label) + " are there?", "is there " + article(label) + "?"} {
			parsed, err := query.Parse(text, lexicon)
			if err != nil || parsed.Target == nil || parsed.Target.Label != label {
				t.Errorf("%q: %+v, %v", text, parsed.Target, err)
			}
		}
	}
	got := []string{plural("shelf"), plural("box"), plural("bench"), article("orange")}
	if want := []string{"shelves", "boxes", "benches", "an orange"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestMoments(t *testing.T) {
	got := moments(20, 0.7, 0.9, 5)
	if fmt.Sprintf("%.2f", got) != "[14.00 15.00 16.00 17.00 18.00]" {
		t.Error(got)
	}
	if got := moments(20, 0.7, 0.9, 1); got[0] != 14 {
		t.Error(got)
	}
}
