package daemon

import "testing"

// An eye that hangs must show, whatever the others do; one that has ended must not.
func TestRoundsNeedEveryEye(t *testing.T) {
	var r rounds
	steps := []struct {
		now   []uint64
		ended []bool
		want  uint64
	}{
		{[]uint64{1, 1}, []bool{false, false}, 1},
		{[]uint64{5, 1}, []bool{false, false}, 1},
		{[]uint64{9, 1}, []bool{false, false}, 1},
		{[]uint64{9, 2}, []bool{false, false}, 2},
		{[]uint64{9, 2}, []bool{false, false}, 2},
		{[]uint64{9, 3}, []bool{true, false}, 3},
		{[]uint64{9, 3}, []bool{true, false}, 3},
	}
	for i, s := range steps {
		if got := r.of(s.now, s.ended); got != s.want {
			t.Errorf("step %d: %d rounds, want %d", i, got, s.want)
		}
	}
}
