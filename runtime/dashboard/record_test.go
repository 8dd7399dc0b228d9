package dashboard

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/runtime/record"
)

func TestButtonRecords(t *testing.T) {
	r := &robot{}
	s := serve(t, settings(r))
	for _, c := range []struct {
		body      string
		status    int
		recording bool
	}{
		{`{"record":true}`, 200, true},
		{`{"record":true}`, 200, true},
		{`{"record":false}`, 200, false},
		{`{}`, 400, false},
		{`{"record":1}`, 400, false},
		{`{"record":true,"path":"/etc"}`, 400, false},
		{`{"record":true}{"record":true}`, 400, false},
		{``, 400, false},
		{`{"record":true` + strings.Repeat(" ", 1<<20) + `}`, 413, false},
	} {
		status, _, body := request(t, s, "POST", "record", c.body, header("Accept", "*/*"))
		if status != c.status || r.recording.Load() != c.recording {
			t.Errorf("%.40s: status %d, want %d; recording %v", c.body, status, c.status, r.recording.Load())
		}
		if status != http.StatusOK {
			continue
		}
		var got recording
		if err := json.Unmarshal([]byte(body), &got); err != nil || !got.Able || got.Recording != c.recording ||
			got.Seconds != 3 || got.Bytes != 4096 || got.Dropped != 2 {
			t.Errorf("%s: %s", c.body, body)
		}
	}
}

func TestButtonIsGuarded(t *testing.T) {
	r := &robot{}
	cfg := settings(r)
	cfg.Token = token
	s := serve(t, cfg)
	for name, c := range map[string]struct {
		change func(*http.Request)
		want   int
	}{
		"no token":         {header("Accept", "*/*"), 401},
		"wrong token":      {header("Authorization", "Bearer wrong horse battery"), 401},
		"another site":     {header("Origin", "http://evil.example"), 403},
		"a rebound name":   {header("Host", "evil.example"), 421},
		"a form elsewhere": {header("Sec-Fetch-Site", "cross-site"), 403},
	} {
		if got, _, _ := request(t, s, "POST", "record", `{"record":true}`, c.change); got != c.want {
			t.Errorf("%s: status %d, want %d", name, got, c.want)
		}
	}
	if r.orders.Load() != 0 {
		t.Error("a stranger has pressed the button")
	}
}

// locked is a recorder that cannot.
type locked struct{}

func (locked) Order(bool) (record.Status, error) {
	return record.Status{}, errors.New("the disk is full")
}

func (locked) Status() record.Status { return record.Status{Failure: "the disk is full"} }

func TestButtonWithoutAFolder(t *testing.T) {
	for name, c := range map[string]struct {
		recorder Recorder
		says     string
		able     bool
	}{
		"none":   {nil, "record.dir", false},
		"locked": {locked{}, "disk is full", true},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := settings(&robot{})
			cfg.Recorder = c.recorder
			s := serve(t, cfg)
			status, _, body := request(t, s, "POST", "record", `{"record":true}`, header("Accept", "*/*"))
			if status != http.StatusConflict || !strings.Contains(body, c.says) {
				t.Errorf("status %d, %s", status, body)
			}
			if got := s.recording(); got.Able != c.able {
				t.Errorf("%+v", got)
			}
		})
	}
}
