package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxFile bounds a configuration file; a long one has ten thousand bytes, and the parser is slow on adversarial ones.
const maxFile = 64 << 10

// maxDepth bounds the nesting of a file; the configuration itself is five levels deep.
const maxDepth = 32

// decoder lays one file over a configuration. It goes on after a problem, so that all of them are reported at once.
type decoder struct {
	file     string
	places   places
	problems Problems
}

// decode sets in c what the file sets, and leaves the rest alone.
func (d *decoder) decode(data []byte, c *Config) {
	body, ok := d.parse(data)
	if !ok {
		return
	}
	d.places[""] = place{file: d.file}
	if body != nil {
		d.structure(body, reflect.ValueOf(c).Elem(), "")
	}
}

// parse returns the one document of the file, nil when it is empty.
func (d *decoder) parse(data []byte) (ast.Node, bool) {
	if len(data) > maxFile {
		return nil, d.whole(fmt.Sprintf("the file is larger than %s", Bytes(maxFile)))
	}
	if deepest(data) > maxDepth {
		return nil, d.whole(fmt.Sprintf("the file nests brackets deeper than %d levels", maxDepth))
	}
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, d.syntax(err)
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.NullType || doc.Body.Type() == ast.CommentType {
			continue
		}
		if body != nil {
			d.report(doc.Body, "", "a second document begins here; one file holds one")
			return nil, false
		}
		body = doc.Body
	}
	return body, true
}

// deepest is an upper bound of how deep brackets nest, counted before the recursive parser sees them.
func deepest(data []byte) int {
	depth, most := 0, 0
	for _, b := range data {
		switch b {
		case '[', '{':
			depth++
			most = max(most, depth)
		case ']', '}':
			depth--
		}
	}
	return most
}

func (d *decoder) whole(reason string) bool {
	d.problems = append(d.problems, Problem{File: d.file, Reason: reason})
	return false
}

func (d *decoder) syntax(err error) bool {
	problem := Problem{File: d.file, Reason: "is not YAML: " + err.Error()}
	var located yaml.Error
	if errors.As(err, &located) && located.GetToken() != nil {
		at := located.GetToken().Position
		problem.Line, problem.Column = at.Line, at.Column
		problem.Reason = "is not YAML: " + located.GetMessage()
	}
	d.problems = append(d.problems, problem)
	return false
}

func (d *decoder) report(node ast.Node, path, reason string) {
	at := position(node)
	d.places[path] = place{file: d.file, line: at.Line, column: at.Column, unread: true}
	d.problems = append(d.problems, Problem{File: d.file, Line: at.Line, Column: at.Column, Path: path, Reason: reason})
}

// position is where a node begins. A block map begins at its first key: its own token is the colon after it.
func position(node ast.Node) token.Position {
	switch n := node.(type) {
	case *ast.MappingNode:
		if !n.IsFlowStyle && len(n.Values) > 0 {
			node = n.Values[0].Key
		}
	case *ast.MappingValueNode:
		node = n.Key
	}
	if node == nil || node.GetToken() == nil || node.GetToken().Position == nil {
		return token.Position{}
	}
	return *node.GetToken().Position
}

// entriesOf lists the entries of a map; YAML's parser gives a map of one entry another type.
func entriesOf(node ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// value sets into from the node, whatever its kind.
func (d *decoder) value(node ast.Node, into reflect.Value, path string) {
	at := position(node)
	d.places[path] = place{file: d.file, line: at.Line, column: at.Column}
	switch into.Kind() {
	case reflect.Struct:
		d.structure(node, into, path)
	case reflect.Pointer:
		fresh := reflect.New(into.Type().Elem())
		applyDefaults(fresh.Interface())
		d.structure(node, fresh.Elem(), path)
		into.Set(fresh)
	case reflect.Slice:
		d.list(node, into, path)
	default:
		d.scalar(node, into, path)
	}
}

func (d *decoder) scalar(node ast.Node, into reflect.Value, path string) {
	s, err := scalarOf(node)
	if err == nil {
		err = s.store(into)
	}
	if err != nil {
		d.report(node, path, err.Error())
		return
	}
	if into.Type() == pathType && s.text != "" && !filepath.IsAbs(s.text) {
		into.SetString(filepath.Join(filepath.Dir(d.file), s.text))
	}
}

// list replaces the whole list: entries of different files are never mixed.
func (d *decoder) list(node ast.Node, into reflect.Value, path string) {
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		d.report(node, path, mismatch("a list", node))
		return
	}
	here := d.places[path]
	d.places.forget(path)
	d.places[path] = here
	fresh := reflect.MakeSlice(into.Type(), len(sequence.Values), len(sequence.Values))
	for i, entry := range sequence.Values {
		if fresh.Index(i).Kind() == reflect.Struct {
			applyDefaults(fresh.Index(i).Addr().Interface())
		}
		d.value(entry, fresh.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
	into.Set(fresh)
}

// structure sets the fields that the map names; unknown and repeated keys are problems.
func (d *decoder) structure(node ast.Node, into reflect.Value, path string) {
	entries, ok := entriesOf(node)
	if !ok {
		d.report(node, path, mismatch("a map of keys", node))
		return
	}
	seen := map[string]token.Position{}
	for _, entry := range entries {
		key, ok := entry.Key.(*ast.StringNode)
		if !ok {
			d.report(entry.Key, path, "keys must be plain text, without anchors and merges")
			continue
		}
		if first, again := seen[key.Value]; again {
			d.report(key, join(path, key.Value), fmt.Sprintf("is set twice; first in line %d", first.Line))
			continue
		}
		seen[key.Value] = position(key)
		field, ok := fieldOf(into, key.Value)
		if !ok {
			d.report(key, join(path, key.Value), unknown(key.Value, keysOf(into.Type())))
			continue
		}
		d.value(entry.Value, field, join(path, key.Value))
	}
}

func fieldOf(v reflect.Value, key string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("yaml") == key && key != "-" {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func keysOf(t reflect.Type) []string {
	var keys []string
	for f := range t.Fields() {
		if key := f.Tag.Get("yaml"); key != "-" {
			keys = append(keys, key)
		}
	}
	return keys
}

// unknown explains an unknown key by the nearest known one, or by all of them.
func unknown(key string, known []string) string {
	if strings.EqualFold(key, "password") {
		return "is not a key: secrets do not belong in this file, see passwordFile"
	}
	best, distance := "", 1+len(key)/3
	for _, k := range known {
		if n := edits(strings.ToLower(key), strings.ToLower(k)); n <= distance {
			best, distance = k, n-1
		}
		if strings.EqualFold(key+"Deg", k) || strings.EqualFold(key+"Hz", k) {
			return fmt.Sprintf("is not a key: the unit belongs to the name, write %s", k)
		}
	}
	if best != "" {
		return fmt.Sprintf("is not a key: did you mean %s?", best)
	}
	return "is not a key; known here are " + strings.Join(known, ", ")
}

// edits counts the insertions, deletions and replacements between two words.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
