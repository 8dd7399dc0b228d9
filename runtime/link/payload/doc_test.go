package payload_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/vega-edge/vegad/runtime/link/payload"
)

// The contract's page shows one example of every message; each must be what the schema says.
func TestExamplesOfTheContractFitTheirSchemas(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/mqtt.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := make(map[string]string)
	heading, block := regexp.MustCompile("^### `(.+)`"), regexp.MustCompile("(?s)```json\n(.*?)```")
	for section := range strings.SplitSeq(string(page), "\n### ") {
		name, example := heading.FindStringSubmatch("### "+section), block.FindStringSubmatch(section)
		if name != nil && example != nil {
			examples[name[1]] = example[1]
		}
	}
	for _, topic := range payload.Topics() {
		instance, err := jsonschema.UnmarshalJSON(strings.NewReader(examples[topic]))
		if err != nil {
			t.Errorf("the example of %s: %v", topic, err)
			continue
		}
		if err := compile(t, topic, true).Validate(instance); err != nil {
			t.Errorf("the example of %s: %v", topic, err)
		}
	}
}
