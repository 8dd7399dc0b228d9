package peers_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"github.com/vega-edge/vegad/runtime/link/linktest"
)

// sighting is an observation as it came over the broker.
type sighting struct {
	came    time.Time
	capture time.Time // when its picture was taken: the opening of the film plus the time in it
}

// witness asks, and notes what everybody says. It is the same for all.
type witness struct {
	tb     testing.TB
	client paho.Client

	mu      sync.Mutex
	scenes  []sighting
	wrong   error // the first message that cannot be read
	asked   int
	replies chan reply
}

// reply is an answer, and when it came.
type reply struct {
	RequestID string `json:"requestId"`
	Status    string `json:"status"`
	Reason    string `json:"reason"`
	came      time.Time
}

func (b *bench) witness() *witness {
	b.tb.Helper()
	w := &witness{tb: b.tb, replies: make(chan reply, 1000)}
	w.client = paho.NewClient(paho.NewClientOptions().AddBroker(b.broker.URL()).SetClientID("witness").
		SetAutoReconnect(false).SetOrderMatters(true))
	w.finish(w.client.Connect())
	w.finish(w.client.Subscribe(topicPrefix+"scene", 1, func(_ paho.Client, m paho.Message) { w.see(m.Payload()) }))
	w.finish(w.client.Subscribe(topicPrefix+"answer/+", 1, func(_ paho.Client, m paho.Message) { w.hear(m.Payload()) }))
	return w
}

func (w *witness) close() { w.client.Disconnect(100) }

func (w *witness) finish(token paho.Token) {
	w.tb.Helper()
	if !token.WaitTimeout(linktest.Patience) || token.Error() != nil {
		w.tb.Fatalf("the broker does not obey: %v", token.Error())
	}
}

func (w *witness) see(text []byte) {
	came := time.Now()
	var s struct {
		CaptureTime time.Time `json:"captureTime"`
	}
	err := json.Unmarshal(text, &s)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && w.wrong == nil {
		w.wrong = fmt.Errorf("reading an observation: %w", err)
	}
	w.scenes = append(w.scenes, sighting{came, s.CaptureTime})
}

func (w *witness) hear(text []byte) {
	r := reply{came: time.Now()}
	if err := json.Unmarshal(text, &r); err != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.wrong = fmt.Errorf("reading an answer: %w", err)
		return
	}
	w.replies <- r
}

// seen is what has been observed so far.
func (w *witness) seen() []sighting {
	w.tb.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.wrong != nil {
		w.tb.Fatal(w.wrong)
	}
	return w.scenes
}

// ask sends a question, without waiting, and returns its id and when it was sent.
func (w *witness) ask() (id string, sent time.Time) {
	w.tb.Helper()
	w.asked++
	id, sent = fmt.Sprintf("q%d", w.asked), time.Now()
	w.client.Publish(topicPrefix+"ask", 1, false,
		`{"requestId":"`+id+`","query":{"kind":"count","target":{"label":"chair"}},"scope":"now"}`)
	return id, sent
}

// answer waits for the next answer; false is silence.
func (w *witness) answer(patience time.Duration) (reply, bool) {
	select {
	case r := <-w.replies:
		return r, true
	case <-time.After(patience):
		return reply{}, false
	}
}

// first asks until there is an answer and returns when it came. Who is not there yet misses the question, and is asked
// again; who has seen nothing yet says so.
func (w *witness) first() time.Time {
	w.tb.Helper()
	limit, last := time.Now().Add(linktest.Patience), reply{}
	for time.Now().Before(limit) {
		w.ask()
		r, ok := w.answer(20 * time.Millisecond)
		if ok && r.Status == "answered" {
			return r.came
		}
		if ok {
			last = r
			<-time.After(2 * time.Millisecond)
		}
	}
	w.tb.Fatalf("no question was answered; the last answer: %s %s", last.Status, last.Reason)
	return time.Time{}
}

// forget leaves out what still comes of earlier questions.
func (w *witness) forget() {
	for {
		if _, ok := w.answer(200 * time.Millisecond); !ok {
			return
		}
	}
}

// question is the time from a question to its answer, in milliseconds.
func (w *witness) question() float64 {
	w.tb.Helper()
	id, sent := w.ask()
	for {
		r, ok := w.answer(linktest.Patience)
		if !ok {
			w.tb.Fatalf("question %s has no answer", id)
		}
		if r.RequestID == id {
			if r.Status == "refused" || strings.Contains(r.Reason, "nothing") {
				w.tb.Fatalf("question %s was %s: %s", id, r.Status, r.Reason)
			}
			return r.came.Sub(sent).Seconds() * 1000
		}
	}
}
