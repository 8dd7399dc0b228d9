package link

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/link/linktest"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

func dial(t *testing.T, url string) *Asker {
	t.Helper()
	a, err := Dial(t.Context(), AskerConfig{Broker: url, Manufacturer: "acme", Serial: "0001"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func TestThousandAsksAtOnceAreAnsweredOnceEach(t *testing.T) {
	const n = 1000
	b := startBroker(t, "127.0.0.1:0")
	watcher := newForeign(t, b.URL(), robotTopic("answer/+"))
	e := newEcho()
	c := newClient(t, b.URL(), e)
	runConnected(t, c)
	asker := dial(t, b.URL())
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	var mu sync.Mutex
	var tasks sync.WaitGroup
	statuses := make(map[payload.Status]int)
	for i := range n {
		tasks.Go(func() {
			ask := payload.Ask{RequestID: fmt.Sprintf("r%d", i), Question: fmt.Sprintf("question %d", i)}
			answer, err := asker.Ask(ctx, ask)
			mu.Lock()
			defer mu.Unlock()
			statuses[answer.Status]++
			switch {
			case err != nil:
				t.Errorf("ask %d: %v", i, err)
			case answer.RequestID != ask.RequestID:
				t.Errorf("ask %d got the answer to %s", i, answer.RequestID)
			case answer.Status == payload.Answered && answer.Question != ask.Question:
				t.Errorf("ask %d got the answer to %q", i, answer.Question)
			case answer.Status == payload.Refused && !strings.HasPrefix(answer.Reason, "busy"):
				t.Errorf("ask %d was refused: %s", i, answer.Reason)
			}
		})
	}
	tasks.Wait()
	seen := make(map[string]int)
	for range n {
		select {
		case m := <-watcher.got:
			seen[m.topic]++
		case <-ctx.Done():
			t.Fatalf("only %d answers", len(seen))
		}
	}
	if len(seen) != n || len(watcher.got) != 0 {
		t.Errorf("%d topics had answers, %d answers too many", len(seen), len(watcher.got))
	}
	linktest.Eventually(t, "acknowledgements", func() bool { return c.Stats().InFlight == 0 })
	if s := c.Stats(); s.Dropped != 0 || s.Unconfirmed != 0 || statuses[payload.Answered] == 0 {
		t.Errorf("stats %+v, statuses %v", s, statuses)
	}
	t.Logf("statuses: %v", statuses)
}

func TestAskerFindsItsRobot(t *testing.T) {
	b := startBroker(t, "127.0.0.1:0")
	runConnected(t, newClient(t, b.URL(), newEcho()))
	asker, err := Dial(t.Context(), AskerConfig{Broker: b.URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = asker.Close() }()
	if _, err := asker.Ask(t.Context(), payload.Ask{Question: "q"}); err == nil {
		t.Error("asked nobody, and got an answer")
	}
	robots, err := asker.Robots(t.Context(), 300*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if len(robots) != 1 || robots[0] != (Robot{"acme", "0001", payload.Online}) {
		t.Fatalf("robots %v", robots)
	}
	if err := asker.Select(t.Context(), robots[0]); err != nil {
		t.Fatal(err)
	}
	answer, err := asker.Ask(t.Context(), payload.Ask{Question: "q"})
	if err != nil || answer.Status != payload.Answered || answer.RequestID == "" {
		t.Errorf("answer %+v, %v", answer, err)
	}
}

func TestAskerErrors(t *testing.T) {
	b := startBroker(t, "127.0.0.1:0")
	asker := dial(t, b.URL()) // and no robot
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := asker.Ask(ctx, payload.Ask{Question: "q"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nobody answered with %v", err)
	}
	if _, err := asker.Ask(t.Context(), payload.Ask{RequestID: "a/b", Question: "q"}); err == nil {
		t.Error("asked with an id that no topic can hold")
	}
	failed := make(chan error, 1)
	go func() {
		_, err := asker.Ask(context.Background(), payload.Ask{RequestID: "r", Question: "q"})
		failed <- err
	}()
	linktest.Eventually(t, "question under way", func() bool {
		_, err := asker.expect("r")
		if err == nil {
			asker.forget("r")
		}
		return err != nil
	})
	_ = b.Close()
	select {
	case err := <-failed:
		if err == nil {
			t.Error("an answer from nowhere")
		}
	case <-time.After(patience):
		t.Fatal("Ask outlives its connection")
	}
	_ = asker.Close()
	_ = asker.Close()
	if _, err := Dial(t.Context(), AskerConfig{Broker: b.URL()}); err == nil {
		t.Error("dialled a broker that is gone")
	}
	if _, err := Dial(t.Context(), AskerConfig{Broker: "ftp://x"}); err == nil {
		t.Error("dialled ftp")
	}
}
