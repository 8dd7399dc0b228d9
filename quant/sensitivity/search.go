// Package sensitivity finds out which layers of a network suffer from int8, and how much of the work can be done in
// int8 under a given loss. It knows nothing of networks: what a choice of layers costs is for the caller to measure.
package sensitivity

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
)

// Layer is something that may be int8 or not.
type Layer struct {
	ID    string `json:"id"`
	FLOPs int64  `json:"flops"` // what is gained when it is int8
}

// Loss measures the network with the given layers kept in float32 and all others in int8. 0 is as good as float32.
type Loss func(ctx context.Context, kept []string) (float64, error)

// Sensitivity is what one layer does to the loss.
type Sensitivity struct {
	Layer
	Alone   float64 `json:"alone"`   // loss when only this layer is int8
	LeftOut float64 `json:"leftOut"` // loss when all layers but this one are int8
}

// Result is what a search has found.
type Result struct {
	Kept      []string      `json:"kept"` // layers to keep in float32, in the given order
	Loss      float64       `json:"loss"` // with them
	Limit     float64       `json:"limit"`
	FullLoss  float64       `json:"fullLoss"`  // with every layer in int8
	Int8Share float64       `json:"int8Share"` // of the layers' FLOPs that are done in int8
	Layers    []Sensitivity `json:"layers"`    // most harmful first; empty if nothing had to be kept
	Measured  int           `json:"measured"`  // how many choices were measured
}

// Measure finds what each layer does to the loss, by quantizing it alone and by leaving it out. The layer that does
// the most harm for its work comes first.
func Measure(ctx context.Context, layers []Layer, loss Loss) ([]Sensitivity, error) {
	return rank(layers, func(kept []string) (float64, error) { return measure(ctx, loss, kept) })
}

func rank(layers []Layer, loss func(kept []string) (float64, error)) ([]Sensitivity, error) {
	out := make([]Sensitivity, len(layers))
	for i, l := range layers {
		out[i].Layer = l
		var err error
		if out[i].Alone, err = loss(others(layers, l.ID)); err != nil {
			return nil, fmt.Errorf("quantizing layer %s alone: %w", l.ID, err)
		}
		if out[i].LeftOut, err = loss([]string{l.ID}); err != nil {
			return nil, fmt.Errorf("leaving out layer %s: %w", l.ID, err)
		}
	}
	slices.SortStableFunc(out, func(a, b Sensitivity) int { return cmp.Compare(b.harm(), a.harm()) })
	return out, nil
}

// harm is the loss that the layer causes for each unit of work that it saves. Work enters by its root: by itself it
// would keep tiny layers first that hardly change anything.
func (s Sensitivity) harm() float64 { return s.Alone / math.Sqrt(float64(max(s.FLOPs, 1))) }

func others(layers []Layer, id string) []string {
	var out []string
	for _, l := range layers {
		if l.ID != id {
			out = append(out, l.ID)
		}
	}
	return out
}

// measure calls the loss function and refuses what is no loss.
func measure(ctx context.Context, loss Loss, kept []string) (float64, error) {
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	l, err := loss(ctx, kept)
	if err != nil {
		return 0, err
	}
	if math.IsNaN(l) {
		return math.Inf(1), nil
	}
	return l, nil
}

// LimitError is returned when no choice of layers keeps the loss within the limit.
type LimitError struct{ Loss, Limit float64 }

// Error gives both figures.
func (e *LimitError) Error() string {
	return fmt.Sprintf("the loss is %.4g with every layer in float32, more than the limit of %.4g", e.Loss, e.Limit)
}

// Search looks for the choice that does the most work in int8 with a loss of at most limit. It keeps the most harmful
// layers first, as few of them as suffice, and then tries to give back each of those, largest first. With n layers
// it measures about 3n choices, and only one if nothing has to be kept.
func Search(ctx context.Context, layers []Layer, limit float64, loss Loss) (*Result, error) {
	s := &search{layers: layers, limit: limit}
	s.loss = func(kept []string) (float64, error) {
		s.measured++
		return measure(ctx, loss, kept)
	}
	r, err := s.run()
	if err != nil {
		return nil, fmt.Errorf("searching for layers to keep: %w", err)
	}
	return r, nil
}

type search struct {
	layers   []Layer
	limit    float64
	loss     func(kept []string) (float64, error)
	measured int
}

func (s *search) run() (*Result, error) {
	full, err := s.loss(nil)
	if err != nil {
		return nil, err
	}
	if full <= s.limit {
		return s.result(nil, full, full, nil), nil
	}
	ranked, err := rank(s.layers, s.loss)
	if err != nil {
		return nil, err
	}
	kept, loss, err := s.fewest(ranked)
	if err != nil {
		return nil, err
	}
	if kept, loss, err = s.giveBack(kept, loss); err != nil {
		return nil, err
	}
	return s.result(kept, loss, full, ranked), nil
}

// fewest finds by bisection how many of the most harmful layers must be kept.
func (s *search) fewest(ranked []Sensitivity) ([]string, float64, error) {
	ids := make([]string, len(ranked))
	for i, r := range ranked {
		ids[i] = r.ID
	}
	low, high := 0, len(ids) // keeping low of them is too few
	loss, err := s.loss(ids)
	if err != nil {
		return nil, 0, err
	}
	if loss > s.limit {
		return nil, 0, &LimitError{Loss: loss, Limit: s.limit}
	}
	for high-low > 1 {
		middle := (low + high) / 2
		l, err := s.loss(ids[:middle])
		if err != nil {
			return nil, 0, err
		}
		if l <= s.limit {
			high, loss = middle, l
		} else {
			low = middle
		}
	}
	return ids[:high], loss, nil
}

// giveBack tries to do without each kept layer, the one with the most work first.
func (s *search) giveBack(kept []string, loss float64) ([]string, float64, error) {
	candidates := slices.DeleteFunc(slices.Clone(s.layers), func(l Layer) bool { return !slices.Contains(kept, l.ID) })
	slices.SortStableFunc(candidates, func(a, b Layer) int { return cmp.Compare(b.FLOPs, a.FLOPs) })
	for _, l := range candidates {
		fewer := slices.DeleteFunc(slices.Clone(kept), func(id string) bool { return id == l.ID })
		with, err := s.loss(fewer)
		if err != nil {
			return nil, 0, err
		}
		if with <= s.limit {
			kept, loss = fewer, with
		}
	}
	return kept, loss, nil
}

func (s *search) result(kept []string, loss, full float64, ranked []Sensitivity) *Result {
	r := &Result{Kept: []string{}, Loss: loss, Limit: s.limit, FullLoss: full, Layers: ranked, Measured: s.measured}
	var all, converted int64
	for _, l := range s.layers {
		all += l.FLOPs
		if slices.Contains(kept, l.ID) {
			r.Kept = append(r.Kept, l.ID)
		} else {
			converted += l.FLOPs
		}
	}
	if all > 0 {
		r.Int8Share = float64(converted) / float64(all)
	}
	return r
}
