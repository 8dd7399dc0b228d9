package outbox

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/link/linktest"
)

func TestOrderAndClasses(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		b := open(t, Config{Dir: dir})
		for n := range 3 {
			put(t, b, Stats, n)
			put(t, b, Answers, n)
			put(t, b, Events, n)
		}
		if dir != "" {
			flush(t, b)
			put(t, b, Events, 3) // the first from disk, the last from memory
		}
		want := `a{"n":0} a{"n":1} a{"n":2} e{"n":0} e{"n":1} e{"n":2} `
		if dir != "" {
			want += `e{"n":3} `
		}
		want += `s{"n":0} s{"n":1} s{"n":2} `
		got := drain(b)
		if payloads(got) != want {
			t.Errorf("dir %q: got %s", dir, payloads(got))
		}
		for _, r := range got {
			if r.Replayed || r.BootID != b.BootID() || r.Seq == 0 || r.Topic != "t/"+r.Class.String() ||
				time.Since(r.Time) > linktest.Patience {
				t.Errorf("record %+v", r)
			}
		}
		if !b.Idle() {
			t.Error("all was handed out, but it is not idle")
		}
	}
}

func TestWhatIsNotConfirmedComesAgain(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		b := open(t, Config{Dir: dir})
		for n := range 4 {
			put(t, b, Answers, n)
		}
		if dir != "" {
			flush(t, b)
		}
		got := drain(b)
		b.Done(got[0])
		b.Done(got[2])
		b.Rewind()
		put(t, b, Answers, 4)
		if r, ok := b.Next(false); ok {
			t.Errorf("without replay there is %s", r.Payload)
		}
		got = drain(b)
		if payloads(got) != `a{"n":1} a{"n":3} a{"n":4} ` {
			t.Errorf("got %s", payloads(got))
		}
		for i, r := range got {
			if r.Replayed != (i < 2) {
				t.Errorf("%s: replayed %v", r.Payload, r.Replayed)
			}
		}
		if s := b.Stats(); s.Records != 3 || s.Settled != 2 || s.Put != 5 {
			t.Errorf("stats %+v", s)
		}
	}
}

// Live records of other classes pass those that wait for the pace of a replay.
func TestNextWithoutReplayPassesOver(t *testing.T) {
	b := open(t, Config{})
	put(t, b, Answers, 0)
	b.Rewind()
	put(t, b, Answers, 1)
	put(t, b, Events, 2)
	if r, ok := b.Next(false); !ok || string(r.Payload) != `{"n":2}` {
		t.Errorf("got %s, %v", r.Payload, ok)
	}
	if got := payloads(drain(b)); got != `a{"n":0} a{"n":1} ` {
		t.Errorf("got %s", got)
	}
}

func TestRestartKeepsRecordsAndNames(t *testing.T) {
	dir := t.TempDir()
	b := open(t, Config{Dir: dir})
	if _, err := b.Put(Message{Class: Watches, Topic: "w", Retained: true, Payload: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	boots, sent := []string{b.BootID()}, 1
	for n := range 3 {
		closeBox(t, b)
		b = open(t, Config{Dir: dir})
		boots = append(boots, b.BootID())
		b.Rewind()
		put(t, b, Watches, n)
		sent++
	}
	got := drain(b)
	if len(got) != sent {
		t.Fatalf("got %s", payloads(got))
	}
	for i, r := range got {
		if r.BootID != boots[i] || r.Seq != 1 || r.Replayed != (i < sent-1) || r.Retained != (i == 0) {
			t.Errorf("record %d is %+v, want boot %s", i, r, boots[i])
		}
	}
	b.Settle(boots[1], 1, 99)
	b.Settle("unknown", 1)
	b.Done(got[0])
	closeBox(t, b)
	b = open(t, Config{Dir: dir})
	if rest := drain(b); len(rest) != 2 || rest[0].BootID != boots[2] {
		t.Errorf("got %s", payloads(rest))
	}
}

// What is confirmed at once never costs a write.
func TestConfirmedAtOnceIsNotWritten(t *testing.T) {
	b := open(t, Config{Dir: t.TempDir(), CommitDelay: time.Hour})
	for n := range 100 {
		put(t, b, Answers, n)
		r, ok := b.Next(true)
		if !ok {
			t.Fatal("nothing to send")
		}
		b.Done(r)
	}
	flush(t, b)
	if s := b.Stats(); s.Written != 0 || s.Commits != 0 || s.Records != 0 || s.Settled != 100 || !s.Durable {
		t.Errorf("stats %+v", s)
	}
}

func TestConfirmedLaterIsRemoved(t *testing.T) {
	dir := t.TempDir()
	b := open(t, Config{Dir: dir})
	for n := range 1000 {
		put(t, b, Class(n%Classes), n)
	}
	flush(t, b)
	for _, r := range drain(b) {
		b.Done(r)
	}
	linktest.Eventually(t, "an empty box", func() bool { s := b.Stats(); return s.Records == 0 && s.Bytes == 0 })
	closeBox(t, b)
	if got := drain(open(t, Config{Dir: dir})); len(got) != 0 {
		t.Errorf("%d records are still there", len(got))
	}
}

func TestLowestClassIsDroppedFirst(t *testing.T) {
	for _, dir := range []string{"", t.TempDir()} {
		const room = 100
		size := int64(1 + 904 + overhead) // topic, payload
		b := open(t, Config{Dir: dir, MaxBytes: room * size, MaxMemory: room * size})
		fill := func(c Class, n int) {
			for range n {
				putBig(t, b, c, 904)
			}
			if dir != "" {
				flush(t, b)
			}
		}
		check := func(when string, want [Classes]int) {
			t.Helper()
			s := b.Stats()
			for c, n := range want {
				if s.Classes[c].Records != n {
					t.Errorf("dir %q, %s: %d %s, want %d", dir, when, s.Classes[c].Records, Class(c), n)
				}
			}
			if s.Put != uint64(s.Records)+s.Dropped {
				t.Errorf("%d put, %d there, %d dropped", s.Put, s.Records, s.Dropped)
			}
		}
		fill(Stats, 20)
		fill(Scene, 20)
		fill(Events, 40)
		fill(Watches, 20)
		check("full", [...]int{20, 20, 20, 40, 0})
		fill(Answers, 30)
		check("answers come", [...]int{0, 10, 20, 40, 30})
		fill(Answers, 40)
		check("more answers", [...]int{0, 0, 0, 30, 70})
		fill(Answers, 100)
		check("only answers", [...]int{0, 0, 0, 25, 75})
		fill(Stats, 5)
		check("the lowest come", [...]int{0, 0, 0, 25, 75})
		got := drain(b)
		if got[0].Seq != 196 || got[74].Seq != 270 || got[75].Seq != 56 {
			t.Errorf("the newest are not kept: answers %d to %d, events from %d", got[0].Seq, got[74].Seq, got[75].Seq)
		}
	}
}

func TestAge(t *testing.T) {
	dir := t.TempDir()
	b := open(t, Config{Dir: dir, MaxAge: 300 * time.Millisecond})
	put(t, b, Answers, 0)
	put(t, b, Stats, 1)
	flush(t, b)
	b.mu.Lock()
	oldest := b.oldest
	b.mu.Unlock()
	if oldest.IsZero() {
		t.Fatal("the oldest is not known")
	}
	linktest.Eventually(t, "both expired", func() bool {
		signal(b.wake)
		s := b.Stats()
		return s.Records == 0 && s.Classes[Answers].Expired == 1 && s.Classes[Stats].Expired == 1 && s.Dropped == 2
	})
	if got := drain(b); len(got) != 0 {
		t.Errorf("got %s", payloads(got))
	}
	m := open(t, Config{MaxAge: time.Nanosecond})
	put(t, m, Answers, 0)
	put(t, m, Answers, 1)
	if s := m.Stats(); s.Classes[Answers].Expired == 0 {
		t.Errorf("in memory nothing expires: %+v", s)
	}
}

// A robot without a clock battery wakes up in 1970 and then learns the time; nothing may seem half a century old.
func TestAgeOfRecordsWithoutAClock(t *testing.T) {
	b := open(t, Config{})
	week := 7 * 24 * time.Hour
	for name, c := range map[string]struct {
		r   Record
		old bool
	}{
		"1970":       {Record{BootID: "x", Time: time.Unix(100, 0)}, false},
		"the future": {Record{BootID: "x", Time: time.Now().Add(week * 100)}, false},
		"old":        {Record{BootID: "x", Time: time.Now().Add(-2 * week)}, true},
		"new":        {Record{BootID: "x", Time: time.Now().Add(-time.Hour)}, false},
		"this boot":  {Record{BootID: b.boot, Time: time.Unix(100, 0), elapsed: time.Second}, false},
	} {
		if old := time.Since(b.made(&c.r)) > week; old != c.old {
			t.Errorf("%s: old is %v", name, old)
		}
	}
}

func TestSecondInstanceIsRefused(t *testing.T) {
	dir := t.TempDir()
	b := open(t, Config{Dir: dir})
	put(t, b, Answers, 0)
	_, err := Open(Config{Dir: dir, Logger: discard()})
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "of its own") {
		t.Errorf("got %v", err)
	}
	closeBox(t, b)
	if got := drain(open(t, Config{Dir: dir})); len(got) != 1 {
		t.Errorf("got %s", payloads(got))
	}
}

func TestFileShrinks(t *testing.T) {
	dir := t.TempDir()
	b := open(t, Config{Dir: dir, MaxMemory: 64 << 20})
	for range 5 << 10 {
		putBig(t, b, Events, 1000)
	}
	put(t, b, Answers, 7)
	flush(t, b)
	linktest.Eventually(t, "a large file", func() bool { return b.Stats().FileBytes >= 5<<20 })
	for {
		r, ok := b.Next(true)
		if !ok {
			break
		}
		if r.Class == Events {
			b.Done(r)
		}
	}
	linktest.Eventually(t, "a small file", func() bool { return b.Stats().FileBytes < 1<<20 })
	put(t, b, Answers, 8)
	flush(t, b)
	if _, err := Open(Config{Dir: dir, Logger: discard()}); !errors.Is(err, ErrLocked) {
		t.Errorf("after compaction the lock is gone: %v", err)
	}
	closeBox(t, b)
	if _, err := os.Stat(filepath.Join(dir, newName)); err == nil {
		t.Error("the temporary file is left")
	}
	if got := payloads(drain(open(t, Config{Dir: dir}))); got != `a{"n":7} a{"n":8} ` {
		t.Errorf("got %s", got)
	}
}

func TestBoundsOfAMessage(t *testing.T) {
	b := open(t, Config{})
	for _, m := range []Message{
		{Topic: strings.Repeat("a", MaxTopic+1)},
		{Payload: make([]byte, MaxPayload+1)},
		{Class: 5},
	} {
		if _, err := b.Put(m); err == nil {
			t.Errorf("a message of %d bytes on a topic of %d was taken", len(m.Payload), len(m.Topic))
		}
	}
	closeBox(t, b)
	closeBox(t, b)
	if _, err := b.Put(Message{}); err == nil {
		t.Error("a closed box took a message")
	}
	if err := b.Flush(t.Context()); !errors.Is(err, ErrMemory) {
		t.Errorf("got %v", err)
	}
	if _, err := Open(Config{}); err == nil {
		t.Error("it opens without a logger")
	}
}
