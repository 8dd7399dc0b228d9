package outbox

import (
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// change is what one transaction does, in this order: epoch, puts, done, age, room.
type change struct {
	epoch    uint64
	puts     []Record // in the order of their class
	done     []uint64 // orders of any class
	handed   [Classes]uint64
	tally    [Classes]tally // before
	maxBytes int64
	expired  func(*Record) bool
}

// outcome is what a transaction did.
type outcome struct {
	tally   [Classes]tally // after
	dropped [Classes]uint64
	expired [Classes]uint64
	oldest  *Record
}

// apply commits a change and waits until the disk has it.
func (d *disk) apply(c *change) (outcome, error) {
	out := outcome{tally: c.tally}
	d.mu.RLock()
	defer d.mu.RUnlock()
	err := guarded(func() error {
		return d.db.Update(func(tx *bolt.Tx) error {
			t := transaction{change: c, out: &out, tx: tx}
			return t.run()
		})
	})
	if err != nil {
		return outcome{}, fmt.Errorf("writing the outbox: %w", err)
	}
	return out, nil
}

type transaction struct {
	*change
	out *outcome
	tx  *bolt.Tx
}

func (t *transaction) run() error {
	meta := t.tx.Bucket([]byte(metaBucket))
	if v := meta.Get([]byte(epochKey)); len(v) != 8 || binary.BigEndian.Uint64(v) != t.epoch {
		if err := meta.Put([]byte(epochKey), keyOf(t.epoch)); err != nil {
			return fmt.Errorf("writing the epoch: %w", err)
		}
	}
	for i := range t.puts {
		if err := t.put(&t.puts[i]); err != nil {
			return err
		}
	}
	for _, order := range t.done {
		if err := t.settle(order); err != nil {
			return err
		}
	}
	for _, step := range []func() error{t.age, t.makeRoom} {
		if err := step(); err != nil {
			return err
		}
	}
	if err := t.findOldest(); err != nil {
		return err
	}
	return enterBooks(t.tx, &t.out.tally)
}

func (t *transaction) bucket(c Class) *bolt.Bucket {
	b := t.tx.Bucket(bucketOf(c))
	b.FillPercent = 0.9 // records are appended
	return b
}

func (t *transaction) put(r *Record) error {
	if err := t.bucket(r.Class).Put(keyOf(r.order), r.encode()); err != nil {
		return fmt.Errorf("writing a record: %w", err)
	}
	t.out.tally[r.Class].records++
	t.out.tally[r.Class].bytes += r.size()
	return nil
}

// settle removes a record whose class is not known.
func (t *transaction) settle(order uint64) error {
	key := keyOf(order)
	for c := range Class(Classes) {
		b := t.bucket(c)
		if v := b.Get(key); v != nil {
			return t.remove(b, c, key, v)
		}
	}
	return nil
}

// remove deletes a record and takes it off the books.
func (t *transaction) remove(b *bolt.Bucket, c Class, key, value []byte) error {
	r, err := readRecord(key, value, c)
	if err != nil {
		return err
	}
	t.out.tally[c].records--
	t.out.tally[c].bytes -= r.size()
	if err := b.Delete(key); err != nil {
		return fmt.Errorf("removing a record: %w", err)
	}
	return nil
}

// age removes what is too old, as far as it is not on its way.
func (t *transaction) age() error {
	for c := range Class(Classes) {
		b := t.bucket(c)
		for {
			k, v := b.Cursor().Seek(keyOf(t.handed[c] + 1))
			if k == nil {
				break
			}
			r, err := readRecord(k, v, c)
			if err != nil {
				return err
			}
			if !t.expired(&r) {
				break
			}
			t.out.expired[c]++
			if err := t.remove(b, c, k, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// makeRoom drops the oldest records of the lowest class until the rest fits.
func (t *transaction) makeRoom() error {
	for {
		total := int64(0)
		for _, books := range t.out.tally {
			total += books.bytes
		}
		if total <= t.maxBytes {
			return nil
		}
		dropped, err := t.dropOne()
		if err != nil || !dropped {
			return err
		}
	}
}

// dropOne drops the oldest record of the lowest class that has more than its share; what is on its way to the receiver
// goes only when there is nothing else.
func (t *transaction) dropOne() (bool, error) {
	for _, from := range [][Classes]uint64{t.handed, {}} {
		for c := range Class(Classes) {
			if c == Events && t.out.tally[c].bytes <= t.maxBytes/eventShare {
				continue
			}
			b := t.bucket(c)
			k, v := b.Cursor().Seek(keyOf(from[c] + 1))
			if k == nil {
				continue
			}
			t.out.dropped[c]++
			return true, t.remove(b, c, k, v)
		}
	}
	return false, nil
}

// eventShare is the part of the room that events keep, whatever else comes: one in four.
const eventShare = 4

// findOldest looks at the first record of each class.
func (t *transaction) findOldest() error {
	for c := range Class(Classes) {
		k, v := t.bucket(c).Cursor().First()
		if k == nil {
			continue
		}
		r, err := readRecord(k, v, c)
		if err != nil {
			return err
		}
		if t.out.oldest == nil || r.order < t.out.oldest.order {
			t.out.oldest = &r
		}
	}
	return nil
}
