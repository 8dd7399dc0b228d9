package link

import (
	"context"
	"fmt"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

type replyOrErr struct {
	reply payload.CommandReply
	err   error
}

// Command sends a command to the selected robot and waits for its reply, the end of the context or of the connection.
// A refusal is a reply, not an error. The message goes out as it is: a signature covers its bytes.
func (a *Asker) Command(ctx context.Context, cmd payload.Command) (payload.CommandReply, error) {
	a.mu.Lock()
	t := a.topics
	a.mu.Unlock()
	if t.root == "" {
		return payload.CommandReply{}, fmt.Errorf("commanding: no robot is selected")
	}
	if !payload.ValidID(cmd.RequestID) {
		return payload.CommandReply{}, fmt.Errorf("commanding: requestId %.80q must be 1 to 64 of A-Z a-z 0-9 _ . : -",
			cmd.RequestID)
	}
	if err := a.subscribe(ctx, t.of(commandTopic)+"/+"); err != nil {
		return payload.CommandReply{}, fmt.Errorf("commanding: %w", err)
	}
	replies := make(chan replyOrErr, 1)
	a.mu.Lock()
	a.commands[cmd.RequestID] = replies
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		delete(a.commands, cmd.RequestID)
		a.mu.Unlock()
	}()
	if err := a.publish(ctx, commandTopic, 1, cmd); err != nil {
		return payload.CommandReply{}, err
	}
	select {
	case got := <-replies:
		return got.reply, got.err
	case <-a.wire.lost:
		return payload.CommandReply{}, fmt.Errorf("awaiting a reply: %w", a.wire.cause)
	case <-ctx.Done():
		return payload.CommandReply{}, fmt.Errorf("awaiting a reply: %w", context.Cause(ctx))
	}
}

// deliverReply hands the first reply to who waits for it.
func (a *Asker) deliverReply(id string, data []byte) {
	reply, err := payload.DecodeCommandReply(data)
	a.mu.Lock()
	defer a.mu.Unlock()
	if replies, ok := a.commands[id]; ok {
		replies <- replyOrErr{reply, err}
		delete(a.commands, id)
	}
}
