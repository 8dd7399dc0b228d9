package daemon

import (
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/health"
)

// TestPaceOfEachStep sends a minute of a camera with 15 pictures a second through each step.
func TestPaceOfEachStep(t *testing.T) {
	for step, want := range map[health.Step][2]int{
		health.StepFull: {900, 300}, health.StepHalfFrames: {450, 300}, health.StepHalfObservations: {450, 150},
		health.StepQuestionsOnly: {60, 0},
	} {
		p := pacer{period: 200 * time.Millisecond}
		p.take(step)
		var encoded, observed int
		for i := range 900 {
			mono := time.Duration(i) * time.Second / 15
			if !p.encode(mono, false) {
				continue
			}
			encoded++
			if p.observe(mono, false, 0) {
				observed++
			}
		}
		if encoded < want[0]-1 || encoded > want[0]+1 || observed < want[1]-2 || observed > want[1]+2 {
			t.Errorf("%s: %d pictures encoded, %d observed, want %v", step, encoded, observed, want)
		}
		if p.missed() != 0 {
			t.Errorf("%s: calls its own pace late", step)
		}
	}
}

func TestFirstPictureIsLookedAtInEveryStep(t *testing.T) {
	for step := health.StepFull; step <= health.StepQuestionsOnly; step++ {
		p := pacer{period: time.Second}
		p.take(step)
		if !p.encode(5*time.Second, true) || !p.observe(5*time.Second, true, 0) {
			t.Errorf("%s: the first picture is not looked at", step)
		}
	}
}

func TestLateObservations(t *testing.T) {
	for name, c := range map[string]struct {
		gap     time.Duration
		skipped uint64 // more each time
		want    float64
	}{
		"on time":             {200 * time.Millisecond, 3, 0},
		"too slow":            {500 * time.Millisecond, 7, 0.9},
		"a slow camera":       {500 * time.Millisecond, 0, 0},
		"a little late":       {290 * time.Millisecond, 4, 0},
		"the camera was away": {20 * time.Second, 0, 0},
	} {
		p := pacer{period: 200 * time.Millisecond}
		for i := range 10 {
			p.observe(time.Second+time.Duration(i)*c.gap, false, uint64(i)*c.skipped)
		}
		if got := p.missed(); got != c.want {
			t.Errorf("%s: %g missed, want %g", name, got, c.want)
		}
		if p.missed() != 0 {
			t.Errorf("%s: what was told is told again", name)
		}
	}
}
