package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/vega-edge/vegad/runtime/link"
	"github.com/vega-edge/vegad/runtime/link/broker"
	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/outbox"
)

// Of the robot that the bench plays.
const (
	manufacturer = "vegad"
	serial       = "bench"
	patience     = 10 * time.Second // for what a broker in the same process does
)

// Courier carries messages: an outbox on disk, and a link to a broker in this process with one subscriber.
type Courier struct {
	alone  *outbox.Box // of the stage outbox alone
	box    *outbox.Box
	broker *broker.Broker
	link   *link.Client
	cancel context.CancelFunc
	ended  chan error
	reader mqtt.Client
	got    chan struct{} // capacity 1: the subscriber has a message
	body   []byte
}

// OpenCourier starts everything; the outboxes lie below dir.
func OpenCourier(ctx context.Context, dir string) (*Courier, error) {
	c := &Courier{ended: make(chan error, 1), got: make(chan struct{}, 1), body: make([]byte, 512)}
	if err := c.open(ctx, dir); err != nil {
		return nil, errors.Join(fmt.Errorf("preparing to publish: %w", err), c.Close())
	}
	return c, nil
}

func (c *Courier) open(ctx context.Context, dir string) error {
	log := slog.New(slog.DiscardHandler)
	var err error
	if c.alone, err = outbox.Open(outbox.Config{Dir: dir + "/store", Logger: log}); err != nil {
		return err
	}
	if c.box, err = outbox.Open(outbox.Config{Dir: dir + "/link", Logger: log}); err != nil {
		return err
	}
	if c.broker, err = broker.Start(ctx, broker.Config{Addr: "127.0.0.1:0", Logger: log}); err != nil {
		return err
	}
	c.link, err = link.New(link.Config{
		Broker: c.broker.URL(), Manufacturer: manufacturer, Serial: serial, Logger: log, Handler: deaf{}, Outbox: c.box,
	})
	if err != nil {
		return err
	}
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c.cancel = cancel
	go func() { c.ended <- c.link.Run(inner) }()
	return c.subscribe()
}

func (c *Courier) subscribe() error {
	options := mqtt.NewClientOptions().AddBroker(c.broker.URL()).SetClientID("bench-reader").SetAutoReconnect(false)
	c.reader = mqtt.NewClient(options)
	topic := link.DefaultPrefix + "/v1/" + manufacturer + "/" + serial + "/event/" + string(payload.PathCleared)
	for _, start := range []func() mqtt.Token{
		c.reader.Connect,
		func() mqtt.Token {
			return c.reader.Subscribe(topic, 1, func(mqtt.Client, mqtt.Message) {
				select {
				case c.got <- struct{}{}:
				default:
				}
			})
		},
	} {
		token := start()
		if !token.WaitTimeout(patience) {
			return errors.New("subscribing to the broker takes too long")
		}
		if err := token.Error(); err != nil {
			return fmt.Errorf("subscribing to the broker: %w", err)
		}
	}
	return nil
}

// encode writes a scene message.
func (c *Courier) encode(s payload.Scene) error {
	s.Stamp(payload.Header{
		HeaderID: 1, Timestamp: payload.Time{Time: time.Now()}, Version: payload.Version, Manufacturer: manufacturer,
		SerialNumber: serial,
	})
	_, err := json.Marshal(&s)
	return err
}

// store is the way of a message through the outbox while its receiver is there.
func (c *Courier) store() error {
	if _, err := c.alone.Put(outbox.Message{Class: outbox.Events, Topic: "bench", Payload: c.body}); err != nil {
		return err
	}
	r, ok := c.alone.Next(true)
	if !ok {
		return errors.New("the outbox has lost a message")
	}
	c.alone.Done(r)
	return nil
}

// publish sends an event and waits until the subscriber has it.
func (c *Courier) publish(ctx context.Context) error {
	event := payload.Event{
		Kind: payload.PathCleared, Text: "the way ahead is free for 2.0 m", CaptureTime: payload.Time{Time: time.Now()},
		Path: &payload.Path{Wanted: 1, Free: 2},
	}
	if err := c.link.PublishEvent(event); err != nil {
		return err
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-c.got:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return errors.New("an event does not arrive")
	}
}

// Close stops everything. It is idempotent.
func (c *Courier) Close() error {
	if c.reader != nil {
		c.reader.Disconnect(100)
		c.reader = nil
	}
	var errs []error
	if c.cancel != nil {
		c.cancel()
		errs = append(errs, <-c.ended)
		c.cancel = nil
	}
	if c.broker != nil {
		errs = append(errs, c.broker.Close())
		c.broker = nil
	}
	for _, box := range []*outbox.Box{c.alone, c.box} {
		if box != nil {
			errs = append(errs, box.Close())
		}
	}
	return errors.Join(errs...)
}

// deaf takes no questions.
type deaf struct{}

var _ link.Handler = deaf{}

// HandleAsk ignores a question.
func (deaf) HandleAsk(context.Context, payload.Ask, time.Time) {}

// HandleBadAsk ignores a question that cannot be read.
func (deaf) HandleBadAsk(string, error) {}

// HandlePose ignores the odometry.
func (deaf) HandlePose(payload.Pose) {}

// HandleCommand obeys nobody.
func (deaf) HandleCommand(context.Context, payload.Command) (string, error) {
	return "", errors.New("a benchmark takes no commands")
}
