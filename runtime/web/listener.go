package web

import (
	"net"
	"sync"
)

// limited is a listener that closes connections beyond a number at once, so that whoever opens many locks nobody else's
// open page out.
type limited struct {
	net.Listener
	free chan struct{} // its capacity is the number
}

// Accept returns the next connection that there is room for.
func (l *limited) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.free <- struct{}{}:
			return &counted{Conn: conn, leave: sync.OnceFunc(func() { <-l.free })}, nil
		default:
			_ = conn.Close()
		}
	}
}

// counted gives its place back when it is closed.
type counted struct {
	net.Conn
	leave func()
}

// Close may be called again.
func (c *counted) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
