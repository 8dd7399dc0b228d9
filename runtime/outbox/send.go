package outbox

import (
	"errors"
	"slices"
)

// readAhead is how many records are read from disk at a time.
const readAhead = 64

// Rewind begins anew with the oldest record: what was handed out and not confirmed comes again. Every record that is
// in the box now counts as replayed from here on.
func (b *Box) Rewind() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mark = orderOf(b.epoch, b.seq)
	for i := range b.lines {
		b.lines[i].cursor, b.lines[i].ahead = 0, nil
	}
	signal(b.ready)
}

// Next returns the next record to send: of the highest class that has one, the oldest that was not handed out since
// the last Rewind. Without replay it passes over classes whose turn it would be for a replayed record. The payload must
// not be changed.
func (b *Box) Next(replay bool) (Record, bool) {
	for c := Class(Classes); c > 0; {
		c--
		if r, ok := b.nextOf(c, replay); ok {
			return r, true
		}
	}
	return Record{}, false
}

func (b *Box) nextOf(c Class, replay bool) (Record, bool) {
	for {
		r, ok, onDisk := b.pop(&b.lines[c], replay)
		if ok || !onDisk {
			return r, ok
		}
		if !b.refill(c) {
			return Record{}, false
		}
	}
}

// pop takes the next record of a line out of memory, or says that it must be read from disk first.
func (b *Box) pop(l *line, replay bool) (r Record, ok, onDisk bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l.ahead = slices.DeleteFunc(l.ahead, b.isDone)
	if len(l.ahead) == 0 && l.cursor < l.stored && b.disk != nil {
		return r, false, true
	}
	if len(l.ahead) > 0 {
		r = l.ahead[0]
	} else {
		at := l.above(l.cursor)
		for at < len(l.held) && b.isDone(l.held[at]) {
			at++
		}
		if at == len(l.held) {
			return r, false, false
		}
		r = l.held[at]
	}
	if r.Replayed = r.order <= b.mark; r.Replayed && !replay {
		return Record{}, false, false
	}
	if len(l.ahead) > 0 {
		l.ahead = l.ahead[1:]
	}
	l.cursor = r.order
	return r, true, false
}

func (b *Box) isDone(r Record) bool {
	_, done := b.done[r.order]
	return done
}

// refill reads the next records of a class from disk, without keeping Put waiting.
func (b *Box) refill(c Class) bool {
	b.mu.Lock()
	l, d := &b.lines[c], b.disk
	after, upTo, version := l.cursor, l.stored, l.version
	b.mu.Unlock()
	if d == nil {
		return false
	}
	records, err := d.read(c, after, readAhead)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.suspect = b.suspect || errors.Is(err, errCorrupt)
		signal(b.wake)
		return false
	}
	if version != l.version {
		return true // something was removed meanwhile: read again
	}
	l.ahead = records
	if len(records) == 0 {
		l.cursor = max(l.cursor, upTo)
	}
	return true
}

// Idle reports whether everything in the box has been handed out since the last Rewind.
func (b *Box) Idle() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.lines {
		l := &b.lines[i]
		if l.cursor < l.stored || len(l.ahead) > 0 || l.above(l.cursor) < len(l.held) {
			return false
		}
	}
	return true
}

// Done tells that the receiver has confirmed a record: it is removed.
func (b *Box) Done(r Record) { b.Settle(r.BootID, r.Seq) }

// Settle is Done for records of which only the names are known. Names of records that are not in the box do nothing.
func (b *Box) Settle(bootID string, seqs ...uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	epoch, known := b.boots[bootID]
	if !known {
		return
	}
	for _, seq := range seqs {
		if seq > 0 && seq < 1<<seqBits && (epoch != b.epoch || seq <= b.seq) {
			b.counts.Settled++
			b.confirm(orderOf(epoch, seq))
		}
	}
}

// confirm forgets a record that is in memory only, and has the writer remove any other.
func (b *Box) confirm(order uint64) {
	for i := range b.lines {
		l := &b.lines[i]
		if at := l.above(order - 1); at < len(l.held) && l.held[at].order == order && order > l.taken {
			l.removeHeld(at)
			return
		}
	}
	if b.cfg.Dir == "" {
		return
	}
	b.done[order] = struct{}{}
	if b.firstDone.IsZero() {
		b.firstDone = b.now()
		signal(b.wake)
	} else if len(b.done) == manyDone {
		signal(b.wake)
	}
}
