package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

var (
	errClosed     = errors.New("the connection was closed")
	errAckOverdue = errors.New("the broker did not acknowledge in time")
)

// wireConfig is what one connection needs.
type wireConfig struct {
	target             target
	clientID           string
	username, password string
	timing             timing
	will               *message
	receive            mqtt.MessageHandler // called in order by one goroutine; must not block
	tasks              *sync.WaitGroup     // gets the goroutine that may outlast the connection by timing.write
}

// wire is one connection to a broker: one client of the MQTT library, used once and thrown away. The library never
// reconnects by itself, because tokens of its own reconnects succeed without an acknowledgement.
type wire struct {
	client mqtt.Client
	timing timing
	calls  chan func()   // of the MQTT library, made one after the other
	lost   chan struct{} // closed when the connection is over; cause says why

	once  sync.Once
	cause error

	mu     sync.Mutex
	conn   net.Conn
	closed bool
}

// dialWire connects within timing.connect, or until the context ends.
func dialWire(ctx context.Context, cfg wireConfig) (*wire, error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.timing.connect)
	defer cancel()
	w := &wire{timing: cfg.timing, calls: make(chan func()), lost: make(chan struct{})}
	w.client = mqtt.NewClient(w.options(ctx, cfg))
	stop := context.AfterFunc(ctx, w.cut)
	token := w.client.Connect()
	<-token.Done()
	err := token.Error()
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		w.drop(err)
		return nil, fmt.Errorf("connecting to %s: %w", cfg.target, err)
	}
	cfg.tasks.Go(w.work)
	return w, nil
}

// work makes the calls of the MQTT library. When the connection breaks under a call, the library returns only after
// timing.write; nobody else has to wait for that.
func (w *wire) work() {
	for {
		select {
		case call := <-w.calls:
			call()
		case <-w.lost:
			return
		}
	}
}

// do has a call made, and returns its token: nil when the connection is over.
func (w *wire) do(call func() mqtt.Token) mqtt.Token {
	made := make(chan mqtt.Token, 1)
	select {
	case w.calls <- func() { made <- call() }:
	case <-w.lost:
		return nil
	}
	select {
	case token := <-made:
		return token
	case <-w.lost:
		return nil
	}
}

func (w *wire) options(ctx context.Context, cfg wireConfig) *mqtt.ClientOptions {
	t := cfg.timing
	opts := mqtt.NewClientOptions().AddBroker(cfg.target.String()).
		SetClientID(cfg.clientID).SetUsername(cfg.username).SetPassword(cfg.password).
		SetProtocolVersion(4).SetCleanSession(true).SetAutoReconnect(false).SetConnectRetry(false).
		SetConnectTimeout(t.connect).SetWriteTimeout(t.write).SetKeepAlive(t.keepAlive).SetPingTimeout(t.ping).
		SetStore(mqtt.NewMemoryStore()).SetDefaultPublishHandler(cfg.receive).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) { w.fail(err) }).
		SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) {
			return w.open(ctx, cfg.target)
		})
	if cfg.will != nil {
		opts.SetBinaryWill(cfg.will.topic, cfg.will.payload, cfg.will.qos, cfg.will.retained)
	}
	return opts
}

func (w *wire) open(ctx context.Context, to target) (net.Conn, error) {
	conn, err := to.dial(ctx)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, errors.Join(errClosed, conn.Close())
	}
	w.conn = &guardedConn{Conn: conn, write: w.timing.write}
	return w.conn, nil
}

// cut closes the socket. The broker gets no DISCONNECT, and so publishes the will.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.conn != nil {
		_ = w.conn.Close()
	}
}

// fail declares the connection over; the first cause stays.
func (w *wire) fail(cause error) {
	w.once.Do(func() {
		w.cause = cause
		close(w.lost)
	})
}

// quiesce is how long the MQTT library may take to end its work.
const quiesce = 250

// drop ends the connection as if the cable had been pulled, and frees the library's goroutines.
func (w *wire) drop(cause error) {
	w.fail(cause)
	w.cut()
	w.client.Disconnect(quiesce)
}

// leave ends the connection in order: the broker forgets the will.
func (w *wire) leave() {
	w.client.Disconnect(quiesce)
	w.drop(errClosed)
}

// wait waits for a token, for the end of the connection, of the context or of the limit.
func (w *wire) wait(ctx context.Context, token mqtt.Token, limit time.Duration) error {
	if token == nil {
		return w.cause
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-token.Done():
		return token.Error()
	case <-w.lost:
		return w.cause
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return errAckOverdue
	}
}

func (w *wire) publish(m message) mqtt.Token {
	return w.do(func() mqtt.Token { return w.client.Publish(m.topic, m.qos, m.retained, m.payload) })
}

// subscribe subscribes filters and returns those that the broker does not allow.
func (w *wire) subscribe(ctx context.Context, filters map[string]byte) (denied []string, err error) {
	token := w.do(func() mqtt.Token { return w.client.SubscribeMultiple(filters, nil) })
	if err := w.wait(ctx, token, w.timing.ack); err != nil {
		return nil, fmt.Errorf("subscribing: %w", err)
	}
	results, ok := token.(*mqtt.SubscribeToken)
	if !ok {
		return nil, nil
	}
	for filter, code := range results.Result() {
		if code > 2 {
			denied = append(denied, filter)
		}
	}
	return denied, nil
}
