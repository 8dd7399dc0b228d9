package payload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// decode reads one bounded JSON object into v. It also returns the object's requestId as far as it could be read,
// even from a message that is cut, malformed or too large; it is empty or valid.
func decode(data []byte, v any) (id string, err error) {
	if n := len(data); n > MaxMessageBytes {
		id, _ = scan(data[:MaxMessageBytes])
		return id, fmt.Errorf("message has %d bytes, more than %d", n, MaxMessageBytes)
	}
	return decodeAny(data, v)
}

// decodeAny is decode for a message whose size was checked.
func decodeAny(data []byte, v any) (id string, err error) {
	id, err = scan(data)
	if !utf8.Valid(data) {
		err = errors.New("message is not UTF-8")
	}
	if err != nil {
		return id, err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return id, explain(err)
	}
	return id, nil
}

// scan walks the tokens of an object once, without recursion, so that depth and numbers are known to be harmless
// before anything is built from them.
func scan(data []byte) (id string, err error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return "", errors.New("message is not a JSON object")
	}
	var first error
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return id, explain(err)
		}
		value, syntax, problem := scanValue(dec)
		if s, ok := value.(string); ok && name == "requestId" && ValidID(s) {
			id = s
		}
		if syntax != nil {
			return id, explain(syntax)
		}
		first = firstOf(first, problem)
	}
	return id, firstOf(first, scanEnd(dec))
}

// scanValue consumes one value of any depth and returns it if it is a scalar. A problem does not stop the scan,
// because the requestId may follow; a syntax error does.
func scanValue(dec *json.Decoder) (value json.Token, syntax, problem error) {
	for depth := 1; ; {
		token, err := dec.Token()
		if err != nil {
			return nil, err, problem
		}
		switch t := token.(type) {
		case json.Delim:
			depth += step(t)
		case json.Number:
			problem = firstOf(problem, checkNumber(t))
		}
		if depth > MaxDepth {
			problem = firstOf(problem, fmt.Errorf("message is nested deeper than %d", MaxDepth))
		}
		if depth == 1 {
			return token, nil, problem
		}
	}
}

func step(d json.Delim) int {
	if d == '{' || d == '[' {
		return 1
	}
	return -1
}

func checkNumber(n json.Number) error {
	if _, err := strconv.ParseFloat(n.String(), 64); err != nil {
		return fmt.Errorf("number %.20s is out of range", n)
	}
	return nil
}

func scanEnd(dec *json.Decoder) error {
	if _, err := dec.Token(); err != nil {
		return explain(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("message goes on after the object")
	}
	return nil
}

func firstOf(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

// explain puts an error of encoding/json into words for somebody who does not read Go.
func explain(err error) error {
	var mismatch *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &mismatch):
		return fmt.Errorf("%s cannot be a JSON %s", mismatch.Field, mismatch.Value)
	case errors.As(err, &syntax):
		return fmt.Errorf("message is not valid JSON at byte %d", syntax.Offset)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("message ends too early")
	}
	return err
}
