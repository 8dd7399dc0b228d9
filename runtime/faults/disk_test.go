package faults_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/link/linktest"
	"github.com/vega-edge/vegad/runtime/outbox"
)

// tear cuts the file of a robot that is switched off anywhere behind its first quarter.
func tear(t *testing.T, rounds, messages int) row {
	return damage(t, rounds, messages, func(data []byte, _ map[linktest.ID][]byte) []byte {
		return data[:len(data)/4+rand.N(len(data)*3/4)]
	})
}

// flip flips a bit in one record, and every other time one in the head of a page as well, where the file says how its
// pages hang together.
func flip(t *testing.T, rounds, messages int) row {
	const page, head = 4096, 16
	return damage(t, rounds, messages, func(data []byte, records map[linktest.ID][]byte) []byte {
		for _, record := range records {
			at := bytes.Index(data, record) + rand.N(len(record))
			data[at] ^= 1 << rand.N(8)
			break
		}
		if rand.N(2) == 0 {
			data[rand.N(len(data)/page)*page+rand.N(head)] ^= 1 << rand.N(8)
		}
		return data
	})
}

// damage stores messages, changes the file, and owes what is still whole in it.
func damage(t *testing.T, rounds, messages int, change func([]byte, map[linktest.ID][]byte) []byte) row {
	t.Helper()
	r := newRig(t, nil)
	for round := range rounds {
		r.dir = t.TempDir()
		r.open(2*round, nil, nil)
		for range messages {
			r.send()
		}
		r.close()
		file := filepath.Join(r.dir, "outbox.db")
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		records := recordsIn(t, data, r.id)
		data = change(data, records)
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		for id, record := range records {
			if bytes.Contains(data, record) {
				r.ledger.Owe(id, classOf(id))
			} else {
				r.row.Destroyed++
			}
		}
		r.row.Faults++
		r.open(2*round+1, nil, nil)
		r.run()
		r.recovered()
		r.settle()
		r.stop()
		r.close()
	}
	r.row.Sum = r.ledger.Sum()
	return r.row
}

// recordsIn finds every message up to the last in a file, whatever the file's structure says.
func recordsIn(t *testing.T, data []byte, last linktest.ID) map[linktest.ID][]byte {
	t.Helper()
	out := make(map[linktest.ID][]byte, last.N)
	for id := (linktest.ID{Source: last.Source, N: 1}); id.N <= last.N; id.N++ {
		at := bytes.Index(data, []byte(id.String()))
		start := bytes.LastIndex(data[:max(at, 0)], []byte("vgo1"))
		if at < 0 || start < 0 {
			t.Fatalf("%s is not in the file", id)
		}
		length := int(binary.BigEndian.Uint32(data[start+8:]))
		out[id] = bytes.Clone(data[start : start+12+length])
	}
	return out
}

// jumpClock switches a robot off and on with a wall clock that is somewhere else each time, and jumps while it runs. Of
// what was put before, no clock says at a start that more than the longest age has passed: that would be believed.
func jumpClock(t *testing.T, rounds, messages int) row {
	const day = 24 * time.Hour
	starts := []time.Duration{0, -2 * time.Hour, 3 * day, -3 * day, -56 * 365 * day, time.Minute, -5 * time.Second}
	jumps := append([]time.Duration{34 * 365 * day, -30 * day}, starts...)
	r := newRig(t, nil)
	for round := range rounds {
		offset := starts[round%len(starts)]
		r.open(round, func(c *outbox.Config) {
			c.Clock = func() time.Time { return time.Now().Add(offset) }
		}, nil)
		r.publish(messages / 2)
		flush(t, r.box)
		offset = jumps[rand.N(len(jumps))]
		r.publish(messages / 2)
		flush(t, r.box)
		if round%3 == 2 || round == rounds-1 {
			r.run()
			r.recovered()
			r.settle()
			r.stop()
		}
		r.close()
		r.row.Faults += 2
	}
	r.row.Sum = r.ledger.Sum()
	return r.row
}

func flush(t *testing.T, box *outbox.Box) {
	t.Helper()
	if err := box.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}
