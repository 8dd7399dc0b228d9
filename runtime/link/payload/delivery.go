package payload

import (
	"errors"
	"fmt"
)

// Delivery names a message that vegad keeps until the broker, or a consumer, has confirmed it. It may come more than
// once; together with manufacturer and serialNumber, BootID and Seq are the same each time. The link fills it.
type Delivery struct {
	BootID   string `json:"bootId,omitempty"`   // of the run of vegad that made the message
	Seq      uint64 `json:"seq,omitempty"`      // counts the kept messages of that run, from 1; a gap is one dropped
	Replayed bool   `json:"replayed,omitempty"` // made before this connection to the broker; timestamp says when
}

// MaxReceipts bounds the messages that one Receipt confirms.
const MaxReceipts = 1000

// Receipt is the message on the topic receipt/{consumer}: a consumer has what it names, and vegad may forget it.
type Receipt struct {
	BootID string   `json:"bootId"`
	Seq    []uint64 `json:"seq"` // 1 to MaxReceipts of them
}

// DecodeReceipt reads and checks a receipt.
func DecodeReceipt(data []byte) (Receipt, error) {
	var r Receipt
	if _, err := decode(data, &r); err != nil {
		return Receipt{}, fmt.Errorf("reading a receipt: %w", err)
	}
	if !ValidID(r.BootID) || len(r.Seq) == 0 || len(r.Seq) > MaxReceipts {
		return Receipt{}, errors.New("reading a receipt: bootId or seq is missing, or seq is too long")
	}
	return r, nil
}
