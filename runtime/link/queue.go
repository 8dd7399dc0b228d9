package link

import (
	"sync"
	"time"
)

// replyBytes bounds the answers and command replies that wait to be sent: some 20,000 refusals or a hundred of the
// largest answers. When it is full the oldest are dropped: they have the least chance to be still awaited.
const replyBytes = 8 << 20

// messageOverhead is what a message costs beyond its payload.
const messageOverhead = 128

// message is one publication, ready to be sent.
type message struct {
	topic    string
	payload  []byte
	qos      byte
	retained bool
}

func (m message) cost() int { return len(m.payload) + len(m.topic) + messageOverhead }

// slot names the messages of which only the newest matters.
type slot int

// The slots, in the order in which they are sent.
const (
	connectionSlot slot = iota
	factsheetSlot
	stateSlot
	sceneSlot // after the replies
	slots
)

// sendQueue holds what waits to be sent. Nothing in it blocks.
type sendQueue struct {
	wake  chan struct{} // capacity 1: something may have come or settled
	quiet chan struct{} // capacity 1: the queue may have run empty

	mu       sync.Mutex
	open     bool // a connection takes messages
	latest   [slots]*message
	keep     [slots]*message // sent first on every connection
	replies  []message
	bytes    int // of replies
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

// stop ends a connection: what was not sent is dropped, what was not acknowledged is unconfirmed.
func (q *sendQueue) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.open = false
	q.counts.Dropped += uint64(len(q.replies))
	q.counts.Unconfirmed += uint64(q.inFlight)
	q.replies, q.bytes, q.inFlight = nil, 0, 0
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

// reply appends an answer or a command's reply.
func (q *sendQueue) reply(m message) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.open {
		q.counts.Dropped++
		return ErrNotConnected
	}
	for len(q.replies) > 0 && q.bytes+m.cost() > replyBytes {
		q.shift()
		q.counts.Dropped++
	}
	q.replies = append(q.replies, m)
	q.bytes += m.cost()
	signal(q.wake)
	return nil
}

// next takes the message to send now and counts it as in flight until it is settled.
func (q *sendQueue) next() (message, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for s := range slots {
		if s == sceneSlot && len(q.replies) > 0 {
			q.inFlight++
			return q.shift(), true
		}
		if m := q.latest[s]; m != nil {
			q.latest[s] = nil
			q.inFlight++
			return *m, true
		}
	}
	signal(q.quiet)
	return message{}, false
}

// shift removes the oldest reply.
func (q *sendQueue) shift() message {
	m := q.replies[0]
	q.replies[0] = message{}
	q.replies = q.replies[1:]
	q.bytes -= m.cost()
	return m
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
	return len(q.replies) == 0 && q.inFlight == 0 && q.latest == [slots]*message{}
}

// flush waits until everything is sent and acknowledged, but not longer than limit.
func (q *sendQueue) flush(limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for !q.idle() {
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
	s.Queue, s.InFlight = len(q.replies), q.inFlight
	for _, m := range q.latest {
		if m != nil {
			s.Queue++
		}
	}
	return s
}
