package eval

import "fmt"

// Split is a family of rooms.
type Split string

// The splits.
const (
	Test  Split = "test"  // rooms like those of the training, from other seeds
	Shift Split = "shift" // rooms with textures, light, proportions and camera heights that no training room has
)

// The borders between the seeds.
const (
	trainEnd   = 900_000   // below are the rooms that bundles are trained on
	testFirst  = 1_000_000 // between trainEnd and here is room for choosing settings
	judgeFirst = 1_700_000 // from here to shiftFirst only outside judges look
	shiftFirst = 2_000_000
)

// FirstSeed returns the seed of the split's first room.
func (s Split) FirstSeed() uint64 {
	if s == Shift {
		return shiftFirst
	}
	return testFirst
}

// check refuses rooms that do not belong to the split, that are trained on, or that are kept for outside judges.
func (s Split) check(first uint64, rooms int) error {
	low, high := uint64(trainEnd), uint64(judgeFirst)
	switch s {
	case Test:
	case Shift:
		low, high = shiftFirst, 1<<40
	default:
		return fmt.Errorf("split %q: want %s or %s", s, Test, Shift)
	}
	last := first + uint64(rooms) - 1
	switch {
	case first < trainEnd:
		return fmt.Errorf("seed %d: rooms below %d are trained on, so they measure nothing", first, trainEnd)
	case first < shiftFirst && last >= judgeFirst:
		return fmt.Errorf("seeds %d to %d: rooms %d to %d are for outside judges", first, last, judgeFirst, shiftFirst-1)
	case first < low || first >= high || last >= high:
		return fmt.Errorf("seeds %d to %d: split %s has the seeds %d to %d", first, last, s, low, high-1)
	}
	return nil
}
