// Package payloadtest holds messages against the published schemas, for tests.
package payloadtest

import (
	"bytes"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

// Check fails the test if a message from the wire does not fit the schema of its topic.
func Check(tb testing.TB, topic string, message []byte) {
	tb.Helper()
	data, err := payload.Schema(topic)
	if err != nil {
		tb.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		tb.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("s.json", doc); err != nil {
		tb.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(message))
	if err != nil {
		tb.Fatalf("%s: %v in %s", topic, err, message)
	}
	if err := compiler.MustCompile("s.json").Validate(instance); err != nil {
		tb.Errorf("%s does not fit its schema: %v\n%s", topic, err, message)
	}
}
