package linktest

import (
	"fmt"
	"sync"
	"time"
)

// ID tells a message from all others of a test. It stands in the message's text, where nothing on the way looks at it,
// so that it proves what the names on the wire claim.
type ID struct {
	Source int // who sent it: later sources sent later
	N      int // counts what a source sent, from 1
}

// String is what stands in the message.
func (id ID) String() string { return fmt.Sprintf("id %d.%d;", id.Source, id.N) }

// ParseID reads what String wrote.
func ParseID(text string) (ID, bool) {
	var id ID
	n, err := fmt.Sscanf(text, "id %d.%d;", &id.Source, &id.N)
	return id, err == nil && n == 2
}

// Name is what a message is called on the wire. A consumer accepts each name once.
type Name struct {
	Boot string
	Seq  uint64
}

// Ledger is the account of both ends: what was acknowledged to the sender, and what a consumer accepted, in which
// order.
type Ledger struct {
	mu       sync.Mutex
	owed     map[ID]string // by the class that it was sent in
	accepted map[ID]int
	classes  map[ID]string // that it came in
	names    map[Name]ID
	last     map[string]ID // the newest that was accepted, by class
	sum      Sum
	watched  map[ID]chan struct{}
}

// Sum is the balance of a Ledger.
type Sum struct {
	Messages   int // acknowledged to the sender
	Lost       int // of them, never accepted
	Twice      int // accepted under a second name
	Forged     int // came under a name that was another message's, or in another class
	Late       int // accepted after a later one of their class
	Duplicates int // came again under their name, and were removed by it
}

// NewLedger returns an empty account.
func NewLedger() *Ledger {
	return &Ledger{
		owed: make(map[ID]string), accepted: make(map[ID]int), classes: make(map[ID]string),
		names: make(map[Name]ID), last: make(map[string]ID), watched: make(map[ID]chan struct{}),
	}
}

// Owe enters that a message was acknowledged to its sender.
func (l *Ledger) Owe(id ID, class string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.owed[id] = class
}

// Take enters that a message came, and reports whether the consumer accepts it.
func (l *Ledger) Take(name Name, id ID, class string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if known, again := l.names[name]; again {
		l.sum.Duplicates++
		if known != id {
			l.sum.Forged++
		}
		return false
	}
	l.names[name] = id
	if l.accepted[id]++; l.accepted[id] > 1 {
		l.sum.Twice++
		return true
	}
	l.classes[id] = class
	if last := l.last[class]; id.Source < last.Source || id.Source == last.Source && id.N < last.N {
		l.sum.Late++
	} else {
		l.last[class] = id
	}
	if watched := l.watched[id]; watched != nil {
		close(watched)
	}
	return true
}

// Await returns when a message has been accepted, and false when that takes longer than the limit.
func (l *Ledger) Await(id ID, limit time.Duration) bool {
	l.mu.Lock()
	if l.accepted[id] > 0 {
		l.mu.Unlock()
		return true
	}
	watched := l.watched[id]
	if watched == nil {
		watched = make(chan struct{})
		l.watched[id] = watched
	}
	l.mu.Unlock()
	select {
	case <-watched:
		return true
	case <-time.After(limit):
		return false
	}
}

// Settled reports whether everything that is owed has been accepted.
func (l *Ledger) Settled() bool { return l.Sum().Lost == 0 }

// Sum balances the account.
func (l *Ledger) Sum() Sum {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.sum
	s.Messages = len(l.owed)
	for id, class := range l.owed {
		switch {
		case l.accepted[id] == 0:
			s.Lost++
		case l.classes[id] != class:
			s.Forged++
		}
	}
	return s
}
