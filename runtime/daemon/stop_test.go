package daemon_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/daemon"
	"github.com/vega-edge/vegad/runtime/link/linktest"
)

// TestStopAtAnyMoment cancels when a line of the log says how far the start has come.
func TestStopAtAnyMoment(t *testing.T) {
	for _, moment := range []string{
		"", "ONNX Runtime is loaded", "engine is ready", "camera delivers pictures", "connected to the broker", "ready",
	} {
		t.Run(moment, func(t *testing.T) {
			cfg := settings(t, small)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var begun time.Time
			if moment == "" {
				begun = time.Now()
				cancel()
			}
			j := &journal{}
			said := make(chan time.Time, 1)
			j.hear = func(message string) {
				if message == moment && ctx.Err() == nil {
					said <- time.Now()
					cancel()
				}
			}
			err := daemon.Run(ctx, daemon.Options{Config: cfg, Logger: slog.New(j)})
			ended := time.Now()
			if moment != "" {
				select {
				case begun = <-said:
				default:
					t.Fatalf("the log never said %q: %v", moment, err)
				}
			}
			if spent := ended.Sub(begun); spent > 2*time.Second {
				t.Errorf("stopping took %v", spent)
			}
			if err != nil {
				t.Errorf("a stop that was asked for is an error: %v", err)
			}
		})
	}
}

// A broker that cannot be reached must not hold the stop up.
func TestStopWithoutABroker(t *testing.T) {
	cfg := settings(t, small)
	cfg.Broker.URL = "mqtt://127.0.0.1:" + linktest.FreePort(t)
	r := start(t, cfg)
	if spent := r.stop(); spent > 2*time.Second {
		t.Errorf("stopping took %v", spent)
	}
	if r.err != nil {
		t.Error(r.err)
	}
}
