package dashboard

import (
	"testing"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

func FuzzWish(f *testing.F) {
	for _, seed := range []string{
		`{"pictures":true}`, `{"stream":"gate"}`, `{"stream":""}`, `{"drawn":true}`, `{"stream":"depth"}`,
		`{"camera":1}`, `{"camera":2}`, `{"camera":-1}`, `{}`, `[`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := readWish(data, 2)
		if err != nil {
			return
		}
		v := newViewer(nil, 2)
		v.heed(w)
		if s := v.wants(); (s.stream != "" && !s.stream.known()) || s.camera < 0 || s.camera > 1 || v.out != 0 {
			t.Errorf("%q leaves the viewer with %+v and %d pictures", data, s, v.out)
		}
	})
}

func FuzzPosted(f *testing.F) {
	for _, seed := range []string{
		question, `{"question":"a","scope":"now"}`, `{"id":"page-1","cancel":true}`, `{"id":"a b","cancel":true}`, `{}`, `{`,
		`{"question":"\u0000"}`, `null`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := readPosted[posted](data)
		if err != nil {
			return
		}
		if ask, err := p.toAsk("page-1"); err == nil && (ask.RequestID != "page-1" || ask.Client != client) {
			t.Errorf("%q becomes %+v", data, ask)
		}
		if w, err := p.toWatch("page-1"); err == nil && (!payload.ValidID(w.RequestID) || (!w.Cancel && w.Client != client)) {
			t.Errorf("%q becomes %+v", data, w)
		}
	})
}
