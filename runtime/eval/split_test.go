package eval

import (
	"math"
	"testing"
)

func TestSplitSeeds(t *testing.T) {
	for _, c := range []struct {
		split Split
		first uint64
		rooms int
		ok    bool
	}{
		{Test, 1_000_000, 100, true},
		{Test, 900_000, 100, true},
		{Test, 899_999, 1, false},      // trained on
		{Test, 0, 10, false},           //
		{Test, 1_699_900, 100, true},   // the last ones
		{Test, 1_699_900, 101, false},  // reaches the judges' rooms
		{Test, 1_700_000, 1, false},    //
		{Test, 1_999_999, 1, false},    //
		{Shift, 1_999_999, 10, false},  //
		{Test, 2_000_000, 1, false},    // another split's
		{Shift, 1_000_000, 1, false},   //
		{Shift, 2_000_000, 1000, true}, //
		{Shift, math.MaxUint64, 5, false},
		{"train", 1_000_000, 1, false},
	} {
		if err := c.split.check(c.first, c.rooms); (err == nil) != c.ok {
			t.Errorf("%s, %d rooms from %d: %v, want ok %v", c.split, c.rooms, c.first, err, c.ok)
		}
	}
	if Test.FirstSeed() != 1_000_000 || Shift.FirstSeed() != 2_000_000 {
		t.Errorf("first seeds %d and %d", Test.FirstSeed(), Shift.FirstSeed())
	}
}
