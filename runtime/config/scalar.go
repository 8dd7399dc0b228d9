package config

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// The notations of values with a unit; the schema publishes them too.
const (
	durationNotation = `([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+`
	bytesNotation    = `[0-9]+(\.[0-9]+)?(B|KiB|MiB|GiB)`
)

var (
	durationForm = regexp.MustCompile(`^` + durationNotation + `$`)
	bytesForm    = regexp.MustCompile(`^` + bytesNotation + `$`)
	byteUnits    = []string{"B", "KiB", "MiB", "GiB"}

	durationType = reflect.TypeFor[time.Duration]()
	bytesType    = reflect.TypeFor[Bytes]()
	pathType     = reflect.TypeFor[Path]()
)

// scalar is a value of the file before it has a type: what YAML takes it for, as it was written and in decimal.
type scalar struct {
	text    string // for messages
	decimal string // the same for text
	kind    kind
}

type kind string

const (
	text     kind = "text"
	whole    kind = "whole number"
	fraction kind = "number"
)

func textScalar(s string) scalar { return scalar{s, s, text} }

// scalarOf reads a YAML node; whatever is no plain value is an error.
func scalarOf(node ast.Node) (scalar, error) {
	switch n := node.(type) {
	case *ast.StringNode:
		return textScalar(n.Value), nil
	case *ast.LiteralNode:
		return textScalar(strings.TrimSpace(n.Value.Value)), nil
	case *ast.IntegerNode:
		return scalar{n.Token.Value, fmt.Sprint(n.Value), whole}, nil
	case *ast.FloatNode:
		return scalar{n.Token.Value, strconv.FormatFloat(n.Value, 'g', -1, 64), fraction}, nil
	case *ast.InfinityNode, *ast.NanNode:
		return scalar{}, errors.New("must be a finite number")
	case *ast.BoolNode:
		return scalar{}, fmt.Errorf("%s is a truth value; write it in quotes if it is meant as text", n.Token.Value)
	}
	return scalar{}, errors.New(mismatch("a single value", node))
}

// mismatch says why a node of the wrong shape is not what was wanted.
func mismatch(want string, node ast.Node) string {
	got := "a single value"
	switch node.(type) {
	case *ast.NullNode:
		return "is empty: give it a value or remove the key"
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		return "anchors, aliases, merges and tags are not supported: write the value itself"
	case *ast.SequenceNode:
		got = "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		got = "a map of keys"
	}
	return fmt.Sprintf("must be %s, not %s", want, got)
}

// store converts the value to the type of into. Ranges are checked later, when overlays have had their say.
func (s scalar) store(into reflect.Value) error {
	switch into.Type() {
	case durationType:
		v, err := s.duration()
		into.SetInt(int64(v))
		return err
	case bytesType:
		v, err := s.bytes()
		into.SetInt(int64(v))
		return err
	}
	switch into.Kind() {
	case reflect.Int:
		return s.storeInt(into)
	case reflect.Float64:
		return s.storeFloat(into)
	}
	if s.kind != text {
		return fmt.Errorf("%s is a %s, but text is wanted: write it in quotes", s.text, s.kind)
	}
	into.SetString(s.text)
	return nil
}

func (s scalar) storeInt(into reflect.Value) error {
	v, err := strconv.Atoi(s.decimal)
	if s.kind != whole || err != nil {
		return fmt.Errorf("%q is not a whole number", s.text)
	}
	into.SetInt(int64(v))
	return nil
}

func (s scalar) storeFloat(into reflect.Value) error {
	v, err := strconv.ParseFloat(s.decimal, 64)
	if s.kind == text || err != nil || math.IsInf(v, 0) {
		return fmt.Errorf("%q is not a number", s.text)
	}
	into.SetFloat(v)
	return nil
}

func (s scalar) duration() (time.Duration, error) {
	if !durationForm.MatchString(s.text) || s.kind != text {
		return 0, fmt.Errorf("%q is not a duration: write a number and its unit, such as 500ms, 15s or 1h30m", s.text)
	}
	v, err := time.ParseDuration(s.text)
	if err != nil {
		return 0, fmt.Errorf("%q is too long a duration", s.text)
	}
	return v, nil
}

func (s scalar) bytes() (Bytes, error) {
	if !bytesForm.MatchString(s.text) || s.kind != text {
		return 0, fmt.Errorf("%q is not a size: write a number and B, KiB, MiB or GiB, such as 64KiB", s.text)
	}
	number := strings.TrimRight(s.text, "BKMGi")
	v, err := strconv.ParseFloat(number, 64)
	for _, unit := range byteUnits {
		if unit == s.text[len(number):] {
			break
		}
		v *= 1024
	}
	if err != nil || v >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is too large a size", s.text)
	}
	return Bytes(v), nil
}
