package daemon_test

import (
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/bench/growthtest"
)

func growthOfClients(t *testing.T, phase time.Duration) []growthtest.Figure { return nil }
