package payload_test

import (
	"strings"
	"testing"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

func TestDecodeWatch(t *testing.T) {
	t.Parallel()
	w, err := payload.DecodeWatch([]byte(`{"requestId":"w1","question":"how far?","client":"me"}`))
	if err != nil || w.Scope != payload.Seen || w.LeaseSeconds != payload.DefaultWatchLease || w.Client != "me" {
		t.Errorf("%+v, %v", w, err)
	}
	if w, err = payload.DecodeWatch([]byte(`{"requestId":"w1","cancel":true}`)); err != nil || !w.Cancel {
		t.Errorf("%+v, %v", w, err)
	}
	for message, reason := range map[string]string{
		`{"requestId":"w1"}`:                                        "question is empty",
		`{"requestId":"a/b","question":"q"}`:                        "requestId",
		`{"requestId":"a/b","cancel":true}`:                         "requestId",
		`{"requestId":"w1","question":"q","query":{}}`:              "exclude",
		`{"requestId":"w1","question":"q","scope":"later"}`:         "scope",
		`{"requestId":"w1","question":"q","minIntervalMs":-1}`:      "minIntervalMs",
		`{"requestId":"w1","question":"q","minIntervalMs":3600001}`: "minIntervalMs",
		`{"requestId":"w1","question":"q","leaseSeconds":86401}`:    "leaseSeconds",
		`{"requestId":"w1","question":"q","client":"a b"}`:          "client",
		`{"requestId":"w1","question":"q","minIntervalMs":1.5}`:     "cannot be",
	} {
		w, err := payload.DecodeWatch([]byte(message))
		if err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v, want %q", message, err, reason)
		}
		if strings.Contains(message, `"w1"`) && w.RequestID != "w1" {
			t.Errorf("%s: the refusal would not find its way: %+v", message, w)
		}
	}
}

func TestDecodeReceipt(t *testing.T) {
	t.Parallel()
	r, err := payload.DecodeReceipt([]byte(`{"bootId":"b1","seq":[1,18446744073709551615]}`))
	if err != nil || r.BootID != "b1" || len(r.Seq) != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	many := `{"bootId":"b1","seq":[` + strings.TrimSuffix(strings.Repeat("1,", payload.MaxReceipts+1), ",") + `]}`
	for _, message := range []string{
		``, `[]`, `{}`, `{"bootId":"b1"}`, `{"bootId":"b1","seq":[]}`, `{"bootId":"","seq":[1]}`,
		`{"bootId":"a/b","seq":[1]}`, `{"bootId":"b1","seq":[-1]}`, `{"bootId":"b1","seq":7}`, many,
	} {
		if _, err := payload.DecodeReceipt([]byte(message)); err == nil {
			t.Errorf("%.60s passes", message)
		}
	}
}

func FuzzDecodeWatch(f *testing.F) {
	f.Add([]byte(`{"requestId":"w1","question":"how far?","minIntervalMs":1000,"leaseSeconds":60,"client":"me"}`))
	f.Add([]byte(`{"requestId":"w1","cancel":true}`))
	f.Add([]byte(`{"query":{"kind":"count"},"requestId":"w"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := payload.DecodeWatch(data)
		if w.RequestID != "" && !payload.ValidID(w.RequestID) {
			t.Fatalf("requestId %q", w.RequestID)
		}
		if err == nil && !w.Cancel && (w.LeaseSeconds <= 0 || w.LeaseSeconds > payload.MaxWatchLeaseSeconds ||
			(w.Question == "") == (w.Query == nil)) {
			t.Fatalf("accepted %q as %+v", data, w)
		}
	})
}

func FuzzDecodeReceipt(f *testing.F) {
	f.Add([]byte(`{"bootId":"b1","seq":[1,2,3]}`))
	f.Add([]byte(`{"bootId":"b1","seq":[18446744073709551616]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := payload.DecodeReceipt(data); err == nil && (!payload.ValidID(r.BootID) || len(r.Seq) == 0) {
			t.Fatalf("accepted %q", data)
		}
	})
}
