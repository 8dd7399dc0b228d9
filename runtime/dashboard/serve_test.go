package dashboard

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

var asJSON = header("Accept", "*/*")

func TestAsk(t *testing.T) {
	r := &robot{}
	s := serve(t, settings(r))
	status, _, body := request(t, s, "POST", "ask", `{"question":"how many chairs?","scope":"now"}`, asJSON)
	var e entry
	if err := json.Unmarshal([]byte(body), &e); status != 200 || err != nil {
		t.Fatalf("status %d, %v: %s", status, err, body)
	}
	if e.Answer.Answer.Text != "two" || e.Answer.Question != "how many chairs?" || e.Client != client || e.Number != 1 {
		t.Errorf("entry %+v", e)
	}
	ask := r.asked.Load()
	if ask.Scope != payload.Now || ask.Client != client || ask.DeadlineMs == 0 || !payload.ValidID(ask.RequestID) {
		t.Errorf("asked %+v", ask)
	}
}

func TestBadQuestionsAreRefused(t *testing.T) {
	r := &robot{}
	s := serve(t, settings(r))
	for _, body := range []string{
		"", "[]", `{"question":""}`, `{"question":"` + strings.Repeat("a", 600) + `"}`, `{"question":"a","scope":"else"}`,
		`{"question":"a","client":"planner"}`, `{"question":"a"} {}`, `{"question":7}`,
	} {
		if got, _, _ := request(t, s, "POST", "ask", body, asJSON); got != 400 {
			t.Errorf("%.40s: status %d", body, got)
		}
	}
	if r.asked.Load() != nil {
		t.Error("one of them was asked")
	}
}

func TestWatch(t *testing.T) {
	r := &robot{}
	s := serve(t, settings(r))
	status, _, body := request(t, s, "POST", "watch", question, asJSON)
	var p posted
	if err := json.Unmarshal([]byte(body), &p); status != 200 || err != nil || p.ID == "" {
		t.Fatalf("status %d, %v: %s", status, err, body)
	}
	if w := r.watched.Load(); w.RequestID != p.ID || w.Client != client || w.LeaseSeconds != payload.DefaultWatchLease {
		t.Errorf("watched %+v", w)
	}
	if status, _, body = request(t, s, "POST", "watch", `{"id":"`+p.ID+`","cancel":true}`, asJSON); status != 200 {
		t.Errorf("ending: status %d, %s", status, body)
	}
	if w := r.watched.Load(); !w.Cancel || w.RequestID != p.ID {
		t.Errorf("ended %+v", w)
	}
	status, _, body = request(t, s, "POST", "watch", `{"question":"nonsense"}`, asJSON)
	if status != 400 || !strings.Contains(body, "not understood") {
		t.Errorf("nonsense: status %d, %s", status, body)
	}
}

// TestAnswersAreKept shows a page that is opened what was answered before, the newest only.
func TestAnswersAreKept(t *testing.T) {
	s := serve(t, settings(&robot{}))
	for range answersKept + 5 {
		s.Answered(payload.Answer{Status: payload.Refused, Reason: "unclear"}, "planner")
	}
	kept := s.answers.list()
	if len(kept) != answersKept || kept[0].Number != 6 || kept[0].Client != "planner" {
		t.Fatalf("%d kept, first %+v", len(kept), kept[0])
	}
	conn := look(t, s)
	s.Answered(payload.Answer{Status: payload.Refused}, "planner")
	var e entry
	await(t, conn, "answer", &e)
	if e.Number != answersKept+6 || e.Answer.Objects == nil {
		t.Errorf("entry %+v", e)
	}
}

// TestWithoutPage lets every call of the robot's path pass on a page that is off.
func TestWithoutPage(t *testing.T) {
	var s *Server
	s.Frame(0, frame(1, time.Second, 0, 0, 0))
	s.Observed()
	s.Answered(payload.Answer{}, "")
	if s.URL() != "" {
		t.Error("a page that is off has an address")
	}
}

func TestMethods(t *testing.T) {
	s := serve(t, settings(&robot{}))
	for _, method := range []string{http.MethodPut, http.MethodDelete, http.MethodPost} {
		if got, _, _ := request(t, s, method, "", "", asJSON); got != http.StatusMethodNotAllowed {
			t.Errorf("%s /: status %d", method, got)
		}
	}
}
