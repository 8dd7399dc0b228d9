package payload_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

// compile builds a topic's schema. A strict one allows no field that it does not list: the published schemas are open
// for later versions, but a field that this version writes must be described.
func compile(t *testing.T, topic string, strict bool) *jsonschema.Schema {
	t.Helper()
	data, err := payload.Schema(topic)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if strict {
		closeObjects(doc)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func closeObjects(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["properties"]; ok && v["type"] == "object" {
			v["additionalProperties"] = false
		}
		for _, sub := range v {
			closeObjects(sub)
		}
	case []any:
		for _, sub := range v {
			closeObjects(sub)
		}
	}
}

func validate(t *testing.T, schema *jsonschema.Schema, message any) error {
	t.Helper()
	data, err := json.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(instance)
}

var instant = payload.Time{Time: time.Date(2026, 3, 4, 5, 6, 7, 891_234_567, time.UTC)}

func header() payload.Header {
	return payload.Header{
		HeaderID: 1, Timestamp: instant, Version: payload.Version, Manufacturer: "acme", SerialNumber: "0001",
	}
}

// fill sets every field to something that is not its zero value, so that nothing is omitted.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[payload.Time]() {
			v.Set(reflect.ValueOf(instant))
			return
		}
		for _, field := range v.Fields() {
			fill(field)
		}
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			v.SetBytes([]byte(`{"kind":"count"}`))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"a.onnx": strings.Repeat("0", 64)}))
	case reflect.String:
		v.SetString("x1")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(0.5)
	case reflect.Int, reflect.Int64:
		v.SetInt(3)
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(3)
	}
}

// full returns a message of every topic with every field set.
func full() map[string]any {
	var (
		conn  payload.Connection
		sheet payload.Factsheet
		state payload.State
		scene payload.Scene
		ans   payload.Answer
		pose  payload.Pose
		reply payload.CommandReply
		event payload.Event
		stats payload.Stats
	)
	for _, v := range []any{&conn, &sheet, &state, &scene, &ans, &pose, &reply, &event, &stats} {
		fill(reflect.ValueOf(v).Elem())
	}
	for _, m := range []interface{ Stamp(payload.Header) }{
		&conn, &sheet, &state, &scene, &ans, &reply, &event, &stats,
	} {
		m.Stamp(header())
	}
	event.Kind, stats.Stages[0].Name = payload.ObjectMoved, "encode"
	event.Model.Digest, event.Model.Outcome = strings.Repeat("0", 64), payload.UpdateOnTrial
	conn.ConnectionState, state.Health, state.Cameras[0].State = payload.Online, payload.HealthOK, "running"
	state.Errors[0].ErrorLevel, ans.Status, reply.Status = payload.LevelWarning, payload.Answered, payload.CommandDone
	state.Step, stats.Step, ans.Step = payload.StepFull, payload.StepHalfFrames, payload.StepQuestionsOnly
	pose.Covariance = make([]float64, 9)
	return map[string]any{
		"connection": conn, "factsheet": sheet, "state": state, "scene": scene, "answer/{requestId}": ans,
		"pose": pose, "command": payload.Command{RequestID: "c1", Command: payload.StateRequest},
		"command/{requestId}": reply, "event/{kind}": event, "stats": stats, "watch/{requestId}": ans,
		"receipt/{consumer}": payload.Receipt{BootID: "b1", Seq: []uint64{1, 2}},
		"ask": payload.Ask{
			RequestID: "r1", Question: "q", Scope: payload.Now, DeadlineMs: 5, ReplyTo: "vegad-client/me/a", Client: "me",
		},
		"watch": payload.Watch{
			RequestID: "w1", Question: "q", Scope: payload.Now, MinIntervalMs: 5, LeaseSeconds: 60, Client: "me",
		},
	}
}

// least returns a message of every topic that vegad sends with nothing set but what must be.
func least() map[string]any {
	var (
		sheet payload.Factsheet
		state payload.State
		scene payload.Scene
		ans   payload.Answer
	)
	for _, m := range []interface{ Stamp(payload.Header) }{&sheet, &state, &scene, &ans} {
		m.Stamp(header())
	}
	sheet.VegadVersion, state.Health, scene.CaptureTime = "0.1.0", payload.HealthStarting, instant
	ans.RequestID, ans.Status, ans.Reason = "r1", payload.Refused, "busy"
	ans.Delivery = payload.Delivery{BootID: "b1", Seq: 1, Replayed: true}
	return map[string]any{
		"factsheet": sheet, "state": state, "scene": scene, "answer/{requestId}": ans,
		"ask":   payload.Ask{RequestID: "r1", Query: json.RawMessage(`{}`)},
		"watch": payload.Watch{RequestID: "w1", Cancel: true},
		"pose":  payload.Pose{Orientation: payload.Quaternion{W: 1}},
	}
}

func TestEveryMessageFitsItsSchema(t *testing.T) {
	t.Parallel()
	messages := full()
	for _, topic := range payload.Topics() {
		message, ok := messages[topic]
		if !ok {
			t.Fatalf("no message of %s is tried", topic)
		}
		if err := validate(t, compile(t, topic, true), message); err != nil {
			t.Errorf("%s: %v", topic, err)
		}
	}
	for topic, message := range least() {
		if err := validate(t, compile(t, topic, true), message); err != nil {
			t.Errorf("%s with little in it: %v", topic, err)
		}
	}
}

func TestSchemasRejectWhatIsWrong(t *testing.T) {
	t.Parallel()
	breakage := map[string]map[string]any{
		"connection":         {"connectionState": "CONNECTIONBROKEN", "timestamp": "2026-03-04T05:06:07Z", "headerId": 0},
		"factsheet":          {"labels": nil, "cameras": []any{map[string]any{"name": "front"}}, "version": "2"},
		"state":              {"health": "fine", "step": "fast", "device": 1, "errors": nil, "uptimeSeconds": -1},
		"scene":              {"frame": "odom", "objects": []any{map[string]any{"id": "o1"}}, "pose": nil},
		"ask":                {"requestId": "a/b", "question": " ", "scope": "ever", "deadlineMs": 0.5, "replyTo": "a/#"},
		"answer/{requestId}": {"status": "guessed", "step": "fast", "answer": nil, "captureTime": "now", "requestId": ""},
		"watch/{requestId}":  {"status": "guessed", "bootId": "a b", "seq": 0, "replayed": "no"},
		"watch":              {"requestId": "", "question": " ", "minIntervalMs": -1, "leaseSeconds": 1e6, "cancel": 1},
		"event/{kind}":       {"kind": "party", "text": "", "bootId": nil, "seq": -1, "object": map[string]any{}},
		"stats": {
			"stages": nil, "step": 1, "device": "hot", "outbox": map[string]any{}, "periodSeconds": 0, "questions": 3,
		},
		"receipt/{consumer}": {"bootId": "", "seq": []any{}},
		"pose":               {"orientation": nil, "covariance": []any{1}},
		"command":            {"command": "selfDestruct"},
		"command/{requestId}": {
			"status": "maybe", "requestId": "a b",
		},
	}
	messages := full()
	for _, topic := range payload.Topics() {
		schema := compile(t, topic, false)
		if len(breakage[topic]) == 0 {
			t.Errorf("nothing wrong is tried on %s", topic)
		}
		for field, wrong := range breakage[topic] {
			data, err := json.Marshal(messages[topic])
			if err != nil {
				t.Fatal(err)
			}
			var message map[string]any
			if err := json.Unmarshal(data, &message); err != nil {
				t.Fatal(err)
			}
			message[field] = wrong
			if validate(t, schema, message) == nil {
				t.Errorf("%s with %s = %v passes", topic, field, wrong)
			}
			delete(message, field)
			if required(topic, field) && validate(t, schema, message) == nil {
				t.Errorf("%s without %s passes", topic, field)
			}
		}
	}
}

func required(topic, field string) bool {
	switch topic + " " + field {
	case "state step", "state device", "stats step", "stats device", "answer/{requestId} step",
		"ask scope", "ask deadlineMs", "ask replyTo", "pose covariance",
		"watch minIntervalMs", "watch leaseSeconds", "watch cancel", "event/{kind} object":
		return false
	}
	return true
}

func TestAnswerSchemaBindsStatusAndAnswer(t *testing.T) {
	t.Parallel()
	schema := compile(t, "answer/{requestId}", false)
	abstained := payload.Answer{RequestID: "r1", Status: payload.Abstained}
	abstained.Stamp(header())
	abstained.Delivery = payload.Delivery{BootID: "b1", Seq: 1, Replayed: true}
	if validate(t, schema, abstained) == nil {
		t.Error("an abstention without a reason passes")
	}
	abstained.Reason, abstained.Answer = "not seen", &payload.Value{Text: "two"}
	if validate(t, schema, abstained) == nil {
		t.Error("an abstention with an answer passes")
	}
}

func TestSchemaOfTopics(t *testing.T) {
	t.Parallel()
	for _, topic := range []string{
		"answer", "answer/r1", "command/c1", "ask", "watch", "watch/w1", "event", "event/pathBlocked", "receipt/hub", "stats",
	} {
		if _, err := payload.Schema(topic); err != nil {
			t.Error(err)
		}
	}
	for _, topic := range []string{"", "ask/r1", "../ask", "command-reply", "stats/x", "state/", "watch/"} {
		if _, err := payload.Schema(topic); err == nil {
			t.Errorf("%q has a schema", topic)
		}
	}
}

func TestTimeOnTheWire(t *testing.T) {
	t.Parallel()
	local := payload.Time{Time: instant.In(time.FixedZone("east", 3600))}
	data, err := json.Marshal(local)
	if err != nil || string(data) != `"2026-03-04T05:06:07.891Z"` {
		t.Errorf("got %s, %v", data, err)
	}
	if _, err := json.Marshal(payload.Time{Time: time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)}); err == nil {
		t.Error("a year of five digits was written")
	}
}
