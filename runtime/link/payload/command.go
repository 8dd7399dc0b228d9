package payload

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// StateRequest is the command that has the state published at once. It changes nothing and needs no signature.
const StateRequest = "stateRequest"

// Command is the message on the topic command: the name of a command that changes nothing, or a signed Order.
type Command struct {
	RequestID string `json:"requestId"`           // ValidID; the sender makes it unique
	Command   string `json:"command,omitempty"`   // without a signature; StateRequest is the one that is obeyed
	Order     string `json:"order,omitempty"`     // the JSON text of an Order, to the byte as it was signed
	KeyID     string `json:"keyId,omitempty"`     // ValidID; names the key that signed
	Signature string `json:"signature,omitempty"` // ed25519 in base64

	Claim Order `json:"-"` // what Order says, decoded and not yet verified
}

// Name returns the name of the command, signed or not.
func (c Command) Name() string {
	if c.Order != "" {
		return c.Claim.Command
	}
	return c.Command
}

// Order is a command with what a signature must cover.
type Order struct {
	RequestID  string          `json:"requestId"` // that of the Command around it
	Robot      string          `json:"robot"`     // manufacturer, a slash, serial number
	Command    string          `json:"command"`
	Parameters json.RawMessage `json:"parameters,omitempty"` // an object; depends on the command
	Sequence   uint64          `json:"sequence"`             // larger than in any earlier order of the same key
	IssuedAt   Time            `json:"issuedAt"`
	ExpiresAt  Time            `json:"expiresAt"`
}

// MaxSequence is the largest sequence: every JSON reader represents it exactly.
const MaxSequence = 1<<53 - 1

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
	Text      string        `json:"text,omitempty"` // what was done
	Reason    string        `json:"reason,omitempty"`
}

// DecodeCommand reads and checks a command; whether it may be obeyed is for others to judge. With an error it still
// returns the RequestID where that could be read; the error's text is the reply's reason.
func DecodeCommand(data []byte) (Command, error) {
	var cmd Command
	id, err := decode(data, &cmd)
	if err == nil {
		err = cmd.check()
	}
	if err != nil {
		return Command{RequestID: id}, err
	}
	return cmd, nil
}

func (c *Command) check() (err error) {
	switch {
	case !ValidID(c.RequestID):
		return errors.New("requestId must be 1 to 64 of A-Z a-z 0-9 _ . : -")
	case (c.Command == "") == (c.Order == ""):
		return errors.New("there must be a command or an order, and not both")
	case c.Order == "":
		return nil
	case !ValidID(c.KeyID):
		return errors.New("keyId must be 1 to 64 of A-Z a-z 0-9 _ . : -")
	case c.Signature == "":
		return errors.New("the order has no signature")
	}
	if c.Claim, err = DecodeOrder([]byte(c.Order)); err != nil {
		return fmt.Errorf("the order: %w", err)
	}
	if c.Claim.RequestID != c.RequestID {
		return fmt.Errorf("the order was signed for requestId %s", c.Claim.RequestID)
	}
	return nil
}

// DecodeOrder reads and checks the text of an order.
func DecodeOrder(data []byte) (Order, error) {
	var o Order
	if _, err := decode(data, &o); err != nil {
		return Order{}, err
	}
	if err := o.Check(); err != nil {
		return Order{}, err
	}
	return o, nil
}

// Check says what is wrong with the order's form.
func (o *Order) Check() error {
	maker, serial, _ := strings.Cut(o.Robot, "/")
	switch {
	case !ValidID(o.RequestID):
		return errors.New("requestId must be 1 to 64 of A-Z a-z 0-9 _ . : -")
	case !ValidID(maker) || !ValidID(serial):
		return fmt.Errorf("robot %.140q must be MANUFACTURER/SERIAL", o.Robot)
	case !ValidID(o.Command):
		return fmt.Errorf("command %.80q must be 1 to 64 of A-Z a-z 0-9 _ . : -", o.Command)
	case len(o.Parameters) > 0 && o.Parameters[0] != '{':
		return errors.New("parameters must be an object")
	case o.Sequence < 1 || o.Sequence > MaxSequence:
		return fmt.Errorf("sequence must lie between 1 and %d", uint64(MaxSequence))
	case o.IssuedAt.IsZero() || !o.ExpiresAt.After(o.IssuedAt.Time):
		return errors.New("issuedAt and expiresAt must be there, in this order")
	}
	return nil
}

// DecodeCommandReply reads a reply, for those who command.
func DecodeCommandReply(data []byte) (CommandReply, error) {
	if n := len(data); n > MaxAnswerBytes {
		return CommandReply{}, fmt.Errorf("message has %d bytes, more than %d", n, MaxAnswerBytes)
	}
	var reply CommandReply
	_, err := decodeAny(data, &reply)
	if err == nil && reply.Status != CommandDone && reply.Status != CommandRefused {
		err = fmt.Errorf("status %.40q is neither done nor refused", reply.Status)
	}
	if err != nil {
		return CommandReply{}, err
	}
	return reply, nil
}
