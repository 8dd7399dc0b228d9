package daemon

import (
	"bytes"
	"encoding/json"

	"github.com/vega-edge/vegad/runtime/link/payload"
	"github.com/vega-edge/vegad/runtime/query"
	"github.com/vega-edge/vegad/runtime/record"
)

// answer asks a question again and compares the answers.
func (p *player) answer(rec record.Record) error {
	note, err := record.Message[record.Answer](rec)
	if err != nil {
		return err
	}
	then, err := payload.DecodeAnswer(note.Answer)
	if err != nil {
		p.note("record %d: %v", rec.Number, err)
		return nil
	}
	now, ok := p.again(note, then)
	if !ok {
		p.out.Skipped++
		return nil
	}
	same := bytes.Equal(essence(then), essence(now))
	p.out.Answers.count(same)
	if !same && len(p.out.Differences) < mostDifferences {
		p.out.Differences = append(p.out.Differences, Difference{
			MonoNs: int64(rec.Mono), Question: asked(then), Standing: note.Standing, Then: words(then), Now: words(now),
		})
	}
	return nil
}

// again answers from the memory of today at the same moment. It is false where the answer hung on the moment itself: on
// a deadline, a limit, or a camera that showed nothing yet; and where nothing is told again.
func (p *player) again(note record.Answer, then payload.Answer) (payload.Answer, bool) {
	q, err := p.understand(note, then)
	if err != nil {
		return payload.Answer{Status: payload.Refused, Reason: err.Error()}, true
	}
	g, known := p.glances[note.Snapshot]
	if !known || then.Status == payload.Expired {
		return payload.Answer{}, false
	}
	out := payload.Answer{Query: encode(q)}
	p.d.fill(&out, g.execute(q), g.snap)
	return out, true
}

// understand reads the question as it was asked: its words, or the query where there were none. A standing question was
// understood when it was set.
func (p *player) understand(note record.Answer, then payload.Answer) (query.Query, error) {
	ask := payload.Ask{Question: then.Question, Scope: payload.Scope(note.Scope)}
	if then.Question == "" {
		ask.Query = then.Query
	}
	return p.d.understand(ask)
}

// essence is what an answer says, without when, how fast and by what: that differs each time, or is told once for all.
func essence(a payload.Answer) []byte {
	a.Header, a.Delivery, a.RequestID, a.Question, a.AgeMs = payload.Header{}, payload.Delivery{}, "", "", 0
	a.LatencyMs, a.Model, a.Step, a.Gate = payload.Latency{}, nil, "", nil // the gate is compared with the observation
	a.Stamp(a.Header)
	data, err := json.Marshal(a)
	if err != nil {
		return nil
	}
	return data
}

func asked(a payload.Answer) string {
	if a.Question != "" {
		return a.Question
	}
	return string(a.Query)
}

// words says an answer in a line.
func words(a payload.Answer) string {
	if a.Answer != nil {
		return a.Answer.Text
	}
	return string(a.Status) + ": " + a.Reason
}
