package main

import (
	"slices"
	"strings"

	"github.com/vega-edge/vegad/runtime/config"
	"github.com/vega-edge/vegad/runtime/link/payload"
)

// schemaCmd is vegad schema.
type schemaCmd struct {
	Topic string `arg:"" optional:"" help:"A topic such as answer, or config. Without one, the topics are listed."`
	JSON  bool   `name:"json" help:"List the topics as JSON."`
}

const configTopic = "config"

// Run prints a schema, or what schemas there are.
func (c *schemaCmd) Run(s streams) error {
	switch c.Topic {
	case "":
		topics := append(slices.Clone(payload.Topics()), configTopic)
		if c.JSON {
			return s.json(topics)
		}
		s.say("%s\n", strings.Join(topics, "\n"))
		return nil
	case configTopic:
		s.say("%s\n", strings.TrimSpace(string(config.Schema())))
		return nil
	}
	schema, err := payload.Schema(c.Topic)
	if err != nil {
		return usageError{err}
	}
	s.say("%s\n", strings.TrimSpace(string(schema)))
	return nil
}
