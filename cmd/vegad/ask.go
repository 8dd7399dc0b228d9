package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/vega-edge/vegad/runtime/link"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

// askCmd is vegad ask.
type askCmd struct {
	Question []string      `arg:"" help:"English, or a query as JSON."`
	Broker   string        `default:"mqtt://127.0.0.1:1883" env:"VEGAD_BROKER" help:"The robot's broker."`
	Robot    string        `placeholder:"MAKER/SERIAL" env:"VEGAD_ROBOT" help:"Which; needless when there is one."`
	Prefix   string        `default:"vegad" help:"First level of the topics."`
	Scope    string        `enum:"now,seen" default:"seen" help:"now: what the camera sees; seen: all it remembers."`
	Timeout  time.Duration `default:"5s" help:"How long to wait for everything."`
	JSON     bool          `name:"json" help:"Print the answer message."`
}

// Validate checks the flags that kong cannot.
func (c *askCmd) Validate() error {
	if c.Timeout < time.Millisecond || c.Timeout.Milliseconds() > payload.MaxDeadlineMs {
		return fmt.Errorf("--timeout %s: must lie between 1ms and %s", c.Timeout,
			time.Duration(payload.MaxDeadlineMs)*time.Millisecond)
	}
	maker, serial, ok := strings.Cut(c.Robot, "/")
	if c.Robot != "" && (!ok || !payload.ValidID(maker) || !payload.ValidID(serial)) {
		return fmt.Errorf("--robot %q: must be MANUFACTURER/SERIAL, such as acme/0001", c.Robot)
	}
	return nil
}

// Run asks one question.
func (c *askCmd) Run(ctx context.Context, s streams) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	answer, err := c.ask(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %s, is the robot up? (vegad doctor tells): %w", c.Timeout, err)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		if err := s.json(answer); err != nil {
			return err
		}
	} else {
		s.say("%s", describeAnswer(answer))
	}
	return outcome(answer.Status)
}

// outcome is the exit code of an answer.
func outcome(status payload.Status) error {
	switch status {
	case payload.Answered:
		return nil
	case payload.Abstained:
		return verdict(exitAbstained)
	default:
		return verdict(exitFailed)
	}
}

func (c *askCmd) ask(ctx context.Context) (answer payload.Answer, err error) {
	ask, err := c.message()
	if err != nil {
		return answer, err
	}
	asker, err := link.Dial(ctx, link.AskerConfig{
		Broker: c.Broker, Password: os.Getenv("VEGAD_BROKER_PASSWORD"), Prefix: c.Prefix,
	})
	if err != nil {
		return answer, err
	}
	defer func() { err = errors.Join(err, asker.Close()) }()
	robot, err := c.pick(ctx, asker)
	if err != nil {
		return answer, err
	}
	if err := asker.Select(ctx, robot); err != nil {
		return answer, err
	}
	return asker.Ask(ctx, ask)
}

// message takes what begins like JSON for a query.
func (c *askCmd) message() (payload.Ask, error) {
	text := strings.TrimSpace(strings.Join(c.Question, " "))
	ask := payload.Ask{Scope: payload.Scope(c.Scope), DeadlineMs: c.Timeout.Milliseconds()}
	if !strings.HasPrefix(text, "{") {
		ask.Question = text
		return ask, nil
	}
	if !json.Valid([]byte(text)) {
		return ask, usageError{errors.New("the query is no valid JSON")}
	}
	ask.Query = json.RawMessage(text)
	return ask, nil
}

// discoveries are how long to listen for robots: a broker nearby tells at once, one far away takes longer.
var discoveries = [...]time.Duration{250 * time.Millisecond, time.Second}

// pick is the named robot, or the only one that is there.
func (c *askCmd) pick(ctx context.Context, asker *link.Asker) (link.Robot, error) {
	if maker, serial, named := strings.Cut(c.Robot, "/"); named {
		return link.Robot{Manufacturer: maker, Serial: serial}, nil
	}
	var robots []link.Robot
	for _, wait := range discoveries {
		var err error
		if robots, err = asker.Robots(ctx, wait); err != nil {
			return link.Robot{}, err
		}
		if len(robots) > 0 {
			break
		}
	}
	return only(robots, c.Broker)
}

// only is the one robot that is online.
func only(robots []link.Robot, broker string) (link.Robot, error) {
	var online []link.Robot
	names := make([]string, 0, len(robots))
	for _, robot := range robots {
		names = append(names, fmt.Sprintf("%s (%s)", robot, robot.State))
		if robot.State == payload.Online {
			online = append(online, robot)
		}
	}
	switch {
	case len(online) == 1:
		return online[0], nil
	case len(robots) == 0:
		return link.Robot{}, fmt.Errorf("there is no robot at this broker: start one with vegad run --broker %s",
			withoutCredentials(broker))
	case len(online) == 0:
		return link.Robot{}, fmt.Errorf("no robot is online: %s", strings.Join(names, ", "))
	}
	return link.Robot{}, usageError{fmt.Errorf("which robot? Name one with --robot: %s", strings.Join(names, ", "))}
}

func withoutCredentials(url string) string {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		return url
	}
	return scheme + "://" + rest[strings.LastIndex(rest, "@")+1:]
}
