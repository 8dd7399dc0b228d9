package dashboard

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/vega-edge/vegad/camera"
	"github.com/vega-edge/vegad/runtime/link/linktest"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/record"
	"github.com/vega-edge/vegad/runtime/scene"
)

// patience is for what must happen, on a machine with other work to do.
const patience = 20 * time.Second

// robot counts what the page wants of it.
type robot struct {
	scenes, reports, maps atomic.Int64
	asked                 atomic.Pointer[payload.Ask]
	watched               atomic.Pointer[payload.Watch]
	recording             atomic.Bool
	orders                atomic.Int64
}

// Order and Status make the robot a recorder.
func (r *robot) Order(start bool) (record.Status, error) {
	r.orders.Add(1)
	r.recording.Store(start)
	return r.Status(), nil
}

func (r *robot) Status() record.Status {
	return record.Status{Recording: r.recording.Load(), Lasted: 3 * time.Second, Bytes: 4096, Dropped: 2}
}

func (r *robot) Scene() *scene.Snapshot {
	r.scenes.Add(1)
	return &scene.Snapshot{Seq: uint64(r.scenes.Load()), Seen: []scene.Object{{
		ID: "o1", Label: "chair", Existence: 0.9, CenterCov: [9]float64{4, 1, 0, 1, 2, 0, 0, 0, 1},
		Box: scene.Box{Center: scene.Vec3{X: 2}, Size: scene.Vec3{X: 1, Y: 1, Z: 1}},
	}}, Free: scene.FreeSpace{18: {Known: true, Free: 3}}}
}

func (r *robot) Report() Report {
	n := r.reports.Add(1)
	return Report{State: payload.State{Health: payload.HealthOK}, Frames: uint64(15 * n), Observations: uint64(5 * n)}
}

func (r *robot) Map(camera int, stream Stream, buffer []float32) (Map, error) {
	r.maps.Add(1)
	if stream == Semantic {
		return Map{}, errors.New("nothing was seen yet")
	}
	return Map{
		Cols: 2, Rows: 1, Channels: 1, Family: "observe", Values: append(buffer[:0], 0.25, 0.75), Seq: uint64(camera),
	}, nil
}

func (r *robot) Ask(_ context.Context, ask payload.Ask) payload.Answer {
	r.asked.Store(&ask)
	return payload.Answer{Status: payload.Answered, Answer: &payload.Value{Text: "two"}}
}

func (r *robot) Watch(w payload.Watch) error {
	r.watched.Store(&w)
	if w.Question == "nonsense" {
		return errors.New("not understood")
	}
	return nil
}

func settings(r *robot) Config {
	return Config{
		Listen: "127.0.0.1:0", FPS: 10, Width: 64, MaxViewers: 3, Robot: r, Answerer: r, Recorder: r,
		Logger: slog.New(slog.DiscardHandler), Tail: &Tail{}, About: About{Labels: []string{"chair"}},
		Eyes: []Eye{
			{Name: "front", View: camera.Canonical{Width: 32, Height: 24, HFOV: 1.2}, AssumedHFOV: 1.2},
			{Name: "rear", View: camera.Canonical{Width: 32, Height: 24, HFOV: 1.2}, AssumedHFOV: 1.2},
		},
	}
}

// serve runs a page until the test ends.
func serve(t *testing.T, cfg Config) *Server {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	})
	eventually(t, "an address", func() bool { return s.URL() != "" })
	return s
}

// eventually polls, because a real network has no other clock than its own.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	linktest.Within(t, patience, what, holds)
}

// look opens the socket as a page does and reads the greeting.
func look(t *testing.T, s *Server) *websocket.Conn {
	t.Helper()
	conn, reply, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.URL(), "http")+"live", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = reply.Body.Close()
	t.Cleanup(func() { _ = conn.Close() })
	var h hello
	await(t, conn, "hello", &h)
	return conn
}

// await reads until a message of the kind, decodes its header and returns the bytes behind it.
func await(t *testing.T, conn *websocket.Conn, kind string, into any) []byte {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for {
		form, data, err := conn.ReadMessage()
		if err != nil {
			t.Fatalf("waiting for %s: %v", kind, err)
		}
		var rest []byte
		if form == websocket.BinaryMessage {
			n := int(binary.LittleEndian.Uint16(data))
			data, rest = data[2:2+n], data[2+n:]
		}
		var head struct{ Type string }
		if err := json.Unmarshal(data, &head); err != nil {
			t.Fatal(err)
		}
		if head.Type != kind {
			continue
		}
		if err := json.Unmarshal(data, into); err != nil {
			t.Fatal(err)
		}
		return rest
	}
}

func send(t *testing.T, conn *websocket.Conn, text string) {
	t.Helper()
	if err := conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// frame is a picture of one colour that was taken at mono.
func frame(seq uint64, mono time.Duration, r, g, b byte) *camera.Frame {
	f := camera.NewFrame(64, 48, camera.RGB8, nil)
	f.Seq = seq
	f.Stamp(mono)
	for i := 0; i < len(f.Pix); i += 3 {
		f.Pix[i], f.Pix[i+1], f.Pix[i+2] = r, g, b
	}
	return f
}
