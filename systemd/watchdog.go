package systemd

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// pings is how often the watchdog is pinged within its period: two pings may be late before systemd acts.
const pings = 3

// Watchdog pings systemd's watchdog for as long as work advances, so that a process that hangs in a driver is killed
// and started again although it still has a pulse.
type Watchdog struct {
	notifier *Notifier
	progress func() uint64
	logger   *slog.Logger
	period   time.Duration
}

// NewWatchdog reads the period that systemd set for this process in WATCHDOG_USEC; there may be none. Progress must
// return a number that changes whenever the service did its work: frames through the engine, and attempts to open a
// camera that is away, since a restart would not bring it back.
func NewWatchdog(n *Notifier, progress func() uint64, logger *slog.Logger) (*Watchdog, error) {
	period, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return nil, fmt.Errorf("reading systemd's watchdog period: %w", err)
	}
	return &Watchdog{notifier: n, progress: progress, logger: logger.With("component", "watchdog"), period: period}, nil
}

// Period is the time without a ping after which systemd kills the process; zero when there is no watchdog.
func (w *Watchdog) Period() time.Duration { return w.period }

// Run pings three times a period, each time only if progress was made since the last ping, until the context ends,
// which is not an error. Without a watchdog it just waits. A ping that cannot be sent is logged and tried again.
func (w *Watchdog) Run(ctx context.Context) error {
	if w.period == 0 {
		<-ctx.Done()
		return nil
	}
	ticker := time.NewTicker(w.period / pings)
	defer ticker.Stop()
	last, stuck := w.progress(), false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		now := w.progress()
		if now == last {
			w.withhold(stuck, now)
			stuck = true
			continue
		}
		if err := w.notifier.watchdog(); err != nil {
			w.logger.Warn("watchdog ping lost", "err", err)
			continue
		}
		last, stuck = now, false
	}
}

// withhold says once why the ping stays away.
func (w *Watchdog) withhold(again bool, progress uint64) {
	if !again {
		w.logger.Warn("no progress, withholding the watchdog ping", "progress", progress, "period", w.period)
	}
}
