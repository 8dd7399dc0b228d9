package query

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func testLexicon() *Lexicon {
	return NewLexicon(
		[]string{
			"ball", "bed", "bin", "box", "cabinet", "chair", "door", "fridge", "lamp", "monitor", "plant", "shelf",
			"sofa", "stool", "table", "window",
		},
		[]string{
			"red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey",
		},
	)
}

// languageCase is a question and the query it must parse to, or that it must be refused.
type languageCase struct {
	Question string `json:"question"`
	Query    *Query `json:"query"`
	Refused  bool   `json:"refused"`
	Set      string `json:"set"` // dev was looked at while the grammar was written, held only afterwards
}

func languageSet(tb testing.TB) []languageCase {
	tb.Helper()
	data, err := os.ReadFile("testdata/language.jsonl")
	if err != nil {
		tb.Fatal(err)
	}
	var set []languageCase
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		var c languageCase
		dec := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&c); err != nil {
			tb.Fatalf("%s: %v", lines.Text(), err)
		}
		set = append(set, c)
	}
	return set
}

// judge returns whether a question parsed as it must, and whether it was taken for another kind.
func judge(t *testing.T, lex *Lexicon, c languageCase) (exact, wrongKind bool) {
	t.Helper()
	got, err := Parse(c.Question, lex)
	var refused *ParseError
	if err != nil && !errors.As(err, &refused) {
		t.Fatalf("%q: error of type %T", c.Question, err)
	}
	switch {
	case c.Refused && err == nil:
		t.Logf("%q: parsed to %s, must be refused", c.Question, show(got))
		return false, true
	case c.Refused:
		return true, false
	case err != nil:
		t.Logf("%q: refused: %v", c.Question, err)
		return false, false
	}
	if diff := cmp.Diff(*c.Query, got); diff != "" {
		t.Logf("%q: (-want +got)\n%s", c.Question, diff)
		return false, got.Kind != c.Query.Kind
	}
	return true, false
}

func show(q Query) string {
	data, err := json.Marshal(q)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// TestLanguageSet holds the grammar to its sets of questions: the one it was written with, and those that were written
// before anyone looked at how it does on them.
func TestLanguageSet(t *testing.T) {
	lex := testLexicon()
	total := 0
	bySet := map[string][]languageCase{}
	for _, c := range languageSet(t) {
		bySet[c.Set] = append(bySet[c.Set], c)
		total++
	}
	if total < 600 || len(bySet["held"]) < 200 {
		t.Fatalf("%d questions, %d of them held out", total, len(bySet["held"]))
	}
	for set, cases := range bySet {
		exact, wrong := 0, 0
		for _, c := range cases {
			ok, other := judge(t, lex, c)
			if ok {
				exact++
			}
			if other {
				wrong++
			}
		}
		share := 100 * float64(exact) / float64(len(cases))
		t.Logf("%s: %d questions, %.1f %% exact, %d of a wrong kind", set, len(cases), share, wrong)
		if share < 97 || wrong > 0 {
			t.Errorf("%s: %.1f %% exact (want 97), %d of a wrong kind (want 0)", set, share, wrong)
		}
	}
}

func TestParsedQueriesAreValid(t *testing.T) {
	lex := testLexicon()
	for _, c := range languageSet(t) {
		q, err := Parse(c.Question, lex)
		if err != nil {
			continue
		}
		back, err := Decode([]byte(show(q)), lex)
		if err != nil {
			t.Errorf("%q: %v", c.Question, err)
		}
		if diff := cmp.Diff(q, back); diff != "" {
			t.Errorf("%q changes through JSON:\n%s", c.Question, diff)
		}
	}
}

func TestRefusalsSuggestSomethingThatParses(t *testing.T) {
	lex := testLexicon()
	for _, c := range languageSet(t) {
		_, err := Parse(c.Question, lex)
		var refused *ParseError
		if !errors.As(err, &refused) {
			continue
		}
		if _, err := Parse(refused.Nearest, lex); err != nil {
			t.Errorf("%q suggests %q: %v", c.Question, refused.Nearest, err)
		}
		if refused.Reason == "" {
			t.Errorf("%q is refused without a reason", c.Question)
		}
	}
}

func TestRefusalExplainsItself(t *testing.T) {
	_, err := Parse("How many people are near the red sofa?", testLexicon())
	var refused *ParseError
	if !errors.As(err, &refused) {
		t.Fatal(err)
	}
	want := ParseError{
		Understood: "how many", Nearest: "how many sofas are there",
		Reason: `"people" is not a thing I know; I know: ` + strings.Join(testLexicon().Labels(), ", "),
	}
	if diff := cmp.Diff(want, *refused); diff != "" {
		t.Error(diff)
	}
}

func TestCaseAndPunctuationDoNotMatter(t *testing.T) {
	lex := testLexicon()
	set := languageSet(t)
	rapid.Check(t, func(t *rapid.T) {
		c := set[rapid.IntRange(0, len(set)-1).Draw(t, "question")]
		want, wantErr := Parse(c.Question, lex)
		words := strings.Fields(c.Question)
		for i, w := range words {
			if rapid.Bool().Draw(t, "upper") {
				w = strings.ToUpper(w)
			}
			words[i] = w + rapid.SampledFrom([]string{"", "?", "!", " ", "..."}).Draw(t, "mark")
		}
		got, err := Parse(strings.Join(words, " "), lex)
		if (err == nil) != (wantErr == nil) || !cmp.Equal(got, want) {
			t.Fatalf("%q is not %q", words, c.Question)
		}
	})
}

func TestLexiconFollowsTheBundle(t *testing.T) {
	lex := NewLexicon([]string{"couch", "night stand", "desk"}, []string{"gray"})
	for text, want := range map[string]Referent{
		"where is the couch":            {Label: "couch"},
		"where are the grey nightstand": {},
		"where are the night stands":    {Label: "night stand"},
		"where is the grey desk":        {Label: "desk", Color: "gray"},
	} {
		q, err := Parse(text, lex)
		if want.isAny() {
			if err == nil {
				t.Errorf("%q must be refused", text)
			}
			continue
		}
		if err != nil || !cmp.Equal(*q.Target, want) {
			t.Errorf("%q: %s %v", text, show(q), err)
		}
	}
}

func FuzzParse(f *testing.F) {
	lex := testLexicon()
	for _, c := range languageSet(f) {
		f.Add(c.Question)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := Parse(text, lex)
		if err != nil {
			var refused *ParseError
			if !errors.As(err, &refused) || refused.Reason == "" || refused.Nearest == "" {
				t.Fatalf("error %#v", err)
			}
			return
		}
		if err := q.check(lex); err != nil {
			t.Fatalf("%q parsed to an invalid query: %v", text, err)
		}
	})
}

func FuzzDecode(f *testing.F) {
	lex := testLexicon()
	for _, c := range languageSet(f) {
		if c.Query != nil {
			f.Add([]byte(show(*c.Query)))
		}
	}
	f.Add([]byte(`{"kind":"distance","target":{"label":"couch","relations":[{"name":"near"}]},"unit":"yard"}`))
	snap := furnishedScene()
	f.Fuzz(func(t *testing.T, data []byte) {
		q, err := Decode(data, lex)
		if err != nil {
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("error %v", err)
			}
			return
		}
		a := Execute(q, snap, DefaultOptions())
		if a.Status == "" || a.Text == "" {
			t.Fatalf("answer %+v", a)
		}
		if _, err := json.Marshal(a); err != nil {
			t.Fatal(err)
		}
	})
}

func TestDecodeRefuses(t *testing.T) {
	deep := strings.Repeat(`{"label":"chair","relations":[{"name":"near","to":`, 20) + `{}` + strings.Repeat(`}]}`, 20)
	for name, text := range map[string]string{
		"not JSON":          `{`,
		"unknown field":     `{"kind":"count","colour":"red"}`,
		"unknown kind":      `{"kind":"fly"}`,
		"unknown label":     `{"kind":"count","target":{"label":"people"}}`,
		"unknown colour":    `{"kind":"count","target":{"color":"mauve"}}`,
		"unknown scope":     `{"kind":"count","scope":"later"}`,
		"unknown unit":      `{"kind":"distance","target":{},"unit":"yard"}`,
		"no target":         `{"kind":"distance"}`,
		"bad id":            `{"kind":"locate","target":{"id":"x1"}}`,
		"bad relation":      `{"kind":"locate","target":{"relations":[{"name":"inside"}]}}`,
		"on nothing":        `{"kind":"locate","target":{"relations":[{"name":"on"}]}}`,
		"negative ordinal":  `{"kind":"locate","target":{"ordinal":-1}}`,
		"direction from":    `{"kind":"direction","target":{},"from":{}}`,
		"of without order":  `{"kind":"locate","target":{"of":{}}}`,
		"two values":        `{"kind":"count"}{}`,
		"nested too deep":   `{"kind":"locate","target":` + deep + `}`,
		"more than allowed": `{"kind":"count"}` + strings.Repeat(" ", maxQueryBytes),
	} {
		if _, err := Decode([]byte(text), testLexicon()); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestDecodeKnowsSynonyms(t *testing.T) {
	q, err := Decode([]byte(`{"kind":"count","target":{"label":"Couch","color":"gray"}}`), testLexicon())
	if err != nil || q.Target.Label != "sofa" || q.Target.Color != "grey" {
		t.Fatalf("%s %v", show(q), err)
	}
}

func BenchmarkParse(b *testing.B) {
	lex := testLexicon()
	set := languageSet(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_, _ = Parse(set[i%len(set)].Question, lex)
	}
}

// TestHostileQuestionsStayCheap repeats what makes the grammar look ahead and step back until a question is as long as
// it may be.
func TestHostileQuestionsStayCheap(t *testing.T) {
	lex := testLexicon()
	for _, start := range []string{
		"", "how many chairs ", "is the chair ", "what is ", "which of ", "how do i get to the bed ",
	} {
		for _, unit := range []string{
			"near the chair ", "and not near the chair ", "between the chair and ", "red ", "chair, ", "chair and ",
			"standing at the door facing the ", "that is ", "nearest to the ", "from the chair to ", "but not the red one ",
		} {
			text := start + strings.Repeat(unit, (maxTextBytes-len(start))/len(unit))
			allocs := testing.AllocsPerRun(1, func() { _, _ = Parse(text, lex) })
			if allocs > 20_000 {
				t.Errorf("%q and so on: %g allocations", text[:len(start)+len(unit)], allocs)
			}
		}
	}
}
