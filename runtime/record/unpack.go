package record

import (
	"encoding/json"
	"fmt"
)

// Unpacker reads the data of records. It is used by one goroutine, and closed by it.
type Unpacker struct{ pack *packer }

// NewUnpacker prepares one.
func NewUnpacker() (*Unpacker, error) {
	p, err := newPacker()
	if err != nil {
		return nil, err
	}
	return &Unpacker{p}, nil
}

// Close frees its memory.
func (u *Unpacker) Close() { u.pack.decoder.Close() }

// Picture unpacks a record of PictureKind. The pixels are the caller's.
func (u *Unpacker) Picture(rec Record) (*Picture, error) {
	p, err := u.pack.unpack(rec)
	if err != nil {
		return nil, fmt.Errorf("record %d: %w", rec.Number, err)
	}
	return p, nil
}

// Checkpoint unpacks a record of CheckpointKind.
func (u *Unpacker) Checkpoint(rec Record) (*Checkpoint, error) {
	c, err := u.pack.checkpoint(rec.Data)
	if err != nil {
		return nil, fmt.Errorf("record %d: %w", rec.Number, err)
	}
	return c, nil
}

// Message reads a record of a kind that is JSON.
func Message[T any](rec Record) (T, error) {
	var v T
	if err := json.Unmarshal(rec.Data, &v); err != nil {
		return v, fmt.Errorf("record %d, a %s: %w", rec.Number, rec.Kind, err)
	}
	return v, nil
}
