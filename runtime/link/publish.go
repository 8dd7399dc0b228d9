package link

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/outbox"
)

// stamped is a message whose header the link fills.
type stamped interface{ Stamp(payload.Header) }

// PublishAnswer sends an answer to answer/{requestID}, or to replyTo instead if that is not empty. It never blocks: it
// hands the answer to the outbox, which sends it now or when there is a connection again. The answer's RequestID
// becomes requestID.
func (c *Client) PublishAnswer(requestID string, answer payload.Answer, replyTo string) error {
	topic := c.topics.reply(answerTopic, requestID)
	if replyTo != "" {
		if err := c.checkReplyTo(replyTo); err != nil {
			return fmt.Errorf("publishing an answer: %w", err)
		}
		topic = replyTo
	}
	answer.RequestID, answer.Delivery = validID(requestID), payload.Delivery{}
	return c.keep(outbox.Answers, answerTopic, topic, &answer)
}

// validID returns the id, or what stands for one that cannot be used.
func validID(id string) string {
	if payload.ValidID(id) {
		return id
	}
	return payload.InvalidID
}

// PublishWatch sends an answer to a standing question on watch/{id}. It never blocks. A retained one is what those see
// who subscribe later.
func (c *Client) PublishWatch(id string, answer payload.Answer, retained bool) error {
	answer.RequestID, answer.Delivery = validID(id), payload.Delivery{}
	m, err := c.encode(watchTopic, &answer)
	if err != nil {
		return err
	}
	_, err = c.box.Put(outbox.Message{
		Class: outbox.Watches, Topic: c.topics.reply(watchTopic, id), Retained: retained, Payload: m.payload,
	})
	return err
}

// ClearWatch has the broker forget the last answer to a standing question, behind all its answers.
func (c *Client) ClearWatch(id string) error {
	_, err := c.box.Put(outbox.Message{Class: outbox.Watches, Topic: c.topics.reply(watchTopic, id), Retained: true})
	return err
}

// PublishEvent sends an event on event/{kind}. It never blocks.
func (c *Client) PublishEvent(event payload.Event) error {
	event.Delivery = payload.Delivery{}
	return c.keep(outbox.Events, eventTopic, c.topics.reply(eventTopic, string(event.Kind)), &event)
}

// PublishStats sends statistics: at QoS 0, or through the outbox if they are to be kept.
func (c *Client) PublishStats(stats payload.Stats) error {
	stats.Delivery = payload.Delivery{}
	if c.cfg.KeepStats {
		return c.keep(outbox.Stats, statsTopic, c.topics.of(statsTopic), &stats)
	}
	return c.publishLatest(statsSlot, statsTopic, &stats)
}

// keep hands a message to the outbox.
func (c *Client) keep(class outbox.Class, name, topic string, v stamped) error {
	m, err := c.encode(name, v)
	if err != nil {
		return err
	}
	if _, err = c.box.Put(outbox.Message{Class: class, Topic: topic, Payload: m.payload}); err != nil {
		return fmt.Errorf("publishing on %s: %w", topic, err)
	}
	return nil
}

// PublishState sends the robot's state, retained, and keeps it for the connections to come. A state that was not sent
// yet is replaced. The fields Link and Outbox are filled here.
func (c *Client) PublishState(state payload.State) error {
	s := c.Stats()
	state.Link = payload.LinkState{
		Connections: s.Connections, Published: s.Published, Dropped: s.Dropped,
		Unconfirmed: s.Unconfirmed, Refused: s.Refused,
	}
	state.Outbox = c.Outbox()
	return c.publishLatest(stateSlot, stateTopic, &state)
}

// Outbox describes what waits for its receiver.
func (c *Client) Outbox() payload.Outbox {
	s := c.box.Stats()
	lost := func(class outbox.Class) uint64 { return s.Classes[class].Dropped + s.Classes[class].Expired }
	return payload.Outbox{
		Durable: s.Durable, Depth: s.Records, Bytes: s.Bytes, Damaged: s.Damaged, Failure: s.Failure,
		OldestSeconds: math.Round(s.OldestAge.Seconds()*10) / 10,
		Dropped: payload.Dropped{
			Stats: lost(outbox.Stats), Scene: lost(outbox.Scene), Watches: lost(outbox.Watches),
			Events: lost(outbox.Events), Answers: lost(outbox.Answers),
		},
	}
}

// PublishFactsheet sends the robot's factsheet, retained, and keeps it for the connections to come.
func (c *Client) PublishFactsheet(sheet payload.Factsheet) error {
	return c.publishLatest(factsheetSlot, factsheetTopic, &sheet)
}

// PublishScene sends the scene: at QoS 0, where one that was not sent yet is replaced, or through the outbox if scenes
// are to be kept.
func (c *Client) PublishScene(scene payload.Scene) error {
	scene.Delivery = payload.Delivery{}
	if c.cfg.KeepScene {
		return c.keep(outbox.Scene, sceneTopic, c.topics.of(sceneTopic), &scene)
	}
	return c.publishLatest(sceneSlot, sceneTopic, &scene)
}

func (c *Client) publishLatest(s slot, topic string, v stamped) error {
	m, err := c.encode(topic, v)
	if err != nil {
		return err
	}
	if s == sceneSlot || s == statsSlot {
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

// refuseWatch answers a standing question that the Handler never sees.
func (c *Client) refuseWatch(id string, reason error) {
	err := c.PublishWatch(id, payload.Answer{Status: payload.Refused, Reason: reason.Error()}, false)
	if err != nil {
		c.log.Debug("refusing a standing question", "err", err)
	}
}

// replyCommand tells what became of a command.
func (c *Client) replyCommand(cmd payload.Command, text string, failure error) {
	reply := payload.CommandReply{
		RequestID: validID(cmd.RequestID), Command: cmd.Name(), Status: payload.CommandDone, Text: text,
	}
	if failure != nil {
		reply.Status, reply.Text, reply.Reason = payload.CommandRefused, "", failure.Error()
	}
	err := c.keep(outbox.Answers, commandTopic, c.topics.reply(commandTopic, cmd.RequestID), &reply)
	if err != nil {
		c.log.Debug("replying to a command", "err", err)
	}
}
