package config

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rules are what the tags of a field allow.
type rules struct {
	span     string // "0.1..120" as written; empty for any
	low      float64
	high     float64
	count    string // for lists
	oneOf    []string
	pattern  string
	required bool
	fallback string // the default, as written
	example  string
}

func rulesOf(f reflect.StructField) rules {
	r := rules{
		span: f.Tag.Get("range"), count: f.Tag.Get("count"), pattern: f.Tag.Get("pattern"),
		oneOf: strings.Fields(f.Tag.Get("oneof")), required: f.Tag.Get("required") == "true",
		fallback: f.Tag.Get("default"), example: f.Tag.Get("example"),
	}
	span := r.span
	if span == "" {
		span = r.count
	}
	r.low, r.high = math.Inf(-1), math.Inf(1)
	if low, high, ok := strings.Cut(span, ".."); ok {
		r.low, r.high = magnitude(low, f.Type), magnitude(high, f.Type)
	}
	return r
}

// magnitude reads a bound of a tag in the notation of the field's type. A tag that cannot be read gives not-a-number,
// which a test rules out.
func magnitude(bound string, t reflect.Type) float64 {
	s := textScalar(bound)
	switch t {
	case durationType:
		if v, err := s.duration(); err == nil {
			return float64(v)
		}
	case bytesType:
		if v, err := s.bytes(); err == nil {
			return float64(v)
		}
	}
	v, err := strconv.ParseFloat(bound, 64)
	if err != nil {
		return math.NaN()
	}
	return v
}

// applyDefaults sets the fields of a struct that have a default, and those of the structs in it. A default that its
// field cannot hold leaves the zero value, which a test rules out.
func applyDefaults(pointer any) { defaultsInto(reflect.ValueOf(pointer).Elem()) }

func defaultsInto(v reflect.Value) {
	for i := range v.NumField() {
		field, tag := v.Field(i), v.Type().Field(i).Tag.Get("default")
		switch {
		case field.Kind() == reflect.Struct:
			defaultsInto(field)
		case tag != "":
			_ = defaultScalar(tag, field).store(field)
		}
	}
}

func defaultScalar(written string, field reflect.Value) scalar {
	if field.Kind() == reflect.Int || field.Kind() == reflect.Float64 {
		return scalar{written, written, whole}
	}
	return textScalar(written)
}

// broken returns why the value breaks the rules, or nothing. An absent value is told from a wrong one.
func (r rules) broken(v reflect.Value, present bool) string {
	if v.Kind() == reflect.Slice {
		return r.brokenCount(v.Len())
	}
	if v.IsZero() && r.required && (!present || v.Kind() == reflect.String) {
		return "is missing" + r.wanted()
	}
	if v.Kind() == reflect.String {
		return r.brokenText(v.String())
	}
	if n := number(v); n < r.low || n > r.high {
		return fmt.Sprintf("%s is outside of %s", written(v), r.span)
	}
	return ""
}

func (r rules) brokenCount(n int) string {
	if float64(n) >= r.low && float64(n) <= r.high {
		return ""
	}
	return fmt.Sprintf("has %d entries, allowed are %s", n, r.count)
}

func (r rules) brokenText(s string) string {
	if len(r.oneOf) > 0 {
		if slices.Contains(r.oneOf, s) {
			return ""
		}
		return fmt.Sprintf("%q is none of %s", clip(s), strings.Join(r.oneOf, ", "))
	}
	// The pattern is one of the tags of this package: a test compiles them all.
	if r.pattern != "" && !regexp.MustCompile("^(?:"+r.pattern+")$").MatchString(s) {
		return fmt.Sprintf("%q does not match %s", clip(s), r.pattern)
	}
	if strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return fmt.Sprintf("%q holds a control character", clip(s))
	}
	return ""
}

// wanted tells somebody who left a value out what it may be.
func (r rules) wanted() string {
	switch {
	case r.pattern != "":
		return ": it must match " + r.pattern
	case r.span != "":
		return ": it must lie in " + r.span
	case r.example != "":
		return ": write one, such as " + r.example
	}
	return ""
}

func number(v reflect.Value) float64 {
	if v.CanInt() {
		return float64(v.Int())
	}
	return v.Float()
}

// written prints a value in the notation of the file.
func written(v reflect.Value) string {
	switch value := v.Interface().(type) {
	case time.Duration:
		return value.String()
	case Bytes:
		return value.String()
	case Degrees:
		return strconv.FormatFloat(float64(value), 'g', -1, 64)
	case float64:
		return strconv.FormatFloat(value, 'g', -1, 64)
	}
	return fmt.Sprint(v.Interface())
}

// clip shortens a value for a message.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}
