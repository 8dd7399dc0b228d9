package eval

import (
	"fmt"
	"math"
	"strings"

	"github.com/vega-edge/vegad/runtime/query"
)

// Point is one place of the curve of accuracy against abstention: what is right among the answers that are trusted at
// least so much. Shares are in percent.
type Point struct {
	Threshold float64 `json:"threshold"` // least trust of an answer, 0..1; what is trusted less counts as an abstention
	// Abstained is the share of the questions that are not answered.
	LocateAbstained   float64 `json:"locateAbstained"`
	DistanceAbstained float64 `json:"distanceAbstained"`
	// Among the answered; absent where nothing is answered any more.
	LocateAcc25 *float64 `json:"locateAcc25,omitempty"` // box IoU at least 0.25
	LocateNear  *float64 `json:"locateNear50cm,omitempty"`
	DistanceMRA *float64 `json:"distanceMra,omitempty"`
}

// curvePoints is how many thresholds the curve has, from 0 in equal steps.
const curvePoints = 10

// attempt is one question of a kind, with the trust in its answer; below 0 it was not answered.
type attempt struct {
	trust  float64
	marks  [2]float64 // of locate: IoU 0.25, within 0.5 m; of distance: MRA; 0..100
	answer bool
}

// trust is the probability, by what the answer itself says, that it is the thing that was meant and that its error is
// small: of a place less than half a metre, of a length less than a quarter of it. The error is taken for normal.
func trust(a *query.Answer, allowed float64) float64 {
	if a.Status != query.Answered || a.Value == nil || a.Interval95 == nil {
		return 0
	}
	sigma := (a.Interval95[1] - a.Interval95[0]) / (2 * 1.96)
	if sigma <= 0 {
		return a.Confidence
	}
	return a.Confidence * math.Erf(allowed/sigma/math.Sqrt2)
}

// The errors that count as small.
const smallPlace, smallLength = 0.5, 0.25

// curve computes the points over all attempts.
func curve(locate, distance []attempt) []Point {
	out := make([]Point, curvePoints)
	for i := range out {
		p := &out[i]
		p.Threshold = float64(i) / curvePoints
		var acc, near, mras []float64
		acc, p.LocateAbstained = kept(locate, p.Threshold, 0)
		near, _ = kept(locate, p.Threshold, 1)
		mras, p.DistanceAbstained = kept(distance, p.Threshold, 0)
		p.LocateAcc25, p.LocateNear, p.DistanceMRA = meanOf(acc), meanOf(near), meanOf(mras)
	}
	return out
}

// kept returns the marks of the answers that are trusted enough, and the share of the others in percent.
func kept(all []attempt, threshold float64, mark int) (marks []float64, abstained float64) {
	for i := range all {
		if a := &all[i]; a.answer && a.trust >= threshold {
			marks = append(marks, a.marks[mark])
		}
	}
	return marks, 100 * (1 - float64(len(marks))/float64(max(len(all), 1)))
}

func meanOf(values []float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	m := mean(values)
	return &m
}

// curveMarkdown writes the curve as a table.
func curveMarkdown(points []Point) string {
	cell := func(v *float64) string {
		if v == nil {
			return "–"
		}
		return fmt.Sprintf("%.1f %%", *v)
	}
	var b strings.Builder
	b.WriteString("| least trust | place: abstained | IoU ≥ 0.25 if answered | within 0.5 m if answered | " +
		"distance: abstained | MRA if answered |\n|---|---|---|---|---|---|\n")
	for i := range points {
		p := &points[i]
		fmt.Fprintf(&b, "| %.1f | %.1f %% | %s | %s | %.1f %% | %s |\n", p.Threshold, p.LocateAbstained,
			cell(p.LocateAcc25), cell(p.LocateNear), p.DistanceAbstained, cell(p.DistanceMRA))
	}
	return b.String()
}
