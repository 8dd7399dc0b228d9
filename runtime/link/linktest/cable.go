package linktest

import (
	"bufio"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// Cable passes bytes between MQTT clients and a broker, and fails on demand. It reads the packets that go to the
// clients, so that it can leave some out.
type Cable struct {
	inner net.Listener
	to    []string
	tasks sync.WaitGroup

	dropAcks atomic.Int64
	oversize atomic.Bool
	swallow  atomic.Bool
	faults   atomic.Int64

	mu    sync.Mutex
	open  chan struct{} // closed while bytes may pass
	conns map[net.Conn]bool
}

// NewCable lays a cable from a free port to the first of the addresses that can be dialled. It ends with the test.
func NewCable(tb testing.TB, to ...string) *Cable {
	tb.Helper()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return NewCableFrom(tb, inner, to...)
}

// NewCableFrom is NewCable from a listener, which it closes.
func NewCableFrom(tb testing.TB, inner net.Listener, to ...string) *Cable {
	tb.Helper()
	c := &Cable{inner: inner, to: to, open: make(chan struct{}), conns: make(map[net.Conn]bool)}
	close(c.open)
	c.tasks.Go(c.accept)
	tb.Cleanup(func() {
		_ = inner.Close()
		c.Hold(false)
		c.Cut()
		c.tasks.Wait()
	})
	return c
}

// URL is where clients find the near end.
func (c *Cable) URL() string { return "mqtt://" + c.inner.Addr().String() }

// Faults counts acknowledgements left out, oversize packets and connections cut.
func (c *Cable) Faults() int { return int(c.faults.Load()) }

// DropAcks leaves out so many per cent of the broker's acknowledgements of messages.
func (c *Cable) DropAcks(percent int) { c.dropAcks.Store(int64(percent)) }

// Oversize has the next packet to a client begin like one of 256 MB.
func (c *Cable) Oversize() { c.oversize.Store(true) }

// Swallow makes the cable look alive while everything that is sent disappears for ever, as behind a gateway that has
// forgotten its connections.
func (c *Cable) Swallow(on bool) { c.swallow.Store(on) }

// Hold makes the cable look alive while nothing arrives. When it ends, what TCP would have sent again arrives.
func (c *Cable) Hold(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	held := false
	select {
	case <-c.open:
	default:
		held = true
	}
	if on && !held {
		c.open = make(chan struct{})
	} else if !on && held {
		close(c.open)
	}
}

// Cut breaks every connection.
func (c *Cable) Cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.conns) > 0 {
		c.faults.Add(1)
	}
	for conn := range c.conns {
		_ = conn.Close()
	}
	clear(c.conns)
}

func (c *Cable) accept() {
	for {
		near, err := c.inner.Accept()
		if err != nil {
			return
		}
		far, err := c.dial()
		if err != nil {
			_ = near.Close()
			continue
		}
		c.mu.Lock()
		c.conns[near], c.conns[far] = true, true
		c.mu.Unlock()
		c.tasks.Go(func() { c.carry(near, far, c.up) })
		c.tasks.Go(func() { c.carry(far, near, c.down) })
	}
}

func (c *Cable) dial() (conn net.Conn, err error) {
	for _, addr := range c.to {
		if conn, err = net.Dial("tcp", addr); err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// carry passes one direction until it breaks, and then breaks the other.
func (c *Cable) carry(from, to net.Conn, pass func(io.Reader, io.Writer) error) {
	in := bufio.NewReader(from)
	for pass(in, to) == nil {
		continue
	}
	_, _ = from.Close(), to.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.conns, from)
	delete(c.conns, to)
}

// up passes what a client sent.
func (c *Cable) up(from io.Reader, to io.Writer) error {
	buf := make([]byte, 4096)
	n, err := from.Read(buf)
	if err != nil {
		return err
	}
	if c.wait(); c.swallow.Load() {
		return nil
	}
	_, err = to.Write(buf[:n])
	return err
}

// down passes one packet of the broker.
func (c *Cable) down(from io.Reader, to io.Writer) error {
	packet, err := packets.ReadPacket(from)
	if err != nil {
		return err
	}
	if c.wait(); c.swallow.Load() {
		return nil
	}
	if _, ack := packet.(*packets.PubackPacket); ack && rand.Int64N(100) < c.dropAcks.Load() {
		c.faults.Add(1)
		return nil
	}
	if c.oversize.CompareAndSwap(true, false) {
		c.faults.Add(1)
		_, err = to.Write([]byte{0x30, 0xff, 0xff, 0xff, 0x7f})
		return err
	}
	return packet.Write(to)
}

func (c *Cable) wait() {
	c.mu.Lock()
	open := c.open
	c.mu.Unlock()
	<-open
}
