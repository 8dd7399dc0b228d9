package link

import (
	"context"
	"fmt"
	"sync"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

// Retain leaves a retained message on a topic of somebody else's contract, and returns when the broker has acknowledged
// it. An empty message has the broker forget the one before. The connection is one of its own: a broker may end it for
// a topic that it does not allow, and that must never be the robot's. A broker may also swallow in silence what it does
// not allow. Of the configuration it reads Broker, TLS, Username and Password.
func Retain(ctx context.Context, cfg AskerConfig, topic string, data []byte) error {
	to, err := parseTarget(cfg.Broker, cfg.TLS)
	if err == nil {
		err = payload.CheckTopic(topic)
	}
	if err == nil && len(data) > payload.MaxAnswerBytes {
		err = fmt.Errorf("%d bytes are more than %d", len(data), payload.MaxAnswerBytes)
	}
	if err != nil {
		return fmt.Errorf("leaving a message on %s: %w", topic, err)
	}
	user, password := to.credentials(cfg.Username, cfg.Password)
	var tasks sync.WaitGroup
	defer tasks.Wait()
	w, err := dialWire(ctx, wireConfig{
		target: to, clientID: "vegad-retain-" + randomID(8), username: user, password: password,
		timing: defaultTiming(), receive: func(mqtt.Client, mqtt.Message) {}, tasks: &tasks,
	})
	if err != nil {
		return err
	}
	defer w.leave()
	token := w.publish(message{topic: topic, payload: data, qos: 1, retained: true})
	if err := w.wait(ctx, token, w.timing.ack); err != nil {
		return fmt.Errorf("leaving a message on %s, which the broker may not allow: %w", topic, err)
	}
	return nil
}
