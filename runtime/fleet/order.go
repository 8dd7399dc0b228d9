package fleet

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Order is how robots are sorted. Those that are equal in it are sorted by name, so that rows stay where they are.
type Order string

// The orders.
const (
	ByTrouble     Order = "trouble"     // the worst first; see Trouble
	ByName        Order = "name"        // by manufacturer, then serial number
	ByHeard       Order = "heard"       // the longest silent first
	ByTemperature Order = "temperature" // the hottest first, those without a thermometer last
	ByOutbox      Order = "outbox"      // the oldest waiting message first
)

// Orders lists every Order.
func Orders() []Order { return []Order{ByTrouble, ByName, ByHeard, ByTemperature, ByOutbox} }

// ParseOrder reads the name of an order; empty is ByTrouble.
func ParseOrder(text string) (Order, error) {
	if text == "" {
		return ByTrouble, nil
	}
	if o := Order(text); slices.Contains(Orders(), o) {
		return o, nil
	}
	return "", fmt.Errorf("order %.40q is not one of trouble, name, heard, temperature, outbox", text)
}

// sorted returns the robots in the order. It moves pointers, because robots are large.
func (o Order) sorted(robots []Robot) []Robot {
	first := o.first()
	rows := make([]*Robot, len(robots))
	for i := range robots {
		rows[i] = &robots[i]
	}
	slices.SortFunc(rows, func(a, b *Robot) int {
		if c := first(a, b); c != 0 {
			return c
		}
		return cmp.Or(strings.Compare(a.Manufacturer, b.Manufacturer), strings.Compare(a.Serial, b.Serial))
	})
	out := make([]Robot, len(rows))
	for i, row := range rows {
		out[i] = *row
	}
	return out
}

// first compares before names do.
func (o Order) first() func(a, b *Robot) int {
	switch o {
	case ByTrouble:
		return func(a, b *Robot) int { return cmp.Compare(b.Trouble, a.Trouble) }
	case ByHeard:
		return func(a, b *Robot) int { return a.LastHeard.Compare(b.LastHeard) }
	case ByTemperature:
		return func(a, b *Robot) int { return cmp.Compare(celsius(b), celsius(a)) }
	case ByOutbox:
		return func(a, b *Robot) int { return cmp.Compare(b.OutboxAgeSeconds, a.OutboxAgeSeconds) }
	case ByName:
	}
	return func(_, _ *Robot) int { return 0 }
}

func celsius(r *Robot) float64 {
	if r.Temperature == nil {
		return coldest
	}
	return r.Temperature.Celsius
}
