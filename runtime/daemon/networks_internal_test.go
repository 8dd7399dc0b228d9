package daemon

import (
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vega-edge/vegad/runtime/engine"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/systemd"
)

func building(seconds float64) payload.State {
	return payload.State{Runtime: payload.RuntimeState{
		EngineBuild: &payload.EngineBuild{State: "building", ElapsedSeconds: seconds},
	}}
}

func TestProgressAloneIsNoNews(t *testing.T) {
	a := building(1)
	b := building(2)
	if changed(a, b) {
		t.Error("every second is news")
	}
	b.Runtime.EngineBuild.Done = 1
	if !changed(a, b) {
		t.Error("an engine that is ready is no news")
	}
}

// TestSystemdWaitsForEngines follows two engines that are built before the daemon is ready, and one after.
func TestSystemdWaitsForEngines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	d := &daemon{log: slog.New(slog.DiscardHandler), notify: systemd.NewNotifier()}

	b := engine.Build{State: engine.BuildRunning, Precision: "int8", Graph: "video_stem", Total: 2}
	d.building(b)
	b.Graph, b.Done = "spatial_head", 1
	d.building(b)
	b.Done = 2
	d.building(b)
	d.ready.Store(true)
	d.building(engine.Build{State: engine.BuildRunning, Total: 1})
	d.say(d.notify.Stopping())

	var said []string
	buffer := make([]byte, 4096)
	for len(said) == 0 || said[len(said)-1] != "STOPPING=1" {
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, string(buffer[:n]))
	}
	want := []string{
		"EXTEND_TIMEOUT_USEC=1800000000", "STATUS=building engine 1 of 2: video_stem int8",
		"EXTEND_TIMEOUT_USEC=1800000000", "STATUS=building engine 2 of 2: spatial_head int8",
		"EXTEND_TIMEOUT_USEC=180000000", "STOPPING=1",
	}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Error(diff)
	}
}
