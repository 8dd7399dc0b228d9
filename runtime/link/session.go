package link

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

// window bounds the messages that are sent and not yet acknowledged.
const window = 64

// farewell bounds how long a clean stop waits for the broker to take the last message.
const farewell = 2 * time.Second

// Run keeps the robot connected until the context ends, then says OFFLINE, and returns nil when every goroutine it
// started has ended. A broker that cannot be reached is no error: Run tries again, ever more patiently, and says so in
// the log and in Stats. Run may be called again after it returned, but not twice at once.
func (c *Client) Run(ctx context.Context) error {
	if !c.running.CompareAndSwap(false, true) {
		return fmt.Errorf("running the link: it runs already")
	}
	defer c.running.Store(false)
	defer c.tasks.Wait()
	c.tasks.Go(func() { c.handleAsks(ctx) })
	c.tasks.Go(func() { c.handlePoses(ctx) })
	c.tasks.Go(func() { c.handleCommands(ctx) })
	waits := backoff{base: c.timing.backoffBase, max: c.timing.backoffMax}
	for ctx.Err() == nil {
		began := time.Now()
		err := c.runSession(ctx)
		if ctx.Err() != nil {
			break
		}
		if time.Since(began) >= c.timing.stable {
			waits.reset()
		}
		delay := waits.next()
		c.log.Warn("no connection to the broker", "broker", c.Broker().String(), "err", err,
			"retry_in", delay.Round(time.Millisecond))
		c.nodes.move()
		pause(ctx, delay)
	}
	return nil
}

// session is one connection of the Client.
type session struct {
	*wire
	client *Client
	id     string
	tokens chan flight   // in the order in which they were sent
	again  chan struct{} // capacity 1: what is in the outbox is to be sent again
	pace   pace          // of replayed records; with paceWait it belongs to send
	online atomic.Bool   // between ONLINE and OFFLINE

	paceWait time.Duration // how long replayed records had to wait when the outbox was last asked; 0 is not at all
}

// runSession connects and serves until the connection is lost, which is the error, or the context ends.
func (c *Client) runSession(ctx context.Context) error {
	s := &session{
		client: c, tokens: make(chan flight, window), again: make(chan struct{}, 1), pace: newPace(c.cfg.ReplayRate),
		id: fmt.Sprintf("%s.%d", c.cfg.SessionID, c.attempts.Add(1)),
	}
	err := s.connect(ctx)
	if err != nil {
		c.setLost(err)
		return err
	}
	// Before it subscribes: the answer to the first question is no replay.
	c.queue.start()
	c.box.Rewind()
	if err = s.begin(ctx); err == nil {
		err = s.serve(ctx)
	}
	c.queue.stop()
	c.box.Rewind()
	if ctx.Err() != nil {
		s.end()
	}
	s.drop(err)
	c.setLost(err)
	return err
}

func (s *session) connect(ctx context.Context) error {
	c := s.client
	will, err := s.connection(payload.ConnectionBroken)
	if err != nil {
		return err
	}
	s.wire, err = dialWire(ctx, wireConfig{
		target: c.nodes.current(), clientID: c.cfg.ClientID, username: c.cfg.Username, password: c.cfg.Password,
		timing: c.timing, will: &will, receive: s.receive, tasks: &c.tasks,
	})
	return err
}

// connection makes a message of the topic connection.
func (s *session) connection(state payload.ConnectionState) (message, error) {
	m, err := s.client.encode(connectionTopic, &payload.Connection{ConnectionState: state, SessionID: s.id})
	m.retained = true
	return m, err
}

// begin subscribes before it says ONLINE, so that who sees ONLINE can ask.
func (s *session) begin(ctx context.Context) error {
	c := s.client
	var qos byte = 1
	if c.cfg.SubscribeQoS0 {
		qos = 0
	}
	filters := map[string]byte{
		c.topics.of(askTopic): qos, c.topics.of(watchTopic): qos, c.topics.of(commandTopic): qos, c.topics.of(poseTopic): 0,
		c.topics.of(connectionTopic): qos, // see receiveConnection
	}
	if c.cfg.ReceiptFrom != "" {
		filters[c.receiptTopic()] = qos
	}
	denied, err := s.subscribe(ctx, filters)
	if err != nil {
		return err
	}
	for _, topic := range denied {
		if topic != c.topics.of(connectionTopic) {
			return fmt.Errorf("the broker does not let %s subscribe %s", c.cfg.ClientID, strings.Join(denied, ", "))
		}
	}
	return s.say(ctx, payload.Online, c.timing.ack)
}

// say publishes the connection's state and waits for the acknowledgement.
func (s *session) say(ctx context.Context, state payload.ConnectionState, limit time.Duration) error {
	m, err := s.connection(state)
	if err != nil {
		return err
	}
	s.online.Store(state == payload.Online)
	if err := s.wait(ctx, s.publish(m), limit); err != nil {
		return fmt.Errorf("saying %s: %w", state, err)
	}
	return nil
}

// serve sends what is queued until the connection or the context ends.
func (s *session) serve(ctx context.Context) error {
	s.client.setConnected()
	var tasks sync.WaitGroup
	tasks.Go(s.send)
	tasks.Go(s.acknowledge)
	tasks.Go(s.probe)
	if s.client.cfg.ReceiptFrom != "" {
		tasks.Go(s.awaitReceipts)
	}
	select {
	case <-s.lost:
	case <-ctx.Done():
		s.client.refuseWaiting()
		s.client.queue.flush(s.timing.flush, s.client.box.Idle)
		s.end()
		s.fail(errClosed)
	}
	tasks.Wait()
	return s.cause
}

// end says OFFLINE and disconnects in order. It may be called again.
func (s *session) end() {
	select {
	case <-s.lost:
		return
	default:
	}
	if err := s.say(context.Background(), payload.Offline, farewell); err != nil {
		s.client.log.Warn("leaving the broker", "err", err)
	}
	s.leave()
}

func (c *Client) setConnected() {
	n := c.sessions.Add(1)
	c.mu.Lock()
	c.connected, c.lastError = true, nil
	c.mu.Unlock()
	c.log.Info("connected to the broker", "broker", c.Broker().String(), "connections", n)
}

func (c *Client) setLost(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.connected, c.lastError = false, cause
}
