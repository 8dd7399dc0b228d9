package bench

import (
	"runtime"
	"slices"
)

// calls counts what calls allocate on the Go heap.
type calls struct {
	order []string
	by    map[string]*allocations
}

type allocations struct{ objects, bytes []float64 }

func newCalls() *calls { return &calls{by: map[string]*allocations{}} }

// count runs do. A call inside of another one counts for both.
func (c *calls) count(name string, do func() error) error {
	a := c.by[name]
	if a == nil {
		a = &allocations{}
		c.by[name], c.order = a, append(c.order, name)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := do()
	runtime.ReadMemStats(&after)
	a.objects = append(a.objects, float64(after.Mallocs-before.Mallocs))
	a.bytes = append(a.bytes, float64(after.TotalAlloc-before.TotalAlloc))
	return err
}

// list returns the medians: now and then something else of the process allocates meanwhile.
func (c *calls) list() []Call {
	out := make([]Call, 0, len(c.order))
	for _, name := range c.order {
		a := c.by[name]
		slices.Sort(a.objects)
		slices.Sort(a.bytes)
		out = append(out, Call{Name: name, Allocations: quantile(a.objects, 0.5), Bytes: quantile(a.bytes, 0.5)})
	}
	return out
}
