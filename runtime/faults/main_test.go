// Package faults breaks everything that a message meets on its way, again and again, and holds what a consumer accepted
// against what was acknowledged to the sender.
//
// The way is the real one: link.Client and outbox.Box, a cable that fails on demand, mosquitto or a cluster of NATS
// servers, and a foreign client as the consumer. `go test` runs a short form; `make faults` runs it at full size.
package faults_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(childVariable); text != "" {
		if err := beChild(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}
