package link

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

// AskerConfig describes the connection of somebody who asks.
type AskerConfig struct {
	Broker       string      // as in Config
	TLS          *tls.Config // as in Config
	Username     string      // as in Config
	Password     string
	Prefix       string // empty means DefaultPrefix
	Manufacturer string // of the robot to ask; empty leaves that to Select
	Serial       string
}

// Robot is one robot on a broker.
type Robot struct {
	Manufacturer string
	Serial       string
	State        payload.ConnectionState
}

// String returns manufacturer and serial number with a slash between.
func (r Robot) String() string { return r.Manufacturer + "/" + r.Serial }

// Asker asks one robot at a time over one connection. It does not reconnect: when the connection is lost, every call
// returns an error, and a new Asker is dialled. All methods may be called from many goroutines at once.
type Asker struct {
	wire   *wire
	prefix string
	tasks  sync.WaitGroup // what the connection leaves behind for a while

	mu       sync.Mutex
	topics   topics                        // of the selected robot; empty before Select
	waiting  map[string]chan<- answerOrErr // by requestId; capacity 1 each
	commands map[string]chan<- replyOrErr  // the same
	robots   map[string]Robot              // seen by discovery
}

type answerOrErr struct {
	answer payload.Answer
	err    error
}

// Dial connects to the broker, and selects the robot if the configuration names one.
func Dial(ctx context.Context, cfg AskerConfig) (*Asker, error) {
	to, err := parseTarget(cfg.Broker, cfg.TLS)
	if err != nil {
		return nil, fmt.Errorf("dialling the broker: %w", err)
	}
	if cfg.Prefix == "" {
		cfg.Prefix = DefaultPrefix
	}
	user, password := to.credentials(cfg.Username, cfg.Password)
	a := &Asker{
		prefix: cfg.Prefix, waiting: make(map[string]chan<- answerOrErr),
		commands: make(map[string]chan<- replyOrErr), robots: make(map[string]Robot),
	}
	a.wire, err = dialWire(ctx, wireConfig{
		target: to, clientID: "vegad-ask-" + randomID(8), username: user, password: password,
		timing: defaultTiming(), receive: a.receive, tasks: &a.tasks,
	})
	if err != nil {
		return nil, err
	}
	if cfg.Manufacturer == "" && cfg.Serial == "" {
		return a, nil
	}
	if err := a.Select(ctx, Robot{Manufacturer: cfg.Manufacturer, Serial: cfg.Serial}); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// Select makes Ask and PublishPose mean this robot. It reads the robot's answers from then on.
func (a *Asker) Select(ctx context.Context, robot Robot) error {
	if !payload.ValidID(robot.Manufacturer) || !payload.ValidID(robot.Serial) {
		return fmt.Errorf("selecting robot %s: both names must be 1 to 64 of A-Z a-z 0-9 _ . : -", robot)
	}
	t := newTopics(a.prefix, robot.Manufacturer, robot.Serial)
	if err := a.subscribe(ctx, t.of(answerTopic)+"/+"); err != nil {
		return fmt.Errorf("selecting robot %s: %w", robot, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.topics = t
	return nil
}

func (a *Asker) subscribe(ctx context.Context, filter string) error {
	denied, err := a.wire.subscribe(ctx, map[string]byte{filter: 1})
	if err == nil && len(denied) > 0 {
		err = fmt.Errorf("the broker does not let this client subscribe %s", filter)
	}
	return err
}

// Ask sends a question and waits for its answer, the end of the context or of the connection. An empty RequestID is
// drawn. Refusals and abstentions are answers, not errors.
func (a *Asker) Ask(ctx context.Context, ask payload.Ask) (payload.Answer, error) {
	if ask.RequestID == "" {
		ask.RequestID = randomID(8)
	}
	if ask.ReplyTo != "" {
		return payload.Answer{}, errors.New("asking: replyTo must be empty, because the answer is awaited here")
	}
	answers, err := a.expect(ask.RequestID)
	if err != nil {
		return payload.Answer{}, err
	}
	defer a.forget(ask.RequestID)
	if err := a.publish(ctx, askTopic, 1, ask); err != nil {
		return payload.Answer{}, err
	}
	select {
	case got := <-answers:
		return got.answer, got.err
	case <-a.wire.lost:
		return payload.Answer{}, fmt.Errorf("awaiting an answer: %w", a.wire.cause)
	case <-ctx.Done():
		return payload.Answer{}, fmt.Errorf("awaiting an answer: %w", context.Cause(ctx))
	}
}

func (a *Asker) expect(id string) (<-chan answerOrErr, error) {
	if !payload.ValidID(id) {
		return nil, fmt.Errorf("asking: requestId %.80q must be 1 to 64 of A-Z a-z 0-9 _ . : -", id)
	}
	answers := make(chan answerOrErr, 1)
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, twice := a.waiting[id]; twice {
		return nil, fmt.Errorf("asking: requestId %s is in use", id)
	}
	a.waiting[id] = answers
	return answers, nil
}

func (a *Asker) forget(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.waiting, id)
}

// PublishPose sends the selected robot its odometry, at QoS 0.
func (a *Asker) PublishPose(ctx context.Context, pose payload.Pose) error {
	return a.publish(ctx, poseTopic, 0, pose)
}

func (a *Asker) publish(ctx context.Context, topic string, qos byte, v any) error {
	a.mu.Lock()
	t := a.topics
	a.mu.Unlock()
	if t.root == "" {
		return fmt.Errorf("publishing on %s: no robot is selected", topic)
	}
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("publishing on %s: %w", topic, err)
	}
	token := a.wire.publish(message{topic: t.of(topic), payload: data, qos: qos})
	if err := a.wire.wait(ctx, token, a.wire.timing.ack); err != nil {
		return fmt.Errorf("publishing on %s: %w", topic, err)
	}
	return nil
}

// Robots lists the robots that the broker knows, sorted by name, from the retained messages that arrive within wait.
// Robots that are not ONLINE are among them.
func (a *Asker) Robots(ctx context.Context, wait time.Duration) ([]Robot, error) {
	if err := a.subscribe(ctx, a.prefix+"/v1/+/+/"+connectionTopic); err != nil {
		return nil, fmt.Errorf("looking for robots: %w", err)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-a.wire.lost:
		return nil, fmt.Errorf("looking for robots: %w", a.wire.cause)
	case <-ctx.Done():
		return nil, fmt.Errorf("looking for robots: %w", context.Cause(ctx))
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	robots := make([]Robot, 0, len(a.robots))
	for _, robot := range a.robots {
		robots = append(robots, robot)
	}
	slices.SortFunc(robots, func(x, y Robot) int { return strings.Compare(x.String(), y.String()) })
	return robots, nil
}

// receive takes a message from the MQTT library: {prefix}/v1/{manufacturer}/{serial}/{name}[/{id}].
func (a *Asker) receive(_ mqtt.Client, m mqtt.Message) {
	rest, ok := strings.CutPrefix(m.Topic(), a.prefix+"/v1/")
	levels := strings.Split(rest, "/")
	switch {
	case !ok:
	case len(levels) == 3 && levels[2] == connectionTopic:
		a.noteRobot(levels[0], levels[1], m.Payload())
	case len(levels) == 4 && levels[2] == answerTopic:
		a.deliver(levels[3], m.Payload())
	case len(levels) == 4 && levels[2] == commandTopic:
		a.deliverReply(levels[3], m.Payload())
	}
}

func (a *Asker) noteRobot(manufacturer, serial string, data []byte) {
	seen, err := payload.DecodeConnection(data)
	if err != nil || !payload.ValidID(manufacturer) || !payload.ValidID(serial) {
		return
	}
	robot := Robot{Manufacturer: manufacturer, Serial: serial, State: seen.ConnectionState}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.robots[robot.String()] = robot
}

// deliver hands an answer to who waits for it; later ones to the same question find nobody.
func (a *Asker) deliver(id string, data []byte) {
	answer, err := payload.DecodeAnswer(data)
	a.mu.Lock()
	defer a.mu.Unlock()
	if answers, ok := a.waiting[id]; ok {
		answers <- answerOrErr{answer, err}
		delete(a.waiting, id)
	}
}

// Close leaves the broker; calls that wait return an error. It is idempotent.
func (a *Asker) Close() error {
	a.wire.leave()
	a.tasks.Wait()
	return nil
}
