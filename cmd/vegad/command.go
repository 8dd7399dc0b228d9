package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/vega-edge/vegad/runtime/command"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

// commandCmd is vegad command.
type commandCmd struct {
	Keygen keygenCmd `cmd:"" help:"Draw a key to sign commands with, and print the line for commands.keysFile."`
	Sign   signCmd   `cmd:"" help:"Sign a command and print the message, to be sent by other means."`
	Send   sendCmd   `cmd:"" help:"Sign a command, send it to a robot and print its reply."`
}

// keygenCmd is vegad command keygen.
type keygenCmd struct {
	Out   string   `required:"" placeholder:"FILE" help:"Where to write the private key; must not exist."`
	KeyID string   `name:"key-id" placeholder:"ID" help:"Name of the key; derived from it unless given."`
	Allow []string `placeholder:"COMMAND" help:"Commands that the key may give; all unless given."`
}

// Run draws a key.
func (c *keygenCmd) Run(s streams) error {
	signer, err := command.NewSigner(c.KeyID)
	if err != nil {
		return usageError{err}
	}
	private, err := signer.PEM()
	if err != nil {
		return err
	}
	key := signer.Key()
	key.Allowed = c.Allow
	if _, err := command.ParseKeys([]byte(key.String())); err != nil {
		return usageError{err}
	}
	f, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("writing the private key: %w", err)
	}
	_, err = f.Write(private)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing the private key: %w", err)
	}
	s.say("%s\n", key)
	s.note("The private key is in %s: keep it off the robot. The line above belongs into commands.keysFile.\n", c.Out)
	return nil
}

// orderFlags describe a command to sign.
type orderFlags struct {
	Command    string        `arg:"" help:"Such as forget, capture.stop, watch.clear; stateRequest needs no signature."`
	Parameters string        `placeholder:"JSON" help:"An object, where the command takes one."`
	SignKey    string        `name:"sign-key" env:"VEGAD_COMMAND_KEY" placeholder:"FILE" help:"From vegad command keygen."`
	KeyID      string        `name:"key-id" placeholder:"ID" help:"Its name in commands.keysFile; derived unless given."`
	Valid      time.Duration `default:"5m" help:"How long the command may be under way."`
	Sequence   uint64        `placeholder:"N" help:"Must grow; the microseconds since 1970 unless given."`
}

// sign makes the message for a robot.
func (o *orderFlags) sign(robot string) (payload.Command, error) {
	id := rand.Text()
	if o.Command == payload.StateRequest {
		return payload.Command{RequestID: id, Command: o.Command}, nil
	}
	if o.SignKey == "" {
		return payload.Command{}, usageError{errors.New("--sign-key is missing: vegad command keygen makes one")}
	}
	data, err := os.ReadFile(o.SignKey)
	if err != nil {
		return payload.Command{}, fmt.Errorf("reading the private key: %w", err)
	}
	signer, err := command.ParseSigner(data, o.KeyID)
	if err != nil {
		return payload.Command{}, err
	}
	now := time.Now()
	order := payload.Order{
		RequestID: id, Robot: robot, Command: o.Command, Sequence: o.Sequence,
		IssuedAt: payload.Time{Time: now}, ExpiresAt: payload.Time{Time: now.Add(o.Valid)},
	}
	if order.Sequence == 0 {
		order.Sequence = uint64(now.UnixMicro())
	}
	if o.Parameters != "" {
		if !json.Valid([]byte(o.Parameters)) {
			return payload.Command{}, usageError{errors.New("--parameters is no valid JSON")}
		}
		order.Parameters = json.RawMessage(o.Parameters)
	}
	cmd, err := signer.Sign(order)
	if err != nil {
		return payload.Command{}, usageError{err}
	}
	return cmd, nil
}

// signCmd is vegad command sign.
type signCmd struct {
	orderFlags
	Robot string `required:"" env:"VEGAD_ROBOT" placeholder:"MAKER/SERIAL" help:"The robot that may obey."`
}

// Run prints the message.
func (c *signCmd) Run(s streams) error {
	cmd, err := c.sign(c.Robot)
	if err != nil {
		return err
	}
	return s.json(cmd)
}

// sendCmd is vegad command send.
type sendCmd struct {
	brokerFlags
	orderFlags
	Timeout time.Duration `default:"10s" help:"How long to wait for everything."`
	JSON    bool          `name:"json" help:"Print the reply message."`
}

// Run sends one command.
func (c *sendCmd) Run(ctx context.Context, s streams) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	reply, err := c.send(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no reply within %s; the command may still be obeyed until it expires: %w", c.Timeout, err)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		if err := s.json(reply); err != nil {
			return err
		}
	} else {
		s.say("%s\n", describeReply(reply))
	}
	if reply.Status != payload.CommandDone {
		return verdict(exitFailed)
	}
	return nil
}

func (c *sendCmd) send(ctx context.Context) (reply payload.CommandReply, err error) {
	asker, robot, err := c.dial(ctx)
	if err != nil {
		return reply, err
	}
	defer func() { err = errors.Join(err, asker.Close()) }()
	cmd, err := c.sign(robot.String())
	if err != nil {
		return reply, err
	}
	return asker.Command(ctx, cmd)
}

func describeReply(r payload.CommandReply) string {
	parts := slices.DeleteFunc([]string{string(r.Status), r.Text, r.Reason}, func(s string) bool { return s == "" })
	return strings.Join(parts, ": ")
}
