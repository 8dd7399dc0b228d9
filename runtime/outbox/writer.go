package outbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	batchBytes = 1 << 20 // of one transaction
	manyDone   = 256     // confirmed records that are removed at once …
	doneDelay  = time.Second
	houseEvery = time.Minute // … or after a second; ages and the file's size are looked at once a minute
	retryFirst = time.Second
	retryLast  = 30 * time.Second
)

// ErrMemory says that a box keeps nothing on disk.
var ErrMemory = errors.New("the outbox has no folder, it keeps everything in memory")

// waiter waits until everything up to an order is on disk or confirmed.
type waiter struct {
	upTo uint64
	told chan<- error // capacity 1
}

func (b *Box) now() time.Time { return time.Now() }

// run is the writer: the one goroutine that changes the file.
func (b *Box) run() {
	defer close(b.ended)
	timer := time.NewTimer(b.due())
	defer timer.Stop()
	for {
		select {
		case <-b.wake:
		case <-timer.C:
		case <-b.quit:
			b.work()
			return
		}
		if b.due() <= 0 {
			b.work()
		}
		timer.Reset(max(b.due(), 0))
	}
}

// due returns how long the writer may wait.
func (b *Box) due() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if b.suspect {
		return 0
	}
	if b.failure != nil {
		return b.retryAt.Sub(now)
	}
	wait := houseEvery
	if !b.firstHeld.IsZero() {
		wait = min(wait, b.firstHeld.Add(b.cfg.CommitDelay).Sub(now))
		if b.pressed() {
			wait = 0
		}
	}
	if !b.firstDone.IsZero() {
		wait = min(wait, b.firstDone.Add(doneDelay).Sub(now))
		if len(b.done) >= manyDone {
			wait = 0
		}
	}
	if !b.oldest.IsZero() && b.oldest.Add(b.cfg.MaxAge).Before(now) {
		wait = 0
	}
	return wait
}

// work commits everything that there is to commit. A file that turns out to be damaged is replaced on the way, once.
func (b *Box) work() {
	err := b.commit()
	if errors.Is(err, errCorrupt) {
		err = b.commit()
	}
	if err != nil {
		b.fail(err)
		return
	}
	b.tellWaiters(nil)
	b.keepHouse()
}

func (b *Box) commit() error {
	if err := b.repair(); err != nil {
		return err
	}
	for {
		c, some := b.take()
		if !some {
			return nil
		}
		out, err := b.disk.apply(&c)
		if err != nil {
			b.undo(err)
			return err
		}
		b.finish(&c, out)
	}
}

// repair opens the file when it could not be opened before, or anew when it was found damaged.
func (b *Box) repair() error {
	b.mu.Lock()
	d, suspect := b.disk, b.suspect
	b.mu.Unlock()
	if d != nil && !suspect {
		return nil
	}
	if d == nil {
		return b.openDisk()
	}
	inv, err := d.renew()
	if err != nil {
		b.mu.Lock()
		b.disk, b.suspect = nil, false
		b.mu.Unlock()
		return errors.Join(err, d.close())
	}
	b.adopt(d, inv)
	return nil
}

func (b *Box) openDisk() error {
	d, inv, err := openDisk(b.cfg.Dir)
	if err != nil {
		return err
	}
	b.adopt(d, inv)
	return nil
}

// adopt makes a file that was just opened the box's. What is held belongs behind what is in it.
func (b *Box) adopt(d *disk, inv inventory) {
	b.mu.Lock()
	defer b.mu.Unlock()
	own, known := inv.boots[b.boot]
	if !known {
		own = inv.epoch + 1
	}
	b.renumber(own)
	inv.boots[b.boot] = own
	b.disk, b.boots, b.suspect = d, inv.boots, false
	b.recovered()
	b.counts.Damaged += inv.damaged
	b.counts.FileBytes = d.size()
	b.oldest = time.Time{}
	if inv.oldest != nil {
		b.oldest = b.made(inv.oldest)
	}
	for i := range b.lines {
		l := &b.lines[i]
		l.books, l.ahead, l.version = inv.tally[i], nil, l.version+1
		l.stored, l.taken = inv.last[i], inv.last[i]
		if n := inv.tally[i].records; n > 0 {
			b.log.Info("messages wait in the outbox", "class", Class(i).String(), "messages", n)
		}
	}
	if inv.damaged > 0 {
		b.log.Warn("the outbox file was damaged: its whole records were gathered into a new one")
	}
	signal(b.ready)
}

// renumber moves the orders of this boot behind those of the boots that a file knows.
func (b *Box) renumber(epoch uint64) {
	if epoch == b.epoch {
		return
	}
	move := func(order *uint64) {
		if *order>>seqBits == b.epoch {
			*order = orderOf(epoch, *order&(1<<seqBits-1))
		}
	}
	move(&b.mark)
	for i := range b.lines {
		move(&b.lines[i].cursor)
		for j := range b.lines[i].held {
			move(&b.lines[i].held[j].order)
		}
	}
	for i := range b.waiters {
		move(&b.waiters[i].upTo)
	}
	b.epoch = epoch
}

// take gathers the next transaction; some is false when there is nothing to do.
func (b *Box) take() (c change, some bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c = change{epoch: b.epoch, maxBytes: b.cfg.MaxBytes}
	now := b.now()
	c.expired = func(r *Record) bool { return now.Sub(b.made(r)) > b.cfg.MaxAge }
	size := int64(0)
	ripe := now.Add(-b.cfg.CommitDelay / 2) // what is younger may still be confirmed before it must be written
	if b.pressed() {
		ripe = now
	}
	for i := Classes - 1; i >= 0; i-- {
		l := &b.lines[i]
		b.dropConfirmed(l)
		for j := 0; j < len(l.held) && size < batchBytes && !b.made(&l.held[j]).After(ripe); j++ {
			c.puts = append(c.puts, l.held[j])
			l.taken = l.held[j].order
			size += l.held[j].size()
		}
		c.handed[i], c.tally[i] = l.cursor, l.books
	}
	for order := range b.done {
		c.done = append(c.done, order)
	}
	b.firstHeld, b.firstDone = b.oldestHeld(), time.Time{}
	old := !b.oldest.IsZero() && b.oldest.Add(b.cfg.MaxAge).Before(now)
	return c, len(c.puts)+len(c.done) > 0 || old
}

// pressed reports whether everything must be written, however young.
func (b *Box) pressed() bool {
	return b.closed || len(b.waiters) > 0 || b.held() > b.cfg.MaxMemory/2
}

// oldestHeld returns when the oldest record was put that no transaction has; zero when there is none.
func (b *Box) oldestHeld() (oldest time.Time) {
	for i := range b.lines {
		l := &b.lines[i]
		if at := l.above(l.taken); at < len(l.held) {
			if made := b.made(&l.held[at]); oldest.IsZero() || made.Before(oldest) {
				oldest = made
			}
		}
	}
	return oldest
}

// dropConfirmed forgets held records that were confirmed while a transaction that failed had them.
func (b *Box) dropConfirmed(l *line) {
	if len(b.done) == 0 {
		return
	}
	l.held = slices.DeleteFunc(l.held, func(r Record) bool {
		if !b.isDone(r) {
			return false
		}
		l.heldBytes -= r.size()
		delete(b.done, r.order)
		return true
	})
}

// finish enters the outcome of a transaction into the books.
func (b *Box) finish(c *change, out outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.recovered()
	for _, order := range c.done {
		delete(b.done, order)
	}
	for i := range b.lines {
		l := &b.lines[i]
		n := l.above(l.taken)
		for j := range n {
			l.heldBytes -= l.held[j].size()
		}
		l.held = slices.Delete(l.held, 0, n)
		l.stored, l.books = max(l.stored, l.taken), out.tally[i]
		l.dropped, l.expired = l.dropped+out.dropped[i], l.expired+out.expired[i]
		if out.dropped[i]+out.expired[i] > 0 {
			l.ahead, l.version = nil, l.version+1
		}
	}
	b.counts.Written += uint64(len(c.puts))
	b.counts.Commits++
	b.oldest = time.Time{}
	if out.oldest != nil {
		b.oldest = b.made(out.oldest)
	}
}

// undo takes back what a failed transaction was given.
func (b *Box) undo(err error) {
	b.mu.Lock()
	for i := range b.lines {
		b.lines[i].taken = b.lines[i].stored
		if len(b.lines[i].held) > 0 {
			b.firstHeld = b.now()
		}
	}
	if len(b.done) > 0 {
		b.firstDone = b.now()
	}
	b.suspect = b.suspect || errors.Is(err, errCorrupt)
	b.mu.Unlock()
}

// fail remembers why the disk cannot be used, and when to try again.
func (b *Box) fail(err error) {
	b.mu.Lock()
	if b.failure == nil {
		b.log.Error("the outbox cannot be written: messages are kept in memory", "err", err)
	}
	b.failure = err
	b.retryAt = b.now().Add(min(retryFirst<<min(b.retries, 8), retryLast))
	b.retries++
	b.mu.Unlock()
	b.tellWaiters(err)
}

func (b *Box) recovered() {
	if b.failure != nil {
		b.log.Info("the outbox is on disk again")
		b.failure, b.retries = nil, 0
	}
}

// tellWaiters answers those whose messages are on disk, or all when there is an error.
func (b *Box) tellWaiters(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiters = slices.DeleteFunc(b.waiters, func(w waiter) bool {
		if err == nil && slices.ContainsFunc(b.lines[:], func(l line) bool {
			return len(l.held) > 0 && l.held[0].order <= w.upTo
		}) {
			return false
		}
		w.told <- err
		return true
	})
}

// keepHouse compacts the file when that is worth it.
func (b *Box) keepHouse() {
	size := b.disk.size()
	b.mu.Lock()
	live := int64(0)
	for i := range b.lines {
		live += b.lines[i].books.bytes
	}
	b.counts.FileBytes = size
	b.mu.Unlock()
	if size < compactFrom || live*compactShare > size {
		return
	}
	if _, err := b.disk.replace(copyOf(b.disk.db)); err != nil {
		b.log.Warn("the outbox file stays large", "err", err)
	}
	b.mu.Lock()
	b.counts.FileBytes = b.disk.size()
	b.mu.Unlock()
}

// Flush waits until everything that was put so far is on disk or confirmed. A disk that cannot be written is an error
// at once; so is ErrMemory.
func (b *Box) Flush(ctx context.Context) error {
	if b.cfg.Dir == "" {
		return ErrMemory
	}
	told := make(chan error, 1)
	b.mu.Lock()
	if err := b.failure; b.closed || err != nil {
		b.mu.Unlock()
		return fmt.Errorf("flushing the outbox: %w", cmp.Or(err, errClosed))
	}
	b.waiters = append(b.waiters, waiter{orderOf(b.epoch, b.seq), told})
	if b.firstHeld.IsZero() {
		b.firstHeld = b.now() // there may be nothing to write: the writer tells
	}
	b.mu.Unlock()
	signal(b.wake)
	select {
	case err := <-told:
		return err
	case <-ctx.Done():
		return fmt.Errorf("flushing the outbox: %w", context.Cause(ctx))
	}
}
