package payload

import (
	"embed"
	"fmt"
	"path"
	"strings"
)

//go:embed schemas/*.json
var schemas embed.FS

// Topics returns the topics of the contract, below {prefix}/v1/{manufacturer}/{serialNumber}/, in reading order.
func Topics() []string {
	return []string{
		"connection", "factsheet", "state", "scene",
		"ask", "answer/{requestId}", "pose", "command", "command/{requestId}",
	}
}

// Schema returns the JSON Schema (2020-12) of the messages on a topic. The topic is one of Topics, or a concrete one
// such as answer/r1; answer alone means answer/{requestId}.
func Schema(topic string) ([]byte, error) {
	name, level, nested := strings.Cut(topic, "/")
	switch {
	case name == "command" && nested:
		name = "command-reply"
	case nested && name != "answer", nested && level == "":
		return nil, unknownTopic(topic)
	}
	data, err := schemas.ReadFile(path.Join("schemas", name+".json"))
	if err != nil || (name == "command-reply" && !nested) {
		return nil, unknownTopic(topic)
	}
	return data, nil
}

func unknownTopic(topic string) error {
	return fmt.Errorf("topic %.80q has no schema; there are %s", topic, strings.Join(Topics(), ", "))
}
