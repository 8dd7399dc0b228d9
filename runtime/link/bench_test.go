package link

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/outbox"
)

// BenchmarkPublish sends answers of a kilobyte to a broker in this process, with some hundred under way: once with the
// outbox in memory and once on disk. The difference is what durability costs while the broker is there. "stored" waits
// for the disk before every message goes, which vegad does not do.
func BenchmarkPublish(b *testing.B) {
	for _, where := range []string{"memory", "disk", "stored"} {
		b.Run(where, func(b *testing.B) {
			dir := ""
			if where != "memory" {
				dir = b.TempDir()
			}
			box, err := outbox.Open(outbox.Config{Dir: dir, Logger: discard()})
			if err != nil {
				b.Fatal(err)
			}
			v := startVillain(b)
			c := newDurable(b, v.url(), box, nil)
			ctx, cancel := context.WithCancel(b.Context())
			ended := make(chan error, 1)
			go func() { ended <- c.Run(ctx) }()
			answer := payload.Answer{Status: payload.Refused, Reason: strings.Repeat("x", 800)}
			slack := time.NewTicker(200 * time.Microsecond)
			defer slack.Stop()
			began := cpuTime(b)
			for b.Loop() {
				if err := c.PublishAnswer("r", answer, ""); err != nil {
					b.Fatal(err)
				}
				for underWay := 256; box.Stats().Records > underWay; {
					<-slack.C
				}
				if where == "stored" {
					_ = box.Flush(ctx)
				}
			}
			for box.Stats().Records > 0 {
				<-slack.C
			}
			s := box.Stats()
			b.ReportMetric(float64(cpuTime(b)-began)/float64(b.N), "cpu-ns/op")
			b.ReportMetric(100*float64(s.Written)/float64(s.Put), "%written")
			cancel()
			if err := errors.Join(<-ended, box.Close()); err != nil {
				b.Fatal(err)
			}
		})
	}
}

// cpuTime is what this process has used of the processors, which tells a cost on a busy machine too.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
