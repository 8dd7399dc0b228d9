package homeassistant

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

func robot() Robot {
	return Robot{
		Prefix: "vegad", Manufacturer: "acme", Serial: "0001", Version: "v1", Bundle: "nano 3",
		Cameras: []string{"front", "rear"}, PageURL: "http://r1:8420/",
	}
}

func announced(t *testing.T) announcement {
	t.Helper()
	data, err := Announce(robot())
	if err != nil {
		t.Fatal(err)
	}
	var a announcement
	if err := json.Unmarshal(data, &a); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestDevice(t *testing.T) {
	a := announced(t)
	want := device{
		Identifiers: []string{"vegad_acme_0001"}, Name: "acme 0001", Manufacturer: "acme", Model: "vegad nano 3",
		SerialNumber: "0001", Version: "v1", PageURL: "http://r1:8420/",
	}
	if !reflect.DeepEqual(a.Device, want) {
		t.Errorf("%+v", a.Device)
	}
	if len(a.Availability) != 1 || a.Availability[0].Topic != "vegad/v1/acme/0001/connection" ||
		!strings.Contains(a.Availability[0].Template, "'ONLINE'") {
		t.Errorf("%+v", a.Availability)
	}
	if got := Topic("homeassistant", "acme", "0001"); got != "homeassistant/device/vegad_acme/0001/config" {
		t.Error(got)
	}
}

var (
	path   = regexp.MustCompile(`value_json((?:\.[a-zA-Z0-9]+|\[\d+\])+)`)
	index  = regexp.MustCompile(`\[\d+\]`)
	nested = regexp.MustCompile(`\(value_json\.device \| default\(\{\}\)\)\.([a-zA-Z]+)`)
)

// TestTemplatesReadWhatIsSent follows every path of every template through the payload that comes on its topic.
func TestTemplatesReadWhatIsSent(t *testing.T) {
	payloads := map[string]reflect.Type{
		"state": reflect.TypeFor[payload.State](), "stats": reflect.TypeFor[payload.Stats](),
	}
	a, read := announced(t), 0
	for key, e := range a.Components {
		topic, ok := strings.CutPrefix(e.Topic, "vegad/v1/acme/0001/")
		if !ok || payloads[topic] == nil {
			t.Errorf("%s reads the topic %s", key, e.Topic)
			continue
		}
		paths := path.FindAllStringSubmatch(e.Template+e.Picked, -1)
		for _, inner := range nested.FindAllStringSubmatch(e.Template, -1) {
			paths = append(paths, []string{"", ".device." + inner[1]})
		}
		if len(paths) == 0 {
			t.Errorf("%s reads nothing: %s", key, e.Template)
		}
		for _, p := range paths {
			read++
			follow(t, key, payloads[topic], p[1])
		}
	}
	if len(a.Components) < 14 || read < len(a.Components) {
		t.Errorf("%d entities, %d paths", len(a.Components), read)
	}
}

// follow fails the test when a path leads nowhere.
func follow(t *testing.T, key string, at reflect.Type, path string) {
	t.Helper()
	levels := strings.TrimPrefix(index.ReplaceAllString(path, ".[]"), ".")
	for name := range strings.SplitSeq(levels, ".") {
		for at.Kind() == reflect.Pointer {
			at = at.Elem()
		}
		if name == "[]" {
			at = at.Elem()
			continue
		}
		next := member(at, name)
		if next == nil {
			t.Errorf("%s: %s of %s is not sent", key, path, at)
			return
		}
		at = next
	}
}

// member is the type of a field by its name in JSON.
func member(of reflect.Type, name string) reflect.Type {
	for f := range of.Fields() {
		tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if tag == name {
			return f.Type
		}
	}
	return nil
}

// TestEntities holds what Home Assistant demands: names that are unique, options for enums, no unit without a number.
func TestEntities(t *testing.T) {
	seen := map[string]bool{}
	for key, e := range announced(t).Components {
		if seen[e.UniqueID] || e.UniqueID != "vegad_acme_0001_"+key {
			t.Errorf("%s: unique id %s", key, e.UniqueID)
		}
		seen[e.UniqueID] = true
		if (e.Class == enum) != (len(e.Options) > 0) || (e.Class == enum && e.StateClass != "") {
			t.Errorf("%s: class %s, state class %s, options %v", key, e.Class, e.StateClass, e.Options)
		}
		if e.Name == "" || (e.Platform != sensor && e.Platform != binarySensor) {
			t.Errorf("%s: %+v", key, e)
		}
		if e.Unit != "" && e.StateClass == "" {
			t.Errorf("%s has a unit and no state class", key)
		}
		if e.Attributes != "" && !strings.HasPrefix(e.Attributes, "vegad/v1/acme/0001/") {
			t.Errorf("%s: attributes of %s", key, e.Attributes)
		}
	}
	if !seen["vegad_acme_0001_camera_front"] || !seen["vegad_acme_0001_camera_rear"] {
		t.Error("a camera is missing")
	}
}
