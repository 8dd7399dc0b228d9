//go:build !race

package daemon_test

import (
	"testing"

	"github.com/vega-edge/vegad/runtime/bench/growthtest"
)

// TestGrowthShort holds the growth of what needs no network and no program, on fewer sizes.
func TestGrowthShort(t *testing.T) {
	sizes := []int{30, 300, 3000}
	for _, f := range []growthtest.Figure{growthOfMemory(t, sizes), growthOfQuestions(t, sizes), growthOfClips(t)} {
		for i := range f.Curves {
			c := &f.Curves[i]
			t.Logf("%s: %s: %v, exponent %.2f", f.Name, c.Name, c.Points, c.Exponent())
			if e := c.Exponent(); e > growthtest.Most {
				t.Errorf("%s: %s grows with the power %.2f: %v", f.Name, c.Name, e, c.Points)
			}
		}
	}
}
