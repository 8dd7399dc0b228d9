package daemon_test

import (
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// manager is the service manager's end of the notification socket.
type manager struct {
	mu   sync.Mutex
	said []string
}

func listen(t *testing.T) *manager {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	m := &manager{}
	var reader sync.WaitGroup
	reader.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			m.mu.Lock()
			m.said = append(m.said, string(buf[:n]))
			m.mu.Unlock()
		}
	})
	t.Cleanup(func() {
		_ = conn.Close()
		reader.Wait()
	})
	t.Setenv("NOTIFY_SOCKET", path)
	return m
}

func (m *manager) count(word string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, s := range m.said {
		if s == word {
			n++
		}
	}
	return n
}

func (m *manager) all() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.said)
}

func TestSystemdIsToldTheTruth(t *testing.T) {
	m := listen(t)
	t.Setenv("WATCHDOG_USEC", "300000")
	r := start(t, settings(t, small))
	eventually(t, "READY=1", func() bool { return m.count("READY=1") == 1 })
	eventually(t, "pings", func() bool { return m.count("WATCHDOG=1") >= 3 })
	r.stop()
	eventually(t, "STOPPING=1", func() bool { return m.count("STOPPING=1") == 1 })
	said := m.all()
	if said[len(said)-1] != "STOPPING=1" {
		t.Errorf("the last word is %q", said[len(said)-1])
	}
	status := slices.IndexFunc(said, func(s string) bool { return strings.HasPrefix(s, "STATUS=watching with cpu fp32") })
	if status < slices.Index(said, "READY=1") {
		t.Errorf("the status comes before READY=1: %q", said)
	}
}

// Without a picture there is no READY=1, however long the daemon runs.
func TestNotReadyWithoutACamera(t *testing.T) {
	m := listen(t)
	r := launch(t, settings(t, "/dev/video63"))
	eventually(t, "two attempts", func() bool { return r.journal.tells("camera lost") && r.journal.tells("connected") })
	r.stop()
	eventually(t, "STOPPING=1", func() bool { return m.count("STOPPING=1") == 1 })
	if m.count("READY=1") != 0 {
		t.Errorf("%q", m.all())
	}
}

// A camera whose pictures stay away without an error is what the watchdog is for: the pings stop.
func TestPingsFollowTheFrames(t *testing.T) {
	m := listen(t)
	t.Setenv("WATCHDOG_USEC", "300000")
	// One picture in ten seconds: between two of them nothing advances for the watchdog.
	r := start(t, settings(t, "room:?seed=7&width=64&height=48&fps=0.1"))
	eventually(t, "the warning", func() bool { return r.journal.tells("withholding the watchdog ping") })
	before := m.count("WATCHDOG=1")
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range 6 {
		<-tick.C
	}
	if after := m.count("WATCHDOG=1"); after != before {
		t.Errorf("%d pings came without a frame", after-before)
	}
}
