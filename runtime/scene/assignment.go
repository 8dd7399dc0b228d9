package scene

import "math"

// assigner solves the linear assignment problem by the Hungarian method with potentials, in O(rows²·columns). It
// keeps its buffers between calls.
type assigner struct {
	rowPotential, colPotential, slack []float64
	rowOf, back                       []int
	done                              []bool
	result                            []int
}

// solve returns for every row the column it is given, so that no column is used twice and the sum of cost[row*cols+col]
// is least. It needs rows <= cols and finite costs. The result is valid until the next call.
func (a *assigner) solve(cost []float64, rows, cols int) []int {
	a.reset(rows, cols)
	for row := 1; row <= rows; row++ {
		a.augment(a.search(cost, row, cols))
	}
	for col := 1; col <= cols; col++ {
		if a.rowOf[col] > 0 {
			a.result[a.rowOf[col]-1] = col - 1
		}
	}
	return a.result
}

func (a *assigner) reset(rows, cols int) {
	a.rowPotential = zeroed(a.rowPotential, rows+1)
	a.colPotential = zeroed(a.colPotential, cols+1)
	a.slack = zeroed(a.slack, cols+1)
	a.rowOf = zeroed(a.rowOf, cols+1)
	a.back = zeroed(a.back, cols+1)
	a.done = zeroed(a.done, cols+1)
	a.result = zeroed(a.result, rows)
}

// search grows an alternating tree from a free row until it reaches a free column, which it returns. Rows and columns
// count from 1 here; column 0 stands for the free row's place.
func (a *assigner) search(cost []float64, row, cols int) int {
	for c := range cols + 1 {
		a.slack[c] = math.Inf(1)
		a.done[c] = false
	}
	a.rowOf[0] = row
	col := 0
	for a.rowOf[col] != 0 {
		a.done[col] = true
		next, delta := a.relax(cost, col, cols)
		for c := range cols + 1 {
			if a.done[c] {
				a.rowPotential[a.rowOf[c]] += delta
				a.colPotential[c] -= delta
			} else {
				a.slack[c] -= delta
			}
		}
		col = next
	}
	return col
}

// relax updates the slack of every open column through the row at col and returns the tightest one.
func (a *assigner) relax(cost []float64, col, cols int) (next int, delta float64) {
	row := a.rowOf[col]
	delta = math.Inf(1)
	for c := 1; c <= cols; c++ {
		if a.done[c] {
			continue
		}
		if s := cost[(row-1)*cols+c-1] - a.rowPotential[row] - a.colPotential[c]; s < a.slack[c] {
			a.slack[c], a.back[c] = s, col
		}
		if a.slack[c] < delta {
			next, delta = c, a.slack[c]
		}
	}
	return next, delta
}

// augment flips the path that ends in a free column.
func (a *assigner) augment(col int) {
	for col != 0 {
		prev := a.back[col]
		a.rowOf[col] = a.rowOf[prev]
		col = prev
	}
}

// zeroed returns a zeroed slice of length n, in s's memory when that is large enough.
func zeroed[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, 2*n)
	}
	s = s[:n]
	clear(s)
	return s
}
