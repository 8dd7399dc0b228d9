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
		Glimpses: []scene.Object{{
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
	snap.Seen = snap.Glimpses
	snap.Seen[0].Existence = 0.9
	sure := query.Execute(q, snap, query.DefaultOptions())
	if w, s := weak.Interval95, sure.Interval95; w[1]-w[0] < 1.5*(s[1]-s[0]) || strings.Contains(sure.Text, "clearly") {
		t.Errorf("intervals %v of a hint, %v of a thing: %q", *w, *s, sure.Text)
	}
}

// ask parses and executes.
func ask(t *testing.T, text string, snap *scene.Snapshot, lex *query.Lexicon) query.Answer {
	t.Helper()
	q, err := query.Parse(text, lex)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return query.Execute(q, snap, query.DefaultOptions())
}

func TestEveryThingOfAQuestionMayRestOnAHint(t *testing.T) {
	snap, lex := glimpse(0.6)
	table := snap.Glimpses[0]
	table.ID, table.Label, table.LabelIndex, table.LabelProbs = "o1", "table", 1, []float64{0, 1}
	table.Existence, table.FirstMono, table.Box.Center = 0.95, 1, scene.Vec3{X: 2, Y: 2, Z: 0.5}
	snap.Seen = []scene.Object{table}
	for text, want := range map[string]string{
		"how far is the table from the chair":                          "",
		"which of these is closest to me: table or chair":              "chair",
		"in which order did you see the chair and the table":           "chair, table",
		"standing at the chair facing the table, how far is the table": "",
		"what is closest to the chair":                                 "table",
	} {
		a := ask(t, text, snap, lex)
		if a.Status != query.Answered || !strings.Contains(a.Text, "not clearly seen a chair") {
			t.Errorf("%q: %s %s %q", text, a.Status, a.Reason, a.Text)
		}
		if want != "" && a.Choice != want {
			t.Errorf("%q: %q, want %q", text, a.Choice, want)
		}
	}
	snap.Glimpses = append(snap.Glimpses, table)
	snap.Seen = nil
	text := ask(t, "how far is the table from the chair", snap, lex).Text
	if !strings.HasPrefix(text, "I have not clearly seen a table or a chair, but perhaps: ") {
		t.Errorf("two hints: %q", text)
	}
}

// TestHintsHaveAScope: what was glimpsed a while ago is not there now.
func TestHintsHaveAScope(t *testing.T) {
	snap, lex := glimpse(0.4)
	if a := ask(t, "where is the chair now", snap, lex); a.Scope != query.Now || a.Status == query.Answered {
		t.Errorf("a glimpse of before answers %s: %s %q", a.Scope, a.Status, a.Text)
	}
	snap.Hints, snap.Glimpses = snap.Glimpses, nil
	if a := ask(t, "where is the chair now", snap, lex); a.Status != query.Answered {
		t.Errorf("the newest picture's hint: %s %q", a.Status, a.Text)
	}
	if a := ask(t, "where is the chair", snap, lex); a.Status == query.Answered {
		t.Errorf("memory has no glimpse of it: %q", a.Text)
	}
}

func TestAChoiceNeedsNoDistance(t *testing.T) {
	snap, lex := glimpse(0.9)
	near, far := snap.Glimpses[0], snap.Glimpses[0]
	near.ID, far.ID = "o1", "o2"
	far.Label, far.LabelIndex, far.LabelProbs = "table", 1, []float64{0, 1}
	far.Box.Center.X = 9
	wide := scene.Cov{1, 0, 0, 0, 1, 0, 0, 0, 1}
	near.CenterCov, far.CenterCov = wide, wide
	snap.Seen = []scene.Object{near, far}
	if a := ask(t, "how far is the chair", snap, lex); a.Reason != query.ReasonUncertain {
		t.Errorf("a distance with an error of metres: %s %q", a.Status, a.Text)
	}
	a := ask(t, "which of these is closest to me: table or chair", snap, lex)
	if a.Choice != "chair" || a.Interval95[1]-a.Interval95[0] < 2 {
		t.Errorf("which one is plain, and how far is told as it is known: %+v", a)
	}
}
