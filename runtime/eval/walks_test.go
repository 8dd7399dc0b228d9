package eval

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vega-edge/vegad/camera/room"
	"github.com/vega-edge/vegad/models"
	"github.com/vega-edge/vegad/runtime/query"
	"github.com/vega-edge/vegad/runtime/scene"
)

// sketchConfig is walks through small pictures, without networks.
func sketchConfig(rooms int, variants ...string) Config {
	cfg := *studioConfig()
	m := *cfg.Manifest
	m.Name, m.Version, m.Colors = "sketch", "1", room.Colors[:]
	m.View, m.Grid = models.View{Width: 80, Height: 60, HFOVRad: room.DefaultHFOV}, models.Grid{Cols: 20, Rows: 15}
	cfg.Manifest, cfg.Split, cfg.Rooms, cfg.Variants, cfg.Priors = &m, Test, rooms, variants, 4
	return cfg
}

// TestPerfectPerceptionAnswersEveryKind feeds the memory with the truth: what the questions lose then is the memory's,
// the geometry's or the grammar's fault.
func TestPerfectPerceptionAnswersEveryKind(t *testing.T) {
	cfg := sketchConfig(3, Perfect, Blind)
	cfg.First = 1_000_009 // the first rooms of split test show hardly anything in an order
	r, d, err := Walk(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	p, blind := r.Variants[Perfect], r.Variants[Blind]
	for _, k := range kindNaming() {
		value, ok := p.Figures["vsi"][k[1]]
		t.Logf("%-22s %3d questions, %.1f %%", k[1], p.Samples["vsi"][k[1]], value)
		if !ok || value < 99 {
			t.Errorf("%s: %.1f %%, asked: %v", k[1], value, ok)
		}
	}
	if cover := p.Figures["calibration"]["coverage95"]; cover < 99 {
		t.Errorf("%.1f %% of the truths lie in their intervals", cover)
	}
	if a, b := blind.Figures["vsi"][average], p.Figures["vsi"][average]; !(a > 0 && a < 80 && b >= 99) {
		t.Errorf("average %.1f blind, %.1f with perfect perception", a, b)
	}
	t.Run("export scores the same", func(t *testing.T) { scoresTheSame(t, r, d) })
	t.Run("questions parse", func(t *testing.T) { parses(t, d.Questions) })
	t.Run("without answers", func(t *testing.T) {
		empty := Score(&Dialogue{Questions: d.Questions, Replies: []Reply{{ID: d.Questions[0].ID, From: "nobody"}}})
		if v := empty.Variants["nobody"].Figures; v["vsi"][average] != 0 || v["calibration"]["answered"] != 0 {
			t.Errorf("who says nothing scores %v", v)
		}
	})
}

func scoresTheSame(t *testing.T, r *WalkResult, d *Dialogue) {
	var file bytes.Buffer
	if err := d.Write(&file); err != nil {
		t.Fatal(err)
	}
	again, err := ReadDialogue(&file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r.Variants, Score(again).Variants); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{r.Table(), r.Markdown(), Score(again).Markdown()} {
		for _, want := range []string{"route plan", "average of the eight", Perfect, Chance} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is missing in\n%s", want, text)
			}
		}
	}
}

// parses holds that the grammar understands each question as its kind.
func parses(t *testing.T, questions []Question) {
	lex := query.NewLexicon(room.Labels[:], room.Colors[:])
	for i := range questions {
		q := &questions[i]
		parsed, err := query.Parse(q.Text, lex)
		if err != nil {
			t.Errorf("%q: %v", q.Text, err)
			continue
		}
		if want := kindOf(q.Kind); parsed.Kind != want {
			t.Errorf("%q is taken for %s, want %s", q.Text, parsed.Kind, want)
		}
	}
}

func kindOf(kind string) query.Kind {
	switch kind {
	case ObjectCounting:
		return query.Count
	case ObjectAbsDistance:
		return query.Distance
	case ObjectSize:
		return query.Size
	case RoomSize:
		return query.RoomSize
	case ObjectRelDistance:
		return query.Nearest
	case RoutePlanning:
		return query.Route
	case AppearanceOrder:
		return query.Order
	}
	return query.Direction
}

// hall is a tour past five things in a row along x, and one that is only glimpsed.
func hall() *tour {
	t := &tour{seed: 5, room: scene.Room{Length: 9, Width: 4, Height: 2.5, Area: 36}}
	for i := range 5 {
		t.residents = append(t.residents, resident{
			label: i, box: box(float64(2*i), 0, 0.5, 1), looks: 9, any: true, first: 10 * i,
		})
	}
	t.residents = append(t.residents,
		resident{label: 0, box: box(0, 3, 0.5, 1), looks: 9, any: true, first: 30},
		resident{label: 5, box: box(3, 3, 0.5, 1), looks: 1, any: true, first: 3},
	)
	return t
}

func TestExamFollowsItsRules(t *testing.T) {
	names := []string{"ball", "bed", "bin", "box", "cabinet", "chair"}
	questions := examine(hall(), Shift, names)
	seen := map[string]int{}
	for i := range questions {
		q := &questions[i]
		seen[q.Kind]++
		if strings.Contains(q.Text, "chair") {
			t.Errorf("%q is about what was only glimpsed", q.Text)
		}
		if q.Kind != ObjectCounting && q.Kind != ObjectRelDistance && q.Kind != AppearanceOrder &&
			strings.Contains(q.Text, "ball") {
			t.Errorf("%q is about one of two balls", q.Text)
		}
		if q.Kind == RelDirectionEasy || q.Kind == RelDirectionHard {
			t.Errorf("%q: things in a row have no left and right", q.Text)
		}
		if err := q.check(); err != nil || q.Split != Shift || q.Seed != 5 {
			t.Errorf("%+v: %v", q, err)
		}
	}
	if seen[ObjectCounting] != 1 || seen[RoomSize] != 1 || seen[ObjectSize] != 3 || seen[ObjectAbsDistance] == 0 {
		t.Errorf("asked %v", seen)
	}
	for _, q := range questions {
		truth, _ := number(q.GroundTruth)
		switch q.Kind {
		case ObjectCounting:
			wantNear(t, q.Text, truth, 2)
		case RoomSize:
			wantNear(t, q.Text, truth, 36)
		case ObjectSize:
			wantNear(t, q.Text, truth, 100)
		case ObjectAbsDistance:
			far := 2*math.Abs(float64(slices.Index(names, q.labels[0])-slices.Index(names, q.labels[1]))) - 1
			wantNear(t, q.Text, truth, far)
		}
	}
	if diff := cmp.Diff(questions, examine(hall(), Shift, names), cmp.AllowUnexported(Question{})); diff != "" {
		t.Errorf("asked twice, the exam differs: %s", diff)
	}
}

func wantNear(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9 {
		t.Errorf("%s %v, want %v", what, got, want)
	}
}

func TestTurnsOfARoute(t *testing.T) {
	// From the origin, facing +x: left to (0, 2), then right to (2, 2), then back to the origin's far side.
	tr := &tour{}
	for _, p := range [][2]float64{{0, 0}, {2, 0}, {0, 2}, {2, 2}, {-1, 2}} {
		tr.residents = append(tr.residents, resident{box: box(p[0], p[1], 0.5, 0.2)})
	}
	e := examiner{tour: tr}
	words, ok := e.turns([]int{0, 1, 2, 3, 4})
	if want := []string{"left", "right", "back"}; !ok || !slices.Equal(words, want) {
		t.Errorf("turns %v (%v), want %v", words, ok, want)
	}
	if _, ok := e.turns([]int{0, 2, 1, 3}); !ok {
		t.Error("right, then left is a route")
	}
	if _, ok := e.turns([]int{0, 1, 1, 3}); ok {
		t.Error("straight on is not a turn that can be asked for")
	}
}

func TestCurve(t *testing.T) {
	list := []attempt{
		{trust: 0.95, answer: true, marks: [2]float64{100, 100}},
		{trust: 0.55, answer: true, marks: [2]float64{0, 100}},
		{trust: 0.15, answer: true},
		{},
	}
	points := curve(list, list[:1])
	if len(points) < 8 {
		t.Fatalf("%d points", len(points))
	}
	wantNear(t, "abstained at 0", points[0].LocateAbstained, 25)
	wantNear(t, "abstained at 0.2", points[2].LocateAbstained, 50)
	wantNear(t, "right at 0.2", *points[2].LocateAcc25, 50)
	wantNear(t, "near at 0.2", *points[2].LocateNear, 100)
	wantNear(t, "right at 0.9", *points[9].LocateAcc25, 100)
	wantNear(t, "abstained from distances", points[9].DistanceAbstained, 0)
	if p := curve(nil, nil)[3]; p.LocateAcc25 != nil {
		t.Errorf("nothing answered scores %v", *p.LocateAcc25)
	}
	if text := curveMarkdown(points); strings.Count(text, "\n") != curvePoints+2 || strings.Contains(text, "NaN") {
		t.Error(text)
	}
}
