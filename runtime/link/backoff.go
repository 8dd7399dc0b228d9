package link

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff spaces the attempts to connect with full jitter: a fleet that lost its broker comes back spread out.
type backoff struct {
	base, max time.Duration
	failures  int
}

// next returns the time to wait, evenly drawn from 0 to min(max, base * 2^failures), and counts a failure.
func (b *backoff) next() time.Duration {
	ceiling := b.max
	if b.failures < 30 {
		ceiling = min(b.max, b.base<<b.failures)
	}
	b.failures++
	return rand.N(ceiling + 1)
}

func (b *backoff) reset() { b.failures = 0 }

// pause waits, or less when the context ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
