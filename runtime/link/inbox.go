package link

import (
	"context"
	"errors"
	"fmt"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

// commandQueue is how many commands may wait.
const commandQueue = 8

var (
	errBusy     = errors.New("busy: too many questions are waiting")
	errStopping = errors.New("vegad is stopping")
)

// arrival is a question, the news of one that was refused, or a standing question.
type arrival struct {
	ask   payload.Ask
	bad   error
	watch *payload.Watch
	at    time.Time
}

// inbox holds what came in until the Handler takes it. It is filled by the MQTT library's goroutine, which must never
// wait, or the connection's keep-alive would wait with it.
type inbox struct {
	asks     chan arrival
	poses    chan payload.Pose // capacity 1, the newest wins
	commands chan payload.Command
}

func newInbox() *inbox {
	return &inbox{
		asks: make(chan arrival, AskQueue), poses: make(chan payload.Pose, 1),
		commands: make(chan payload.Command, commandQueue),
	}
}

// receive takes a message from the MQTT library.
func (s *session) receive(_ mqtt.Client, m mqtt.Message) {
	c := s.client
	topic := m.Topic()
	switch {
	case topic == c.topics.of(connectionTopic):
		s.receiveConnection(m)
	case m.Retained():
		// It would come again with every connection, for ever.
		c.refused.Add(1)
		c.log.Warn("ignoring a retained message", "topic", topic)
	case topic == c.topics.of(askTopic):
		c.receiveAsk(m.Payload())
	case topic == c.topics.of(watchTopic):
		c.receiveWatch(m.Payload())
	case c.tooLarge(m.Payload()) != nil:
		c.refused.Add(1)
		c.log.Warn("ignoring a message", "topic", topic, "err", c.tooLarge(m.Payload()))
	case topic == c.topics.of(poseTopic):
		c.receivePose(m.Payload())
	case topic == c.topics.of(commandTopic):
		c.receiveCommand(m.Payload())
	case c.cfg.ReceiptFrom != "" && topic == c.receiptTopic():
		c.receiveReceipt(m.Payload())
	}
}

// receiveConnection contradicts a last will that arrives late: a broker may notice only after the new connection
// that the old one is dead, and would leave CONNECTION_BROKEN standing.
func (s *session) receiveConnection(m mqtt.Message) {
	seen, err := payload.DecodeConnection(m.Payload())
	if err != nil || m.Retained() || seen.ConnectionState == payload.Online || !s.online.Load() {
		return
	}
	if again, err := s.connection(payload.Online); err == nil {
		_ = s.client.queue.offer(connectionSlot, again) // without a connection there is nothing to contradict
	}
}

// tooLarge says whether a message exceeds what this robot reads.
func (c *Client) tooLarge(data []byte) error {
	if limit := c.cfg.MaxPayload; limit > 0 && len(data) > limit {
		return fmt.Errorf("%d bytes are more than the %d that are read", len(data), limit)
	}
	return nil
}

func (c *Client) receiveAsk(data []byte) {
	now := time.Now()
	ask, err := payload.DecodeAsk(data)
	if err == nil {
		err = c.tooLarge(data)
	}
	if err == nil {
		if err = c.checkReplyTo(ask.ReplyTo); err != nil {
			ask.ReplyTo = ""
		}
	}
	ask.Client = c.asker(ask.ReplyTo, ask.Client)
	a := arrival{ask: ask, bad: err, at: now}
	if err != nil {
		c.refused.Add(1)
		c.refuse(ask.RequestID, err, "")
	}
	select {
	case c.inbox.asks <- a:
	default:
		if err == nil {
			c.refused.Add(1)
			c.refuse(ask.RequestID, errBusy, ask.ReplyTo)
		}
	}
}

func (c *Client) receiveWatch(data []byte) {
	w, err := payload.DecodeWatch(data)
	if err == nil {
		err = c.tooLarge(data)
	}
	if err == nil && c.cfg.Watcher == nil {
		err = errors.New("standing questions are not taken here")
	}
	if err == nil {
		select {
		case c.inbox.asks <- arrival{watch: &w, at: time.Now()}:
			return
		default:
			err = errBusy
		}
	}
	c.refused.Add(1)
	c.refuseWatch(w.RequestID, err)
}

func (c *Client) receiveReceipt(data []byte) {
	r, err := payload.DecodeReceipt(data)
	if err != nil {
		c.refused.Add(1)
		c.log.Warn("ignoring a receipt", "err", err)
		return
	}
	c.receipts.came(r.BootID, r.Seq)
	c.box.Settle(r.BootID, r.Seq...)
}

func (c *Client) receivePose(data []byte) {
	pose, err := payload.DecodePose(data)
	if err != nil {
		// Odometry comes many times a second; one line each would fill the disk.
		if n := c.refused.Add(1); n&(n-1) == 0 {
			c.log.Warn("ignoring a pose", "err", err, "refused", n)
		}
		return
	}
	for {
		select {
		case c.inbox.poses <- pose:
			return
		default:
		}
		select {
		case <-c.inbox.poses:
		default:
		}
	}
}

func (c *Client) receiveCommand(data []byte) {
	cmd, err := payload.DecodeCommand(data)
	if err == nil {
		select {
		case c.inbox.commands <- cmd:
			return
		default:
			err = errors.New("busy: too many commands are waiting")
		}
	}
	c.refused.Add(1)
	c.replyCommand(cmd, "", err)
}

func (c *Client) handleAsks(ctx context.Context) {
	for {
		select {
		case a := <-c.inbox.asks:
			switch {
			case a.watch != nil:
				c.cfg.Watcher.HandleWatch(ctx, *a.watch)
			case a.bad != nil:
				c.cfg.Handler.HandleBadAsk(a.ask.RequestID, a.bad)
			default:
				c.cfg.Handler.HandleAsk(ctx, a.ask, a.at)
			}
		case <-ctx.Done():
			return
		}
	}
}

func (c *Client) handlePoses(ctx context.Context) {
	for {
		select {
		case pose := <-c.inbox.poses:
			c.cfg.Handler.HandlePose(pose)
		case <-ctx.Done():
			return
		}
	}
}

func (c *Client) handleCommands(ctx context.Context) {
	for {
		select {
		case cmd := <-c.inbox.commands:
			text, err := c.cfg.Handler.HandleCommand(ctx, cmd)
			c.replyCommand(cmd, text, err)
		case <-ctx.Done():
			return
		}
	}
}

// refuseWaiting answers the questions that nobody will take any more.
func (c *Client) refuseWaiting() {
	for {
		select {
		case a := <-c.inbox.asks:
			if a.watch != nil {
				c.refuseWatch(a.watch.RequestID, errStopping)
			} else if a.bad == nil {
				c.refuse(a.ask.RequestID, errStopping, a.ask.ReplyTo)
			}
		default:
			return
		}
	}
}
