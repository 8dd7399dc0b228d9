package eval

import (
	"bytes"
	"strings"
	"testing"
)

const (
	aQuestion = `{"type":"question","id":"1/room_size_estimation/0","split":"test","seed":1,` +
		`"kind":"room_size_estimation","text":"How big?","groundTruth":"20","metric":"mra"}`
	aChoice = `{"type":"question","id":"1/route_planning/0","seed":1,"kind":"route_planning","text":"Which way?",` +
		`"options":["A. Turn Left","B. Turn Right"],"groundTruth":"B","metric":"accuracy"}`
)

func TestOthersAreScored(t *testing.T) {
	d, err := ReadDialogue(strings.NewReader(strings.Join([]string{
		aQuestion, aChoice, "", `{"type":"answer","id":"1/route_planning/0","from":"b","answer":"b.","note":"kept"}`,
		`{"type":"answer","id":"1/room_size_estimation/0","from":"a","answer":"22 square meters"}`,
	}, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	r := Score(d)
	for who, want := range map[string][2]float64{"a": {90, 0}, "b": {0, 100}} {
		v := r.Variants[who].Figures["vsi"]
		if v["room_size"] != want[0] || v["route"] != want[1] {
			t.Errorf("%s: %v, want %v", who, v, want)
		}
		if n := r.Variants[who].Figures["calibration"]["answered"]; n != 50 {
			t.Errorf("%s answered %v %%", who, n)
		}
	}
	if c := r.Variants[Chance].Figures["vsi"]; c["route"] != 50 {
		t.Errorf("chance %v", c)
	}
}

func TestAnswersAreReadAsTheBenchmarkReadsThem(t *testing.T) {
	number, choice := Question{Metric: MRA, GroundTruth: "2"}, Question{Metric: Accuracy, GroundTruth: "C"}
	for _, c := range []struct {
		q      Question
		answer string
		want   float64
	}{
		{number, "2", 1},
		{number, "2.0 m", 1},
		{number, "2.18.", 0.9},
		{number, "two", 0},
		{number, "", 0},
		{number, "NaN", 0},
		{number, "inf", 0},
		{choice, "C", 1},
		{choice, "c. box", 1},
		{choice, "Cabinet", 0},
		{choice, "", 0},
		{choice, ".", 0},
	} {
		if got := c.q.points(c.answer); got != c.want {
			t.Errorf("%q for %s earns %v, want %v", c.answer, c.q.GroundTruth, got, c.want)
		}
	}
}

func badDialogues() map[string]string {
	return map[string]string{
		"there is no question":    "\n",
		"parsing JSON":            `{"type":`,
		"line 2":                  aQuestion + "\nnothing",
		`type "guess"`:            `{"type":"guess"}`,
		"has no id":               `{"type":"question","kind":"route_planning"}`,
		"unknown kind":            strings.Replace(aQuestion, `"kind":"room`, `"kind":"zoom`, 1),
		"want a number":           strings.Replace(aQuestion, `"20"`, `"0"`, 1),
		"two options":             strings.Replace(aChoice, `,"B. Turn Right"`, "", 1),
		"want mra or accuracy":    strings.Replace(aQuestion, `"mra"`, `"luck"`, 1),
		"twice":                   aQuestion + "\n" + aQuestion,
		"which is no question":    aQuestion + "\n" + `{"type":"answer","id":"9","from":"a"}`,
		"does not say whom":       aChoice + "\n" + `{"type":"answer","id":"1/route_planning/0"}`,
		"answers 1/route":         aChoice + strings.Repeat("\n"+`{"type":"answer","id":"1/route_planning/0","from":"a"}`, 2),
		"token too long":          strings.Repeat("x", longestLine+1),
		"cannot unmarshal string": strings.Replace(aQuestion, `"seed":1`, `"seed":"one"`, 1),
	}
}

func TestBadDialoguesAreRefused(t *testing.T) {
	for want, text := range badDialogues() {
		if _, err := ReadDialogue(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
}

func FuzzDialogue(f *testing.F) {
	f.Add(aQuestion + "\n" + aChoice + "\n" + `{"type":"answer","id":"1/route_planning/0","from":"b","answer":"B"}`)
	for _, text := range badDialogues() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ReadDialogue(strings.NewReader(text))
		if err != nil || len(d.Questions) > 50 || len(d.Replies) > 50 {
			return
		}
		for _, v := range Score(d).Variants {
			for name, share := range v.Figures["vsi"] {
				if !(share >= 0 && share <= 100) {
					t.Errorf("%s is %v", name, share)
				}
			}
		}
		var again bytes.Buffer
		if err := d.Write(&again); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadDialogue(&again); err != nil {
			t.Errorf("what was written is refused: %v", err)
		}
	})
}
