package query

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vega-edge/vegad/runtime/scene"
)

// item is a thing of a hand-built scene; its box stands on the floor unless z lifts it.
type item struct {
	label, color string
	x, y, z      float64
	size         scene.Vec3
	yaw          float64
}

// build makes a snapshot of perfectly known things.
func build(robot scene.Pose, items ...item) *scene.Snapshot {
	lex := testLexicon()
	s := &scene.Snapshot{
		Seq: 1, Mono: time.Second, Wall: time.Unix(100, 0).UTC(), Robot: robot, PoseSource: scene.PoseOdometry,
		HFOV: math.Pi / 2, Looked: 1, Consistency: 1, Labels: lex.Labels(), Colors: lex.Colors(),
		Stats: scene.Stats{Observations: 1},
	}
	for i, it := range items {
		o := scene.Object{
			ID: "o" + strconv.Itoa(i+1), Label: it.label, Color: it.color, Existence: 1, Hits: 1,
			LabelProbs: make([]float64, len(s.Labels)), ColorProbs: make([]float64, len(s.Colors)),
			Box: scene.Box{
				Center: scene.Vec3{X: it.x, Y: it.y, Z: it.z + it.size.Z/2}, Size: it.size, Yaw: it.yaw,
			},
			FirstMono: time.Duration(i), LastMono: s.Mono, LastWall: s.Wall,
		}
		o.LabelIndex = slices.Index(s.Labels, it.label)
		o.LabelProbs[o.LabelIndex] = 1
		if it.color != "" {
			o.ColorProbs[slices.Index(s.Colors, it.color)] = 1
		}
		s.Seen = append(s.Seen, o)
	}
	s.Now = slices.Clone(s.Seen)
	return s
}

func cube(side float64) scene.Vec3 { return scene.Vec3{X: side, Y: side, Z: side} }

// furnishedScene has the robot at the origin, looking along +x.
func furnishedScene() *scene.Snapshot {
	return build(
		scene.Pose{},
		item{"table", "brown", 3, 0, 0, scene.Vec3{X: 1, Y: 2, Z: 0.75}, 0},              // o1, ahead
		item{"chair", "red", 3, 1.6, 0, scene.Vec3{X: .4, Y: .4, Z: .9}, 0},              // o2, left of the table
		item{"chair", "blue", 3, -1.6, 0, scene.Vec3{X: .4, Y: .4, Z: .9}, 0},            // o3, right of the table
		item{"chair", "red", 1.8, 0, 0, scene.Vec3{X: .6, Y: .6, Z: 1}, 0},               // o4, before the table
		item{"sofa", "grey", 0, 3, 0, scene.Vec3{X: 2, Y: 1, Z: .8}, 0},                  // o5, to the left
		item{"box", "green", 3, 0.5, 0.75, cube(.3), 0},                                  // o6, on the table
		item{"ball", "yellow", 3, -0.5, 0, cube(.2), 0},                                  // o7, under the table
		item{"plant", "green", 4.5, 0, 0, scene.Vec3{X: .4, Y: .4, Z: 1.2}, 0},           // o8, behind the table
		item{"box", "blue", -2, 0, 0, cube(.6), 0},                                       // o9, behind the robot
		item{"door", "white", -4, -4, 0, scene.Vec3{X: .1, Y: .9, Z: 2}, math.Pi / 4},    // o10
		item{"stool", "black", -2, 1.5, 0, cube(.4), 0},                                  // o11, between o9 and the sofa
		item{"cabinet", "white", -3, 3, 0, scene.Vec3{X: .5, Y: 1, Z: 1.8}, math.Pi / 2}, // o12
	)
}

func ask(t *testing.T, s *scene.Snapshot, text string) Answer {
	t.Helper()
	q, err := Parse(text, testLexicon())
	if err != nil {
		t.Fatal(err)
	}
	return Execute(q, s, DefaultOptions())
}

func ids(a Answer, role Role) string {
	var list []string
	for _, o := range a.Objects {
		if o.Role == role {
			list = append(list, o.ID)
		}
	}
	return strings.Join(list, " ")
}

func TestNumbersOfTheFurnishedScene(t *testing.T) {
	s := furnishedScene()
	for text, want := range map[string]float64{
		"how many chairs are there":                         3,
		"how many red chairs are there":                     2,
		"how many objects are there":                        12,
		"how many fridges are there":                        0,
		"how many chairs are not red":                       1,
		"how many things are on the table":                  1,
		"how many things are under the table":               1,
		"how many chairs are near the table":                3,
		"how many chairs are left of the table":             1,
		"how many chairs are in front of me":                3,
		"how many things are behind me":                     4,
		"how many big chairs are there":                     1,
		"how many boxes are there that are green":           1,
		"how far is the table":                              2.5,
		"how far is the table in cm":                        250,
		"how far is the table in feet":                      2.5 / 0.3048,
		"how far is the nearest chair":                      1.5,
		"how far is the sofa":                               2.5,
		"how far is the red chair left of the table":        math.Hypot(2.8, 1.4),
		"how far is the green box from the table":           0,
		"how far is the ball from the plant":                math.Sqrt(1.2*1.2 + 0.2*0.2),
		"distance between the sofa and the cabinet":         1.5,
		"how far is the box behind me":                      1.7,
		"how far is o3 from o2":                             2.8,
		"what is nearest to me":                             1.5,
		"what is farthest from me":                          0, // checked against the object below
		"which chair is closest to the plant":               math.Hypot(1.1, 1.2),
		"is there a fridge":                                 0,
		"is there a red chair":                              1,
		"in which direction is the table":                   0,
		"in which direction is the sofa":                    math.Pi / 2,
		"in which direction is the blue box":                math.Pi,
		"in which direction is the door":                    -3 * math.Pi / 4,
		"where is the plant":                                4.3,
		"how far is the second chair":                       math.Hypot(2.8, 1.4),
		"how far is the second nearest chair":               math.Hypot(2.8, 1.4),
		"how many chairs except the red ones are there":     1,
		"how far is the stool between the sofa and the box": math.Hypot(1.8, 1.3),
	} {
		a := ask(t, s, text)
		if a.Status != Answered {
			t.Errorf("%q: %s %s: %s", text, a.Status, a.Reason, a.Text)
			continue
		}
		if text == "what is farthest from me" {
			want = s.Seen[9].Box.FootprintDistance(0, 0)
		}
		if math.Abs(*a.Value-want) > 1e-9 {
			t.Errorf("%q: %g, want %g (%s)", text, *a.Value, want, a.Text)
		}
		if a.Interval95[0] > *a.Value+1e-12 || a.Interval95[1] < *a.Value-1e-12 {
			t.Errorf("%q: value %g outside %v", text, *a.Value, *a.Interval95)
		}
	}
}

func TestObjectsOfTheFurnishedScene(t *testing.T) {
	s := furnishedScene()
	for text, want := range map[string]string{
		"where is the chair":                                 "o4",
		"where is the leftmost chair":                        "o2",
		"where is the rightmost chair":                       "o3",
		"where is the second chair from the left":            "o4",
		"where is the largest box":                           "o9",
		"where is the smallest chair that is red":            "o2",
		"where is the first box":                             "o6",
		"where is the second box":                            "o9",
		"where is the chair in front of the table":           "o4",
		"where is the plant behind the table":                "o8",
		"where is the box on the table":                      "o6",
		"where is the thing under the table":                 "o7",
		"where is the chair right of the table":              "o3",
		"where is the chair but not the red ones":            "o3",
		"where is the chair closest to the door":             "o4",
		"where is the box that is not on the table":          "o9",
		"where is the farthest thing":                        "o10",
		"where is the thing between the chair and the plant": "o1",
		"what is nearest to the table":                       "o6",
		"what is closest to the sofa":                        "o11",
		"which chair is farthest from the sofa":              "o3",
		"what is the second nearest chair":                   "o2",
	} {
		a := ask(t, s, text)
		got, _, _ := strings.Cut(ids(a, Target), " ")
		if got != want {
			t.Errorf("%q: %s, want %s (%s)", text, got, want, a.Text)
		}
	}
}

func TestAmbiguityListsTheRest(t *testing.T) {
	a := ask(t, furnishedScene(), "where is the chair")
	if ids(a, Target) != "o4" || ids(a, Alternative) != "o2 o3" {
		t.Errorf("targets %q, alternatives %q", ids(a, Target), ids(a, Alternative))
	}
}

func TestSentences(t *testing.T) {
	s := furnishedScene()
	unseen := func(what string) string {
		return "I have not seen " + what + "; I have looked at 100 % of the directions around me."
	}
	for text, want := range map[string]string{
		"how far is the table":              "The brown table is 2.50 m away.",
		"how far is the table in cm":        "The brown table is 250 cm away.",
		"how many red chairs are there":     "There are 2 red chairs.",
		"how many sofas are there":          "There is 1 sofa.",
		"is there a fridge":                 unseen("a fridge"),
		"is there an orange box":            unseen("an orange box"),
		"which way is the sofa":             "The grey sofa is to the left, 90 degrees to the left.",
		"which way is the table":            "The brown table is straight ahead.",
		"where is the door":                 "The white door is 5.61 m away, to the back right, 135 degrees to the right.",
		"what is closest to the sofa":       "It is the black stool, 1.13 m from the sofa.",
		"how far is the sofa from the ball": "The grey sofa is 3.47 m from the yellow ball.",
		"where is the fridge":               "I have not seen a fridge.",
	} {
		if a := ask(t, s, text); a.Text != want {
			t.Errorf("%q: %q, want %q", text, a.Text, want)
		}
	}
}

func TestAbstentions(t *testing.T) {
	type change = func(*scene.Snapshot, *Options)
	variance := func(axis int) change {
		return func(s *scene.Snapshot, _ *Options) { s.Seen[0].CenterCov[axis] = 4 }
	}
	contradict := func(s *scene.Snapshot, _ *Options) { s.Consistency = 0.1 }
	forget := func(s *scene.Snapshot, _ *Options) { s.Stats.Observations = 0 }
	wait := func(_ *scene.Snapshot, o *Options) { o.Now = time.Minute }
	crowd := func(s *scene.Snapshot, _ *Options) { s.Seen = append(s.Seen, s.Seen[0], s.Seen[0], s.Seen[0]) }
	chair := item{"chair", "red", 2, 0, 0, cube(.5), 0}
	for name, c := range map[string]struct {
		change change
		text   string
		reason string
	}{
		"not seen":       {nil, "where is the fridge", ReasonNotSeen},
		"from not seen":  {nil, "how far is the chair from the fridge", ReasonNotSeen},
		"near not seen":  {nil, "what is nearest to the fridge", ReasonNotSeen},
		"only one":       {nil, "where is the second chair", ReasonNotSeen},
		"no other":       {nil, "how far is the chair from the chair", ReasonNotSeen},
		"uncertain":      {variance(0), "how far is the chair", ReasonUncertain},
		"uncertain side": {variance(4), "which way is the chair", ReasonUncertain},
		"inconsistent":   {contradict, "how far is the chair", ReasonInconsistent},
		"stale":          {wait, "how far is the chair right now", ReasonStale},
		"nothing yet":    {forget, "how many chairs are there", ReasonNothingYet},
		"a tie":          {crowd, "what is nearest to me", ReasonUncertain},
	} {
		s, opt := build(scene.Pose{}, chair), DefaultOptions()
		if c.change != nil {
			c.change(s, &opt)
		}
		q, err := Parse(c.text, testLexicon())
		if err != nil {
			t.Fatal(err)
		}
		a := Execute(q, s, opt)
		if a.Status != Abstained || a.Reason != c.reason || a.Text == "" || a.Value != nil {
			t.Errorf("%s: %s %q: %s", name, a.Status, a.Reason, a.Text)
		}
	}
	if a := Execute(Query{Kind: Count}, nil, DefaultOptions()); a.Reason != ReasonNothingYet {
		t.Errorf("no snapshot: %+v", a)
	}
}

func TestRefusals(t *testing.T) {
	s := furnishedScene()
	for name, c := range map[string]struct {
		q      Query
		reason string
	}{
		"unknown kind":  {Query{Kind: "fly"}, ReasonKind},
		"unknown label": {Query{Kind: Count, Target: &Referent{Label: "people"}}, ReasonInvalid},
		"no target":     {Query{Kind: Locate}, ReasonInvalid},
		"largest":       {Query{Kind: Nearest, Target: &Referent{Order: ByLargest}}, ReasonInvalid},
	} {
		a := Execute(c.q, s, DefaultOptions())
		if a.Status != Refused || a.Reason != c.reason || a.Text == "" {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if a := Execute(Query{Kind: "fly"}, s, DefaultOptions()); !strings.Contains(a.Text, "count, distance, size") {
		t.Errorf("the refusal must list what is supported: %s", a.Text)
	}
}

func TestUncertaintyWidens(t *testing.T) {
	s := build(scene.Pose{}, item{"chair", "red", 2, 0, 0, cube(.5), 0})
	s.Seen[0].CenterCov = scene.Cov{0.01, 0, 0, 0, 0.04, 0, 0, 0, 0.01}
	s.Seen[0].SizeVar = scene.Vec3{X: 0.04}
	half := func(text string, widen, consistency float64) float64 {
		s.Consistency = consistency
		opt := DefaultOptions()
		opt.Widen = widen
		q, err := Parse(text, testLexicon())
		if err != nil {
			t.Fatal(err)
		}
		a := Execute(q, s, opt)
		if a.Status != Answered {
			t.Fatalf("%s: %s", text, a.Text)
		}
		return (a.Interval95[1] - a.Interval95[0]) / 2
	}
	// The face toward the robot moves with the centre and with half of the depth.
	if got, want := half("how far is the chair", 1, 1), 1.96*math.Sqrt(0.01+0.01); math.Abs(got-want) > 1e-9 {
		t.Errorf("distance: %g, want %g", got, want)
	}
	if got, want := half("which way is the chair", 1, 1), 1.96*0.2/2; math.Abs(got-want) > 1e-9 {
		t.Errorf("direction: %g, want %g", got, want)
	}
	if got, want := half("which way is the chair", 1.5, 0.5), 3*1.96*0.2/2; math.Abs(got-want) > 1e-9 {
		t.Errorf("widened direction: %g, want %g", got, want)
	}
}

func TestExistenceLimitsConfidence(t *testing.T) {
	s := build(scene.Pose{}, item{"chair", "red", 2, 0, 0, cube(.5), 0})
	s.Seen[0].Existence, s.Looked = 0.8, 0.25
	yes := ask(t, s, "is there a chair")
	if yes.Choice != "yes" || math.Abs(yes.Confidence-0.8) > 1e-9 || math.Abs(yes.Interval95[1]-0.95) > 1e-9 {
		t.Errorf("yes: %+v", yes)
	}
	no := ask(t, s, "is there a fridge")
	if no.Choice != "no" || math.Abs(no.Confidence-0.25) > 1e-9 || *no.Interval95 != [2]float64{0, 0.75} {
		t.Errorf("no: %+v %v", no, no.Interval95)
	}
}

func TestCountIsPoissonBinomial(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SliceOfN(rapid.Float64Range(0, 1), 0, 10).Draw(t, "p")
		want := make([]float64, len(p)+1)
		for set := range 1 << len(p) { // every combination of things being there
			prob, n := 1.0, 0
			for i, x := range p {
				if set>>i&1 == 1 {
					prob *= x
					n++
				} else {
					prob *= 1 - x
				}
			}
			want[n] += prob
		}
		for k, got := range poissonBinomial(p) {
			if math.Abs(got-want[k]) > 1e-12 {
				t.Fatalf("P(%d) = %g, want %g", k, got, want[k])
			}
		}
	})
}

func TestCountWeighsEvidence(t *testing.T) {
	items := make([]item, 4)
	for i := range items {
		items[i] = item{"chair", "red", 2 + float64(i), 0, 0, cube(.5), 0}
	}
	s := build(scene.Pose{}, items...)
	s.Seen[1].Existence = 0.5
	s.Seen[2].Existence = 0.1
	s.Seen[3].LabelProbs[s.Seen[3].LabelIndex] = 0.9
	a := ask(t, s, "how many chairs are there")
	if *a.Value != 2 && *a.Value != 3 {
		t.Errorf("count %g", *a.Value)
	}
	if *a.Interval95 != [2]float64{1, 4} && *a.Interval95 != [2]float64{2, 4} && *a.Interval95 != [2]float64{1, 3} &&
		*a.Interval95 != [2]float64{2, 3} {
		t.Errorf("interval %v", *a.Interval95)
	}
	if a.Confidence < 0.4 || a.Confidence > 0.9 {
		t.Errorf("confidence %g", a.Confidence)
	}
}

func TestScopeNow(t *testing.T) {
	s := furnishedScene()
	s.Now = s.Now[:2]
	if a := ask(t, s, "how many chairs do you see"); *a.Value != 1 || a.Scope != Now {
		t.Errorf("now: %+v", a)
	}
	if a := ask(t, s, "how many chairs are there"); *a.Value != 3 || a.Scope != Seen {
		t.Errorf("seen: %+v", a)
	}
}

func TestAnswerIsJSON(t *testing.T) {
	for _, c := range languageSet(t) {
		if c.Query == nil {
			continue
		}
		data, err := json.Marshal(Execute(*c.Query, furnishedScene(), DefaultOptions()))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(data), "NaN") || !strings.Contains(string(data), `"status"`) {
			t.Errorf("%s: %s", c.Question, data)
		}
	}
}
