package broker

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/listeners"
)

// connectTimeout is how long a new connection may stay silent before its CONNECT.
const connectTimeout = 10 * time.Second

// The names of the listeners, by which the access list tells who came how.
const (
	loopbackID = "loopback"
	outsideID  = "outside"
)

// acceptPause keeps a lack of file handles from becoming a busy loop.
const acceptPause = 100 * time.Millisecond

// listener hands connections to the broker and remembers them until they end. The broker's own listener forgets a
// connection that has not yet said who it is, and then waits for it for ever when it is closed.
type listener struct {
	id    string
	inner net.Listener
	log   *slog.Logger
	tasks sync.WaitGroup // the accepting loop and one task a connection
	done  chan struct{}  // closed with the listener

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]struct{}
}

func newListener(id string, inner net.Listener, log *slog.Logger) *listener {
	return &listener{id: id, inner: inner, log: log, done: make(chan struct{}), conns: make(map[net.Conn]struct{})}
}

// Init does nothing: the socket listens already.
func (l *listener) Init(*slog.Logger) error { return nil }

// ID names the listener.
func (l *listener) ID() string { return l.id }

// Address returns host and port.
func (l *listener) Address() string { return l.inner.Addr().String() }

// Protocol names the transport.
func (l *listener) Protocol() string { return "tcp" }

// Serve accepts connections until the listener is closed.
func (l *listener) Serve(establish listeners.EstablishFn) {
	if !l.begin(nil) {
		return
	}
	defer l.tasks.Done()
	for {
		conn, err := l.inner.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			l.log.Error("accepting a connection", "err", err)
			l.pause()
			continue
		}
		if !l.begin(conn) {
			continue
		}
		go l.handle(conn, establish)
	}
}

// pause ends early when the listener is closed.
func (l *listener) pause() {
	timer := time.NewTimer(acceptPause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.done:
	}
}

func (l *listener) handle(conn net.Conn, establish listeners.EstablishFn) {
	defer l.tasks.Done()
	_ = conn.SetDeadline(time.Now().Add(connectTimeout)) // the broker sets its own after CONNECT
	if err := establish(l.ID(), conn); err != nil {
		l.log.Debug("client gone", "remote", conn.RemoteAddr().String(), "err", err)
	}
	_ = conn.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, conn)
}

// begin adds a task, and the connection it serves if there is one, unless the listener is closed.
func (l *listener) begin(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		if conn != nil {
			_ = conn.Close()
		}
		return false
	}
	if conn != nil {
		l.conns[conn] = struct{}{}
	}
	l.tasks.Add(1)
	return true
}

// refuse ends the accepting of connections.
func (l *listener) refuse() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		close(l.done)
		_ = l.inner.Close()
	}
}

// Close ends all connections and waits for their tasks.
func (l *listener) Close(closeClients listeners.CloseFn) {
	l.refuse()
	closeClients(l.ID())
	l.mu.Lock()
	for conn := range l.conns {
		_ = conn.Close()
	}
	l.mu.Unlock()
	l.tasks.Wait()
}
