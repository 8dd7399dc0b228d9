package daemon

import (
	"testing"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

func building(seconds float64) payload.State {
	return payload.State{Runtime: payload.RuntimeState{
		EngineBuild: &payload.EngineBuild{State: "building", ElapsedSeconds: seconds},
	}}
}

func TestProgressAloneIsNoNews(t *testing.T) {
	a := building(1)
	b := building(2)
	if changed(a, b) {
		t.Error("every second is news")
	}
	b.Runtime.EngineBuild.Done = 1
	if !changed(a, b) {
		t.Error("an engine that is ready is no news")
	}
}
