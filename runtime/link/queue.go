package link

import (
	"sync"
	"time"
)

// message is one publication, ready to be sent.
type message struct {
	topic    string
	payload  []byte
	qos      byte
	retained bool
}

// slot names the messages of which only the newest matters.
type slot int

// The slots, in the order in which they are sent.
const (
	connectionSlot slot = iota
	factsheetSlot
	stateSlot
	sceneSlot // this and the next after the records of the outbox
	statsSlot
	slots
)

// sendQueue holds what waits to be sent and is in no outbox: of each kind the newest. Nothing in it blocks.
type sendQueue struct {
	wake  chan struct{} // capacity 1: something may have come or settled
	quiet chan struct{} // capacity 1: the queue may have run empty

	mu       sync.Mutex
	open     bool // a connection takes messages
	latest   [slots]*message
	keep     [slots]*message // sent first on every connection
	inFlight int
	counts   Stats
}

func newSendQueue() *sendQueue {
	return &sendQueue{wake: make(chan struct{}, 1), quiet: make(chan struct{}, 1)}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// start begins a connection with the messages that every connection begins with.
func (q *sendQueue) start() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.open = true
	q.latest = q.keep
	signal(q.wake)
}

// stop ends a connection: what was not acknowledged is unconfirmed.
func (q *sendQueue) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.open = false
	q.counts.Unconfirmed += uint64(q.inFlight)
	q.inFlight = 0
	q.latest = [slots]*message{}
}

// offer puts a message into its slot. The newest factsheet and state are kept for the connections to come, so that
// for them no connection is no error.
func (q *sendQueue) offer(s slot, m message) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	kept := s == factsheetSlot || s == stateSlot
	if kept {
		q.keep[s] = &m
	}
	if !q.open && kept {
		return nil
	}
	if !q.open {
		return ErrNotConnected
	}
	if q.latest[s] != nil {
		q.counts.Superseded++
	}
	q.latest[s] = &m
	signal(q.wake)
	return nil
}

// urgent takes the next message that goes before the records of the outbox, and counts it as in flight.
func (q *sendQueue) urgent() (message, bool) { return q.take(connectionSlot, sceneSlot) }

// later takes the next message that goes after them. There is nothing else to send when there is none.
func (q *sendQueue) later() (message, bool) {
	m, ok := q.take(sceneSlot, slots)
	if !ok {
		signal(q.quiet)
	}
	return m, ok
}

func (q *sendQueue) take(from, to slot) (message, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for s := from; s < to; s++ {
		if m := q.latest[s]; m != nil {
			q.latest[s] = nil
			q.inFlight++
			return *m, true
		}
	}
	return message{}, false
}

// still reports whether nothing is in flight.
func (q *sendQueue) still() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.inFlight == 0
}

// sent counts a record of the outbox as in flight.
func (q *sendQueue) sent() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.inFlight++
}

// settled tells that the broker has acknowledged one message.
func (q *sendQueue) settled() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.inFlight--
	q.counts.Published++
	signal(q.quiet)
}

func (q *sendQueue) idle() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.inFlight == 0 && q.latest == [slots]*message{}
}

// flush waits until everything is sent and acknowledged, more too, but not longer than limit.
func (q *sendQueue) flush(limit time.Duration, more func() bool) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for !q.idle() || !more() {
		select {
		case <-q.quiet:
		case <-timer.C:
			return
		}
	}
}

func (q *sendQueue) stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	s := q.counts
	s.InFlight = q.inFlight
	for _, m := range q.latest {
		if m != nil {
			s.Queue++
		}
	}
	return s
}
