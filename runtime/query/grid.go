package query

import (
	"math"
	"slices"
)

// grid is the floor between start and goal in square cells.
type grid struct {
	origin     spot // the middle of the first cell
	cell       float64
	cols, rows int
	shut       []bool // too near to an obstacle
	floor      []floor
	plan       *planner
}

// floor is what is known of a cell; it is found out when a way comes near.
type floor uint8

const (
	unasked floor = iota
	seenFree
	unseen
)

// around finds a way over the cells of a grid with A*, and pulls it straight where nothing is between.
func (p *planner) around(start spot) []spot {
	g := p.grid(start)
	cells := g.search(start)
	if cells == nil {
		return nil
	}
	way := []spot{start}
	for at := 0; at < len(cells)-1; {
		at = g.farthest(cells, at)
		way = append(way, g.middle(cells[at]))
	}
	return way
}

// farthest returns the farthest cell of a way that is found to be in a straight line with one of it: it doubles the
// stride while the line is open, and then halves it.
func (g *grid) farthest(cells []int, at int) int {
	from, last := g.middle(cells[at]), len(cells)-1
	good, stride := at+1, 2
	for at+stride <= last && g.open(from, g.middle(cells[at+stride])) {
		good, stride = at+stride, 2*stride
	}
	for bad := min(at+stride, last+1); bad-good > 1; {
		half := (good + bad) / 2
		if g.open(from, g.middle(cells[half])) {
			good = half
		} else {
			bad = half
		}
	}
	return good
}

// grid lays the cells out and shuts those that the robot's centre must not enter.
func (p *planner) grid(start spot) *grid {
	low, high := p.goal.Bounds()
	x0, x1 := min(low.X, start.x)-detour, max(high.X, start.x)+detour
	y0, y1 := min(low.Y, start.y)-detour, max(high.Y, start.y)+detour
	g := &grid{plan: p, cell: max(finestCell, (x1-x0)/gridSide, (y1-y0)/gridSide)}
	// The start is the middle of a cell.
	left, below := math.Floor((start.x-x0)/g.cell), math.Floor((start.y-y0)/g.cell)
	g.origin = spot{start.x - left*g.cell, start.y - below*g.cell}
	g.cols = int(left) + 1 + int((x1-start.x)/g.cell)
	g.rows = int(below) + 1 + int((y1-start.y)/g.cell)
	g.shut, g.floor = make([]bool, g.cols*g.rows), make([]floor, g.cols*g.rows)
	for i := range p.obstacles {
		g.close(&p.obstacles[i])
	}
	return g
}

// close shuts the cells around an obstacle. The little more keeps the lines between the middles of cells out of its way
// at its corners.
func (g *grid) close(o *obstacle) {
	keep := min(o.keep+g.cell*g.cell/(4*max(o.keep, g.cell)), o.own)
	low, high := o.box.Bounds()
	left, right := g.column(low.X-keep), g.column(high.X+keep)
	sin, cos := math.Sincos(o.box.Yaw)
	for row := g.row(low.Y - keep); row <= g.row(high.Y+keep); row++ {
		y := g.origin.y + float64(row)*g.cell - o.box.Center.Y
		for col := left; col <= right; col++ {
			x := g.origin.x + float64(col)*g.cell - o.box.Center.X
			along := max(math.Abs(cos*x+sin*y)-o.box.Size.X/2, 0)
			across := max(math.Abs(cos*y-sin*x)-o.box.Size.Y/2, 0)
			if along*along+across*across < keep*keep {
				g.shut[row*g.cols+col] = true
			}
		}
	}
}

// seen says whether a cell is known to be free floor.
func (g *grid) seen(i int) bool {
	if g.floor[i] == unasked {
		g.floor[i] = unseen
		if g.plan.known(g.middle(i)) {
			g.floor[i] = seenFree
		}
	}
	return g.floor[i] == seenFree
}

func (g *grid) column(x float64) int { return limited((x-g.origin.x)/g.cell, g.cols) }
func (g *grid) row(y float64) int    { return limited((y-g.origin.y)/g.cell, g.rows) }

func limited(at float64, n int) int { return int(min(max(math.Round(at), 0), float64(n-1))) }

func (g *grid) middle(i int) spot {
	return spot{g.origin.x + float64(i%g.cols)*g.cell, g.origin.y + float64(i/g.cols)*g.cell}
}

// open says whether a line is free, and does not lead over unknown floor between two known places.
func (g *grid) open(a, b spot) bool {
	if !g.plan.free(a, b) {
		return false
	}
	if !g.seen(g.at(a)) || !g.seen(g.at(b)) {
		return true
	}
	n := int(a.to(b)/g.cell) + 1
	for k := range n {
		t := float64(k) / float64(n)
		if !g.seen(g.at(spot{a.x + t*(b.x-a.x), a.y + t*(b.y-a.y)})) {
			return false
		}
	}
	return true
}

func (g *grid) at(s spot) int { return g.row(s.y)*g.cols + g.column(s.x) }

// search returns the cells of the cheapest way from start until the goal is near enough, or nil.
func (g *grid) search(start spot) []int {
	first := g.at(start)
	cost := make([]float32, len(g.shut))
	for i := range cost {
		cost[i] = math.MaxFloat32
	}
	parent := make([]int32, len(g.shut))
	cost[first], parent[first] = 0, -1
	open := frontier{{int32(first), 0}}
	for len(open) > 0 {
		at := open.pop()
		i := int(at.cell)
		if at.total > cost[i]+g.toCome(i)+1e-4 {
			continue // reached more cheaply since
		}
		if g.plan.toGoal(g.middle(i)) <= g.plan.arrival() {
			return trace(parent, i)
		}
		for _, j := range g.neighbours(i) {
			if j < 0 || g.shut[j] {
				continue
			}
			if next := cost[i] + g.step(i, j); next < cost[j] {
				cost[j], parent[j] = next, int32(i)
				open.push(node{int32(j), next + g.toCome(j)})
			}
		}
	}
	return nil
}

// toCome is the least that the way from a cell can still cost, but for the same amount everywhere.
func (g *grid) toCome(i int) float32 {
	goal := g.plan.goal
	m := g.middle(i)
	dx := max(math.Abs(m.x-goal.Center.X)-g.plan.reach, 0)
	dy := max(math.Abs(m.y-goal.Center.Y)-g.plan.reach, 0)
	return float32(math.Sqrt(dx*dx + dy*dy))
}

func (g *grid) neighbours(i int) [8]int {
	var list [8]int
	n := 0
	for dy := -1; dy <= 1; dy++ {
		for dx := -1; dx <= 1; dx++ {
			if dx == 0 && dy == 0 {
				continue
			}
			col, row := i%g.cols+dx, i/g.cols+dy
			list[n] = row*g.cols + col
			if col < 0 || col >= g.cols || row < 0 || row >= g.rows {
				list[n] = -1
			}
			n++
		}
	}
	return list
}

func (g *grid) step(i, j int) float32 {
	length := g.cell
	if i%g.cols != j%g.cols && i/g.cols != j/g.cols {
		length *= math.Sqrt2
	}
	if !g.seen(j) {
		length *= unseenCost
	}
	return float32(length)
}

func trace(parent []int32, i int) []int {
	var cells []int
	for ; i >= 0; i = int(parent[i]) {
		cells = append(cells, i)
	}
	slices.Reverse(cells)
	return cells
}
