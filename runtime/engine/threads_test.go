package engine

import (
	"testing"

	"github.com/vega-edge/vegad/models"
)

func TestThreadsAreShared(t *testing.T) {
	for threads, want := range map[int][3]int{1: {1, 1, 1}, 2: {1, 1, 2}, 3: {2, 1, 3}, 8: {4, 4, 8}} {
		got := [3]int{
			threadsOf(models.VideoStem, threads), threadsOf(models.SemanticEncoder, threads),
			threadsOf(models.SpatialHead, threads),
		}
		if got != want {
			t.Errorf("of %d threads: %v, want %v", threads, got, want)
		}
	}
}
