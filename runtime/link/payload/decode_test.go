package payload_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

func TestDecodeAskAcceptsWhatTheContractAllows(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		in   string
		want payload.Ask
	}{
		"text": {
			`{"requestId":"r1","question":"how many chairs?"}`,
			payload.Ask{RequestID: "r1", Question: "how many chairs?", Scope: payload.Seen},
		},
		"query, scope, deadline, replyTo": {
			`{"requestId":"A.b_c:d-9","query":{"kind":"count"},"scope":"now","deadlineMs":500,"replyTo":"vegad-client/p/a"}`,
			payload.Ask{
				RequestID: "A.b_c:d-9", Query: json.RawMessage(`{"kind":"count"}`), Scope: payload.Now,
				DeadlineMs: 500, ReplyTo: "vegad-client/p/a",
			},
		},
		"unknown fields and a null query": {
			`{"headerId":7,"future":{"a":[1]},"requestId":"r","question":"q","query":null}`,
			payload.Ask{RequestID: "r", Question: "q", Scope: payload.Seen},
		},
		"the longest question counts characters, not bytes": {
			`{"requestId":"r","question":"` + strings.Repeat("ü", 500) + `"}`,
			payload.Ask{RequestID: "r", Question: strings.Repeat("ü", 500), Scope: payload.Seen},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := payload.DecodeAsk([]byte(c.in))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeAskRefuses(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 20) + strings.Repeat("]", 20)
	cases := []struct{ name, in, id, reason string }{
		{"nothing", ``, "", "not a JSON object"},
		{"text that is no JSON", `how many chairs`, "", "not a JSON object"},
		{"an array", `["requestId","r1"]`, "", "not a JSON object"},
		{"cut short", `{"requestId":"r1","question":"how ma`, "r1", "ends too early"},
		{"bad syntax after the id", `{"requestId":"r1","question" "x"}`, "r1", "not valid JSON at byte"},
		{"two objects", `{"requestId":"r1","question":"a"} {}`, "r1", "goes on after"},
		{"no id", `{"question":"a"}`, "", "requestId must be"},
		{"an id that would change the topic", `{"requestId":"a/b","question":"a"}`, "", "requestId must be"},
		{"an id with a wildcard", `{"requestId":"#","question":"a"}`, "", "requestId must be"},
		{"an id too long", `{"requestId":"` + strings.Repeat("a", 65) + `","question":"a"}`, "", "requestId must be"},
		{"an id that is a number", `{"requestId":5,"question":"a"}`, "", "requestId cannot be a JSON number"},
		{"no question", `{"requestId":"r1"}`, "r1", "question is empty"},
		{"a blank question", `{"requestId":"r1","question":" \t\n"}`, "r1", "question is empty"},
		{"both", `{"requestId":"r1","question":"a","query":{}}`, "r1", "exclude each other"},
		{"a query that is text", `{"requestId":"r1","query":"count"}`, "r1", "query must be an object"},
		{"a long question", `{"requestId":"r1","question":"` + strings.Repeat("a", 501) + `"}`, "r1", "longer than 500"},
		{"an unknown scope", `{"requestId":"r1","question":"a","scope":"ever"}`, "r1", `scope "ever"`},
		{"a negative deadline", `{"requestId":"r1","question":"a","deadlineMs":-1}`, "r1", "deadlineMs must be"},
		{"a text deadline", `{"requestId":"r1","question":"a","deadlineMs":"5"}`, "r1", "deadlineMs cannot be a JSON string"},
		{"a huge number", `{"query":{"n":1e999},"requestId":"r1"}`, "r1", "out of range"},
		{"deep nesting before the id", `{"query":{"a":` + deep + `},"requestId":"r1"}`, "r1", "nested deeper"},
		{"bytes that are not UTF-8", "{\"requestId\":\"r1\",\"question\":\"\xff\"}", "r1", "not UTF-8"},
		{"too many bytes", `{"requestId":"r1","question":"` + strings.Repeat("a", 70_000) + `"}`, "r1", "more than 65536"},
		{"a replyTo with a wildcard", `{"requestId":"r1","question":"a","replyTo":"vegad-client/+/x"}`, "r1", "wildcards"},
		{"a replyTo into the broker", `{"requestId":"r1","question":"a","replyTo":"$SYS/x"}`, "r1", "begin with $"},
		{"a replyTo with an empty level", `{"requestId":"r1","question":"a","replyTo":"a//b"}`, "r1", "empty levels"},
		{"a replyTo with NUL", `{"requestId":"r1","question":"a","replyTo":"a/\u0000/b"}`, "r1", "control characters"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := payload.DecodeAsk([]byte(c.in))
			if err == nil {
				t.Fatalf("accepted %+v", got)
			}
			if !strings.Contains(err.Error(), c.reason) {
				t.Errorf("reason %q does not say %q", err, c.reason)
			}
			if diff := cmp.Diff(payload.Ask{RequestID: c.id}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodePose(t *testing.T) {
	t.Parallel()
	const ok = `"position":{"x":1,"y":-2,"z":0},"orientation":{"x":0,"y":0,"z":0.7071068,"w":0.7071068}`
	pose, err := payload.DecodePose([]byte(`{` + ok + `,"timestamp":"2026-01-02T03:04:05.678+02:00"}`))
	if err != nil {
		t.Fatal(err)
	}
	flat := pose.Planar()
	if flat.X != 1 || flat.Y != -2 || math.Abs(flat.Yaw-math.Pi/2) > 1e-6 {
		t.Errorf("planar pose %+v", flat)
	}
	if got := pose.Timestamp.String(); !strings.HasPrefix(got, "2026-01-02 01:04:05.678 +0000 UTC") {
		t.Errorf("timestamp %s", got)
	}
	if _, known := pose.PlanarCovariance(); known {
		t.Error("a covariance out of nothing")
	}
	for reason, in := range map[string]string{
		"required":             `{"position":{"x":1,"y":2,"z":3}}`,
		"length 0":             `{"position":{},"orientation":{}}`,
		"further than":         `{"position":{"x":2e6},"orientation":{"w":1}}`,
		"not 9 or 36":          `{` + ok + `,"covariance":[1,2,3]}`,
		"negative variance":    `{` + ok + `,"covariance":[-1,0,0,0,1,0,0,0,1]}`,
		"RFC 3339":             `{` + ok + `,"timestamp":"yesterday"}`,
		"out of range":         `{"position":{"x":1e999},"orientation":{"w":1}}`,
		"cannot be a JSON":     `{"position":[1,2,3],"orientation":{"w":1}}`,
		"not a JSON object":    `NaN`,
		"not valid JSON":       `{"position":{"x":NaN}}`,
		"message has 70000 by": strings.Repeat(" ", 70_000),
	} {
		if _, err := payload.DecodePose([]byte(in)); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("want %q, got %v", reason, err)
		}
	}
}

func TestPlanarCovarianceTakesTheRightCells(t *testing.T) {
	t.Parallel()
	pose := payload.Pose{Covariance: make([]float64, 36)}
	for i := range pose.Covariance {
		pose.Covariance[i] = float64(i)
	}
	got, known := pose.PlanarCovariance()
	if want := [9]float64{0, 1, 5, 6, 7, 11, 30, 31, 35}; !known || got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestDecodeCommand(t *testing.T) {
	t.Parallel()
	cmd, err := payload.DecodeCommand([]byte(`{"requestId":"c1","command":"stateRequest"}`))
	if diff := cmp.Diff(payload.Command{RequestID: "c1", Command: "stateRequest"}, cmd); err != nil || diff != "" {
		t.Errorf("got %+v, %v", cmd, err)
	}
	cmd, err = payload.DecodeCommand([]byte(`{"requestId":"c2","command":"selfDestruct"}`))
	if err != nil || cmd.Command != "selfDestruct" || cmd.Order != "" {
		t.Errorf("got %+v, %v", cmd, err)
	}
}

const someOrder = `{\"requestId\":\"c1\",\"robot\":\"acme/0001\",\"command\":\"forget\",\"sequence\":7,` +
	`\"issuedAt\":\"2026-03-04T05:06:07Z\",\"expiresAt\":\"2026-03-04T05:11:07Z\"}`

func TestDecodeOrder(t *testing.T) {
	t.Parallel()
	whole := `{"requestId":"c1","order":"` + someOrder + `","keyId":"ops","signature":"AAAA"}`
	cmd, err := payload.DecodeCommand([]byte(whole))
	if err != nil || cmd.Name() != "forget" || cmd.Claim.Sequence != 7 || cmd.Claim.Robot != "acme/0001" {
		t.Fatalf("got %+v, %v", cmd, err)
	}
	for reason, change := range map[string][2]string{
		"no signature":                {`"AAAA"`, `""`},
		"keyId must be":               {`"ops"`, `"a/b"`},
		"was signed for requestId c1": {`{"requestId":"c1","order"`, `{"requestId":"c2","order"`},
		"and not both":                {`"keyId"`, `"command":"stateRequest","keyId"`},
		"MANUFACTURER/SERIAL":         {`acme/0001`, `acme`},
		"must be 1 to 64 of A-Z":      {`forget`, `for get`},
		"sequence must lie":           {`:7,`, `:0,`},
		"sequence cannot be":          {`:7,`, `:-1,`},
		"in this order":               {`05:11:07Z`, `05:01:07Z`},
		"not RFC 3339":                {`2026-03-04T05:11:07Z`, `soon`},
		"must be an object":           {`\"sequence\"`, `\"parameters\":[1],\"sequence\"`},
		"not a JSON object":           {`"` + someOrder + `"`, `"[]"`},
		"more than 65536":             {`AAAA`, strings.Repeat("A", 70_000)},
	} {
		broken := strings.Replace(whole, change[0], change[1], 1)
		cmd, err := payload.DecodeCommand([]byte(broken))
		if err == nil || !strings.Contains(err.Error(), reason) || !strings.HasPrefix(cmd.RequestID, "c") {
			t.Errorf("%s: got %+v, %v", reason, cmd, err)
		}
	}
}

func TestDecodeCommandReply(t *testing.T) {
	t.Parallel()
	reply, err := payload.DecodeCommandReply([]byte(`{"requestId":"c1","status":"refused","reason":"expired"}`))
	if err != nil || reply.Status != payload.CommandRefused || reply.Reason != "expired" {
		t.Errorf("got %+v, %v", reply, err)
	}
	for _, bad := range []string{`{"requestId":"c1","status":"maybe"}`, `[]`, ``, strings.Repeat(" ", 300_000)} {
		if _, err := payload.DecodeCommandReply([]byte(bad)); err == nil {
			t.Errorf("accepted %.40q", bad)
		}
	}
}

func TestYawRoundTrip(t *testing.T) {
	t.Parallel()
	for _, yaw := range []float64{-3, -1.5, 0, 0.1, 2, math.Pi} {
		if got := payload.YawQuaternion(yaw).Yaw(); math.Abs(got-yaw) > 1e-12 {
			t.Errorf("yaw %v came back as %v", yaw, got)
		}
	}
}

func FuzzDecodeAsk(f *testing.F) {
	for _, seed := range []string{
		`{"requestId":"r1","question":"how far is the nearest chair?"}`,
		`{"query":{"kind":"count","label":"box"},"requestId":"r","scope":"now","deadlineMs":9,"replyTo":"vegad-client/a/b"}`,
		`{"requestId":"r1","question":`, `[[[[[[[[[[[[[[[[[[[[`, "{\"requestId\":\"\xff\"}",
		`{"a":1e400}`, `{} {}`, ``, `null`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ask, err := payload.DecodeAsk(data)
		if ask.RequestID != "" && !payload.ValidID(ask.RequestID) {
			t.Fatalf("requestId %q", ask.RequestID)
		}
		if err != nil {
			return
		}
		again, err := json.Marshal(ask)
		if err != nil {
			t.Fatalf("an accepted ask cannot be written: %v", err)
		}
		if utf8.RuneCountInString(ask.Question) > payload.MaxQuestionRunes || ask.RequestID == "" {
			t.Fatalf("accepted %q", data)
		}
		if len(again) > payload.MaxMessageBytes {
			return // escapes can lengthen it
		}
		if twice, err := payload.DecodeAsk(again); err != nil || twice.Question != ask.Question {
			t.Fatalf("%q was accepted, %q was not: %v", data, again, err)
		}
	})
}

func FuzzDecodePose(f *testing.F) {
	f.Add([]byte(`{"position":{"x":1,"y":2,"z":3},"orientation":{"x":0,"y":0,"z":0,"w":1}}`))
	f.Add([]byte(`{"position":{},"orientation":{"w":1},"covariance":[1,0,0,0,1,0,0,0,1]}`))
	f.Add([]byte(`{"position":{},"orientation":{"w":1},"timestamp":"2026-01-01T00:00:00Z"}`))
	f.Add([]byte(`{"position":null,"orientation":{"w":1e308,"x":1e308}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		pose, err := payload.DecodePose(data)
		if err != nil {
			return
		}
		flat := pose.Planar()
		if !(math.Abs(flat.X) <= payload.MaxPosition && math.Abs(flat.Yaw) <= math.Pi) {
			t.Fatalf("accepted %q as %+v", data, flat)
		}
	})
}

func FuzzDecodeCommand(f *testing.F) {
	f.Add([]byte(`{"requestId":"c1","command":"stateRequest"}`))
	f.Add([]byte(`{"command":"x","requestId":"c1"}`))
	f.Add([]byte(`{"requestId":"c1","order":"` + someOrder + `","keyId":"ops","signature":"AAAA"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		cmd, err := payload.DecodeCommand(data)
		if err != nil {
			return
		}
		if !payload.ValidID(cmd.RequestID) || cmd.Order != "" && (cmd.Command != "" || cmd.Claim.RequestID != cmd.RequestID) {
			t.Fatalf("accepted %q", data)
		}
	})
}

func FuzzDecodeOrder(f *testing.F) {
	f.Add([]byte(strings.ReplaceAll(someOrder, `\`, ``)))
	f.Add([]byte(`{"requestId":"c","robot":"a/b","command":"watch.set","parameters":{"id":"w"},` +
		`"sequence":9007199254740991,"issuedAt":"0000-01-01T00:00:00Z","expiresAt":"9999-12-31T23:59:59.999999999Z"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		order, err := payload.DecodeOrder(data)
		if err != nil {
			return
		}
		if order.Sequence == 0 || order.Sequence > payload.MaxSequence || !order.ExpiresAt.After(order.IssuedAt.Time) {
			t.Fatalf("accepted %q", data)
		}
	})
}

func FuzzDecodeCommandReply(f *testing.F) {
	f.Add([]byte(`{"requestId":"c1","status":"refused","reason":"expired"}`))
	f.Add([]byte(`{"requestId":"c1","status":"done","text":"x","replayed":true,"timestamp":"2026-01-01T00:00:00.000Z"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		reply, err := payload.DecodeCommandReply(data)
		if err == nil && reply.Status != payload.CommandDone && reply.Status != payload.CommandRefused {
			t.Fatalf("accepted %q", data)
		}
	})
}

func FuzzDecodeAnswer(f *testing.F) {
	f.Add([]byte(`{"requestId":"r1","status":"refused","reason":"busy","timestamp":"2026-01-01T00:00:00.000Z"}`))
	f.Add([]byte(`{"requestId":"r1","answer":{"value":1,"interval95":[0,2,3]},"captureTime":"9999-12-31T23:59:59-23:59"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if answer, err := payload.DecodeAnswer(data); err == nil && !payload.ValidID(answer.RequestID) {
			t.Fatalf("accepted %q", data)
		}
	})
}

func FuzzDecodeConnection(f *testing.F) {
	f.Add([]byte(`{"connectionState":"ONLINE","sessionId":"a.1"}`))
	f.Add(bytes.Repeat([]byte(`{"a":`), 100))
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := payload.DecodeConnection(data); err == nil && c.ConnectionState == "" {
			t.Fatalf("accepted %q", data)
		}
	})
}
