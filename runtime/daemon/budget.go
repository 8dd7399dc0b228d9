package daemon

import (
	"sync"
	"time"
)

// budget is a token bucket.
type budget struct {
	mu     sync.Mutex
	rate   float64 // tokens a second
	most   float64 // that may come at once
	tokens float64
	last   time.Time
}

func newBudget(rate, most float64) *budget {
	return &budget{rate: rate, most: max(most, 1), tokens: max(most, 1)}
}

// take spends one token if there is one.
func (b *budget) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.last.IsZero() {
		b.tokens = min(b.tokens+now.Sub(b.last).Seconds()*b.rate, b.most)
	}
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// full reports whether a bucket would be full by now: it makes no difference to forget it.
func (b *budget) full(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tokens+now.Sub(b.last).Seconds()*b.rate >= b.most
}

// maxClients bounds the names that are told apart: names are free to invent.
const maxClients = 256

// clients gives every name a budget of its own. Beyond maxClients that are busy, the others share one.
type clients struct {
	rate   float64
	mu     sync.Mutex
	byName map[string]*budget
}

func newClients(rate float64) *clients { return &clients{rate: rate, byName: make(map[string]*budget)} }

func (c *clients) take(name string, now time.Time) bool { return c.of(name, now).take(now) }

func (c *clients) of(name string, now time.Time) *budget {
	c.mu.Lock()
	defer c.mu.Unlock()
	if b, ok := c.byName[name]; ok {
		return b
	}
	if len(c.byName) >= maxClients {
		for other, b := range c.byName {
			if b.full(now) {
				delete(c.byName, other)
			}
		}
	}
	if len(c.byName) >= maxClients {
		name = ""
	}
	if b, ok := c.byName[name]; ok {
		return b
	}
	b := newBudget(c.rate, c.rate)
	c.byName[name] = b
	return b
}
