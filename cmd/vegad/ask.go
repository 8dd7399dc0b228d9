package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vega-edge/vegad/runtime/link"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

// askCmd is vegad ask.
type askCmd struct {
	brokerFlags
	Question []string      `arg:"" help:"English, or a query as JSON."`
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
	return c.brokerFlags.Validate()
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
	asker, _, err := c.dial(ctx)
	if err != nil {
		return answer, err
	}
	defer func() { err = errors.Join(err, asker.Close()) }()
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
