// Package peers holds vegad against what an engineer would write instead: the same job in Python (python/) and in C++
// (cpp/), with the same networks, film and broker.
//
// TestBench first makes sure that all of them see the same things, and refuses to measure otherwise. Then they run in
// turns, so that a machine that grows warm or busy is unfair to none. `make bench` runs it, `make bench-short` runs a
// short form.
package peers_test

import (
	"log/slog"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/vega-edge/vegad/camera/gocv"
)

func TestMain(m *testing.M) {
	if err := gocv.Quiet(); err != nil {
		slog.Error("silencing FFmpeg", "err", err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}
