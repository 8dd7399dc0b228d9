package eval

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The kinds of VSI-Bench's questions, in its words.
const (
	ObjectCounting     = "object_counting"
	ObjectAbsDistance  = "object_abs_distance"
	ObjectSize         = "object_size_estimation"
	RoomSize           = "room_size_estimation"
	ObjectRelDistance  = "object_rel_distance"
	RelDirectionEasy   = "object_rel_direction_easy"
	RelDirectionMedium = "object_rel_direction_medium"
	RelDirectionHard   = "object_rel_direction_hard"
	RoutePlanning      = "route_planning"
	AppearanceOrder    = "obj_appearance_order"
)

// kindNaming pairs a kind with its place in the figures, in the order of the tables.
func kindNaming() [][2]string {
	return [][2]string{
		{ObjectCounting, "count"},
		{ObjectAbsDistance, "abs_distance"},
		{ObjectSize, "object_size"},
		{RoomSize, "room_size"},
		{ObjectRelDistance, "rel_distance"},
		{RelDirectionEasy, "rel_direction_easy"},
		{RelDirectionMedium, "rel_direction_medium"},
		{RelDirectionHard, "rel_direction_hard"},
		{RoutePlanning, "route"},
		{AppearanceOrder, "order"},
	}
}

// The metrics.
const (
	MRA      = "mra"      // mean relative accuracy, for numbers
	Accuracy = "accuracy" // the right letter, for choices
)

// The types of the lines of a dialogue.
const (
	questionLine = "question"
	answerLine   = "answer"
)

// Question is one question of a walk with its right answer, a line of the export.
type Question struct {
	Type        string   `json:"type"` // "question"
	ID          string   `json:"id"`   // seed/kind/number
	Split       Split    `json:"split"`
	Seed        uint64   `json:"seed"` // of the room
	Kind        string   `json:"kind"`
	Text        string   `json:"text"`
	Options     []string `json:"options,omitempty"` // "A. chair", "B. table", …; absent where a number is asked for
	GroundTruth string   `json:"groundTruth"`       // a letter, or a number in the unit that the text asks for
	Metric      string   `json:"metric"`            // mra or accuracy

	labels []string // that it is about, in the order of the text
}

// Reply is one answer to a question, a line of the export. Only the id, from and answer are needed for scoring.
type Reply struct {
	Type       string      `json:"type"`   // "answer"
	ID         string      `json:"id"`     // of the question
	From       string      `json:"from"`   // who answers
	Answer     string      `json:"answer"` // a letter or a number; empty is an abstention
	Status     string      `json:"status,omitempty"`
	Reason     string      `json:"reason,omitempty"` // of an abstention
	Confidence float64     `json:"confidence,omitempty"`
	Interval95 *[2]float64 `json:"interval95,omitempty"` // of a number, in the unit of the answer
}

// Dialogue is questions and everybody's answers to them.
type Dialogue struct {
	Questions []Question
	Replies   []Reply
}

// Write writes the dialogue as JSON lines: every question, then every answer.
func (d *Dialogue) Write(w io.Writer) error {
	b := bufio.NewWriter(w)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	for i := range d.Questions {
		if err := enc.Encode(&d.Questions[i]); err != nil {
			return fmt.Errorf("writing question %s: %w", d.Questions[i].ID, err)
		}
	}
	for i := range d.Replies {
		if err := enc.Encode(&d.Replies[i]); err != nil {
			return fmt.Errorf("writing the answer to %s: %w", d.Replies[i].ID, err)
		}
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("writing a dialogue: %w", err)
	}
	return nil
}

// The bounds of a dialogue that is read.
const (
	longestLine = 64 << 10
	mostLines   = 1 << 20
)

// ReadDialogue reads JSON lines of questions and answers in any order. Unknown fields are passed over, so that others
// may keep more with their answers; what is missing, double or out of place is an error that names the line.
func ReadDialogue(r io.Reader) (*Dialogue, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 4096), longestLine)
	d := &Dialogue{}
	for n := 1; lines.Scan(); n++ {
		if n > mostLines {
			return nil, fmt.Errorf("reading line %d: a dialogue has at most %d lines", n, mostLines)
		}
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		if err := d.read(lines.Bytes()); err != nil {
			return nil, fmt.Errorf("reading line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading a dialogue: %w", err)
	}
	return d, d.check()
}

func (d *Dialogue) read(line []byte) error {
	var head struct{ Type string }
	if err := json.Unmarshal(line, &head); err != nil {
		return fmt.Errorf("parsing JSON: %w", err)
	}
	switch head.Type {
	case questionLine:
		var q Question
		if err := json.Unmarshal(line, &q); err != nil {
			return fmt.Errorf("parsing a question: %w", err)
		}
		d.Questions = append(d.Questions, q)
		return q.check()
	case answerLine:
		var a Reply
		if err := json.Unmarshal(line, &a); err != nil {
			return fmt.Errorf("parsing an answer: %w", err)
		}
		d.Replies = append(d.Replies, a)
		return nil
	}
	return fmt.Errorf("type %q: want %s or %s", head.Type, questionLine, answerLine)
}

// check returns what makes a question impossible to score, or nil.
func (q *Question) check() error {
	known := false
	for _, k := range kindNaming() {
		known = known || k[0] == q.Kind
	}
	truth, isNumber := number(q.GroundTruth)
	switch {
	case q.ID == "":
		return fmt.Errorf("question %q has no id", q.Text)
	case !known:
		return fmt.Errorf("question %s: unknown kind %q", q.ID, q.Kind)
	case q.Metric == MRA && (!isNumber || truth == 0):
		return fmt.Errorf("question %s: groundTruth %q: want a number other than 0", q.ID, q.GroundTruth)
	case q.Metric == Accuracy && (len(q.Options) < 2 || q.GroundTruth == ""):
		return fmt.Errorf("question %s: a choice needs two options and the right one", q.ID)
	case q.Metric != MRA && q.Metric != Accuracy:
		return fmt.Errorf("question %s: metric %q: want %s or %s", q.ID, q.Metric, MRA, Accuracy)
	}
	return nil
}

// check refuses doubles, answers to nothing, and nothing to answer.
func (d *Dialogue) check() error {
	if len(d.Questions) == 0 {
		return errors.New("there is no question in it")
	}
	ids := make(map[string]bool, len(d.Questions))
	for i := range d.Questions {
		id := d.Questions[i].ID
		if ids[id] {
			return fmt.Errorf("question %s stands there twice", id)
		}
		ids[id] = true
	}
	said := map[[2]string]bool{}
	for i := range d.Replies {
		a := &d.Replies[i]
		switch key := [2]string{a.From, a.ID}; {
		case a.From == "":
			return fmt.Errorf("an answer to %q does not say whom it is from", a.ID)
		case !ids[a.ID]:
			return fmt.Errorf("%s answers %q, which is no question", a.From, a.ID)
		case said[key]:
			return fmt.Errorf("%s answers %s twice", a.From, a.ID)
		default:
			said[key] = true
		}
	}
	return nil
}

// points is what an answer earns, 0..1, as VSI-Bench reads it: the first word without its final stop, a number or a
// letter of either case.
func (q *Question) points(answer string) float64 {
	word, _, _ := strings.Cut(strings.TrimSpace(answer), " ")
	word = strings.TrimSuffix(word, ".")
	if q.Metric == Accuracy {
		if word != "" && strings.EqualFold(word, q.GroundTruth) {
			return 1
		}
		return 0
	}
	said, ok := number(word)
	truth, _ := number(q.GroundTruth)
	if !ok {
		return 0
	}
	return mra(said, truth)
}

func number(s string) (float64, bool) {
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil && v-v == 0 // a finite one
}
