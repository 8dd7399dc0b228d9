package daemon_test

import (
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/bench/benchtest"
)

// idleFor is how long a program without a camera is watched; the kernel counts in hundredths of a second.
const idleFor = 30 * time.Second

// measureIdle is what the program costs while its camera is off: it tries to open it now and then, and publishes its
// state.
func measureIdle(t *testing.T, out *benchtest.Results) {
	t.Helper()
	p := runOn(t, "/dev/video99") // there is none
	p.await(t)
	g := join(t, p.url)
	g.await("state", `"lost"`)
	pause(5 * time.Second) // the pauses between two attempts grow
	before, begun := p.cpu(t), time.Now()
	pause(idleFor)
	out.AtMost("CPU while the camera is off", 100*(p.cpu(t)-before)/time.Since(begun).Seconds(), "% of a core", 1)
	p.stop()
}
