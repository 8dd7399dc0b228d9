package daemon_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

// post sends a question to the page and returns status and reply.
func post(t *testing.T, url, body string) (int, []byte) {
	t.Helper()
	reply, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	defer func() { _ = reply.Body.Close() }()
	data, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode, data
}

// TestPage asks on the page and over MQTT, and looks at pictures, maps, answers and standing questions.
func TestPage(t *testing.T) {
	cfg := settings(t, small)
	cfg.Dashboard.Listen = "127.0.0.1:0"
	r := start(t, cfg)
	g, url := join(t, r.info.Broker), r.pageURL()
	conn, reply, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(url, "http")+"live", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = reply.Body.Close()
	t.Cleanup(func() { _ = conn.Close() })
	got := pageMessages(t, conn)

	var e struct{ Answer payload.Answer }
	status, data := post(t, url+"ask", `{"question":"how many chairs are there?"}`)
	err = json.Unmarshal(data, &e)
	if err != nil || status != 200 || e.Answer.Model == nil || e.Answer.LatencyMs.Head == 0 {
		t.Fatalf("status %d, %v: %s", status, err, data)
	}
	g.ask(`"question":"how many balls are there?","client":"planner"`)
	got.await(t, "answer", `"client":"planner"`)
	if status, data = post(t, url+"watch", `{"question":"how many chairs are there?"}`); status != 200 {
		t.Fatalf("status %d: %s", status, data)
	}
	var standing struct{ ID string }
	if err := json.Unmarshal(data, &standing); err != nil {
		t.Fatal(err)
	}
	g.await("watch/"+standing.ID, "chair") // its answers go out over MQTT as well
	g.send("watch", `{"requestId":"w1","question":"how many balls are there?","client":"planner"}`)
	g.await("watch/w1", "ball")
	if status, _ = post(t, url+"watch", `{"id":"w1","cancel":true}`); status != 400 {
		t.Errorf("the page may end another client's standing question: status %d", status)
	}

	got.await(t, "picture", "")
	for _, stream := range []string{"gate", "geometry", "semantic", "fused"} {
		if err := conn.WriteMessage(websocket.TextMessage, []byte(`{"stream":"`+stream+`","drawn":true}`)); err != nil {
			t.Fatal(err)
		}
		got.await(t, "overlay", `"stream":"`+stream+`"`)
	}
	got.await(t, "report", `"id":"w1"`)
	if status, _ = post(t, url+"watch", `{"id":"`+standing.ID+`","cancel":true}`); status != 200 {
		t.Errorf("the page cannot end its own standing question: status %d", status)
	}
}

// inbox is what a page was sent.
type inbox chan string

// pageMessages reads a page's socket until it is closed; a binary message is given by its header.
func pageMessages(t *testing.T, conn *websocket.Conn) inbox {
	t.Helper()
	got := make(inbox, 10_000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			form, data, err := conn.ReadMessage()
			if err != nil {
				return
			}
			if form == websocket.BinaryMessage {
				data = data[2 : 2+int(binary.LittleEndian.Uint16(data))]
			}
			got <- string(data)
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	return got
}

func (i inbox) await(t *testing.T, kind, part string) {
	t.Helper()
	limit := time.After(patience)
	for {
		select {
		case text := <-i:
			if strings.HasPrefix(text, fmt.Sprintf(`{"type":%q`, kind)) && strings.Contains(text, part) {
				return
			}
		case <-limit:
			t.Fatalf("the page was not sent a %s with %s", kind, part)
		}
	}
}

// TestPageNeedsItsCertificate refuses to start with one that is not there: nothing is served unencrypted by mistake.
func TestPageNeedsItsCertificate(t *testing.T) {
	cfg := settings(t, small)
	cfg.Dashboard.Listen = "127.0.0.1:0"
	missing := filepath.Join(t.TempDir(), "page.pem")
	cfg.Dashboard.CertFile, cfg.Dashboard.KeyFile = config.Path(missing), config.Path(missing)
	r := launch(t, cfg)
	<-r.done
	if r.err == nil || !strings.Contains(r.err.Error(), "dashboard.certFile") || !errors.Is(r.err, fs.ErrNotExist) {
		t.Errorf("error %v", r.err)
	}
}
