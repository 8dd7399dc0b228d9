package link

import (
	"context"
	"strconv"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/vega-edge/vegad/runtime/outbox"
)

// flight is a message that was sent and not yet acknowledged.
type flight struct {
	token  mqtt.Token
	record outbox.Record
	kept   bool // it is a record of the outbox
}

// send publishes what is queued and what is in the outbox. The capacity of tokens is the window: when it is full,
// everything waits.
func (s *session) send() {
	for {
		m, f, ok := s.next()
		if !ok {
			if !s.rest() {
				return
			}
			continue
		}
		f.token = s.publish(m)
		select {
		case s.tokens <- f:
		case <-s.lost:
			return
		}
	}
}

// next takes the next message to send: what opens a connection, then the outbox, then what may be late.
func (s *session) next() (message, flight, bool) {
	queue := s.client.queue
	if m, ok := queue.urgent(); ok {
		return m, flight{}, true
	}
	s.paceWait = s.pace.wait(time.Now())
	r, ok := s.client.box.Next(s.paceWait == 0)
	if !ok {
		m, ok := queue.later()
		return m, flight{}, ok
	}
	if r.Replayed {
		s.pace.spend()
	}
	queue.sent()
	return message{topic: r.Topic, payload: address(&r), qos: 1, retained: r.Retained}, flight{record: r, kept: true}, true
}

// rest waits until there may be something to send; false means that the connection is over.
func (s *session) rest() bool {
	var paced <-chan time.Time
	if s.paceWait > 0 { // a replayed record may have been passed over
		timer := time.NewTimer(s.paceWait)
		defer timer.Stop()
		paced = timer.C
	}
	select {
	case <-s.client.queue.wake:
	case <-s.client.box.Ready():
	case <-paced:
	case <-s.again:
		s.client.box.Rewind()
	case <-s.lost:
		return false
	}
	return true
}

// acknowledge settles the messages in flight in their order. One that is overdue ends the connection: the MQTT library
// never sends again by itself. A record is confirmed by nothing but the acknowledgement of this very connection.
func (s *session) acknowledge() {
	for {
		select {
		case f := <-s.tokens:
			if err := s.wait(context.Background(), f.token, s.timing.ack); err != nil {
				s.fail(err)
				return
			}
			if f.kept && s.client.cfg.ReceiptFrom == "" {
				s.client.box.Done(f.record)
			} else if f.kept {
				s.client.receipts.expect(f.record)
			}
			s.client.queue.settled()
		case <-s.lost:
			return
		}
	}
}

// probe asks the broker for a sign of life while nothing else does: an acknowledgement of unsubscribing what was never
// subscribed, which costs four bytes and needs no permission. A black hole is so noticed within the limit for
// acknowledgements.
func (s *session) probe() {
	interval := s.timing.ack / 2
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-s.lost:
			return
		}
		if !s.client.queue.still() {
			continue // the messages in flight tell
		}
		token := s.do(func() mqtt.Token { return s.wire.client.Unsubscribe(s.client.topics.of("probe")) })
		if err := s.wait(context.Background(), token, interval); err != nil {
			s.fail(err)
			return
		}
	}
}

// address completes a record's payload, a JSON object, with its names. The object was written without them, because
// only the outbox gives them out. An empty payload, which ends a retained message, stays empty.
func address(r *outbox.Record) []byte {
	n := len(r.Payload)
	if n == 0 {
		return nil
	}
	out := make([]byte, 0, n+80)
	out = append(out, r.Payload[:n-1]...)
	out = append(out, `,"bootId":"`...)
	out = append(out, r.BootID...)
	out = append(out, `","seq":`...)
	out = strconv.AppendUint(out, r.Seq, 10)
	out = append(out, `,"replayed":`...)
	out = strconv.AppendBool(out, r.Replayed)
	return append(out, '}')
}

// pace is a token bucket for replayed records, so that a fleet that comes back does not flood its broker. It holds a
// tenth of a second's worth, and begins full.
type pace struct {
	rate   float64 // records a second
	tokens float64
	last   time.Time
}

func newPace(rate float64) pace { return pace{rate: rate, tokens: max(1, rate/10), last: time.Now()} }

// wait returns how long until a record may go; 0 is now.
func (p *pace) wait(now time.Time) time.Duration {
	p.tokens = min(p.tokens+now.Sub(p.last).Seconds()*p.rate, max(1, p.rate/10))
	p.last = now
	if p.tokens >= 1 {
		return 0
	}
	return max(time.Millisecond, time.Duration((1-p.tokens)/p.rate*float64(time.Second)))
}

func (p *pace) spend() { p.tokens-- }

// receipts remembers which records the broker has and the consumer has not confirmed.
type receipts struct {
	mu      sync.Mutex
	waiting map[receiptName]time.Time
}

type receiptName struct {
	boot string
	seq  uint64
}

func newReceipts() *receipts { return &receipts{waiting: make(map[receiptName]time.Time)} }

func (r *receipts) expect(record outbox.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting[receiptName{record.BootID, record.Seq}] = time.Now()
}

func (r *receipts) came(boot string, seqs []uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, seq := range seqs {
		delete(r.waiting, receiptName{boot, seq})
	}
}

// overdue reports whether a receipt is, and then forgets all: everything is sent again.
func (r *receipts) overdue(limit time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, since := range r.waiting {
		if time.Since(since) > limit {
			clear(r.waiting)
			return true
		}
	}
	return false
}

// awaitReceipts has everything sent again that a consumer should have confirmed long ago.
func (s *session) awaitReceipts() {
	limit := s.client.cfg.ReceiptTimeout
	ticker := time.NewTicker(limit / 4)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if s.client.receipts.overdue(limit) {
				s.client.log.Warn("receipts are overdue: what was sent is sent again", "consumer", s.client.cfg.ReceiptFrom)
				signal(s.again)
			}
		case <-s.lost:
			return
		}
	}
}
