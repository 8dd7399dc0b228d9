package scene

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// cheapest tries every assignment.
func cheapest(cost []float64, rows, cols, row int, used uint) float64 {
	if row == rows {
		return 0
	}
	least := math.Inf(1)
	for c := range cols {
		if used&(1<<c) == 0 {
			least = min(least, cost[row*cols+c]+cheapest(cost, rows, cols, row+1, used|1<<c))
		}
	}
	return least
}

func TestAssignmentAgainstBruteForce(t *testing.T) {
	var a assigner // one for all, so that a stale buffer shows
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.IntRange(1, 5).Draw(t, "rows")
		cols := rows + rapid.IntRange(0, 3).Draw(t, "more")
		cost := rapid.SliceOfN(rapid.Float64Range(-5, 30), rows*cols, rows*cols).Draw(t, "cost")
		sum, used := 0.0, map[int]bool{}
		for r, c := range a.solve(cost, rows, cols) {
			if used[c] {
				t.Fatalf("column %d is used twice", c)
			}
			used[c] = true
			sum += cost[r*cols+c]
		}
		if want := cheapest(cost, rows, cols, 0, 0); math.Abs(sum-want) > 1e-9 {
			t.Fatalf("cost %g, best is %g", sum, want)
		}
	})
}
