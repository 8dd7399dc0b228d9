package query

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/runtime/scene"
)

// lookedAround is the furnished scene with all of its floor known up to 5 m, and its room.
func lookedAround() *scene.Snapshot {
	s := furnishedScene()
	for i := range s.Free {
		s.Free[i] = scene.Sector{Known: true, Free: scene.FreeRange, FreeVar: 1e-6}
	}
	s.Room = scene.RoomEstimate{
		Length: 10, Width: 9, Height: 2.5, Area: 90, AreaVar: 0.01, LengthVar: 0.005, WidthVar: 0.005, HeightVar: 0.0025,
	}
	return s
}

func TestSentencesOfEveryKind(t *testing.T) {
	s := lookedAround()
	for text, want := range map[string]string{
		"how big is the table": "The brown table is 2.00 m wide, 1.00 m deep and 0.75 m high, " +
			"2.00 m at its longest.",
		"how tall is the plant in feet":           "The green plant is 3.9 feet high.",
		"how big is the room":                     "The room has 90.0 square metres.",
		"how long is the room":                    "The room is 10.00 m long.",
		"which came first, the sofa or the table": "First the table, then the sofa.",
		"is the green box on the table":           "Yes, the green box is on the brown table.",
		"is the ball on the table":                "No, it does not hold that the yellow ball is on the brown table.",
		"what is on the table":                    "There is the green box.",
		"what is left of the table":               "There is the grey sofa and the red chair.",
		"what is under the sofa":                  "I have seen nothing that is under the sofa.",
		"which is nearer, the sofa or the plant":  "The grey sofa is nearer; then the green plant with 4.30 m.",
		"what colour is the plant":                "The plant is green.",
		"is the sofa to my left or my right":      "The grey sofa is to the left.",
		"is the way ahead clear for one metre":    "Yes, the floor is free for 1.50 m, 0.50 m wide.",
		"is the way ahead clear for 2 m":          "No, after 1.50 m the red chair is in the way.",
		"is it clear behind me for 2 m":           "No, after 1.70 m the blue box is in the way.",
		"how do i get to the sofa":                "Turn left by 90 degrees, go 2.00 m to the grey sofa; 2.00 m in all.",
		"standing at the plant facing the table, which turns lead via the sofa to the door": "Turn right, go forward to " +
			"the grey sofa; turn left, go forward to the white door.",
		"how many stools or sofas are there": "There are 2 stools and sofas.",
		"is there a bed or a stool":          "Yes, there is a bed or a stool.",
		"is there a bed and a stool": "I have not seen a bed and a stool; I have looked at 100 % of the directions around " +
			"me.",
	} {
		a := ask(t, s, text)
		if want == "The grey sofa is nearer; then the green plant with 4.30 m." {
			want = "The grey sofa with 2.50 m is nearer; then the green plant with 4.30 m."
		}
		if a.Text != want || a.Status != Answered {
			t.Errorf("%q: %s %q, want %q", text, a.Status, a.Text, want)
		}
	}
}

func TestDescription(t *testing.T) {
	s := lookedAround()
	a := ask(t, s, "describe the green box")
	for _, part := range []string{
		"It is a green box, 0.30 m wide, 0.30 m deep and 0.30 m high.", "2.87 m away, to the front, 9 degrees to the left",
		"it is on the brown table", " and ",
	} {
		if !strings.Contains(a.Text, part) {
			t.Errorf("%q is missing in %q", part, a.Text)
		}
	}
	if a.Choice != "green box" || ids(a, Target) != "o6" || !strings.HasPrefix(ids(a, Anchor), "o1 ") {
		t.Errorf("%+v", a)
	}
	all := ask(t, s, "what is in the room")
	if !strings.Contains(all.Choice, "3 chairs") || !strings.Contains(all.Text, "90.0 square metres") || all.Value != nil {
		t.Errorf("%+v", all)
	}
}

func TestViewpoints(t *testing.T) {
	s := lookedAround()
	for text, want := range map[string]string{
		// At the sofa (0, 3), looking down at the table (3, 0): the plant (4.5, 0) is to the left, the blue box (-2, 0)
		// to the right.
		"standing at the sofa facing the table, is the plant to my left or my right":                     "left",
		"standing at the sofa facing the table, is o9 to my left or my right":                            "right",
		"standing at the sofa facing away from the table, is the plant to my left or my right":           "right",
		"standing at the sofa facing the table, is o9 to my left, right, or back":                        "right",
		"with my back to the table, is the sofa to my left or my right":                                  "right",
		"facing the sofa, is the table to my left or my right":                                           "right",
		"standing at o9 facing the door, is the table to my left, right or back":                         "left",
		"standing at o9 facing the table, is o10 to my front-left, front-right, back-left or back-right": "back-right",
	} {
		a := ask(t, s, text)
		if a.Choice != want || a.Status != Answered {
			t.Errorf("%q: %s %q, want %q (%s)", text, a.Status, a.Choice, want, a.Text)
		}
		if !strings.Contains(text, "facing the fridge") && ids(a, Viewer) == "" {
			t.Errorf("%q does not list its viewpoint", text)
		}
	}
	if a := ask(t, s, "standing at the fridge facing the sofa, what is on my left"); a.Reason != ReasonNotSeen {
		t.Errorf("an unseen place: %+v", a)
	}
	far := ask(t, s, "standing at the sofa facing the table, how far is the plant")
	if want := s.Seen[7].Box.FootprintDistance(0, 3); math.Abs(*far.Value-want) > 1e-9 {
		t.Errorf("distance %g, want %g", *far.Value, want)
	}
}

func TestViewpointErrorsAddUp(t *testing.T) {
	s := build(scene.Pose{},
		item{"bed", "red", 0, 0, 0, cube(.5), 0}, item{"door", "red", 4, 0, 0, cube(.5), 0},
		item{"lamp", "red", 0, 2, 0, cube(.5), 0})
	const v = 0.01
	for i := range s.Seen {
		s.Seen[i].CenterCov = scene.Cov{v, 0, 0, 0, v, 0, 0, 0, v}
	}
	a := ask(t, s, "standing at the bed facing the door, in which direction is the lamp")
	// The lamp moves its line by 1/2 and the door its own by 1/4; the bed moves both, across each other.
	want := 1.96 * math.Sqrt(v*(1./4+1./16)+v*(1./4+1./16))
	if got := (a.Interval95[1] - a.Interval95[0]) / 2; math.Abs(got-want) > 1e-9 {
		t.Errorf("half width %g, want %g", got, want)
	}
	if math.Abs(*a.Value-math.Pi/2) > 1e-9 {
		t.Errorf("bearing %g", *a.Value)
	}
}

func TestAbstentionsOfEveryKind(t *testing.T) {
	type change = func(*scene.Snapshot)
	vague := func(s *scene.Snapshot) {
		for i := range s.Seen {
			s.Seen[i].CenterCov = scene.Cov{9, 0, 0, 0, 9, 0, 0, 0, 9}
			s.Seen[i].SizeVar = scene.Vec3{X: 4, Y: 4, Z: 4}
		}
		s.Room.AreaVar = 1
	}
	blind := func(s *scene.Snapshot) { s.Free, s.Room = scene.FreeSpace{}, scene.RoomEstimate{} }
	twins := func(s *scene.Snapshot) {
		for i := range s.Seen {
			s.Seen[i].FirstMono = 0
		}
	}
	ring := func(s *scene.Snapshot) {
		for i := range 24 {
			sin, cos := math.Sincos(float64(i) * math.Pi / 12)
			wall := s.Seen[4]
			wall.Box = scene.Box{Center: scene.Vec3{X: 1.2 * cos, Y: 1.2 * sin, Z: .5}, Size: cube(.4)}
			s.Seen = append(s.Seen, wall)
		}
	}
	for name, c := range map[string]struct {
		change change
		text   string
		reason string
	}{
		"size":                {vague, "how big is the table", ReasonUncertain},
		"room":                {vague, "how big is the room", ReasonUncertain},
		"room unseen":         {blind, "how big is the room", ReasonNotLooked},
		"ceiling unseen":      {blind, "how high is the ceiling", ReasonNotLooked},
		"locate":              {vague, "where is the plant", ReasonUncertain},
		"side":                {vague, "is the plant to my left or my right", ReasonUncertain},
		"relation":            {vague, "is the plant within 4 m of me", ReasonUncertain},
		"comparison":          {vague, "which is nearer, the stool or the box", ReasonUncertain},
		"lane":                {blind, "is the way ahead clear for one metre", ReasonNotLooked},
		"lane too long":       {nil, "is it clear to my right for 6 m", ReasonNotLooked},
		"way":                 {vague, "how do i get to the plant", ReasonUncertain},
		"way not looked at":   {blind, "how do i get to the sofa", ReasonNotLooked},
		"walled in":           {ring, "how do i get to the plant", ReasonNoWay},
		"turns":               {vague, "standing at o8 facing o1, which turns lead via o5 to o10", ReasonUncertain},
		"order unseen":        {nil, "which came first, the bed or the table", ReasonNotSeen},
		"order of one glance": {twins, "in which order did you see the table, the sofa and the door", ReasonUncertain},
		"describe unseen":     {nil, "describe the bed", ReasonNotSeen},
		"list of unseen":      {nil, "what is left of the bed", ReasonNotSeen},
		"path to unseen":      {nil, "is the way to the bed clear", ReasonNotSeen},
		"via unseen":          {nil, "how do i get to the door via the bed", ReasonNotSeen},
		"among unseen":        {nil, "which of the bed and the table is closest to me", ReasonNotSeen},
	} {
		s := lookedAround()
		if c.change != nil {
			c.change(s)
		}
		a := ask(t, s, c.text)
		if a.Status != Abstained || a.Reason != c.reason || a.Text == "" || a.Value != nil || a.Choice == "yes" {
			t.Errorf("%s: %s %q: %s", name, a.Status, a.Reason, a.Text)
		}
	}
}

func TestUnknownIsNotClear(t *testing.T) {
	s := lookedAround()
	for i := range s.Free {
		s.Free[i] = scene.Sector{}
	}
	if a := ask(t, s, "is the way ahead clear for 2 m"); a.Choice != "no" || ids(a, Obstacle) != "o4" {
		t.Errorf("what is known to stand in the way blocks it, looked at or not: %+v", a)
	}
	s.Free[scene.SectorOf(0)] = scene.Sector{Known: true, Free: 5}
	if a := ask(t, s, "is the way ahead clear for 1 m"); a.Reason != ReasonNotLooked {
		t.Errorf("one sector of the lane is known, the other not: %+v", a)
	}
	wall := lookedAround()
	for i := range wall.Free {
		wall.Free[i].Free = 0.8
	}
	a := ask(t, wall, "is it clear to my right for 1 m")
	if a.Choice != "no" || math.Abs(*a.Value-0.8) > 0.05 || ids(a, Obstacle) != "" {
		t.Errorf("the free space ends before the lane does: %+v", a)
	}
}

func TestLocateKeepsItsOwnLimit(t *testing.T) {
	s := build(scene.Pose{}, item{"chair", "red", 2.25, 0, 0, cube(.5), 0})
	s.Seen[0].CenterCov = scene.Cov{sq(1.2 / 1.96), 0, 0, 0, .01, 0, 0, 0, .01}
	if a := ask(t, s, "how far is the chair"); a.Reason != ReasonUncertain {
		t.Errorf("distance: %+v", a)
	}
	a := ask(t, s, "where is the chair")
	if a.Status != Answered || math.Abs(a.Objects[0].DistSigma-1.2/1.96) > 1e-9 ||
		math.Abs(a.Objects[0].BearSigma-0.1/2.25) > 1e-9 {
		t.Errorf("locate: %+v", a)
	}
}

func TestShapesOfQueries(t *testing.T) {
	for _, text := range []string{
		`{"kind":"size","target":{"label":"chair"},"dimension":"height","unit":"cm"}`,
		`{"kind":"room_size","dimension":"width"}`,
		`{"kind":"nearest","among":[{"label":"chair"},{"label":"bed"}],"target":{"order":"farthest"}}`,
		`{"kind":"route","target":{},"via":[{"label":"bed"}],"widthM":0.7}`,
		`{"kind":"describe"}`,
		`{"kind":"clear","heading":"back-left","lengthM":2,"widthM":0.4}`,
		`{"kind":"relation","among":[{"label":"chair"},{"label":"bed"}],"order":"farthest","from":{"id":"o2"}}`,
	} {
		if _, err := Decode([]byte(text), testLexicon()); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for name, text := range map[string]string{
		"from of count":           `{"kind":"count","from":{}}`,
		"among of one":            `{"kind":"nearest","among":[{}]}`,
		"order without among":     `{"kind":"order"}`,
		"target of room":          `{"kind":"room_size","target":{"label":"bed"}}`,
		"depth of room":           `{"kind":"room_size","dimension":"depth"}`,
		"place without facing":    `{"kind":"direction","target":{},"viewpoint":{"at":{"label":"bed"}}}`,
		"empty viewpoint":         `{"kind":"direction","target":{},"viewpoint":{}}`,
		"viewpoint of clear":      `{"kind":"clear","viewpoint":{"facing":{"label":"bed"}}}`,
		"turns of direction":      `{"kind":"direction","target":{},"words":"turns"}`,
		"turns without heading":   `{"kind":"route","target":{},"words":"turns"}`,
		"two starts":              `{"kind":"route","target":{},"from":{},"viewpoint":{"facing":{"label":"bed"}}}`,
		"two ends of a lane":      `{"kind":"clear","target":{"label":"bed"},"lengthM":1}`,
		"endless lane":            `{"kind":"clear","lengthM":1e9}`,
		"backward lane":           `{"kind":"clear","lengthM":-1}`,
		"unknown heading":         `{"kind":"clear","heading":"up"}`,
		"relation without target": `{"kind":"relation","relation":{"name":"near"}}`,
		"relation of nothing":     `{"kind":"relation"}`,
		"relation of no relation": `{"kind":"relation","target":{"label":"bed"}}`,
		"among without order":     `{"kind":"relation","among":[{},{}]}`,
		"from of sizes":           `{"kind":"relation","among":[{},{}],"order":"largest","from":{}}`,
		"all without also":        `{"kind":"exists","target":{},"all":true}`,
		"also without target":     `{"kind":"count","also":[{}]}`,
		"color of nothing":        `{"kind":"describe","attribute":"color"}`,
		"within of on":            `{"kind":"count","target":{"relations":[{"name":"on","to":{},"withinM":1}]}}`,
		"above nothing":           `{"kind":"count","target":{"relations":[{"name":"above"}]}}`,
		"too many":                `{"kind":"order","among":[` + strings.Repeat("{},", 20) + `{}]}`,
	} {
		if _, err := Decode([]byte(text), testLexicon()); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if a := Execute(Query{Kind: Clear, LengthM: math.NaN()}, furnishedScene(), DefaultOptions()); a.Status != Refused {
		t.Errorf("a length that is no number: %+v", a)
	}
}

func TestEveryKindIsAskedInTheLanguageSet(t *testing.T) {
	seen := map[string]map[Kind]int{"dev": {}, "held": {}}
	for _, c := range languageSet(t) {
		if c.Query != nil {
			seen[c.Set][c.Query.Kind]++
		}
	}
	for set, counts := range seen {
		for _, kind := range Kinds() {
			if counts[kind] < 7 {
				t.Errorf("%s: %d questions of the kind %s", set, counts[kind], kind)
			}
		}
	}
	if !slices.Equal(Supported(), Kinds()) {
		t.Error("a kind is not supported")
	}
}
