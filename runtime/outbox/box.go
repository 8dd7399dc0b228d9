// Package outbox keeps messages until their receiver has confirmed them: in memory while that is quick, and on disk,
// across crashes and restarts, while it is not.
//
// Put never waits: it numbers a message and hands it to a writer, which commits what gathers within the commit delay
// in one transaction. One sender takes records by Next, highest class first and in the order of Put within a class,
// before or after they have reached the disk, and calls Done when the receiver has confirmed. What is confirmed before
// the writer comes to it is never written. Whatever was not confirmed comes again after a Rewind or a restart, under
// the same BootID and Seq, so that receivers can tell duplicates.
//
// Room is bounded in bytes and in age. A record that was damaged on disk is skipped and counted. When the disk cannot
// be written, the box goes on in memory, within bounds, says so, and tries again.
package outbox

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// Defaults of a Config.
const (
	DefaultMaxBytes    = 64 << 20
	DefaultMaxMemory   = 8 << 20
	DefaultMaxAge      = 7 * 24 * time.Hour
	DefaultCommitDelay = 20 * time.Millisecond
)

// Config bounds a Box. A zero value takes the default.
type Config struct {
	Dir         string           // folder of the file, made when it is not there; empty keeps everything in memory
	MaxBytes    int64            // of the records on disk; the file may be up to twice as large
	MaxMemory   int64            // of the records that are not on disk (yet)
	MaxAge      time.Duration    // after which nobody wants a message any more
	CommitDelay time.Duration    // how long messages gather before a commit; a crash may cost what came within it
	Clock       func() time.Time // the wall clock, which may jump; nil is time.Now
	Logger      *slog.Logger     // required
}

// Box is an outbox. Put, Done, Settle, Stats, Flush and Close may be called from any goroutine; Rewind, Next and Idle
// belong to one sender at a time.
type Box struct {
	cfg     Config
	log     *slog.Logger
	boot    string
	started time.Time // on the monotonic clock, from which ages are told
	woke    time.Time // the same moment by the wall clock

	wake  chan struct{} // capacity 1: the writer has something to do
	ready chan struct{} // capacity 1: the sender has something to do
	quit  chan struct{}
	ended chan struct{}
	close sync.Once

	mu      sync.Mutex
	disk    *disk // nil in memory mode, and while the file cannot be opened
	epoch   uint64
	boots   map[string]uint64
	seq     uint64
	mark    uint64 // the newest order at the last Rewind
	lines   [Classes]line
	done    map[uint64]struct{} // confirmed, and perhaps still on disk
	waiters []waiter
	closed  bool

	firstHeld, firstDone time.Time // since when the writer has something to do; zero when it has not
	failure              error
	retries              int
	retryAt              time.Time
	suspect              bool // a reader found the file's structure damaged
	oldest               time.Time
	counts               BoxStats
}

// line is the queue of one class: what is on disk, then what is held in memory.
type line struct {
	held      []Record // not on disk (yet), by order
	heldBytes int64
	books     tally    // of what is on disk
	taken     uint64   // highest order given to a transaction
	stored    uint64   // highest order that reached the disk
	cursor    uint64   // highest order handed out since the last Rewind
	ahead     []Record // read from disk, to be handed out next
	version   uint64   // counts removals from disk that ahead may not know of
	dropped   uint64
	expired   uint64
}

// Open opens the outbox in a folder. Another process that uses it is an error that wraps ErrLocked. A folder that
// cannot be written is none: the box begins in memory, says so in Stats and the log, and tries again.
func Open(cfg Config) (*Box, error) {
	if cfg.Logger == nil {
		return nil, errors.New("opening an outbox: no logger")
	}
	cfg = cfg.withDefaults()
	b := &Box{
		cfg: cfg, log: cfg.Logger.With("component", "outbox"), boot: newBoot(),
		started: time.Now(), woke: cfg.Clock().Round(0),
		wake: make(chan struct{}, 1), ready: make(chan struct{}, 1),
		quit: make(chan struct{}), ended: make(chan struct{}),
		epoch: 1, done: make(map[uint64]struct{}),
	}
	b.boots = map[string]uint64{b.boot: b.epoch}
	if cfg.Dir == "" {
		close(b.ended)
		return b, nil
	}
	if err := b.openDisk(); errors.Is(err, ErrLocked) {
		return nil, fmt.Errorf("%w: stop it, or give each vegad a folder of its own", err)
	} else if err != nil {
		b.fail(err)
	}
	go b.run()
	return b, nil
}

func (cfg Config) withDefaults() Config {
	for _, field := range []struct {
		value    *int64
		fallback int64
	}{{&cfg.MaxBytes, DefaultMaxBytes}, {&cfg.MaxMemory, DefaultMaxMemory}} {
		if *field.value <= 0 {
			*field.value = field.fallback
		}
	}
	if cfg.MaxAge <= 0 {
		cfg.MaxAge = DefaultMaxAge
	}
	if cfg.CommitDelay <= 0 {
		cfg.CommitDelay = DefaultCommitDelay
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return cfg
}

func newBoot() string {
	b := make([]byte, 8)
	_, _ = rand.Read(b) // never fails: it ends the process instead
	return hex.EncodeToString(b)
}

// BootID names this opening of the box; it is in every record put since.
func (b *Box) BootID() string { return b.boot }

// Ready is signalled when Next may have something new. It belongs to the sender.
func (b *Box) Ready() <-chan struct{} { return b.ready }

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Put takes a message and returns its number in this boot. It never waits. When room is short, the oldest message of
// the lowest class is dropped and counted, which may be this one.
func (b *Box) Put(m Message) (seq uint64, err error) {
	if len(m.Topic) > MaxTopic || len(m.Payload) > MaxPayload || m.Class >= Classes {
		return 0, fmt.Errorf("putting a message of %d bytes on %.80s: more than an outbox takes", len(m.Payload), m.Topic)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		b.lines[m.Class].dropped++
		return 0, errClosed
	}
	b.seq++
	b.counts.Put++
	now := time.Now()
	r := Record{
		Message: m, BootID: b.boot, Seq: b.seq, Time: b.cfg.Clock(),
		order: orderOf(b.epoch, b.seq), elapsed: now.Sub(b.started),
	}
	l := &b.lines[m.Class]
	l.held = append(l.held, r)
	l.heldBytes += r.size()
	b.trim(now)
	if b.firstHeld.IsZero() {
		b.firstHeld = now
		signal(b.wake)
	} else if b.held() > b.cfg.MaxMemory/2 {
		signal(b.wake)
	}
	signal(b.ready)
	return b.seq, nil
}

// held returns the bytes that are in memory only.
func (b *Box) held() int64 {
	n := int64(0)
	for i := range b.lines {
		n += b.lines[i].heldBytes
	}
	return n
}

// trim keeps what is held in memory within its bounds.
func (b *Box) trim(now time.Time) {
	for i := range b.lines {
		l := &b.lines[i]
		for at := l.free(); at < len(l.held) && now.Sub(b.made(&l.held[at])) > b.cfg.MaxAge; {
			l.removeHeld(at)
			l.expired++
		}
	}
	for b.held() > b.cfg.MaxMemory {
		l := b.victim()
		if l == nil {
			return
		}
		l.removeHeld(l.free())
		l.dropped++
	}
}

// victim returns the line that loses its oldest message when memory is short.
func (b *Box) victim() *line {
	for i := range b.lines {
		l := &b.lines[i]
		if Class(i) == Events && l.heldBytes <= b.cfg.MaxMemory/eventShare {
			continue
		}
		if l.free() < len(l.held) {
			return l
		}
	}
	return nil
}

// free returns the place of the first held record that is neither handed out nor being written.
func (l *line) free() int { return l.above(max(l.cursor, l.taken)) }

// above returns the place of the first held record whose order is higher.
func (l *line) above(order uint64) int {
	low, high := 0, len(l.held)
	for low < high {
		mid := (low + high) / 2
		if l.held[mid].order <= order {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// removeHeld forgets a held record. What stands before it moves, because that is little.
func (l *line) removeHeld(at int) {
	l.heldBytes -= l.held[at].size()
	copy(l.held[1:at+1], l.held[:at])
	l.held[0] = Record{}
	l.held = l.held[1:]
}

// made returns when a record was put, on the clock of this process. Records of earlier boots have only the wall clock,
// and one that was not set yet, or stood in the future, tells nothing.
func (b *Box) made(r *Record) time.Time {
	const clockIsSet = 2020
	switch {
	case r.BootID == b.boot:
		return b.started.Add(r.elapsed)
	case r.Time.Year() < clockIsSet, r.Time.After(b.woke):
		return b.started
	}
	return b.started.Add(r.Time.Sub(b.woke))
}

// Stats returns the counters.
func (b *Box) Stats() BoxStats {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.counts
	s.Durable = b.disk != nil && b.failure == nil
	if b.failure != nil {
		s.Failure = b.failure.Error()
	}
	oldest := b.oldest
	for i := range b.lines {
		l := &b.lines[i]
		c := ClassStats{
			Records: l.books.records + len(l.held), Bytes: l.books.bytes + l.heldBytes,
			Dropped: l.dropped, Expired: l.expired,
		}
		s.Classes[i] = c
		s.Records, s.Bytes = s.Records+c.Records, s.Bytes+c.Bytes
		s.Held, s.Dropped = s.Held+len(l.held), s.Dropped+c.Dropped+c.Expired
		if len(l.held) > 0 {
			if at := b.made(&l.held[0]); oldest.IsZero() || at.Before(oldest) {
				oldest = at
			}
		}
	}
	s.Records = max(0, s.Records-len(b.done))
	if s.Records > 0 && !oldest.IsZero() {
		s.OldestAge = time.Since(oldest)
	}
	return s
}

// Close commits what is held and gives the file back. It is idempotent. Messages that could not be saved are an error.
func (b *Box) Close() error {
	var err error
	b.close.Do(func() {
		b.mu.Lock()
		b.closed = true
		b.mu.Unlock()
		close(b.quit)
		<-b.ended
		b.mu.Lock()
		defer b.mu.Unlock()
		if lost := b.unsaved(); lost > 0 && b.cfg.Dir != "" {
			err = fmt.Errorf("closing the outbox: %d messages could not be saved: %w", lost, b.failure)
		}
		if b.disk != nil {
			err = errors.Join(err, b.disk.close())
			b.disk = nil
		}
	})
	return err
}

// unsaved counts the messages that are in memory only.
func (b *Box) unsaved() int {
	n := 0
	for i := range b.lines {
		n += len(b.lines[i].held)
	}
	return n
}
