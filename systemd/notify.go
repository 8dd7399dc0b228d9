// Package systemd tells the service manager the truth about vegad: when it is ready, what it is doing, that it is
// alive. Outside of systemd, where nobody listens, everything here does nothing.
package systemd

import (
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Notifier sends states to the socket that systemd names in NOTIFY_SOCKET. It holds nothing and may be used by several
// goroutines at once.
type Notifier struct {
	send func(state string) error
}

// NewNotifier returns a notifier for the socket of this process; without one its methods do nothing.
func NewNotifier() *Notifier { return &Notifier{send: notify} }

func notify(state string) error {
	if _, err := daemon.SdNotify(false, state); err != nil {
		return fmt.Errorf("notifying systemd: %w", err)
	}
	return nil
}

// Ready says that the service works: call it after the first frame went through the engine, and again at the end of a
// reload.
func (n *Notifier) Ready() error { return n.send(daemon.SdNotifyReady) }

// Stopping says that the service is shutting down.
func (n *Notifier) Stopping() error { return n.send(daemon.SdNotifyStopping) }

// Reloading says that the configuration is being read again; Ready must follow.
func (n *Notifier) Reloading() error {
	return n.send(strings.TrimSpace(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec()))
}

// Status sets the one line that systemctl status shows. Line breaks become spaces, because to systemd they begin
// another variable.
func (n *Notifier) Status(text string) error {
	return n.send("STATUS=" + strings.Join(strings.Fields(text), " "))
}

// ExtendTimeout asks for that much more time, from now, to start, reload or stop: building an engine takes minutes.
func (n *Notifier) ExtendTimeout(more time.Duration) error {
	return n.send(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", more.Microseconds()))
}

func (n *Notifier) watchdog() error { return n.send(daemon.SdNotifyWatchdog) }
