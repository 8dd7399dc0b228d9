package query

// frontier is the heap of cells that a search has still to look at, the most promising first.
type frontier []node

type node struct {
	cell  int32
	total float32 // cost so far and the least cost to come
}

func (f *frontier) push(n node) {
	*f = append(*f, n)
	list := *f
	for i := len(list) - 1; i > 0; {
		up := (i - 1) / 2
		if list[up].total <= list[i].total {
			return
		}
		list[up], list[i] = list[i], list[up]
		i = up
	}
}

func (f *frontier) pop() node {
	list := *f
	first, n := list[0], len(list)-1
	list[0] = list[n]
	list = list[:n]
	*f = list
	for i := 0; ; {
		down := 2*i + 1
		if down >= n {
			return first
		}
		if down+1 < n && list[down+1].total < list[down].total {
			down++
		}
		if list[i].total <= list[down].total {
			return first
		}
		list[i], list[down] = list[down], list[i]
		i = down
	}
}
