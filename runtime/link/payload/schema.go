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
		"connection", "factsheet", "state", "scene", "stats",
		"ask", "answer/{requestId}", "watch", "watch/{requestId}", "event/{kind}",
		"pose", "command", "command/{requestId}", "receipt/{consumer}",
	}
}

// Schema returns the JSON Schema (2020-12) of the messages on a topic. The topic is one of Topics, or a concrete one
// such as answer/r1; answer, event and receipt alone mean the topics below them. What comes on watch/{requestId} are
// answers.
func Schema(topic string) ([]byte, error) {
	name, level, nested := strings.Cut(topic, "/")
	file := name
	switch {
	case nested && level == "":
		return nil, unknownTopic(topic)
	case name == "command" && nested:
		file = "command-reply"
	case name == "watch" && nested:
		file = "answer"
	case nested && name != "answer" && name != "event" && name != "receipt", name == "command-reply":
		return nil, unknownTopic(topic)
	}
	data, err := schemas.ReadFile(path.Join("schemas", file+".json"))
	if err != nil {
		return nil, unknownTopic(topic)
	}
	return data, nil
}

func unknownTopic(topic string) error {
	return fmt.Errorf("topic %.80q has no schema; there are %s", topic, strings.Join(Topics(), ", "))
}
