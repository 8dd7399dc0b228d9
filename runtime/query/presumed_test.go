package query_test

import (
	"strings"
	"testing"

	"github.com/vega-edge/vegad/runtime/query"
	"github.com/vega-edge/vegad/runtime/scene"
)

// glimpse is a memory without a chair, whose newest picture perhaps shows one.
func glimpse(score float64) (*scene.Snapshot, *query.Lexicon) {
	lex := query.NewLexicon([]string{"chair", "table"}, []string{"red", "blue"})
	tiny := scene.Cov{1e-4, 0, 0, 0, 1e-4, 0, 0, 0, 1e-4}
	return &scene.Snapshot{
		Seq: 1, Labels: lex.Labels(), Colors: lex.Colors(), Looked: 1, Consistency: 1,
		Stats: scene.Stats{Observations: 1},
		Hints: []scene.Object{{
			Label: "chair", Color: "red", LabelProbs: []float64{1, 0}, ColorProbs: []float64{0.9, 0.1}, Existence: score,
			Box:       scene.Box{Center: scene.Vec3{X: 2, Z: 0.5}, Size: scene.Vec3{X: 0.5, Y: 0.5, Z: 1}},
			CenterCov: tiny, SizeVar: scene.Vec3{X: 1e-4, Y: 1e-4, Z: 1e-4},
		}},
	}, lex
}

func TestWhatIsTakenForGrantedMayRestOnAHint(t *testing.T) {
	snap, lex := glimpse(0.2)
	for text, hinted := range map[string]bool{
		"where is the chair":                     true,
		"how far is the red chair":               true,
		"in which direction is the chair":        true,
		"how big is the chair":                   true,
		"how far is the blue chair":              false, // it is red
		"where is the table":                     false,
		"where is the largest chair":             false, // there would have to be several
		"how far is the chair left of the table": false,
		"describe the chair":                     false,
	} {
		q, err := query.Parse(text, lex)
		if err != nil {
			t.Fatal(err)
		}
		a := query.Execute(q, snap, query.DefaultOptions())
		if (a.Status == query.Answered) != hinted {
			t.Errorf("%q: %s %s %q", text, a.Status, a.Reason, a.Text)
			continue
		}
		if hinted && (a.Confidence > 0.2 || !strings.Contains(a.Text, "not clearly seen")) {
			t.Errorf("%q: confidence %g, %q", text, a.Confidence, a.Text)
		}
	}
	for text, want := range map[string]string{"is there a chair": "no", "how many chairs are there": ""} {
		q, err := query.Parse(text, lex)
		if err != nil {
			t.Fatal(err)
		}
		a := query.Execute(q, snap, query.DefaultOptions())
		if a.Choice != want || len(a.Objects) > 0 || a.Value != nil && *a.Value != 0 {
			t.Errorf("%q does not take a chair for granted: %+v", text, a)
		}
	}
}

func TestHintHasToBeGoodEnough(t *testing.T) {
	snap, lex := glimpse(0.05)
	q, err := query.Parse("where is the chair", lex)
	if err != nil {
		t.Fatal(err)
	}
	if a := query.Execute(q, snap, query.DefaultOptions()); a.Reason != query.ReasonNotSeen {
		t.Errorf("answered from nearly nothing: %+v", a)
	}
	snap, _ = glimpse(0.2)
	weak := query.Execute(q, snap, query.DefaultOptions())
	snap.Seen = snap.Hints
	snap.Seen[0].Existence = 0.9
	sure := query.Execute(q, snap, query.DefaultOptions())
	if w, s := weak.Interval95, sure.Interval95; w[1]-w[0] < 1.5*(s[1]-s[0]) || strings.Contains(sure.Text, "clearly") {
		t.Errorf("intervals %v of a hint, %v of a thing: %q", *w, *s, sure.Text)
	}
}
