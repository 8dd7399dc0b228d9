package faults_test

import (
	"encoding/json"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vega-edge/vegad/runtime/bench/benchtest"
	"github.com/vega-edge/vegad/runtime/link"
	"github.com/vega-edge/vegad/runtime/link/linktest"
	"github.com/vega-edge/vegad/runtime/outbox"
)

const (
	weekHours   = 7 * 24
	weekRoom    = 3 << 20
	catchUpRate = 500 // messages a second
)

// week is a robot that nobody hears for seven days.
type week struct {
	t    *testing.T
	out  *benchtest.Results
	box  *outbox.Box
	put  [outbox.Classes]int
	heap []float64 // MiB, after each hour
}

// TestOfflineForAWeek lets a week pass without a broker: every hour replies, answers to standing questions, statistics
// and events, more than there is room for. Then a broker comes.
func TestOfflineForAWeek(t *testing.T) {
	dir := t.TempDir()
	w := week{t: t, out: benchtest.New("faults-week")}
	synctest.Test(t, func(t *testing.T) {
		var err error
		if w.box, err = openBox(dir, weekLong); err != nil {
			t.Fatal(err)
		}
		for range weekHours {
			w.hour()
			<-time.After(time.Hour)
			w.heap = append(w.heap, heapMiB())
		}
		w.holdBounds()
		if err := w.box.Close(); err != nil {
			t.Fatal(err)
		}
	})
	w.catchUp(dir)
	w.out.Report(t, resultsFolder(t))
}

func weekLong(c *outbox.Config) { c.MaxBytes, c.MaxMemory, c.MaxAge = weekRoom, 0, 8*24*time.Hour }

// hour is what a robot says in an hour. At full size there is an answer to a standing question a second.
func (w *week) hour() {
	answers := 360
	if linktest.Scale() > 0 {
		answers = 3600
	}
	for _, part := range []struct {
		class outbox.Class
		topic string
		n     int
	}{
		{outbox.Watches, "watch/w", answers},
		{outbox.Stats, "stats", 60},
		{outbox.Events, "event/pathBlocked", 12},
		{outbox.Answers, "answer/r", 5},
	} {
		for range part.n {
			w.put[part.class]++
			w.say(part.class, part.topic)
		}
	}
}

func (w *week) say(class outbox.Class, topic string) {
	id := linktest.ID{Source: int(class), N: w.put[class]}
	body, err := json.Marshal(map[string]string{"text": id.String(), "padding": string(make([]byte, 50))})
	if err == nil {
		_, err = w.box.Put(outbox.Message{Class: class, Topic: root + topic, Payload: body})
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func heapMiB() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

// holdBounds checks what is left after the week.
func (w *week) holdBounds() {
	w.t.Helper()
	s := w.box.Stats()
	for c := range outbox.Class(outbox.Classes) {
		k := s.Classes[c]
		if k.Records+int(k.Dropped+k.Expired) != w.put[c] {
			w.t.Errorf("%s: %d put, %d kept, %d dropped", c, w.put[c], k.Records, k.Dropped)
		}
	}
	if s.Classes[outbox.Events].Dropped+s.Classes[outbox.Answers].Dropped > 0 || s.Classes[outbox.Stats].Records > 0 {
		w.t.Errorf("the wrong classes were dropped: %+v", s.Classes)
	}
	if s.Classes[outbox.Watches].Dropped == 0 || s.Bytes > weekRoom || s.FileBytes > 2*weekRoom ||
		s.Classes[outbox.Watches].Bytes < weekRoom/2 {
		w.t.Errorf("the room is not used up, or exceeded: %+v", s)
	}
	settled := w.heap[weekHours/4:]
	w.out.AtMost("heap, growth in the last five days", benchtest.Slope(settled)*float64(len(settled)), "MiB", 1)
	w.out.Add("heap at the end", settled[len(settled)-1], "MiB")
	w.out.Add("messages put", float64(s.Put), "")
	w.out.Add("messages kept", float64(s.Records), "")
	w.out.Add("messages dropped, all counted", float64(s.Dropped), "")
	w.out.AtMost("bytes kept", float64(s.Bytes), "bytes", weekRoom)
	w.out.Add("bytes of the file", float64(s.FileBytes), "bytes")
}

// catchUp delivers what is left at the configured rate, and holds it against what was put: of every class the newest,
// without a gap.
func (w *week) catchUp(dir string) {
	r := newRig(w.t, nil)
	r.dir = dir
	r.open(0, weekLong, func(c *link.Config) { c.ReplayRate = catchUpRate })
	for c := range outbox.Class(outbox.Classes) {
		kept := r.box.Stats().Classes[c].Records
		for n := w.put[c] - kept + 1; n <= w.put[c]; n++ {
			r.ledger.Owe(linktest.ID{Source: int(c), N: n}, []string{"stats", "scene", "watch", "event", "answer"}[c])
		}
	}
	total := r.box.Stats().Records
	r.run()
	linktest.Eventually(w.t, "a connection", func() bool { return r.client.Stats().Connected })
	began := time.Now()
	linktest.Within(w.t, 10*linktest.Patience, "an empty outbox", func() bool { return r.box.Stats().Records == 0 })
	rate := float64(total) / time.Since(began).Seconds()
	sum := r.finish().Sum
	if sum.Lost+sum.Twice+sum.Forged+sum.Late > 0 || sum.Messages != total {
		w.t.Errorf("of %d messages: %+v", total, sum)
	}
	w.out.AtMost("catch-up, fastest allowed", rate, "1/s", 1.02*catchUpRate)
	w.out.AtLeast("catch-up, slowest allowed", rate, "1/s", 0.9*catchUpRate)
}
