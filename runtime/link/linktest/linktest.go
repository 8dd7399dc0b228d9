// Package linktest holds what tests of message delivery share: real brokers in processes of their own, a cable that
// fails on demand, a consumer, the account of what was sent and what came, and processes that are killed.
package linktest

import (
	"net"
	"os"
	"strconv"
	"testing"
	"time"
)

// Patience is for what must happen, on a machine with other work to do.
const Patience = 20 * time.Second

// Scale is how large the tests of faults are: 0 for the short form, and what VEGAD_FAULTS says for longer ones.
func Scale() int {
	n, err := strconv.Atoi(os.Getenv("VEGAD_FAULTS"))
	if err != nil || n < 1 {
		return 0
	}
	return n
}

// Eventually polls until something holds, because a real network or disk has no other clock than its own. It fails the
// test after Patience.
func Eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	Within(tb, Patience, what, holds)
}

// Within is Eventually with a limit.
func Within(tb testing.TB, limit time.Duration, what string, holds func() bool) {
	tb.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.After(limit)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			tb.Fatalf("waited in vain for: %s", what)
		}
	}
}

// FreePort returns a port of this machine that nobody listens on.
func FreePort(tb testing.TB) string {
	tb.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(inner.Addr().String())
	_ = inner.Close()
	return port
}

// awaitPort returns when somebody listens on a port of this machine.
func awaitPort(tb testing.TB, what, port string) {
	tb.Helper()
	Eventually(tb, what+" listening", func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}
