package config

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// generator makes the JSON Schema of the configuration from the types, their tags and their comments.
type generator struct {
	t        *testing.T
	comments map[string]string // by type and field: "Broker.URL"
}

func generate(t *testing.T) []byte {
	t.Helper()
	g := generator{t, fieldComments(t)}
	root := g.schemaOf(reflect.TypeFor[Config]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "vegad configuration"
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

// fieldComments returns what the comments of the package say about each field of a struct, which must be something.
func fieldComments(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	comments := map[string]string{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool { return readFields(n, comments) })
	}
	return comments
}

func readFields(n ast.Node, comments map[string]string) (deeper bool) {
	spec, ok := n.(*ast.TypeSpec)
	if !ok {
		return true
	}
	if s, ok := spec.Type.(*ast.StructType); ok {
		for _, f := range s.Fields.List {
			if f.Tag == nil || !strings.Contains(f.Tag.Value, `yaml:`) {
				continue
			}
			for _, name := range f.Names {
				comments[spec.Name.Name+"."+name.Name] = strings.Join(strings.Fields(f.Doc.Text()), " ")
			}
		}
	}
	return false
}

func (g generator) schemaOf(t reflect.Type) map[string]any {
	properties := map[string]any{}
	var required []string
	for f := range t.Fields() {
		key := f.Tag.Get("yaml")
		if key == "-" {
			continue
		}
		r := rulesOf(f)
		s := g.typeSchema(f.Type, r)
		s["description"] = g.comments[t.Name()+"."+f.Name]
		if s["description"] == "" {
			g.t.Errorf("%s.%s has no comment for the schema", t.Name(), f.Name)
		}
		if r.fallback != "" {
			s["default"] = literal(r.fallback, f.Type)
		}
		properties[key] = s
		// Only the entries of the list of cameras have keys without any default.
		if r.required && r.fallback == "" && t == reflect.TypeFor[Camera]() {
			required = append(required, key)
		}
	}
	s := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if required != nil {
		s["required"] = required
	}
	return s
}

func (g generator) typeSchema(t reflect.Type, r rules) map[string]any {
	switch t {
	case durationType:
		return map[string]any{"type": "string", "pattern": "^" + durationNotation + "$"}
	case bytesType:
		return map[string]any{"type": "string", "pattern": "^" + bytesNotation + "$"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return g.schemaOf(t.Elem())
	case reflect.Struct:
		return g.schemaOf(t)
	case reflect.Slice:
		return map[string]any{
			"type": "array", "items": g.typeSchema(t.Elem(), anything()), "minItems": r.low, "maxItems": r.high,
		}
	case reflect.Int:
		return numberSchema("integer", r)
	case reflect.Float64:
		return numberSchema("number", r)
	}
	return textSchema(r)
}

// anything is the rules of a list's entries, which the tags of the list do not speak of.
func anything() rules { return rules{low: math.Inf(-1), high: math.Inf(1)} }

func numberSchema(kind string, r rules) map[string]any {
	s := map[string]any{"type": kind}
	if r.span != "" {
		s["minimum"], s["maximum"] = r.low, r.high
	}
	return s
}

func textSchema(r rules) map[string]any {
	s := map[string]any{"type": "string"}
	if len(r.oneOf) > 0 {
		s["enum"] = r.oneOf
	}
	if r.pattern == "" && r.required {
		s["minLength"] = 1
	}
	if r.pattern != "" {
		s["pattern"] = "^(?:" + r.pattern + ")$"
	}
	return s
}

// literal is a default in JSON: numbers without a unit are numbers there.
func literal(text string, t reflect.Type) any {
	if t == durationType || t == bytesType || t.Kind() == reflect.String {
		return text
	}
	v, _ := strconv.ParseFloat(text, 64) // a test reads every default
	return v
}
