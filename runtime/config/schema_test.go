package config

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestPublishedSchema keeps the published file in step with the code; -update writes it.
func TestPublishedSchema(t *testing.T) {
	golden(t, "schema.json", generate(t))
}

func compiled(t testing.TB) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("vegad.json", document); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("vegad.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// instance converts a YAML file to what a JSON validator takes.
func instance(data []byte) (any, error) {
	text, err := yaml.YAMLToJSON(data)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(text))
}

func TestSchemaAcceptsTheExample(t *testing.T) {
	v, err := instance([]byte(read(t, "../../systemd/config.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled(t).Validate(v); err != nil {
		t.Error(err)
	}
}

// beyondSchema are the bad files whose fault no JSON Schema can state: things that must fit together, files, the text
// of the YAML itself.
var beyondSchema = regexp.MustCompile(`^(anchors|bytes-range|bytes-huge|calibration-.*|camera-twice|` +
	`control-character|duplicate-.*|duration-range|embedded-.*|home-assistant-.*|infinite|key-is-number|merge|` +
	`metrics-.*|password-in-url|password-without-user|syntax|tab|tag|tls-without-mqtts|two-documents|uri-kind|` +
	`url-.*)\.bad\.yaml$`)

func TestSchemaRefusesBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.bad.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s, tried := compiled(t), 0
	for _, file := range files {
		if beyondSchema.MatchString(filepath.Base(file)) {
			continue
		}
		tried++
		v, err := instance([]byte(read(t, file)))
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if s.Validate(v) == nil {
			t.Errorf("the schema accepts %s", file)
		}
	}
	if tried < 15 {
		t.Errorf("only %d files were tried", tried)
	}
}

func TestEveryFieldIsExplained(t *testing.T) {
	for field, comment := range fieldComments(t) {
		if !strings.HasSuffix(comment, ".") && field != "Broker.Password" && field != "Dashboard.Token" {
			t.Errorf("the comment of %s is missing or no sentence: %q", field, comment)
		}
	}
}

// TestTags reads every tag: a range that is no range or a default outside of it is a mistake in this package.
func TestTags(t *testing.T) {
	fields := 0
	walk(reflect.TypeFor[Config](), "", func(path string, f reflect.StructField) {
		fields++
		r := rulesOf(f)
		if math.IsNaN(r.low) || math.IsNaN(r.high) || r.low > r.high {
			t.Errorf("%s: range %q%q cannot be read", path, r.span, r.count)
		}
		if _, err := regexp.Compile(r.pattern); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if r.span+r.count == "" && r.pattern+r.example == "" && len(r.oneOf) == 0 && r.required && r.fallback == "" {
			t.Errorf("%s: a required value needs something that tells what to write", path)
		}
		if f.Type == reflect.TypeFor[Degrees]() != strings.HasSuffix(path, "Deg") {
			t.Errorf("%s: angles are of type Degrees and end in Deg", path)
		}
		if r.fallback == "" {
			return
		}
		v := reflect.New(f.Type).Elem()
		if err := defaultScalar(r.fallback, v).store(v); err != nil {
			t.Errorf("%s: default: %v", path, err)
		}
		if reason := r.broken(v, true); reason != "" {
			t.Errorf("%s: default: %s", path, reason)
		}
	})
	if fields < 40 {
		t.Errorf("walked only %d fields", fields)
	}
}

func walk(t reflect.Type, path string, visit func(string, reflect.StructField)) {
	for f := range t.Fields() {
		key := f.Tag.Get("yaml")
		if key == "-" {
			continue
		}
		visit(join(path, key), f)
		inner := f.Type
		if k := inner.Kind(); k == reflect.Pointer || k == reflect.Slice {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct {
			walk(inner, join(path, key), visit)
		}
	}
}

func allKeys(t *testing.T) []string {
	t.Helper()
	var keys []string
	walk(reflect.TypeFor[Config](), "", func(_ string, f reflect.StructField) {
		keys = append(keys, f.Tag.Get("yaml"))
	})
	return keys
}

// FuzzParse feeds arbitrary text to the reader: it must neither crash nor accept what the published schema refuses,
// and every problem must say where it is.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.bad.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, "../../systemd/config.yaml") {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	schema := compiled(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("fuzz.yaml", data)
		if err != nil {
			if !strings.Contains(err.Error(), "fuzz.yaml") {
				t.Errorf("a problem without a file: %v", err)
			}
			return
		}
		if err := c.Validate(); err != nil {
			t.Errorf("accepted, yet invalid: %v", err)
		}
		v, err := instance(data)
		if err != nil || v == nil {
			return // empty, or a number that JSON does not know
		}
		if err := schema.Validate(v); err != nil {
			text, _ := json.Marshal(v)
			t.Errorf("accepted, but the schema refuses %s: %v", text, err)
		}
	})
}
