package link

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

// stamped is a message whose header the link fills.
type stamped interface{ Stamp(payload.Header) }

// PublishAnswer sends an answer to answer/{requestID}, or to replyTo instead if that is not empty. It never blocks.
// The answer's RequestID becomes requestID. ErrNotConnected says that the answer was dropped; when more than 8 MiB
// wait to be sent, the oldest of them are. Both are counted.
func (c *Client) PublishAnswer(requestID string, answer payload.Answer, replyTo string) error {
	topic := c.topics.reply(answerTopic, requestID)
	if replyTo != "" {
		if err := c.checkReplyTo(replyTo); err != nil {
			return fmt.Errorf("publishing an answer: %w", err)
		}
		topic = replyTo
	}
	answer.RequestID = requestID
	if !payload.ValidID(requestID) {
		answer.RequestID = payload.InvalidID
	}
	m, err := c.encode(answerTopic, &answer)
	if err != nil {
		return err
	}
	m.topic = topic
	return c.queue.reply(m)
}

// PublishState sends the robot's state, retained, and keeps it for the connections to come. A state that was not sent
// yet is replaced. The field Link is filled here.
func (c *Client) PublishState(state payload.State) error {
	s := c.Stats()
	state.Link = payload.LinkState{
		Connections: s.Connections, Published: s.Published, Dropped: s.Dropped,
		Unconfirmed: s.Unconfirmed, Refused: s.Refused,
	}
	return c.publishLatest(stateSlot, stateTopic, &state)
}

// PublishFactsheet sends the robot's factsheet, retained, and keeps it for the connections to come.
func (c *Client) PublishFactsheet(sheet payload.Factsheet) error {
	return c.publishLatest(factsheetSlot, factsheetTopic, &sheet)
}

// PublishScene sends the scene at QoS 0. A scene that was not sent yet is replaced.
func (c *Client) PublishScene(scene payload.Scene) error {
	return c.publishLatest(sceneSlot, sceneTopic, &scene)
}

func (c *Client) publishLatest(s slot, topic string, v stamped) error {
	m, err := c.encode(topic, v)
	if err != nil {
		return err
	}
	if s == sceneSlot {
		m.qos = 0
	} else {
		m.retained = true
	}
	return c.queue.offer(s, m)
}

// encode stamps and writes a message. The headerId counts by the topic's first level.
func (c *Client) encode(topic string, v stamped) (message, error) {
	v.Stamp(c.header(topic))
	data, err := json.Marshal(v)
	if err != nil {
		return message{}, fmt.Errorf("writing a message for %s: %w", topic, err)
	}
	if n := len(data); n > payload.MaxAnswerBytes {
		return message{}, fmt.Errorf("writing a message for %s: %d bytes are more than %d",
			topic, n, payload.MaxAnswerBytes)
	}
	return message{topic: c.topics.of(topic), payload: data, qos: 1}, nil
}

func (c *Client) header(topic string) payload.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ids[topic]++
	return payload.Header{
		HeaderID: c.ids[topic], Timestamp: payload.Time{Time: time.Now()}, Version: payload.Version,
		Manufacturer: c.cfg.Manufacturer, SerialNumber: c.cfg.Serial,
	}
}

// refuse answers an ask that the Handler never sees.
func (c *Client) refuse(requestID string, reason error, replyTo string) {
	err := c.PublishAnswer(requestID, payload.Answer{Status: payload.Refused, Reason: reason.Error()}, replyTo)
	if err != nil {
		c.log.Debug("refusing an ask", "err", err)
	}
}

// replyCommand tells what became of a command.
func (c *Client) replyCommand(cmd payload.Command, failure error) {
	reply := payload.CommandReply{RequestID: cmd.RequestID, Command: cmd.Command, Status: payload.CommandDone}
	if !payload.ValidID(cmd.RequestID) {
		reply.RequestID = payload.InvalidID
	}
	if failure != nil {
		reply.Status, reply.Reason = payload.CommandRefused, failure.Error()
	}
	m, err := c.encode(commandTopic, &reply)
	if err == nil {
		m.topic = c.topics.reply(commandTopic, cmd.RequestID)
		err = c.queue.reply(m)
	}
	if err != nil {
		c.log.Debug("replying to a command", "err", err)
	}
}
