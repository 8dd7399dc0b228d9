package eval

import (
	"fmt"
	"maps"
	"slices"
)

func walkLines() []line {
	return []line{
		{"object count, MRA", "vsi", "count", "%"},
		{"absolute distance, MRA", "vsi", "abs_distance", "%"},
		{"object size, MRA", "vsi", "object_size", "%"},
		{"room size, MRA", "vsi", "room_size", "%"},
		{"relative distance, accuracy", "vsi", "rel_distance", "%"},
		{"relative direction, accuracy", "vsi", relDirection, "%"},
		{"… easy", "vsi", "rel_direction_easy", "%"},
		{"… medium", "vsi", "rel_direction_medium", "%"},
		{"… hard", "vsi", "rel_direction_hard", "%"},
		{"route plan, accuracy", "vsi", "route", "%"},
		{"appearance order, accuracy", "vsi", "order", "%"},
		{"average of the eight", "vsi", average, "%"},
		{"answered", "calibration", "answered", "%"},
		{"truth inside the 95 % interval", "calibration", "coverage95", "%"},
	}
}

// answerers returns who answered: the known variants in their order, others by name, chance last.
func (r *WalkResult) answerers() []string {
	known := append(WalkVariants(), Chance)
	var out []string
	for _, name := range known {
		if _, ok := r.Variants[name]; ok && name != Chance {
			out = append(out, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Variants)) {
		if !slices.Contains(known, name) {
			out = append(out, name)
		}
	}
	return append(out, Chance)
}

func (r *WalkResult) sheet() sheet {
	head := fmt.Sprintf("%d questions about %d walks, 95 %% intervals over rooms", r.Questions, r.Rooms)
	if r.Bundle != "" {
		last := r.FirstSeed + uint64(r.Rooms) - 1
		head = fmt.Sprintf("%s, %s on %s, %s, split %s (seeds %d to %d)",
			r.Bundle, r.Precision, r.Provider, head, r.Split, r.FirstSeed, last)
	}
	return sheet{head, r.answerers(), walkLines(), r.Variants}
}

// Table writes the figures for a terminal.
func (r *WalkResult) Table() string {
	s := r.sheet()
	return s.table()
}

// Markdown writes the figures as the table of a README.
func (r *WalkResult) Markdown() string {
	s := r.sheet()
	return s.markdown()
}
