package systemd

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listen makes a socket as systemd does and names it in the environment.
func listen(t *testing.T) *net.UnixConn {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return conn
}

func receive(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	n, err := conn.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	return string(buffer[:n])
}

func TestNotifierOnARealSocket(t *testing.T) {
	conn := listen(t)
	n := NewNotifier()
	for want, send := range map[string]func() error{
		"^READY=1$":                            n.Ready,
		"^STOPPING=1$":                         n.Stopping,
		`^RELOADING=1\nMONOTONIC_USEC=[0-9]+$`: n.Reloading,
		"^EXTEND_TIMEOUT_USEC=90000000$":       func() error { return n.ExtendTimeout(90 * time.Second) },
		"^STATUS=building an engine READY=1$":  func() error { return n.Status("building an engine\nREADY=1\n") },
		"^WATCHDOG=1$":                         n.watchdog,
	} {
		if err := send(); err != nil {
			t.Fatal(err)
		}
		if got := receive(t, conn); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("sent %q, want %s", got, want)
		}
	}
}

func TestNotifierWithoutSystemd(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := NewNotifier().Ready(); err != nil {
		t.Error(err)
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone"))
	if err := NewNotifier().Ready(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("socket that is gone: %v", err)
	}
}

func TestWatchdogPeriod(t *testing.T) {
	t.Setenv("WATCHDOG_PID", "")
	for text, want := range map[string]time.Duration{"": 0, "30000000": 30 * time.Second} {
		t.Setenv("WATCHDOG_USEC", text)
		w, err := NewWatchdog(NewNotifier(), func() uint64 { return 0 }, slog.New(slog.DiscardHandler))
		if err != nil || w.Period() != want {
			t.Errorf("%q gives %v, %v", text, w, err)
		}
	}
	t.Setenv("WATCHDOG_USEC", "soon")
	if _, err := NewWatchdog(NewNotifier(), nil, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a period that is no number was accepted")
	}
}

// bench is a watchdog of 30 seconds that runs in a bubble of fake time.
type bench struct {
	frames atomic.Uint64
	fail   atomic.Bool
	pings  []time.Duration // since the start; like the log, read when Run has ended
	log    strings.Builder
}

func (b *bench) run(t *testing.T, script func()) {
	t.Helper()
	start := time.Now()
	n := &Notifier{send: func(string) error {
		if b.fail.Load() {
			return errors.New("socket is full")
		}
		b.pings = append(b.pings, time.Since(start))
		return nil
	}}
	w := &Watchdog{
		notifier: n, progress: b.frames.Load,
		logger: slog.New(slog.NewTextHandler(&b.log, nil)), period: 30 * time.Second,
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	synctest.Wait()
	script()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// pass lets fake time go by, then everything that was due happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestWatchdogFollowsFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bench
		b.run(t, func() {
			pass(10 * time.Second) // no frame yet, no ping
			b.frames.Store(5)
			pass(10 * time.Second) // ping at 20 s
			b.frames.Store(9)
			pass(10 * time.Second) // ping at 30 s
			pass(60 * time.Second) // stuck: nothing more
			b.frames.Store(10)
			pass(10 * time.Second) // ping at 100 s
		})
		want := []time.Duration{20 * time.Second, 30 * time.Second, 100 * time.Second}
		if len(b.pings) != 3 || b.pings[0] != want[0] || b.pings[1] != want[1] || b.pings[2] != want[2] {
			t.Errorf("pings at %v, want %v", b.pings, want)
		}
		if got := strings.Count(b.log.String(), "withholding"); got != 2 {
			t.Errorf("logged %d times, want once before the first frame and once when stuck:\n%s", got, b.log.String())
		}
	})
}

func TestWatchdogTriesALostPingAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bench
		b.fail.Store(true)
		b.run(t, func() {
			b.frames.Store(1)
			pass(10 * time.Second)
			b.fail.Store(false)
			pass(10 * time.Second) // the same frame: the ping was never delivered
		})
		if len(b.pings) != 1 || b.pings[0] != 20*time.Second {
			t.Errorf("pings at %v, want one at 20 s", b.pings)
		}
	})
}

func TestWatchdogWithoutPeriodWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		w := &Watchdog{}
		if err := w.Run(ctx); err != nil || time.Since(start) != time.Minute {
			t.Errorf("returned %v after %v", err, time.Since(start))
		}
	})
}
