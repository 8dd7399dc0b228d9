package dashboard

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/vega-edge/vegad/runtime/web"
)

// What a viewer is granted.
const (
	queued      = 64               // answers and log lines that may wait
	picturesOut = 2                // pictures on their way before one is acknowledged as drawn
	wishBytes   = 1024             // of one message from a viewer
	writeWithin = 10 * time.Second // then a viewer who does not read is let go
	pingEvery   = 15 * time.Second
	silence     = 40 * time.Second // without a sign of life
)

// slot names the messages of which only the newest matters.
type slot int

const (
	sceneSlot slot = iota
	reportSlot
	overlaySlot
	pictureSlot
	slots
)

// message is one message on the socket. Its bytes are shared by all viewers and never change.
type message struct {
	binary bool
	data   []byte
}

// wish is what a viewer sends: what it wants to see, and that it has drawn a picture.
type wish struct {
	Pictures *bool   `json:"pictures"` // false while the page is hidden
	Camera   *int    `json:"camera"`   // in the order of hello; the first without a wish
	Stream   *Stream `json:"stream"`   // overlay; empty is none
	Drawn    bool    `json:"drawn"`    // one more picture is on the screen
}

// readWish reads a viewer's message. Unknown streams and cameras beyond the number that there are are refused.
func readWish(data []byte, cameras int) (wish, error) {
	var w wish
	if err := json.Unmarshal(data, &w); err != nil {
		return wish{}, fmt.Errorf("reading a wish: %w", err)
	}
	if w.Stream != nil && *w.Stream != "" && !w.Stream.known() {
		return wish{}, fmt.Errorf("reading a wish: %.20q is no stream", string(*w.Stream))
	}
	if w.Camera != nil && (*w.Camera < 0 || *w.Camera >= cameras) {
		return wish{}, fmt.Errorf("reading a wish: there is no camera %d", *w.Camera)
	}
	return w, nil
}

// sight is what a viewer looks at: a camera, and a stream that lies over its picture.
type sight struct {
	camera int
	stream Stream // empty is none
}

// viewer is one open page. What it is sent lies here until its own goroutine writes it: nobody waits for a viewer.
type viewer struct {
	conn    *websocket.Conn
	cameras int           // that there are
	wake    chan struct{} // capacity 1
	gone    chan struct{} // closed when the reader has ended

	mu       sync.Mutex
	latest   [slots]message
	queue    []message
	dropped  uint64 // queued messages that had to make room
	pictures bool
	at       sight
	out      int // pictures that were written and not yet drawn
}

func newViewer(conn *websocket.Conn, cameras int) *viewer {
	return &viewer{
		conn: conn, cameras: cameras, wake: make(chan struct{}, 1), gone: make(chan struct{}), pictures: true,
	}
}

func (v *viewer) signal() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// put replaces what waits in a slot. A viewer that looks away gets no pictures and no overlays.
func (v *viewer) put(at slot, m message) {
	v.mu.Lock()
	v.latest[at] = m
	v.mu.Unlock()
	v.signal()
}

// push queues a message that should not be missed; beyond the bound the oldest goes.
func (v *viewer) push(m message) {
	v.mu.Lock()
	if len(v.queue) == queued {
		v.queue = append(v.queue[:0], v.queue[1:]...)
		v.dropped++
	}
	v.queue = append(v.queue, m)
	v.mu.Unlock()
	v.signal()
}

// hungry says whether a picture of the camera would be drawn soon.
func (v *viewer) hungry(camera int) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	waiting := v.out
	if v.latest[pictureSlot].data != nil {
		waiting++
	}
	return v.pictures && v.at.camera == camera && waiting < picturesOut
}

// wants returns what the viewer looks at, and no stream while it looks away.
func (v *viewer) wants() sight {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.pictures {
		return sight{}
	}
	return v.at
}

// looking says whether the page is in front.
func (v *viewer) looking() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.pictures
}

func (v *viewer) heed(w wish) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if w.Pictures != nil {
		v.pictures = *w.Pictures
	}
	if w.Stream != nil {
		v.at.stream = *w.Stream
	}
	if w.Camera != nil && *w.Camera != v.at.camera {
		v.at.camera = *w.Camera
		v.latest[pictureSlot], v.latest[overlaySlot] = message{}, message{}
	}
	if w.Drawn {
		v.out = max(0, v.out-1)
	}
}

// next takes what is to be written next, and false when nothing is.
func (v *viewer) next() (message, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.queue) > 0 {
		m := v.queue[0]
		v.queue = append(v.queue[:0], v.queue[1:]...)
		return m, true
	}
	for at := range v.latest {
		m := v.latest[at]
		if m.data == nil {
			continue
		}
		v.latest[at] = message{}
		if slot(at) == pictureSlot {
			v.out++
		}
		return m, true
	}
	return message{}, false
}

// read heeds the viewer's wishes until the connection ends.
func (v *viewer) read() {
	defer close(v.gone)
	v.conn.SetReadLimit(wishBytes)
	alive := func() error { return v.conn.SetReadDeadline(time.Now().Add(silence)) }
	v.conn.SetPongHandler(func(string) error { return alive() })
	for alive() == nil {
		_, data, err := v.conn.ReadMessage()
		if err != nil {
			return
		}
		w, err := readWish(data, v.cameras)
		if err != nil {
			return
		}
		v.heed(w)
	}
}

// write sends what waits until the connection ends.
func (v *viewer) write() {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		select {
		case <-v.gone:
			return
		case <-ping.C:
			if v.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeWithin)) != nil {
				return
			}
		case <-v.wake:
			if !v.flush() {
				return
			}
		}
	}
}

// flush writes everything that waits, and returns false when the viewer does not take it.
func (v *viewer) flush() bool {
	for {
		m, ok := v.next()
		if !ok {
			return true
		}
		kind := websocket.TextMessage
		if m.binary {
			kind = websocket.BinaryMessage
		}
		if v.conn.SetWriteDeadline(time.Now().Add(writeWithin)) != nil || v.conn.WriteMessage(kind, m.data) != nil {
			return false
		}
	}
}

// live is one viewer's connection, from the upgrade to its end.
func (s *Server) live(w http.ResponseWriter, r *http.Request) {
	if !s.hub.room() {
		http.Error(w, fmt.Sprintf("%d viewers look already", s.cfg.MaxViewers), http.StatusServiceUnavailable)
		return
	}
	up := websocket.Upgrader{CheckOrigin: web.SameOrigin, HandshakeTimeout: writeWithin, WriteBufferSize: 16 << 10}
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		return // the upgrader has answered
	}
	v := newViewer(conn, len(s.cfg.Eyes))
	if !s.hub.join(v) {
		_ = conn.Close()
		return
	}
	defer s.hub.leave(v)
	s.greet(v) // not before: an answer in between would be neither in the greeting nor sent
	var reader sync.WaitGroup
	reader.Go(v.read)
	v.write()
	_ = conn.Close() // ends the reader
	reader.Wait()
}
