package onnx

import (
	"container/heap"
	"fmt"
	"slices"
	"strings"
)

// Sort puts every node behind those whose tensors it reads. Nodes that stand in such an order already keep it. Nodes
// that wait for each other are an error that names them.
func (g *Graph) Sort() error {
	nodes, err := g.order()
	if err != nil {
		return err
	}
	g.Nodes = nodes
	return nil
}

// order returns the nodes in the order in which they can run, as close to their own as possible.
func (g *Graph) order() ([]*Node, error) {
	waits, readers := g.dependencies()
	ready := &queue{}
	missing := make([]int, len(g.Nodes)) // how many nodes each still waits for
	for i, before := range waits {
		if missing[i] = len(before); missing[i] == 0 {
			heap.Push(ready, i)
		}
	}
	sorted := make([]*Node, 0, len(g.Nodes))
	for ready.Len() > 0 {
		i := heap.Pop(ready).(int)
		sorted = append(sorted, g.Nodes[i])
		for _, next := range readers[i] {
			if missing[next]--; missing[next] == 0 {
				heap.Push(ready, next)
			}
		}
	}
	if len(sorted) < len(g.Nodes) {
		return nil, g.circle(waits, missing)
	}
	return sorted, nil
}

// dependencies returns for each node the places of those it waits for and of those that wait for it.
func (g *Graph) dependencies() (waits, readers [][]int) {
	maker := map[string]int{}
	for i, n := range g.Nodes {
		for _, name := range n.Outputs {
			maker[name] = i
		}
	}
	waits, readers = make([][]int, len(g.Nodes)), make([][]int, len(g.Nodes))
	for i, n := range g.Nodes {
		for name := range n.reads() {
			if from, ok := maker[name]; ok {
				waits[i] = append(waits[i], from)
				readers[from] = append(readers[from], i)
			}
		}
	}
	return waits, readers
}

// circle describes nodes that wait for each other: going back from any node that never became ready ends in one.
func (g *Graph) circle(waits [][]int, missing []int) error {
	at := slices.IndexFunc(missing, func(n int) bool { return n > 0 })
	var path []int
	step := map[int]int{} // when each node was met
	for {
		if first, met := step[at]; met {
			path = path[first:]
			break
		}
		step[at] = len(path)
		path = append(path, at)
		next := slices.IndexFunc(waits[at], func(from int) bool { return missing[from] > 0 })
		at = waits[at][next]
	}
	slices.Reverse(path)
	labels := make([]string, 0, len(path))
	for _, i := range path {
		labels = append(labels, g.Nodes[i].Label())
	}
	if more := len(labels) - 10; more > 0 {
		labels = append(labels[:10], fmt.Sprintf("%d more", more))
	}
	return fmt.Errorf("nodes wait for each other: %s", strings.Join(labels, " -> "))
}

// queue is a heap of places in the list of nodes, the first place on top.
type queue []int

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i] < q[j] }
func (q queue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }

// Push appends a place, for heap.Push.
func (q *queue) Push(x any) { *q = append(*q, x.(int)) }

// Pop takes the last place, for heap.Pop.
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
