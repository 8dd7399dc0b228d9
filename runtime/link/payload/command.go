package payload

import (
	"errors"
	"fmt"
)

// StateRequest is the command that has the state published at once.
const StateRequest = "stateRequest"

// Command is the message on the topic command.
type Command struct {
	RequestID string `json:"requestId"` // ValidID; the sender makes it unique
	Command   string `json:"command"`
}

// CommandStatus says what became of a command.
type CommandStatus string

// The values of CommandStatus.
const (
	CommandDone    CommandStatus = "done"
	CommandRefused CommandStatus = "refused" // Reason says why
)

// CommandReply is the message on the topic command/{requestId}.
type CommandReply struct {
	Header
	Delivery
	RequestID string        `json:"requestId"`
	Command   string        `json:"command,omitempty"`
	Status    CommandStatus `json:"status"`
	Reason    string        `json:"reason,omitempty"`
}

// DecodeCommand reads and checks a command. With an error it still returns the RequestID where that could be read;
// the error's text is the reply's reason.
func DecodeCommand(data []byte) (Command, error) {
	var cmd Command
	id, err := decode(data, &cmd)
	switch {
	case err != nil:
	case !ValidID(cmd.RequestID):
		err = errors.New("requestId must be 1 to 64 of A-Z a-z 0-9 _ . : -")
	case cmd.Command != StateRequest:
		err = fmt.Errorf("command %.40q is unknown; supported: %s", cmd.Command, StateRequest)
	}
	if err != nil {
		return Command{RequestID: id}, err
	}
	return cmd, nil
}
