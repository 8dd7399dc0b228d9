package command

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

// domain keeps a signature of anything else, such as a model's manifest, from being one of an order.
const domain = "vegad command 1\n"

// Sign checks the order's form and makes the message that carries it.
func (s Signer) Sign(order payload.Order) (payload.Command, error) {
	if err := order.Check(); err != nil {
		return payload.Command{}, fmt.Errorf("signing an order: %w", err)
	}
	text, err := json.Marshal(order)
	if err != nil {
		return payload.Command{}, fmt.Errorf("signing an order: %w", err)
	}
	signature := ed25519.Sign(s.private, append([]byte(domain), text...))
	return payload.Command{
		RequestID: order.RequestID, Order: string(text), KeyID: s.id, Claim: order,
		Signature: base64.StdEncoding.EncodeToString(signature),
	}, nil
}

// signed reports whether the key signed the message's order.
func (k Key) signed(cmd payload.Command) bool {
	signature, err := base64.StdEncoding.Strict().DecodeString(cmd.Signature)
	return err == nil && ed25519.Verify(k.Public, append([]byte(domain), cmd.Order...), signature)
}
