package dashboard

import (
	"bytes"
	"fmt"
	"image/jpeg"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// TestNothingIsComputedWhenNobodyLooks feeds frames and observations to a page without viewers, then to one whose only
// viewer looks away.
func TestNothingIsComputedWhenNobodyLooks(t *testing.T) {
	r := &robot{}
	s := serve(t, settings(r))
	feed := func() {
		for i := range 50 {
			s.Frame(0, frame(uint64(i), s.paint[0].due, 1, 2, 3))
			s.Observed()
		}
	}
	feed()
	if n := testing.AllocsPerRun(100, func() { s.Observed() }); n != 0 {
		t.Errorf("an observation that nobody sees allocates %g times", n)
	}
	idle := func() bool { return s.paint[0].next == nil && len(s.observed) == 0 }
	if !idle() || r.scenes.Load()+r.reports.Load()+r.maps.Load() != 0 {
		t.Error("something was computed for nobody")
	}

	conn := look(t, s)
	send(t, conn, `{"pictures":false,"stream":"gate"}`)
	eventually(t, "the viewer to look away", func() bool { return !s.hub.looking() })
	scenes, reports := r.scenes.Load(), r.reports.Load()
	feed()
	s.Answered(answered(), "planner") // comes through, so that the rest would have come before
	var e entry
	await(t, conn, "answer", &e)
	if s.paint[0].next != nil || r.scenes.Load() != scenes || r.reports.Load() != reports || r.maps.Load() != 0 {
		t.Error("something was computed for a page in the background")
	}
	_ = conn.Close()
	eventually(t, "the viewer to leave", func() bool { return s.hub.count() == 0 })
}

func TestPicturesAndScenesAreShown(t *testing.T) {
	s := serve(t, settings(&robot{}))
	conn := look(t, s)
	s.Frame(0, frame(7, time.Second, 200, 100, 50))
	var head pictureHeader
	data := await(t, conn, "picture", &head)
	picture, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	red, green, blue, _ := picture.At(32, 24).RGBA()
	if head.Seq != 7 || head.Width != 64 || head.Height != 48 || picture.Bounds().Dx() != 64 {
		t.Errorf("header %+v, picture %v", head, picture.Bounds())
	}
	for name, pair := range map[string][2]int{
		"red": {int(red >> 8), 200}, "green": {int(green >> 8), 100}, "blue": {int(blue >> 8), 50},
	} {
		if got, want := pair[0], pair[1]; got < want-4 || got > want+4 {
			t.Errorf("%s is %d, want %d", name, got, want)
		}
	}
	s.Observed()
	var m sceneMessage
	await(t, conn, "scene", &m)
	if len(m.Objects) != 1 || m.Objects[0].Cov != [3]float64{4, 1, 2} || len(m.Free) != 1 || m.Free[0].Free != 3 {
		t.Errorf("scene %+v", m)
	}
	if b := m.Free[0].Bearing; b < 0.08 || b > 0.09 { // sector 18 of 36 begins ahead
		t.Errorf("bearing %g of the sector left of ahead", b)
	}
	var report reportMessage
	await(t, conn, "report", &report)
	await(t, conn, "report", &report)
	if report.FrameHz < 5 || report.State.Cameras == nil || report.Viewers != 1 || report.Temperatures == nil {
		t.Errorf("report %+v", report)
	}
}

func TestOverlayOfOneViewer(t *testing.T) {
	r := &robot{}
	s := serve(t, settings(r))
	plain, conn := look(t, s), look(t, s)
	send(t, conn, `{"stream":"gate"}`)
	eventually(t, "the wish", func() bool { return s.hub.sights()[sight{0, Gate}] })
	s.Observed()
	var head overlayHeader
	data := await(t, conn, "overlay", &head)
	if head.Low != 0.25 || head.High != 0.75 || head.Mean != 0.5 || !bytes.Equal(data, []byte{0, 255}) {
		t.Errorf("header %+v, bytes %v", head, data)
	}
	send(t, conn, `{"stream":"semantic"}`) // of which there is nothing: no message, and no harm
	eventually(t, "the wish", func() bool { return s.hub.sights()[sight{0, Semantic}] })
	s.Observed()
	eventually(t, "the attempt", func() bool { return r.maps.Load() == 2 })
	s.Answered(answered(), "planner")
	for kind := ""; kind != "answer"; {
		form, text, err := plain.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		if form == websocket.BinaryMessage {
			t.Fatalf("a viewer got an overlay that it did not want: %.60s", text)
		}
		kind = strings.Split(string(text), `"`)[3]
	}
}

// TestSlowViewer reads nothing: it is owed two pictures and no more, and nobody waits for it.
func TestSlowViewer(t *testing.T) {
	s := serve(t, settings(&robot{}))
	slow, quick := look(t, s), look(t, s)
	for n := range 6 {
		s.Frame(0, frame(uint64(n+1), time.Duration(n+1)*time.Second, 0, 0, 0))
		var head pictureHeader
		await(t, quick, "picture", &head)
		if head.Seq != uint64(n+1) {
			t.Fatalf("the quick viewer got picture %d, want %d", head.Seq, n+1)
		}
		send(t, quick, `{"drawn":true}`)
		eventually(t, "the quick viewer to draw", func() bool { return s.hub.hungry(0) })
	}
	var last pictureHeader
	await(t, slow, "picture", &last)
	await(t, slow, "picture", &last)
	if last.Seq != 2 {
		t.Errorf("the slow viewer's second picture is %d", last.Seq)
	}
	send(t, slow, `{"drawn":true}`)
	send(t, slow, `{"drawn":true}`)
	eventually(t, "both to wait", func() bool {
		s.hub.mu.Lock()
		defer s.hub.mu.Unlock()
		for v := range s.hub.viewers {
			if !v.hungry(0) {
				return false
			}
		}
		return true
	})
	s.Frame(0, frame(7, time.Minute, 0, 0, 0))
	await(t, slow, "picture", &last)
	if last.Seq != 7 {
		t.Errorf("the slow viewer goes on with picture %d, want the newest", last.Seq)
	}
}

// TestOldestMessagesMakeRoom fills a mailbox that nobody empties.
func TestOldestMessagesMakeRoom(t *testing.T) {
	v := newViewer(nil, 1)
	for i := range queued + 10 {
		v.push(message{data: fmt.Append(nil, i)})
		v.put(sceneSlot, message{data: fmt.Append(nil, "scene ", i)})
	}
	if len(v.queue) != queued || v.dropped != 10 {
		t.Fatalf("%d wait, %d were dropped", len(v.queue), v.dropped)
	}
	m, ok := v.next()
	if !ok || string(m.data) != "10" {
		t.Errorf("first comes %q", m.data)
	}
	for range queued - 1 {
		v.next()
	}
	if m, ok = v.next(); !ok || string(m.data) != fmt.Sprint("scene ", queued+9) {
		t.Errorf("the scene is %q", m.data)
	}
	if _, ok = v.next(); ok {
		t.Error("something is left")
	}
}

func TestViewersAreLimited(t *testing.T) {
	cfg := settings(&robot{})
	cfg.MaxViewers = 1
	s := serve(t, cfg)
	look(t, s)
	_, reply, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(s.URL(), "http")+"live", nil)
	if err == nil || reply.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("a second viewer: %v, %v", err, reply)
	}
	_ = reply.Body.Close()
}

// TestMalformedWishesEndTheConnection, for a page never sends them.
func TestMalformedWishesEndTheConnection(t *testing.T) {
	s := serve(t, settings(&robot{}))
	for _, text := range []string{
		"nonsense", `{"stream":"depth"}`, `{"drawn":` + strings.Repeat(" ", wishBytes) + `true}`,
	} {
		conn := look(t, s)
		send(t, conn, text)
		for {
			if _, _, err := conn.ReadMessage(); err != nil {
				break
			}
		}
		eventually(t, "the viewer to leave", func() bool { return s.hub.count() == 0 })
	}
}

// TestAnotherCamera looks through the second of two: pictures and overlays of the first stay away.
func TestAnotherCamera(t *testing.T) {
	r := &robot{}
	s := serve(t, settings(r))
	conn := look(t, s)
	send(t, conn, `{"camera":1,"stream":"gate"}`)
	eventually(t, "the wish", func() bool { return s.hub.sights()[sight{1, Gate}] })
	s.Frame(0, frame(1, time.Second, 0, 0, 0))
	s.Frame(1, frame(2, time.Second, 0, 0, 0))
	var head pictureHeader
	if await(t, conn, "picture", &head); head.Camera != 1 || head.Seq != 2 {
		t.Errorf("picture %+v", head)
	}
	s.Observed()
	var over overlayHeader
	if await(t, conn, "overlay", &over); over.Camera != 1 || over.Seq != 1 {
		t.Errorf("overlay %+v", over)
	}
}
