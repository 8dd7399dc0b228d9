package eval

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// WalkResult is what walks show, or what a dialogue from elsewhere scores. Shares are in percent.
type WalkResult struct {
	Bundle    string             `json:"bundle,omitempty"` // name and version
	Precision string             `json:"precision,omitempty"`
	Provider  string             `json:"provider,omitempty"`
	Split     Split              `json:"split,omitempty"`
	Rooms     int                `json:"rooms"`
	FirstSeed uint64             `json:"firstSeed,omitempty"`
	Questions int                `json:"questions"`
	Variants  map[string]Variant `json:"variants"` // by who answered; chance is there always
}

// marks are one answerer's points in one room: by kind, in the order of kindNaming.
type marks [][]float64

// grades are one answerer's marks in all rooms.
type grades struct {
	rooms            []marks
	inside, answered [][]float64 // by room: interval holds the truth, question was answered; 100 or 0
	reasons          map[string]int
}

// Score scores everybody's answers. A question without an answer earns nothing.
func Score(d *Dialogue) *WalkResult {
	rooms := map[uint64]int{}
	for i := range d.Questions {
		if _, ok := rooms[d.Questions[i].Seed]; !ok {
			rooms[d.Questions[i].Seed] = len(rooms)
		}
	}
	byWhom := map[string]map[string]*Reply{}
	for i := range d.Replies {
		a := &d.Replies[i]
		if byWhom[a.From] == nil {
			byWhom[a.From] = map[string]*Reply{}
		}
		byWhom[a.From][a.ID] = a
	}
	r := &WalkResult{Rooms: len(rooms), Questions: len(d.Questions), Variants: map[string]Variant{}}
	for who, replies := range byWhom {
		g := newGrades(len(rooms))
		for i := range d.Questions {
			q := &d.Questions[i]
			g.mark(rooms[q.Seed], q, replies[q.ID])
		}
		r.Variants[who] = g.variant()
	}
	r.Variants[Chance] = chanceOf(d, rooms).variant()
	return r
}

func newGrades(rooms int) *grades {
	g := &grades{
		rooms: make([]marks, rooms), inside: make([][]float64, rooms), answered: make([][]float64, rooms),
		reasons: map[string]int{},
	}
	for i := range g.rooms {
		g.rooms[i] = make(marks, len(kindNaming()))
	}
	return g
}

func kindIndex(kind string) int {
	return slices.IndexFunc(kindNaming(), func(k [2]string) bool { return k[0] == kind })
}

// mark scores one answer; nil is none.
func (g *grades) mark(room int, q *Question, a *Reply) {
	points := 0.0
	if a != nil && a.Answer != "" {
		points = q.points(a.Answer)
		g.answered[room] = append(g.answered[room], 100)
	} else {
		g.answered[room] = append(g.answered[room], 0)
	}
	if a != nil && a.Reason != "" {
		g.reasons[a.Reason]++
	}
	k := kindIndex(q.Kind)
	g.rooms[room][k] = append(g.rooms[room][k], 100*points)
	if truth, ok := number(q.GroundTruth); ok && a != nil && a.Interval95 != nil {
		hit := 0.0
		if truth >= a.Interval95[0] && truth <= a.Interval95[1] {
			hit = 100
		}
		g.inside[room] = append(g.inside[room], hit)
	}
}

// chanceOf is what guessing scores on average.
func chanceOf(d *Dialogue, rooms map[uint64]int) *grades {
	g := newGrades(len(rooms))
	for i := range d.Questions {
		q := &d.Questions[i]
		if q.Metric == Accuracy {
			k, room := kindIndex(q.Kind), rooms[q.Seed]
			g.rooms[room][k] = append(g.rooms[room][k], 100/float64(len(q.Options)))
		}
	}
	return g
}

// wholes are the figures that follow from several kinds: each is the unweighted mean of its parts.
const (
	relDirection = "rel_direction"
	average      = "average"
)

// figures computes every figure over some rooms: a kind that they do not have is NaN.
func (g *grades) figures(rooms []int) map[string]float64 {
	out := map[string]float64{}
	var levels, all []float64
	for k, n := range kindNaming() {
		sum, count := 0.0, 0
		for _, room := range rooms {
			for _, p := range g.rooms[room][k] {
				sum += p
				count++
			}
		}
		out[n[1]] = sum / float64(count)
		if strings.HasPrefix(n[1], relDirection) {
			levels = append(levels, out[n[1]])
		} else {
			all = append(all, out[n[1]])
		}
	}
	out[relDirection] = mean(levels)
	out[average] = mean(append(all, out[relDirection]))
	return out
}

// variant turns the marks into figures with intervals over the rooms.
func (g *grades) variant() Variant {
	v := Variant{
		Figures: map[string]map[string]float64{"vsi": {}}, Interval95: map[string]map[string][2]float64{"vsi": {}},
		Samples: map[string]map[string]int{"vsi": {}}, Reasons: g.reasons,
	}
	rooms := make([]int, len(g.rooms))
	for i := range rooms {
		rooms[i] = i
	}
	drawn := g.resampled()
	for name, value := range g.figures(rooms) {
		if math.IsNaN(value) {
			continue
		}
		v.Figures["vsi"][name], v.Interval95["vsi"][name] = value, quantiles(drawn[name])
	}
	for k, n := range kindNaming() {
		for _, m := range g.rooms {
			v.Samples["vsi"][n[1]] += len(m[k])
		}
	}
	v.also("calibration", "coverage95", g.inside)
	v.also("calibration", "answered", g.answered)
	return v
}

// also adds a figure that is the mean of its samples, if there are any.
func (v *Variant) also(group, name string, rooms [][]float64) {
	if all := slices.Concat(rooms...); len(all) > 0 {
		n := naming{group: group, name: name}
		put(v.Figures, n, mean(all))
		put(v.Interval95, n, bootstrap(rooms, mean))
		put(v.Samples, n, len(all))
	}
}

// resampled draws whole rooms with replacement, as bootstrap does, and returns each figure's values.
func (g *grades) resampled() map[string][]float64 {
	rng := rand.New(rand.NewPCG(1, uint64(len(g.rooms))))
	out := map[string][]float64{}
	pick := make([]int, len(g.rooms))
	for range resamples {
		for i := range pick {
			pick[i] = rng.IntN(len(pick))
		}
		for name, value := range g.figures(pick) {
			if !math.IsNaN(value) {
				out[name] = append(out[name], value)
			}
		}
	}
	return out
}
