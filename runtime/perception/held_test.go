package perception_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/perception"
)

// TestHeldFramesAreAllThatMatters feeds a second pipeline with what the first holds, and then the same frames to both.
func TestHeldFramesAreAllThatMatters(t *testing.T) {
	for _, fps := range []int{3, 5, 15, 30} {
		t.Run(fmt.Sprint(fps), func(t *testing.T) {
			a, b := newNetwork(), newNetwork()
			first, second := newPipeline(t, config(a)), newPipeline(t, config(b))
			taken := func(frame int) time.Duration {
				return time.Second + time.Duration(frame)*time.Second/time.Duration(fps)
			}
			show := func(p *perception.Pipeline, frame int) { feed(t, p, picture(uint64(frame), taken(frame))) }
			last := 4 * fps
			for frame := 1; frame <= last; frame++ {
				show(first, frame)
			}
			held := first.Held(nil)
			if held[len(held)-1] != uint64(last) || !slices.IsSorted(held) || taken(last)-taken(int(held[0])) < clip*stride/2 {
				t.Fatalf("%v are held", held)
			}
			for _, seq := range held {
				show(second, int(seq))
			}
			if again := second.Held(nil); !slices.Equal(held, again) {
				t.Fatalf("held %v, then %v", held, again)
			}
			for frame := last + 1; frame < 2*last; frame++ {
				show(first, frame)
				show(second, frame)
				observe(t, first, perception.Observe)
				observe(t, second, perception.Observe)
				if !slices.Equal(a.mixer.in["times"], b.mixer.in["times"]) {
					t.Fatalf("frame %d: times %v and %v", frame, a.mixer.in["times"], b.mixer.in["times"])
				}
			}
		})
	}
}
