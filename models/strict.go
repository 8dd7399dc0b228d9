package models

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// checkShape compares the keys of a JSON document with the Go type it will be decoded into, which encoding/json does
// only in part: it ignores case, takes the last of two equal keys, leaves missing keys zero, pads short arrays and
// does not say where an unknown key stands.
func checkShape(data []byte, t reflect.Type) []error {
	c := shapeChecker{dec: json.NewDecoder(bytes.NewReader(data))}
	if err := json.Unmarshal(data, new(json.RawMessage)); err != nil {
		return []error{fmt.Errorf("not valid JSON: %w", err)}
	}
	if err := c.value("", t); err != nil {
		return []error{err}
	}
	return c.problems
}

type shapeChecker struct {
	dec      *json.Decoder
	problems []error
}

func (c *shapeChecker) problem(path, format string, args ...any) {
	if path == "" {
		path = "the document"
	}
	c.problems = append(c.problems, fmt.Errorf("%s: %s", path, fmt.Sprintf(format, args...)))
}

var (
	rawType         = reflect.TypeFor[json.RawMessage]()
	unmarshalerType = reflect.TypeFor[json.Unmarshaler]()
)

// value consumes one JSON value that should decode into t. The recursion is as deep as the type, not as the data.
func (c *shapeChecker) value(path string, t reflect.Type) error {
	kind := t.Kind()
	if t == rawType || reflect.PointerTo(t).Implements(unmarshalerType) {
		kind = reflect.Interface
	}
	var raw json.RawMessage
	if kind != reflect.Struct && kind != reflect.Map && kind != reflect.Slice && kind != reflect.Array {
		if err := c.dec.Decode(&raw); err != nil {
			return err
		}
		if string(raw) == "null" {
			c.problem(path, "must not be null")
		}
		return nil
	}
	token, err := c.dec.Token()
	if err != nil {
		return err
	}
	switch {
	case token == json.Delim('{') && (kind == reflect.Struct || kind == reflect.Map):
		return c.object(path, t)
	case token == json.Delim('[') && (kind == reflect.Slice || kind == reflect.Array):
		return c.array(path, t)
	}
	c.problem(path, "must be %s", map[bool]string{true: "an object", false: "a list"}[kind == reflect.Struct ||
		kind == reflect.Map])
	return c.skipRest(token)
}

// skipRest consumes what follows the opening token of a value of the wrong kind.
func (c *shapeChecker) skipRest(token json.Token) error {
	depth := 0
	for {
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
		var err error
		if token, err = c.dec.Token(); err != nil {
			return err
		}
	}
}

func (c *shapeChecker) object(path string, t reflect.Type) error {
	fields := fieldsOf(t)
	seen := map[string]bool{}
	for c.dec.More() {
		token, err := c.dec.Token()
		if err != nil {
			return err
		}
		key, _ := token.(string)
		where := strings.TrimPrefix(path+"."+key, ".")
		if seen[key] {
			c.problem(where, "appears twice")
		}
		seen[key] = true
		elem, known := c.elem(t, fields, key)
		if !known {
			c.problem(where, "unknown key")
		}
		if err := c.value(where, elem); err != nil {
			return err
		}
	}
	c.missing(path, fields, seen)
	_, err := c.dec.Token()
	return err
}

// elem returns the type of a key's value; an unknown key is skipped as raw JSON.
func (c *shapeChecker) elem(t reflect.Type, fields []field, key string) (reflect.Type, bool) {
	if t.Kind() == reflect.Map {
		return t.Elem(), true
	}
	for _, f := range fields {
		if f.name == key {
			return f.typ, true
		}
	}
	return rawType, false
}

func (c *shapeChecker) missing(path string, fields []field, seen map[string]bool) {
	for _, f := range fields {
		if !f.optional && !seen[f.name] {
			c.problem(strings.TrimPrefix(path+"."+f.name, "."), "missing")
		}
	}
}

func (c *shapeChecker) array(path string, t reflect.Type) error {
	n := 0
	for ; c.dec.More(); n++ {
		if err := c.value(fmt.Sprintf("%s[%d]", path, n), t.Elem()); err != nil {
			return err
		}
	}
	if t.Kind() == reflect.Array && n != t.Len() {
		c.problem(path, "has %d elements, must have %d", n, t.Len())
	}
	_, err := c.dec.Token()
	return err
}

// field is a key of a struct as its json tag spells it.
type field struct {
	name     string
	typ      reflect.Type
	optional bool
}

func fieldsOf(t reflect.Type) []field {
	if t.Kind() != reflect.Struct {
		return nil
	}
	fields := make([]field, 0, t.NumField())
	for f := range t.Fields() {
		name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields = append(fields, field{name: name, typ: f.Type, optional: rest == "omitempty"})
	}
	return fields
}
