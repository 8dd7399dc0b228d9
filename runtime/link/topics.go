package link

import (
	"fmt"
	"strings"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

const (
	connectionTopic = "connection"
	factsheetTopic  = "factsheet"
	stateTopic      = "state"
	sceneTopic      = "scene"
	statsTopic      = "stats"
	askTopic        = "ask"
	answerTopic     = "answer"
	watchTopic      = "watch"
	eventTopic      = "event"
	receiptTopic    = "receipt"
	poseTopic       = "pose"
	commandTopic    = "command"
)

// topics spells the topics of one robot.
type topics struct{ root string }

func newTopics(prefix, manufacturer, serial string) topics {
	return topics{root: prefix + "/v1/" + manufacturer + "/" + serial + "/"}
}

func (t topics) of(name string) string { return t.root + name }

// reply returns the topic of the answer to a request; an id that cannot be a topic level becomes payload.InvalidID.
func (t topics) reply(name, id string) string {
	if !payload.ValidID(id) {
		id = payload.InvalidID
	}
	return t.root + name + "/" + id
}

// within reports whether topic is prefix or lies below it.
func within(topic, prefix string) bool {
	return topic == prefix || strings.HasPrefix(topic, prefix+"/")
}

func (c *Client) receiptTopic() string { return c.topics.of(receiptTopic) + "/" + c.cfg.ReceiptFrom }

// asker returns who asks: the {client} of a replyTo, which an access list can bind to a user, or else the name that
// the message gives.
func (c *Client) asker(replyTo, name string) string {
	if below, ok := strings.CutPrefix(replyTo, c.cfg.ReplyPrefix+"/"); ok {
		name, _, _ = strings.Cut(below, "/")
	}
	return name
}

// checkReplyTo allows a replyTo only below {ReplyPrefix}/{client}/: nobody may have a robot write on the topics of
// robots, and a broker's access list can bind {client} to who is connected.
func (c *Client) checkReplyTo(topic string) error {
	if topic == "" {
		return nil
	}
	if err := payload.CheckTopic(topic); err != nil {
		return fmt.Errorf("replyTo: %w", err)
	}
	below, ok := strings.CutPrefix(topic, c.cfg.ReplyPrefix+"/")
	if !ok || !strings.Contains(below, "/") {
		return fmt.Errorf("replyTo must lie below %s/{client}/", c.cfg.ReplyPrefix)
	}
	return nil
}
