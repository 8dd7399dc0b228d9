//go:build cgo

package gocv

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vega-edge/vegad/camera"
)

// rtspPackages is what the test's server needs on Debian and Ubuntu.
const rtspPackages = "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good " +
	"gstreamer1.0-plugins-ugly"

// server is a real RTSP server in a process of its own.
type server struct {
	process *exec.Cmd
	port    string
}

// serve starts the server on a port, "0" for a free one.
func serve(t *testing.T, port string) *server {
	t.Helper()
	process := exec.CommandContext(t.Context(), "/usr/bin/python3", "testdata/rtsp_server.py", port)
	var trouble strings.Builder
	process.Stderr = &trouble
	out, err := process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		missing(t, err.Error())
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = process.Wait() // its words tell more than its status
		missing(t, trouble.String())
	}
	s := &server{process: process, port: strings.TrimSpace(line)}
	t.Cleanup(s.kill)
	return s
}

// missing skips the test where the server's packages are not there, unless they must be.
func missing(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("VEGAD_REQUIRE_RTSP") != "" {
		t.Fatalf("the RTSP server does not start: %s\ninstall %s", why, rtspPackages)
	}
	t.Skipf("the RTSP server does not start: %s\ninstall %s", why, rtspPackages)
}

// kill ends the server as a power cut would.
func (s *server) kill() {
	_ = s.process.Process.Kill() // it may be dead already
	_ = s.process.Wait()
}

// TestNetworkCameraComesBack kills a real RTSP server while its stream is watched, and starts it again.
func TestNetworkCameraComesBack(t *testing.T) {
	first := serve(t, "0")
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	c := watch(ctx, t, mustParse(t, fmt.Sprintf("rtsp://user:secret@127.0.0.1:%s/camera", first.port)))
	expectFrames(ctx, t, c, 10)
	first.kill()
	eventually(ctx, t, "the loss is noticed", func() bool {
		state := c.Stats().State
		return state == camera.StateLost || state == camera.StateStalled
	})
	eventually(ctx, t, "an attempt to reconnect fails", func() bool {
		return strings.Contains(c.Stats().LastError, "connection refused")
	})
	serve(t, first.port)
	expectFrames(ctx, t, c, 10)
	if s := c.Stats(); s.Reconnects < 1 || s.State != camera.StateStreaming || strings.Contains(s.LastError, "secret") {
		t.Errorf("after the restart: %+v", s)
	}
}

// TestNetworkCameraFallsSilent stops a server without closing its connections, as a crashed camera does.
func TestNetworkCameraFallsSilent(t *testing.T) {
	s := serve(t, "0")
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	c := watch(ctx, t, mustParse(t, fmt.Sprintf("rtsp://127.0.0.1:%s/camera", s.port)))
	expectFrames(ctx, t, c, 5)
	freeze(t, s)
	eventually(ctx, t, "the stall is noticed", func() bool { return c.Stats().State == camera.StateStalled })
	s.kill()
	serve(t, s.port)
	expectFrames(ctx, t, c, 5)
	if stats := c.Stats(); stats.Stalls < 1 || stats.Reconnects < 1 {
		t.Errorf("after the stall: %+v", stats)
	}
}

// watch runs a capture until the test ends.
func watch(ctx context.Context, t *testing.T, uri camera.URI) *camera.Capture {
	c := camera.NewCapture(camera.CaptureConfig{
		Open: func(ctx context.Context) (camera.Source, error) {
			return Open(ctx, uri, Options{Timeout: 2 * time.Second})
		},
		Logger: slog.New(slog.DiscardHandler), StallAfter: 1500 * time.Millisecond, BackoffMax: time.Second,
	})
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return c
}

func expectFrames(ctx context.Context, t *testing.T, c *camera.Capture, n int) {
	t.Helper()
	var last uint64
	for range n {
		f, err := c.Next(ctx)
		if err != nil {
			t.Fatalf("waiting for a picture: %v; %+v", err, c.Stats())
		}
		if f.Width != 320 || f.Height != 240 || f.Seq <= last {
			t.Fatalf("picture of %dx%d with sequence %d after %d", f.Width, f.Height, f.Seq, last)
		}
		last = f.Seq
		f.Release()
	}
}

// eventually polls a condition of another process until the context ends.
func eventually(ctx context.Context, t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not within the time of the test", what)
		}
	}
}

// freeze stops a server's process without ending it.
func freeze(t *testing.T, s *server) {
	t.Helper()
	if err := s.process.Process.Signal(unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
}
